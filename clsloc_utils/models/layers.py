"""Layers that read boxes and points off maps."""

from typing import Any

import keras
from keras import layers, ops

# Cells of a heatmap around the hottest one from which a joint is read.
JOINT_WINDOW = 2


@keras.saving.register_keras_serializable(package="clsloc_utils")
class SortSides(layers.Layer):
    """Makes a valid box of any four numbers in 0..1: the smaller x is `xmin`, the larger `xmax`, and so for y."""

    def call(self, sides):
        """`[B, 4]` in the order x, y, x, y to rel_xyxy `[B, 4]`."""
        first, second = sides[:, :2], sides[:, 2:]
        return ops.concatenate([ops.minimum(first, second), ops.maximum(first, second)], axis=-1)

    def compute_output_shape(self, input_shape):
        """The shape stays as it is."""
        return input_shape


@keras.saving.register_keras_serializable(package="clsloc_utils")
class SoftArgmaxSides(layers.Layer):
    """Reads the four sides of a box off four heatmaps, one for each side.

    The heatmap of the left side is hot where the object touches that side. A softmax over all its places turns scores
    into shares that sum to 1; those of a column are added up, and the mean of the columns' positions, weighted by these
    sums, is where the side is: a differentiable soft-argmax (Sun et al., "Integral Human Pose Regression", 2018, arXiv
    1711.08229), finer than a column. The first column stands for the image's left border and the last for its right
    one, so that a side can be there.
    """

    def call(self, heatmaps):
        """Heatmaps `[B, H, W, 4]` of left, top, right and bottom to `[B, 4]` in 0..1, not yet sorted."""
        height, width = heatmaps.shape[1:3]
        columns, rows = _column_and_row_shares(heatmaps)
        x = _expected(columns[..., 0::2], ops.linspace(0.0, 1.0, width))  # left, right
        y = _expected(rows[..., 1::2], ops.linspace(0.0, 1.0, height))  # top, bottom
        return ops.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=-1)

    def compute_output_shape(self, input_shape):
        """Four numbers for each image."""
        return (input_shape[0], 4)


def _column_and_row_shares(heatmaps):
    """Softmax over all places of each of K heatmaps `[B, H, W, K]`, added up: `[B, W, K]` and `[B, H, K]`."""
    shares = shares_of(heatmaps)
    return ops.sum(shares, axis=1), ops.sum(shares, axis=2)


def shares_of(heatmaps):
    """Softmax over all places of each of K heatmaps `[B, H, W, K]`."""
    height, width, count = heatmaps.shape[1:]
    shares = ops.softmax(ops.reshape(heatmaps, (-1, height * width, count)), axis=1)
    return ops.reshape(shares, (-1, height, width, count))


def _expected(shares, positions):
    """Mean of positions `[P]`, weighted by shares `[B, P, K]`, of each of K maps: `[B, K]`.

    The same as an `einsum`, which LiteRT does not know.
    """
    return ops.sum(shares * ops.reshape(positions, (1, -1, 1)), axis=1)


@keras.saving.register_keras_serializable(package="clsloc_utils")
class BoxPooling(layers.Layer):
    """Averages a feature map over the part of it that a box covers.

    The average over a whole map drowns a small object in what surrounds it. Fast R-CNN (Girshick 2015, arXiv
    1504.08083) looks into each box that is proposed; here the box head proposes one. Cells that the box covers in part
    count in part. No gradient reaches the box: it is moved to where the object ends, not to where it is easily named.
    """

    def call(self, features, box):
        """Features `[B, H, W, C]` and boxes rel_xyxy `[B, 4]` to `[B, C]`."""
        height, width = features.shape[1:3]
        box = ops.stop_gradient(box)
        columns, rows = _covered(box[:, 0], box[:, 2], width), _covered(box[:, 1], box[:, 3], height)
        weights = ops.expand_dims(rows, 2) * ops.expand_dims(columns, 1)
        weights = weights / ops.sum(weights, axis=(1, 2), keepdims=True)
        return ops.sum(features * ops.expand_dims(weights, 3), axis=(1, 2))

    def compute_output_shape(self, features_shape, box_shape):
        """One value for each channel."""
        return (features_shape[0], features_shape[-1])


def _covered(low, high, cells: int):
    """How much of each of `cells` equal parts of 0..1 lies between low `[B]` and high `[B]`: `[B, cells]`."""
    borders = ops.linspace(0.0, 1.0, cells + 1)
    ends = ops.minimum(ops.expand_dims(high, 1), borders[1:])
    begins = ops.maximum(ops.expand_dims(low, 1), borders[:-1])
    # A box without a size covers no cell; the small number makes it look everywhere.
    return ops.maximum(ends - begins, 0.0) + 1e-6


@keras.saving.register_keras_serializable(package="clsloc_utils")
class SoftArgmax2D(layers.Layer):
    """Reads a point off each heatmap: softmax over its places, then their mean position.

    Sun et al., "Integral Human Pose Regression", 2018 (arXiv 1711.08229). The softmax turns scores into shares that sum
    to 1; the mean of the places' positions, weighted by these shares, is finer than a place and can be differentiated.

    Where a heatmap has two hot spots, the mean of all places lies between them, on neither. With a `window`, only
    the places around the hottest one count. While a model learns all of them do: what is left out teaches nothing.

    Each cell stands for its centre, so that a heatmap that follows the features is right without stretching. A mean of
    centres never leaves them, though: with 14 cells a side, the border of the image, and all that lies outside of it,
    would be out of reach. Hence the map may reach over the image by some cells.

    Args:
        outside: Number of rows and columns of the heatmaps that lie outside the image, at each border. With 1, and 14
            cells inside, coordinates from -1/28 to 1 + 1/28 can be expressed.
        window: Once trained, only places at most so many rows and columns from the hottest one count; `None` for all.
        **kwargs: As for any Keras layer.

    Raises:
        ValueError: `outside` or `window` is negative.
    """

    def __init__(self, outside: int = 0, window: int | None = None, **kwargs):
        if outside < 0:
            raise ValueError(f"outside is {outside}; it must be 0 or more cells.")
        if window is not None and window < 0:
            raise ValueError(f"window is {window}; it must be 0 or more cells, or None for all.")
        super().__init__(**kwargs)
        self.outside, self.window = outside, window

    def call(self, heatmaps, training=False):
        """Logits of J heatmaps, `[B, H, W, J]`, to `[B, J, 2]`: x and y relative to the image."""
        height, width = heatmaps.shape[1:3]
        if self.window is not None and not training:
            heatmaps = self._near_the_hottest(heatmaps)
        columns, rows = _column_and_row_shares(heatmaps)
        x = _expected(columns, self._centres(width))
        y = _expected(rows, self._centres(height))
        return ops.stack([x, y], axis=-1)

    def _near_the_hottest(self, heatmaps):
        """The same heatmaps, cold outside of the window."""
        # Not by `argmax`, which LiteRT does not know as Keras computes it.
        is_hottest = ops.cast(heatmaps >= ops.max(heatmaps, axis=(1, 2), keepdims=True), heatmaps.dtype)
        is_near = ops.max_pool(is_hottest, 2 * self.window + 1, strides=1, padding="same", data_format="channels_last")
        return ops.where(is_near > 0, heatmaps, -1e9)

    def _centres(self, cells: int):
        """Positions of the centres of all cells along one axis; 0 and 1 are the borders of the image."""
        inside = cells - 2 * self.outside
        return (ops.arange(cells, dtype=self.compute_dtype) - self.outside + 0.5) / inside

    def compute_output_shape(self, input_shape):
        """Two numbers for each heatmap."""
        return (input_shape[0], input_shape[-1], 2)

    def get_config(self) -> dict[str, Any]:
        """What the layer can be made of again."""
        return {**super().get_config(), "outside": self.outside, "window": self.window}
