"""Heads: from feature maps to a class, to a box, to joints."""

from collections.abc import Callable

import keras
from keras import layers

from clsloc_utils.joints import NUM_JOINTS
from clsloc_utils.models.layers import JOINT_WINDOW, BoxPooling, SoftArgmax2D, SoftArgmaxSides

SPATIAL_CHANNELS = 64
FLATTEN_CHANNELS = 128
JOINT_CHANNELS = 128
# The wide layer has a weight for each of its units and each number of the map: this few keep it affordable, and four
# times as many found less than a point of PCK@0.2 more.
DIRECT_CHANNELS = 32
DIRECT_UNITS = 1024


def pooled_box(coarse):
    """The naive head: the average over the map keeps what is in the image and forgets where."""
    outputs = layers.GlobalAveragePooling2D(dtype="float32", name="box_pool")(coarse)
    outputs = layers.Dense(128, activation="relu", dtype="float32", name="box_hidden")(outputs)
    return layers.Dense(4, activation="sigmoid", dtype="float32", name="box_sides")(outputs)


def flatten_box(coarse):
    """A 1 x 1 convolution makes the map thin enough to hand all its places to a dense layer."""
    outputs = layers.Conv2D(FLATTEN_CHANNELS, 1, use_bias=False, dtype="float32", name="box_reduce")(coarse)
    outputs = normalized(outputs, "box_norm")
    outputs = layers.Flatten(dtype="float32", name="box_flatten")(outputs)
    # Every side sums over thousands of numbers, and Adam moves all their weights by the same step: unscaled, the first
    # steps can throw the sides so far into the sigmoid's flat ends that they never come back.
    outputs = layers.Rescaling(outputs.shape[-1] ** -0.5, dtype="float32", name="box_rescale")(outputs)
    return layers.Dense(4, activation="sigmoid", dtype="float32", name="box_sides")(outputs)


def spatial_box(coarse, fine):
    """Two feature levels joined, two convolutions, one heatmap for each side, read by soft-argmax."""
    heatmaps = heatmaps_of(coarse, fine, 4, SPATIAL_CHANNELS, "box")
    return SoftArgmaxSides(dtype="float32", name="box_sides")(heatmaps)


def heatmaps_of(coarse, fine, count: int, channels: int, prefix: str, outside: int = 0):
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
        outputs = normalized(outputs, f"{prefix}_norm{index}")
    return layers.Conv2D(count, 1, dtype="float32", name=f"{prefix}_heatmaps")(outputs)


def normalized(inputs, name: str):
    outputs = layers.BatchNormalization(momentum=0.9, dtype="float32", name=name)(inputs)
    return layers.ReLU(dtype="float32", name=f"{name}_relu")(outputs)


LABEL_HEADS = ("pooled", "in_box")


def label_logits(coarse, box, num_classes: int, label_head: str, dropout: float):
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


def direct_joints(coarse) -> dict:
    """All coordinates regressed at once: the map made thin, flattened, and one wide dense layer before the 28 numbers.

    As in DeepPose (Toshev and Szegedy, 2014, arXiv 1312.4659). The numbers are not squeezed into 0..1: a joint may lie
    outside the image.
    """
    outputs = layers.Conv2D(DIRECT_CHANNELS, 1, use_bias=False, dtype="float32", name="joint_reduce")(coarse)
    outputs = normalized(outputs, "joint_norm")
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
    heatmaps = heatmaps_of(coarse, fine, NUM_JOINTS, channels, "joint", outside=1)
    return {"joints": SoftArgmax2D(outside=1, dtype="float32", name="joint_points")(heatmaps)}


def heatmap_joints(coarse, fine, channels: int = JOINT_CHANNELS) -> dict:
    """The same heatmaps, with a loss of their own (see `PoseModel`), and read around their hottest cells."""
    heatmaps = heatmaps_of(coarse, fine, NUM_JOINTS, channels, "joint", outside=1)
    points = SoftArgmax2D(outside=1, window=JOINT_WINDOW, dtype="float32", name="joint_points")(heatmaps)
    return {"joints": points, "heatmaps": heatmaps}


# Each joint head with the feature levels it reads.
JOINT_HEADS: dict[str, tuple[Callable, tuple[str, ...]]] = {
    "direct": (direct_joints, ("coarse",)),
    "soft_argmax": (soft_argmax_joints, ("coarse", "fine")),
    "heatmap": (heatmap_joints, ("coarse", "fine")),
}
