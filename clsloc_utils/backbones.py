"""Backbones: networks that turn an image into a map of features, with their preprocessing inside.

Every backbone of the course maps RGB images of 0..255 to one feature map, so that nobody can forget, or repeat, the
scaling a network was trained with. `load_backbone` finds one by name, from a `.keras` file, or takes a `keras.Model`;
`feature_extractor` also gives out the map of twice the resolution that the spatial box head reads.
"""

import dataclasses
import functools
import inspect
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from clsloc_utils import checkup, efficientnet
from clsloc_utils.files import arrays_in

APPLICATION_IMAGE_SIZE = 224
_TINY_RESNET_STAGES = ((32, 1), (64, 2), (144, 2))


# --- tiny_resnet ------------------------------------------------------------------------------------------------------


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
    _check_multiple("tiny_resnet", image_size, 16)
    inputs = keras.Input((image_size, image_size, 3), name="image")
    outputs = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="scale")(inputs)
    outputs = _convolution(outputs, 32, 3, 2, "stem")
    outputs = layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(outputs)
    for stage, (filters, blocks) in enumerate(_TINY_RESNET_STAGES, start=1):
        for block in range(1, blocks + 1):
            strides = 2 if block == 1 and stage > 1 else 1
            outputs = _residual_block(outputs, filters, strides, f"stage{stage}_block{block}")
    return keras.Model(inputs, outputs, name="tiny_resnet")


def save_weights(model: keras.Model, file: str | Path) -> None:
    """Writes the weights of a model as half-precision numbers into one compressed `.npz` file.

    Args:
        model: The model; its layers' names, with the weights' own, become the names in the file.
        file: Path of the file; its folder is made when missing.

    Raises:
        ValueError: A weight is not finite in half precision (larger than 65504, or not a number).
    """
    arrays = {}
    for name, weight in _named_weights(model).items():
        with np.errstate(over="ignore"):
            arrays[name] = keras.ops.convert_to_numpy(weight).astype(np.float16)
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{model.name}: weight {name} does not fit half precision; {file} is not written.")
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, **arrays)


def load_weights(model: keras.Model, file: str | Path) -> None:
    """Reads weights that `save_weights` wrote into a model of the same architecture, whatever its image size.

    Args:
        model: The model to fill.
        file: Path of the `.npz` file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, or has other names or shapes than the model's weights; the model keeps its own.
    """
    file = Path(file).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file of weights for {model.name}.")
    weights = _named_weights(model)
    try:
        arrays = arrays_in(file)
    except ValueError as error:
        raise ValueError(f"{file}: {error}; fetch or make it again.") from error
    differences = sorted(set(arrays) ^ set(weights))
    if differences:
        raise ValueError(f"{file}: not the weights of {model.name}; not in both: {', '.join(differences[:5])}.")
    for name, weight in weights.items():
        if arrays[name].shape != tuple(weight.shape):
            raise ValueError(f"{file}: {name} is {arrays[name].shape}, {model.name} has {tuple(weight.shape)}.")
    for name, weight in weights.items():
        weight.assign(arrays[name].astype(np.float32))


def _named_weights(model: keras.Model) -> dict:
    """The variables of a model by `layer/weight`, names that do not depend on how many models were built before."""
    return {f"{layer.name}/{weight.name}": weight for layer in model.layers for weight in layer.weights}


# --- alexnet ----------------------------------------------------------------------------------------------------------


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
    _check_multiple("alexnet", image_size, 32)
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


def _check_multiple(name: str, image_size: int, stride: int) -> None:
    if image_size <= 0 or image_size % stride:
        raise ValueError(f"{name}: image_size is {image_size}; take a multiple of {stride}, its stride.")


# --- our networks by name ---------------------------------------------------------------------------------------------

_WEIGHTS = Path(__file__).parent / "weights"


@dataclasses.dataclass(frozen=True)
class OwnNetwork:
    """A network of this package as `load_backbone` finds it.

    Attributes:
        build: From the side of the square input in pixels to the model with random weights.
        image_size: The usual side.
        weights: The file of its pretrained weights; `None` if there are none.
        remedy: What to do where this file is missing.
        pretrained_on: What it has learned from, `"drawings"` or `"photographs"`.
        load_weights: Reads a file of weights into the model.
    """

    build: Callable[[int], keras.Model]
    image_size: int
    weights: Path | None = None
    remedy: str = ""
    pretrained_on: str = ""
    load_weights: Callable[[keras.Model, str | Path], None] = load_weights


def _drawings_network(name: str, image_size: int, script: str) -> OwnNetwork:
    remedy = f"Make them with `python tools/{script}`, or pass weights=None for random ones."
    return OwnNetwork(tiny_resnet, image_size, _WEIGHTS / f"{name}.npz", remedy, pretrained_on="drawings")


# The first two are one network, pretrained on two questions: which class is drawn, and where are the joints of a drawn
# person.
OWN_NETWORKS = {
    "tiny_resnet": _drawings_network("tiny_resnet", 128, "pretrain_tiny_resnet.py"),
    "tiny_resnet_people": _drawings_network("tiny_resnet_people", 160, "pretrain_on_people.py"),
    "efficientnet_lite0": OwnNetwork(
        efficientnet.efficientnet_lite0,
        224,
        efficientnet.weights_file(),
        efficientnet.REMEDY,
        pretrained_on="photographs",
        load_weights=efficientnet.load_imagenet_weights,
    ),
    "alexnet": OwnNetwork(alexnet, 224),
}


# --- keras.applications -----------------------------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="clsloc_utils")
class ApplicationPreprocessing(layers.Layer):
    """The `preprocess_input` of a `keras.applications` module, as a layer that is saved with the model.

    Args:
        application: Name of the module, such as `"resnet50"`.
        **kwargs: As for every Keras layer.
    """

    def __init__(self, application: str, **kwargs):
        # Pixels need more digits than half precision has: this layer computes in float32 under any policy.
        super().__init__(**({"dtype": "float32"} | kwargs))
        self.application = application

    def call(self, inputs):
        """RGB 0..255 `[B, S, S, 3]` to what the application was trained on, same shape."""
        return getattr(keras.applications, self.application).preprocess_input(inputs)

    def compute_output_shape(self, input_shape):
        """The shape stays as it is."""
        return input_shape

    def get_config(self) -> dict:
        """The module's name, for saving."""
        return super().get_config() | {"application": self.application}


def application_names() -> dict[str, tuple[str, str]]:
    """The models of `keras.applications`: from a name in small letters without underscores to (module, function)."""
    # The one family whose functions its own module does not list.
    names = {name.lower(): ("mobilenet_v3", name) for name in ("MobileNetV3Large", "MobileNetV3Small")}
    for module_name, module in inspect.getmembers(keras.applications, inspect.ismodule):
        for function_name, function in inspect.getmembers(module, inspect.isfunction):
            if "include_top" in inspect.signature(function).parameters:
                names[function_name.lower()] = (module_name, function_name)
    return names


def _application(module_name: str, function_name: str, image_size: int, weights: str | Path | None) -> keras.Model:
    """Builds one of `keras.applications` without its top, its preprocessing in front."""
    inputs = keras.Input((image_size, image_size, 3), name="image")
    # Where the network rescales by itself (EfficientNet, ConvNeXt, MobileNetV3), Keras's `preprocess_input` changes
    # nothing.
    pixels = ApplicationPreprocessing(module_name, name="preprocessing")(inputs)
    build = functools.partial(getattr(keras.applications, function_name), include_top=False, input_tensor=pixels)
    if weights == "default":
        return _with_imagenet_weights(build, function_name)
    model = build(weights=None)
    if weights is not None:
        _load_application_weights(model, weights, function_name)
    return model


def _with_imagenet_weights(build: Callable, function_name: str) -> keras.Model:
    """Lets Keras download the weights, or find them where it keeps what it downloads."""
    try:
        return build(weights="imagenet")
    except Exception as error:  # keras.utils.get_file raises the bare class: only its text tells what happened.
        if "URL fetch failure" not in str(error):
            raise
        address = re.search(r"https?://\S+?(?=:? |$)", str(error))
        file = address.group().rsplit("/", 1)[-1] if address else "the file of weights"
        folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
        name = function_name.lower()
        raise ConnectionError(
            f"backbone {function_name!r}: its ImageNet weights could not be downloaded. Tried: {error}. Remedies: "
            f"connect to the internet and run again; or fetch {file} from that address on another machine and put it "
            f"into {folder}, where Keras finds it, or anywhere else and set CLSLOC_BACKBONE={name}:FILE (in code, "
            f"load_backbone({name!r}, weights=FILE)); or take a backbone that was saved whole, CLSLOC_BACKBONE="
            "FILE.keras; or pass weights=None for random weights; or take the backbone 'efficientnet_lite0', whose "
            "ImageNet weights come with the course's packages."
        ) from error


def _load_application_weights(model: keras.Model, file: str | Path, function_name: str) -> None:
    """Reads the weights of a network of `keras.applications` from a file that somebody has."""
    file = Path(file).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file of weights for {function_name}.")
    try:
        model.load_weights(file)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ValueError(
            f"{file}: not the weights of {function_name} without its top, or not complete: {error}. Take the file "
            "whose name ends in notop.h5, or one that Keras's save_weights wrote for the same network."
        ) from error


def pretrained_on(backbone: str) -> str:
    """What kind of pictures the weights of a backbone have learned from, as far as its name tells.

    Args:
        backbone: As `load_backbone` takes it, in words.

    Returns:
        `"photographs"`, `"drawings"`, or empty where nothing tells: for random weights, and for files.
    """
    name = backbone.lower().replace("_", "")
    for own_name, own in OWN_NETWORKS.items():
        if own_name.replace("_", "") == name:
            return own.pretrained_on
    return "photographs" if name in application_names() else ""


# --- the lookup -------------------------------------------------------------------------------------------------------


def load_backbone(
    name_or_file_or_model: str | Path | keras.Model,
    image_size: int | None = None,
    weights: str | Path | None = "default",
) -> keras.Model:
    """A backbone by name, from a file, or a model checked to be one.

    Args:
        name_or_file_or_model: `"efficientnet_lite0"`, pretrained on ImageNet's photographs; `"tiny_resnet"`, pretrained
            to name drawings, or `"tiny_resnet_people"`, the same network pretrained to find the joints of drawn people;
            `"alexnet"`; a model of `keras.applications` with or without underscores (`"resnet50"`, `"mobilenet_v2"`),
            one of these names with a file of weights (`"resnet50:FILE"`), the path of a `.keras` file, or a
            `keras.Model` that takes RGB 0..255, its preprocessing inside.
        image_size: Side of the square input in pixels; `None` for the network's usual one (128 for `tiny_resnet`, 160
            for `tiny_resnet_people`, 224 for the others). A file or model with an input of fixed size keeps its own:
            read `backbone.input_shape[1]`.
        weights: `"default"` for the ones that belong to the name (ours for `tiny_resnet`, ImageNet's for
            `efficientnet_lite0` and `keras.applications`, random ones for `alexnet`, the file's own), `None` for random
            ones, or a file: `.npz` from `save_weights` for `tiny_resnet` and `alexnet`; the `.pth` file of its package
            for `efficientnet_lite0`; for `keras.applications` the `.h5` file without the top (`..._notop.h5`) that
            Keras itself would download, or a `.weights.h5` file.

    Returns:
        A `keras.Model` that maps float32 RGB 0..255 `[B, S, S, 3]` to one feature map `[B, h, w, C]`.

    Raises:
        FileNotFoundError: The `.keras` file or the file of weights is missing.
        ConnectionError: ImageNet weights cannot be downloaded; the message lists the remedies.
        ValueError: The name is unknown, the image size does not fit, the file is damaged or holds other weights, or the
            model does not map one RGB image to one map.
    """
    if isinstance(name_or_file_or_model, keras.Model):
        return _fixed_size(name_or_file_or_model, image_size, "the given model", weights)
    text = str(name_or_file_or_model)
    if text.endswith(".keras"):
        text = os.path.expanduser(text)
        if not Path(text).is_file():
            raise FileNotFoundError(
                f"backbone {text!r}: no such file. Check CLSLOC_BACKBONE, or give a backbone's name."
            )
        return _fixed_size(_saved_model(text), image_size, text, weights)
    if text.endswith(checkup.WEIGHTS_SUFFIXES) and weights == "default":
        text, weights = _name_and_weights(text)
    name = text.lower().replace("_", "")
    own_names = {own.replace("_", ""): own for own in OWN_NETWORKS}
    if name in own_names:
        return _own_backbone(own_names[name], image_size, weights)
    applications = application_names()
    if name not in applications:
        functions = ", ".join(sorted(function for _, function in applications.values()))
        raise ValueError(
            f"backbone {text!r}: no such name. Take {', '.join(map(repr, OWN_NETWORKS))}, the path of a .keras "
            f"file, or one of keras.applications: {functions}."
        )
    return _application(*applications[name], image_size or APPLICATION_IMAGE_SIZE, weights)


def _saved_model(file: str) -> keras.Model:
    """The model in a `.keras` file."""
    try:
        return keras.models.load_model(file, compile=False)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"backbone {file!r}: cannot be loaded ({reason}). Save it again, whole, with model.save in Keras 3; a "
            "layer of your own must be registered with keras.saving.register_keras_serializable before it is loaded."
        ) from error


def _name_and_weights(text: str) -> tuple[str, str]:
    """The parts of `NAME:FILE`; a file alone is refused."""
    name, file = checkup.name_and_file(text)
    if not name:
        raise ValueError(
            f"backbone {text!r}: this file holds weights only. Name their network too: NAME:FILE, such as "
            f"resnet50:{text}."
        )
    return name, file


def _own_backbone(name: str, image_size: int | None, weights: str | Path | None) -> keras.Model:
    """A network of this package with the weights asked for."""
    own = OWN_NETWORKS[name]
    model = own.build(image_size or own.image_size)
    if weights == "default":
        weights = own.weights
        if weights is not None and not weights.is_file():
            raise FileNotFoundError(f"{weights}: the pretrained weights of {name} are missing. {own.remedy}")
    if weights is not None:
        own.load_weights(model, weights)
    return model


def _fixed_size(model: keras.Model, image_size: int | None, origin: str, weights) -> keras.Model:
    """Checks a foreign model and gives its input a size when it has none."""
    if weights != "default":
        raise ValueError(f"backbone {origin}: weights={weights!r}, but a file or model brings its own; leave it out.")
    if not model.built or len(getattr(model, "inputs", None) or []) != 1 or len(model.outputs) != 1:
        raise ValueError(f"backbone {origin}: it must be a functional or sequential model of one input and one output.")
    input_shape, output_shape = tuple(model.inputs[0].shape), tuple(model.outputs[0].shape)
    if len(input_shape) != 4 or input_shape[3] != 3 or input_shape[1] != input_shape[2]:
        raise ValueError(f"backbone {origin}: its input is {input_shape}; it must be square RGB, (None, S, S, 3).")
    if len(output_shape) != 4:
        raise ValueError(
            f"backbone {origin}: its output is {output_shape}; it must be a feature map (None, h, w, C): "
            "leave out pooling and classifier (include_top=False, pooling=None)."
        )
    if input_shape[1] is not None:
        return model
    if image_size is None:
        raise ValueError(f"backbone {origin}: its input has no fixed size; give image_size.")
    inputs = keras.Input((image_size, image_size, 3), name="image")
    return keras.Model(inputs, _replay(model, inputs), name=model.name)


def _replay(model: keras.Model, inputs, keep: Callable | None = None):
    """Runs the layers of a model, weights shared, on another input; `keep` sees each layer's output, nested or not."""
    computed = {}

    def call(layer, *arguments, **keywords):
        if isinstance(layer, keras.Model) and layer.inputs:
            outputs = _replay(layer, arguments[0], keep)
        else:
            outputs = layer(*arguments, **keywords)
        computed[layer.name] = outputs
        if keep is not None:
            keep(outputs)
        return outputs

    if isinstance(model, keras.Sequential):
        outputs = inputs
        for layer in model.layers:
            outputs = call(layer, outputs)
        return outputs
    # A model may name its only input alone or in a list, as those of keras.applications do; Keras wants the same here.
    inputs = keras.tree.map_structure(lambda _: inputs, model.input)
    # The clone itself is not needed: inside another model it would be cut off from that model's input.
    keras.models.clone_model(model, input_tensors=inputs, clone_function=lambda layer: layer, call_function=call)
    return computed[keras.tree.flatten(model.get_config()["output_layers"])[0]]


def feature_extractor(backbone: keras.Model, require_fine: bool = True) -> keras.Model:
    """A model that gives out two maps of a backbone: its last one, and the last one of twice that side.

    The weights are shared with `backbone`, nested models are looked into.

    Args:
        backbone: As `load_backbone` returns it.
        require_fine: Whether a backbone without a map of twice the side is an error; if not, `"fine"` is left out for
            it.

    Returns:
        A `keras.Model` named `"features"`: float32 RGB 0..255 `[B, S, S, 3]` to
        `{"coarse": [B, h, w, C], "fine": [B, 2h, 2w, D]}`.

    Raises:
        ValueError: No layer gives a map of twice the side of the last one.
    """
    inputs = keras.Input(tuple(backbone.inputs[0].shape[1:]), name="image")
    maps = []
    coarse = _replay(backbone, inputs, keep=maps.append)
    wanted = (2 * coarse.shape[1], 2 * coarse.shape[2])
    fine = [each for each in maps if len(getattr(each, "shape", ())) == 4 and tuple(each.shape[1:3]) == wanted]
    if not fine and require_fine:
        raise ValueError(
            f"backbone {backbone.name!r}: its last map is {coarse.shape[1]} x {coarse.shape[2]}, and no layer gives "
            f"one of {wanted[0]} x {wanted[1]}, which the spatial box head reads too. Try another image_size (a "
            "multiple of 32), or another box head."
        )
    levels = {"coarse": coarse, "fine": fine[-1]} if fine else {"coarse": coarse}
    return keras.Model(inputs, levels, name="features")
