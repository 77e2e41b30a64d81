"""Networks that are written out here: a small residual one, and AlexNet."""

import keras
from keras import layers, ops

_TINY_RESNET_STAGES = ((32, 1), (64, 2), (144, 2))


def _convolution(inputs, filters: int, kernel_size: int, strides: int, name: str, relu: bool = True):
    """Convolution, BatchNorm and, unless a sum still follows, ReLU."""
    outputs = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(inputs)
    outputs = layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{name}_bn")(outputs)
    return layers.ReLU(name=f"{name}_relu")(outputs) if relu else outputs


def _residual_block(inputs, filters: int, strides: int, name: str):
    """The basic block of He et al. 2015: two 3 x 3 convolutions around a shortcut."""
    outputs = _convolution(inputs, filters, 3, strides, f"{name}_1")
    outputs = _convolution(outputs, filters, 3, 1, f"{name}_2", relu=False)
    shortcut = inputs
    if strides != 1 or inputs.shape[-1] != filters:
        shortcut = _convolution(inputs, filters, 1, strides, f"{name}_shortcut", relu=False)
    outputs = layers.Add(name=f"{name}_add")([outputs, shortcut])
    return layers.ReLU(name=f"{name}_out")(outputs)


def tiny_resnet(image_size: int = 128) -> keras.Model:
    """A residual network for two CPU cores, with random weights.

    0.8 million parameters, 98 million multiply-adds for an image of 128 pixels. A 3 x 3 stem and a pooling, then five
    basic blocks (32, 64, 64, 144 and 144 filters) as in He et al., "Deep Residual Learning for Image Recognition", 2015
    (arXiv 1512.03385). The last map has stride 16, its neighbour stride 8. `load_backbone("tiny_resnet")` gives the
    same network with our pretrained weights.

    Args:
        image_size: Side of the square input in pixels, a multiple of 16.

    Returns:
        A `keras.Model`: float32 RGB 0..255 `[B, S, S, 3]` to `[B, S / 16, S / 16, 144]`.

    Raises:
        ValueError: `image_size` is not a positive multiple of 16.
    """
    check_multiple("tiny_resnet", image_size, 16)
    inputs = keras.Input((image_size, image_size, 3), name="image")
    outputs = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="scale")(inputs)
    outputs = _convolution(outputs, 32, 3, 2, "stem")
    outputs = layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(outputs)
    for stage, (filters, blocks) in enumerate(_TINY_RESNET_STAGES, start=1):
        for block in range(1, blocks + 1):
            strides = 2 if block == 1 and stage > 1 else 1
            outputs = _residual_block(outputs, filters, strides, f"stage{stage}_block{block}")
    return keras.Model(inputs, outputs, name="tiny_resnet")


@keras.saving.register_keras_serializable(package="clsloc_utils")
class LocalResponseNormalization(layers.Layer):
    """Divides each activation by the energy of its neighbours in the channel axis, as AlexNet does.

    `b[c] = a[c] / (bias + alpha * sum(a[c - radius] ** 2, ..., a[c + radius] ** 2)) ** beta`: section 3.3 of
    Krizhevsky, Sutskever and Hinton, 2012, whose n is `2 * radius + 1` and whose constants are the defaults.

    Args:
        radius: Channels counted on either side.
        bias: The paper's k.
        alpha: Factor of the sum of squares.
        beta: Exponent.
        **kwargs: As for every Keras layer.
    """

    def __init__(self, radius: int = 2, bias: float = 2.0, alpha: float = 1e-4, beta: float = 0.75, **kwargs):
        super().__init__(**kwargs)
        self.radius, self.bias, self.alpha, self.beta = radius, bias, alpha, beta

    def call(self, inputs):
        """Normalizes `[B, H, W, C]` and keeps its shape and dtype."""
        activations = ops.cast(inputs, "float32")  # Squares of half-precision numbers soon overflow.
        channels = inputs.shape[-1]
        squares = ops.pad(ops.square(activations), [(0, 0), (0, 0), (0, 0), (self.radius, self.radius)])
        energy = sum(squares[..., shift : shift + channels] for shift in range(2 * self.radius + 1))
        return ops.cast(activations / (self.bias + self.alpha * energy) ** self.beta, inputs.dtype)

    def compute_output_shape(self, input_shape):
        """The shape stays as it is."""
        return input_shape

    def get_config(self) -> dict:
        """The constants, for saving."""
        constants = {"radius": self.radius, "bias": self.bias, "alpha": self.alpha, "beta": self.beta}
        return super().get_config() | constants


def alexnet(image_size: int = 224) -> keras.Model:
    """The convolutions of AlexNet in one tower, with random weights: the network that the lecture's figure shows.

    As in Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012: 96
    filters of 11 x 11 with stride 4, 256 of 5 x 5, then 384, 384 and 256 of 3 x 3; ReLU everywhere; local response
    normalization after the first two; overlapping 3 x 3 pooling with stride 2 after the first, second and fifth.
    Three things differ: one tower instead of two halves on two GPUs; a zero padding ("same") that makes every stride
    halve the side exactly (the paper's sides 55, 27, 13 and 6 become 56, 28, 14 and 7 at 224 pixels); and He's
    initialization, with which five layers learn under any optimizer. Pixels are scaled to -1..1 instead of having the
    mean image subtracted.

    Args:
        image_size: Side of the square input in pixels, a multiple of 32.

    Returns:
        A `keras.Model`: float32 RGB 0..255 `[B, S, S, 3]` to `[B, S / 32, S / 32, 256]`, 3.7 million parameters.

    Raises:
        ValueError: `image_size` is not a positive multiple of 32.
    """
    check_multiple("alexnet", image_size, 32)
    inputs = keras.Input((image_size, image_size, 3), name="image")
    outputs = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="scale")(inputs)
    for index, (filters, kernel_size, strides) in enumerate(
        [(96, 11, 4), (256, 5, 1), (384, 3, 1), (384, 3, 1), (256, 3, 1)], start=1
    ):
        outputs = layers.Conv2D(
            filters,
            kernel_size,
            strides=strides,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            name=f"conv{index}",
        )(outputs)
        if index in (1, 2):
            outputs = LocalResponseNormalization(name=f"norm{index}")(outputs)
        if index in (1, 2, 5):
            outputs = layers.MaxPooling2D(3, strides=2, padding="same", name=f"pool{index}")(outputs)
    return keras.Model(inputs, outputs, name="alexnet")


def check_multiple(name: str, image_size: int, stride: int) -> None:
    if image_size <= 0 or image_size % stride:
        raise ValueError(f"{name}: image_size is {image_size}; take a multiple of {stride}, its stride.")
