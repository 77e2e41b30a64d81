"""The two-head model, one backbone with a head that names the object and one that boxes it; and the pose model.

    image -> "features" (the backbone) -> {"coarse", "fine"} -> "heads" -> {"label": logits, "box": rel_xyxy}
    image -> "features" (the backbone) -> {"coarse", "fine"} -> "heads" -> {"joints": x and y of 14 joints}

Three box heads to compare, from the naive one to the one that works; all of them give a valid box whatever their
weights. Three heads for joints: one regresses their 28 numbers directly, one reads them off heatmaps as the best box
head reads sides, and one also tells every cell of these heatmaps whether it is right.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from clsloc_utils.backbones import feature_extractor, load_backbone
from clsloc_utils.joints import FLIP_ORDER, NUM_JOINTS
from clsloc_utils.losses import HeatmapLoss
from clsloc_utils.metrics import ClsLocAccuracy

# Raised whenever the same weights give other answers: models that were kept before are then trained anew.
VERSION = 2

SPATIAL_CHANNELS = 64
FLATTEN_CHANNELS = 128
JOINT_CHANNELS = 128
# The wide layer has a weight for each of its units and each number of the map: this few keep it affordable, and four
# times as many found less than a point of PCK@0.2 more.
DIRECT_CHANNELS = 32
DIRECT_UNITS = 1024
# Cells of a heatmap around the hottest one from which a joint is read.
JOINT_WINDOW = 2
# Factor of the heatmaps' own loss beside that of the joints.
HEATMAP_LOSS_WEIGHT = 0.05


@keras.saving.register_keras_serializable(package="clsloc_utils")
class TwoHeadModel(keras.Model):
    """A functional model with the outputs `label` and `box` that also measures when both are right.

    Everything is as in `keras.Model`; `fit` and `evaluate` show one metric more, `clsloc_accuracy_50`, which no
    per-output metric of `compile` can compute because it looks at both outputs.

    Args:
        inputs: As for `keras.Model`.
        outputs: A dict with the keys `"label"` (logits `[B, num_classes]`) and `"box"` (`[B, 4]`, rel_xyxy).
        name: Name of the model.
        **kwargs: As for `keras.Model`.
    """

    # No argument has a name here: so every version of Keras knows that it can rebuild a saved model layer by layer.
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.clsloc_accuracy = ClsLocAccuracy()

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Adds a batch to all metrics and returns their state."""
        weight = sample_weight
        if isinstance(sample_weight, Mapping):
            # Keras hands one weight per example on as the same weight for each output; where they differ, a head that
            # does not count makes it impossible to have both right.
            weight = ops.minimum(sample_weight["label"], sample_weight["box"])
        self.clsloc_accuracy.update_state(y, y_pred, weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)


@keras.saving.register_keras_serializable(package="clsloc_utils")
class PoseModel(keras.Model):
    """A functional model with the output `joints` that, if it also gives `heatmaps`, learns by both.

    Everything is as in `keras.Model`, with targets and weights for `joints` alone: in `fit` and `evaluate`, the
    `HeatmapLoss` of the heatmaps is added to the loss of the joints, and metrics look at the joints.

    Args:
        inputs: As for `keras.Model`.
        outputs: A dict with the key `"joints"` (`[B, 14, 2]`, x and y relative to the image) and maybe `"heatmaps"`
            (logits `[B, H, W, 14]`, one cell outside of the image at each border).
        name: Name of the model.
        **kwargs: As for `keras.Model`.
    """

    # No argument has a name here, as in `TwoHeadModel`.
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.heatmap_loss = HeatmapLoss(outside=1)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of the joints, and that of the heatmaps."""
        loss = super().compute_loss(x, y, {"joints": y_pred["joints"]}, sample_weight, training)
        if "heatmaps" not in y_pred:
            return loss
        weight = None if sample_weight is None else sample_weight["joints"]
        return loss + HEATMAP_LOSS_WEIGHT * self.heatmap_loss(y["joints"], y_pred["heatmaps"], weight)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Adds a batch to all metrics and returns their state."""
        return super().compute_metrics(x, y, {"joints": y_pred["joints"]}, sample_weight)


# --- box heads --------------------------------------------------------------------------------------------------------


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
    shares = _shares(heatmaps)
    return ops.sum(shares, axis=1), ops.sum(shares, axis=2)


def _shares(heatmaps):
    """Softmax over all places of each of K heatmaps `[B, H, W, K]`."""
    height, width, count = heatmaps.shape[1:]
    shares = ops.softmax(ops.reshape(heatmaps, (-1, height * width, count)), axis=1)
    return ops.reshape(shares, (-1, height, width, count))


def _expected(shares, positions):
    """Mean of positions `[P]`, weighted by shares `[B, P, K]`, of each of K maps: `[B, K]`.

    The same as an `einsum`, which LiteRT does not know.
    """
    return ops.sum(shares * ops.reshape(positions, (1, -1, 1)), axis=1)


def pooled_box(coarse):
    """The naive head: the average over the map keeps what is in the image and forgets where."""
    outputs = layers.GlobalAveragePooling2D(dtype="float32", name="box_pool")(coarse)
    outputs = layers.Dense(128, activation="relu", dtype="float32", name="box_hidden")(outputs)
    return layers.Dense(4, activation="sigmoid", dtype="float32", name="box_sides")(outputs)


def flatten_box(coarse):
    """A 1 x 1 convolution makes the map thin enough to hand all its places to a dense layer."""
    outputs = layers.Conv2D(FLATTEN_CHANNELS, 1, use_bias=False, dtype="float32", name="box_reduce")(coarse)
    outputs = _normalized(outputs, "box_norm")
    outputs = layers.Flatten(dtype="float32", name="box_flatten")(outputs)
    # Every side sums over thousands of numbers, and Adam moves all their weights by the same step: unscaled, the first
    # steps can throw the sides so far into the sigmoid's flat ends that they never come back.
    outputs = layers.Rescaling(outputs.shape[-1] ** -0.5, dtype="float32", name="box_rescale")(outputs)
    return layers.Dense(4, activation="sigmoid", dtype="float32", name="box_sides")(outputs)


def spatial_box(coarse, fine):
    """Two feature levels joined, two convolutions, one heatmap for each side, read by soft-argmax."""
    heatmaps = _heatmaps(coarse, fine, 4, SPATIAL_CHANNELS, "box")
    return SoftArgmaxSides(dtype="float32", name="box_sides")(heatmaps)


def _heatmaps(coarse, fine, count: int, channels: int, prefix: str, outside: int = 0):
    """Heatmaps `[B, H, W, count]` at the resolution of the fine map, and `outside` cells more at each of its borders.

    Two feature levels joined: the coarse one knows what is there, the fine one where. Two 3 x 3 convolutions let
    neighbouring places talk to each other.
    """
    # The sum instead of a concatenation halves the cost of the first 3 x 3 convolution, which is most of the head's.
    coarse = layers.Conv2D(channels, 1, dtype="float32", name=f"{prefix}_coarse")(coarse)
    coarse = layers.UpSampling2D(2, interpolation="bilinear", dtype="float32", name=f"{prefix}_upsample")(coarse)
    fine = layers.Conv2D(channels, 1, use_bias=False, dtype="float32", name=f"{prefix}_fine")(fine)
    # Without BatchNorm here a seventh of the training's time is saved; mean IoU stays within the spread of the seeds.
    outputs = layers.Add(dtype="float32", name=f"{prefix}_join")([coarse, fine])
    outputs = layers.ReLU(dtype="float32", name=f"{prefix}_join_relu")(outputs)
    if outside:
        outputs = layers.ZeroPadding2D(outside, dtype="float32", name=f"{prefix}_outside")(outputs)
    # The second convolution looks three places further with as many weights: an edge is the end of something.
    for index, dilation in ((1, 1), (2, 3)):
        outputs = layers.Conv2D(
            channels,
            3,
            padding="same",
            dilation_rate=dilation,
            use_bias=False,
            dtype="float32",
            name=f"{prefix}_conv{index}",
        )(outputs)
        outputs = _normalized(outputs, f"{prefix}_norm{index}")
    return layers.Conv2D(count, 1, dtype="float32", name=f"{prefix}_heatmaps")(outputs)


def _normalized(inputs, name: str):
    outputs = layers.BatchNormalization(momentum=0.9, dtype="float32", name=name)(inputs)
    return layers.ReLU(dtype="float32", name=f"{name}_relu")(outputs)


# --- class heads ------------------------------------------------------------------------------------------------------

LABEL_HEADS = ("pooled", "in_box")


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


def _label_logits(coarse, box, num_classes: int, label_head: str, dropout: float):
    """Scores of the classes from the average of the map and, if wanted, from the average within the box."""
    outputs = layers.GlobalAveragePooling2D(dtype="float32", name="label_pool")(coarse)
    if label_head == "in_box":
        in_box = BoxPooling(dtype="float32", name="label_in_box")(coarse, box)
        outputs = layers.Concatenate(dtype="float32", name="label_join")([outputs, in_box])
    outputs = layers.Dropout(dropout, dtype="float32", name="label_dropout")(outputs)
    return layers.Dense(num_classes, dtype="float32", name="label_logits")(outputs)


# Each box head with the feature levels it reads.
BOX_HEADS: dict[str, tuple[Callable, tuple[str, ...]]] = {
    "pooled": (pooled_box, ("coarse",)),
    "flatten": (flatten_box, ("coarse",)),
    "spatial": (spatial_box, ("coarse", "fine")),
}


# --- joint heads ------------------------------------------------------------------------------------------------------


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


def direct_joints(coarse) -> dict:
    """All coordinates regressed at once: the map made thin, flattened, and one wide dense layer before the 28 numbers.

    As in DeepPose (Toshev and Szegedy, 2014, arXiv 1312.4659). The numbers are not squeezed into 0..1: a joint may lie
    outside the image.
    """
    outputs = layers.Conv2D(DIRECT_CHANNELS, 1, use_bias=False, dtype="float32", name="joint_reduce")(coarse)
    outputs = _normalized(outputs, "joint_norm")
    outputs = layers.Flatten(dtype="float32", name="joint_flatten")(outputs)
    outputs = layers.Dense(DIRECT_UNITS, activation="relu", dtype="float32", name="joint_hidden")(outputs)
    # Every person starts as a point in the middle of the image. The scale keeps the first steps of Adam, which moves
    # all weights alike, from throwing the joints far out of it.
    middle = keras.initializers.Constant(0.5)
    outputs = layers.Rescaling(DIRECT_UNITS**-0.5, dtype="float32", name="joint_rescale")(outputs)
    outputs = layers.Dense(2 * NUM_JOINTS, bias_initializer=middle, dtype="float32", name="joint_numbers")(outputs)
    return {"joints": layers.Reshape((NUM_JOINTS, 2), dtype="float32", name="joint_points")(outputs)}


def soft_argmax_joints(coarse, fine, channels: int = JOINT_CHANNELS) -> dict:
    """Two feature levels joined, two convolutions, one heatmap for each joint, read by soft-argmax.

    The heatmaps reach one cell over the image, so that a joint at its border, or a little outside of it when the person
    is cut off, can be found there.
    """
    heatmaps = _heatmaps(coarse, fine, NUM_JOINTS, channels, "joint", outside=1)
    return {"joints": SoftArgmax2D(outside=1, dtype="float32", name="joint_points")(heatmaps)}


def heatmap_joints(coarse, fine, channels: int = JOINT_CHANNELS) -> dict:
    """The same heatmaps, with a loss of their own (see `PoseModel`), and read around their hottest cells."""
    heatmaps = _heatmaps(coarse, fine, NUM_JOINTS, channels, "joint", outside=1)
    points = SoftArgmax2D(outside=1, window=JOINT_WINDOW, dtype="float32", name="joint_points")(heatmaps)
    return {"joints": points, "heatmaps": heatmaps}


# Each joint head with the feature levels it reads.
JOINT_HEADS: dict[str, tuple[Callable, tuple[str, ...]]] = {
    "direct": (direct_joints, ("coarse",)),
    "soft_argmax": (soft_argmax_joints, ("coarse", "fine")),
    "heatmap": (heatmap_joints, ("coarse", "fine")),
}


# --- the models -------------------------------------------------------------------------------------------------------


def two_head_model(
    backbone: str | Path | keras.Model,
    num_classes: int,
    box_head: str = "spatial",
    *,
    label_head: str = "pooled",
    dropout: float = 0.3,
    box_dropout: float = 0.0,
    freeze_backbone: bool = True,
) -> TwoHeadModel:
    """One network that says what is in an image and where.

    Its sub-model `"features"` is the backbone (weights shared with the argument), `"heads"` maps features to the two
    outputs: `model.get_layer("heads")` can be trained alone on cached features, and the whole model has then learned
    too.

    Args:
        backbone: As `clsloc_utils.backbones.load_backbone` takes or returns it.
        num_classes: Number of classes.
        box_head: `"pooled"`, `"flatten"` or `"spatial"`.
        label_head: What the class head reads: `"pooled"`, the average of the last map, or `"in_box"`, also its average
            within the box that the box head found.
        dropout: Share of the pooled features that are hidden from the class head at each training step.
        box_dropout: Share of the maps' channels that are hidden from the box head at each training step. It helps where
            a few hundred photographs are all there is.
        freeze_backbone: Whether `fit` leaves the backbone as it is, BatchNorm statistics included. Unfreeze it later
            with `clsloc_utils.training.fine_tune`.

    Returns:
        A `TwoHeadModel`: float32 RGB 0..255 `[B, S, S, 3]` to `{"label": logits [B, num_classes], "box": [B, 4]}`, both
        float32, also under mixed precision; a box is rel_xyxy with `0 <= xmin <= xmax <= 1`, and y likewise.

    Raises:
        ValueError: A head is unknown, `num_classes` is below 1, or the backbone lacks the level the head reads.
    """
    if box_head not in BOX_HEADS:
        raise ValueError(f"box_head is {box_head!r}; take one of {', '.join(BOX_HEADS)}.")
    if label_head not in LABEL_HEADS:
        raise ValueError(f"label_head is {label_head!r}; take one of {', '.join(LABEL_HEADS)}.")
    if num_classes < 1:
        raise ValueError(f"num_classes is {num_classes}; it must be 1 or more.")
    _, levels = BOX_HEADS[box_head]
    inputs, maps = _image_and_maps(backbone, levels, freeze_backbone)
    heads = _heads(maps, num_classes, box_head, label_head, dropout, box_dropout)
    return TwoHeadModel(inputs, _named_outputs(heads(maps)), name="two_head_model")


def pose_model(
    backbone: str | Path | keras.Model,
    *,
    joint_head: str = "heatmap",
    heatmap_channels: int = JOINT_CHANNELS,
    freeze_backbone: bool = True,
) -> keras.Model:
    """One network that says where the joints of a person are.

    Its sub-model `"features"` is the backbone (weights shared with the argument), `"heads"` maps features to the
    joints: `model.get_layer("heads")` can be trained alone on cached features, and the whole model has then learned
    too.

    Args:
        backbone: As `clsloc_utils.backbones.load_backbone` takes or returns it.
        joint_head: `"direct"`, `"soft_argmax"` or `"heatmap"`.
        heatmap_channels: Width of the convolutions in the heads with heatmaps. Half of it costs a quarter of the time.
        freeze_backbone: Whether `fit` leaves the backbone as it is, BatchNorm statistics included. Unfreeze it later
            with `clsloc_utils.training.fine_tune`.

    Returns:
        A `PoseModel` from float32 RGB 0..255 `[B, S, S, 3]` to `{"joints": [B, 14, 2]}`, float32 also under mixed
        precision: x and y relative to the image, in the order of `clsloc_utils.joints.JOINT_NAMES`. Every joint gets a
        place, visible or not. A joint may lie outside the image, where it is read off a heatmap by half a cell of the
        fine map. The head `"heatmap"` also gives `"heatmaps"`, their logits `[B, H, W, 14]`.

    Raises:
        ValueError: The joint head is unknown, or the backbone lacks the level the head reads.
    """
    if joint_head not in JOINT_HEADS:
        raise ValueError(f"joint_head is {joint_head!r}; take one of {', '.join(JOINT_HEADS)}.")
    build_joints, levels = JOINT_HEADS[joint_head]
    inputs, maps = _image_and_maps(backbone, levels, freeze_backbone)
    head_inputs = _head_inputs(maps)
    options = {} if joint_head == "direct" else {"channels": heatmap_channels}
    heads = PoseModel(head_inputs, _named_outputs(build_joints(**head_inputs, **options)), name="heads")
    return PoseModel(inputs, _named_outputs(heads(maps)), name="pose_model")


def flip_averaged(model: keras.Model) -> keras.Model:
    """The same pose model, asked twice: what it sees in the image and in its mirror image, averaged.

    The flip test of Newell et al. 2016 (arXiv 1603.06937). Two looks make different mistakes, some of which their mean
    forgives. It takes twice the time of the model. Where there are heatmaps, they are averaged (as shares) and read
    once; else the joints are.

    Args:
        model: As `pose_model` returns it.

    Returns:
        A model with the same inputs and outputs. It shares the weights of `model`, and is made to predict and to be
        evaluated, not to be trained.
    """
    image = model.inputs[0]
    seen, mirrored = model(image), model(ops.flip(image, axis=2))
    if "heatmaps" in seen:
        back = ops.take(ops.flip(_shares(mirrored["heatmaps"]), axis=2), FLIP_ORDER, axis=-1)
        heatmaps = ops.log((_shares(seen["heatmaps"]) + back) / 2 + 1e-9)
        outputs = {"joints": model.get_layer("heads").get_layer("joint_points")(heatmaps), "heatmaps": heatmaps}
    else:
        x, y = mirrored["joints"][..., 0], mirrored["joints"][..., 1]
        back = ops.take(ops.stack([1.0 - x, y], axis=-1), FLIP_ORDER, axis=1)
        outputs = {"joints": (seen["joints"] + back) / 2}
    return PoseModel(model.inputs, _named_outputs(outputs), name="flip_averaged")


def heads_of(model: keras.Model) -> keras.Model:
    """The `"heads"` inside a two-head or pose model, or the model itself when it is them."""
    return model.get_layer("heads") if any(layer.name == "heads" for layer in model.layers) else model


@contextlib.contextmanager
def unfrozen(model: keras.Model, part: str) -> Iterator[None]:
    """Lets the backbone learn for a while; BatchNorm layers, also those of the heads, stay frozen meanwhile.

    Compile and fit the model within: Keras asks every layer then whether it learns.

    Args:
        model: A two-head or pose model.
        part: `"last"`: only the backbone's layers after its `"fine"` map learn; `"all"`: all of them.

    Raises:
        ValueError: `"last"` is asked for and the backbone has no fine map.
    """
    features = model.get_layer("features")
    first = _first_layer_after_fine(features) if part == "last" else 0
    every_layer = [*features.layers, *heads_of(model).layers]
    before = [layer.trainable for layer in every_layer]
    features_before = features.trainable
    features.trainable = True
    for index, layer in enumerate(every_layer):
        if index < first or isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    try:
        yield
    finally:
        features.trainable = features_before
        for layer, trainable in zip(every_layer, before, strict=True):
            layer.trainable = trainable


@contextlib.contextmanager
def computing_in(features: keras.Model, precision: str | None) -> Iterator[None]:
    """Lets a backbone compute in another precision for a while, from its first layer with weights on.

    Its weights and its preprocessing stay float32. With `"mixed_float16"` a loss must be scaled meanwhile, so that
    small gradients survive: wrap the optimizer in `keras.optimizers.LossScaleOptimizer`. bfloat16 has the range of
    float32 and needs no scaling (Kalamkar et al., 2019, arXiv 1905.12322).

    Args:
        features: The sub-model `"features"` of a two-head or pose model, or what `feature_extractor` returns.
        precision: `"mixed_float16"`, `"mixed_bfloat16"` or `"float32"`; `None` changes nothing.

    Raises:
        ValueError: Keras knows no such precision.
    """
    computing = list(itertools.dropwhile(lambda layer: not layer.weights, features.layers)) if precision else []
    before = [layer.dtype_policy for layer in computing]
    try:
        for layer in computing:
            layer.dtype_policy = precision
        yield
    finally:
        for layer, policy in zip(computing, before, strict=True):
            layer.dtype_policy = policy


def _first_layer_after_fine(features: keras.Model) -> int:
    """Index, in the order of computation, of the layer that follows the one with the fine map."""
    outputs = features.get_config()["output_layers"]
    if "fine" not in outputs:
        raise ValueError("layers='last' begins after the backbone's fine map, but this one has none; take 'all'.")
    return [layer.name for layer in features.layers].index(outputs["fine"][0]) + 1


def _image_and_maps(backbone: str | Path | keras.Model, levels: tuple[str, ...], freeze_backbone: bool):
    """The model's input, and the feature maps of these levels that the sub-model `"features"` makes of it."""
    if not isinstance(backbone, keras.Model):
        backbone = load_backbone(backbone)
    features = feature_extractor(backbone, require_fine="fine" in levels)
    features.trainable = not freeze_backbone
    inputs = keras.Input(tuple(backbone.inputs[0].shape[1:]), name="image")
    maps = features(inputs)
    return inputs, {level: maps[level] for level in levels}


def _head_inputs(maps: dict) -> dict:
    """Inputs of the sub-model `"heads"`. All of it computes in float32, whatever the global policy."""
    return {level: keras.Input(tuple(each.shape[1:]), dtype="float32", name=level) for level, each in maps.items()}


def _heads(
    maps: dict, num_classes: int, box_head: str, label_head: str, dropout: float, box_dropout: float
) -> TwoHeadModel:
    """The sub-model from feature maps to label and box."""
    inputs = _head_inputs(maps)
    seen = inputs
    if box_dropout:
        # Whole channels: their neighbours in the map would tell what single numbers were.
        seen = {
            level: layers.SpatialDropout2D(box_dropout, dtype="float32", name=f"box_{level}_dropout")(each)
            for level, each in inputs.items()
        }
    build_box, _ = BOX_HEADS[box_head]
    box = SortSides(dtype="float32", name="box_sorted")(build_box(**seen))
    logits = _label_logits(inputs["coarse"], box, num_classes, label_head, dropout)
    return TwoHeadModel(inputs, _named_outputs({"label": logits, "box": box}), name="heads")


def _named_outputs(outputs: dict) -> dict:
    """Gives the output layers the names of the dict's keys, as Keras's routing of losses and metrics wants it."""
    return {key: layers.Identity(dtype="float32", name=key)(tensor) for key, tensor in outputs.items()}
