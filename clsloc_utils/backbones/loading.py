"""A backbone by its name or from a file."""

import dataclasses
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras

from clsloc_utils import efficientnet, paths
from clsloc_utils.backbones.applications import APPLICATION_IMAGE_SIZE, application, application_names
from clsloc_utils.backbones.networks import alexnet, tiny_resnet
from clsloc_utils.backbones.weights import load_weights

_WEIGHTS = Path(__file__).parents[1] / "weights"


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
    remedy = f"Make them with `python pretraining/{script}`, or pass weights=None for random ones."
    return OwnNetwork(tiny_resnet, image_size, _WEIGHTS / f"{name}.npz", remedy, pretrained_on="drawings")


# The first two are one network, pretrained on two questions: which class is drawn, and where are the joints of a drawn
# person.
OWN_NETWORKS = {
    "tiny_resnet": _drawings_network("tiny_resnet", 128, "tiny_resnet.py"),
    "tiny_resnet_people": _drawings_network("tiny_resnet_people", 160, "people.py"),
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
        return fixed_size(name_or_file_or_model, image_size, "the given model", weights)
    text = str(name_or_file_or_model)
    if text.endswith(".keras"):
        text = os.path.expanduser(text)
        if not Path(text).is_file():
            raise FileNotFoundError(
                f"backbone {text!r}: no such file. Check CLSLOC_BACKBONE, or give a backbone's name."
            )
        return fixed_size(_saved_model(text), image_size, text, weights)
    if text.endswith(paths.WEIGHTS_SUFFIXES) and weights == "default":
        name, file = paths.name_and_file(text)
        if not name:
            raise ValueError(
                f"backbone {text!r}: this file holds weights only. Name their network too: NAME:FILE, such as "
                f"resnet50:{text}."
            )
        text, weights = name, file
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
    return application(*applications[name], image_size or APPLICATION_IMAGE_SIZE, weights)


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


def fixed_size(model: keras.Model, image_size: int | None, origin: str, weights) -> keras.Model:
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
    return keras.Model(inputs, replay(model, inputs), name=model.name)


def replay(model: keras.Model, inputs, keep: Callable | None = None):
    """Runs the layers of a model, weights shared, on another input; `keep` sees each layer's output, nested or not."""
    computed = {}

    def call(layer, *arguments, **keywords):
        if isinstance(layer, keras.Model) and layer.inputs:
            outputs = replay(layer, arguments[0], keep)
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
