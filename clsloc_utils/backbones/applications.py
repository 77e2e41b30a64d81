"""Networks of `keras.applications` with their own preprocessing inside."""

import functools
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path

import keras
from keras import layers

from clsloc_utils.paths import weights_file

APPLICATION_IMAGE_SIZE = 224


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


def application(module_name: str, function_name: str, image_size: int, weights: str | Path | None) -> keras.Model:
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
        load_application_weights(model, weights, function_name)
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


def load_application_weights(model: keras.Model, file: str | Path, function_name: str) -> None:
    """Reads the weights of a network of `keras.applications` from a file that somebody has."""
    file = weights_file(file, function_name)
    try:
        model.load_weights(file)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ValueError(
            f"{file}: not the weights of {function_name} without its top, or not complete: {error}. Take the file "
            "whose name ends in notop.h5, or one that Keras's save_weights wrote for the same network."
        ) from error
