"""What several test files need: a small backbone, and images that it can learn from."""

import contextlib

import keras
import numpy as np


def small_backbone(size=32):
    """A random backbone with a fine and a coarse map of 4 and 2 cells a side at 32 pixels."""
    inputs = keras.Input((size, size, 3))
    outputs = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for stride in (8, 2):
        outputs = keras.layers.Conv2D(16, 3, strides=stride, padding="same")(outputs)
        # A trained backbone's features are larger than a random one's.
        outputs = keras.layers.BatchNormalization(gamma_initializer=keras.initializers.Constant(3))(outputs)
        outputs = keras.layers.ReLU()(outputs)
    return keras.Model(inputs, outputs)


def examples(count=10):
    """Images of noise with a rectangle whose colour is its class, and the targets that say so."""
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 0.4, (count, 2)).astype("float32")
    targets = {"label": np.arange(count, dtype="int32") % 3, "box": np.concatenate([low, low + 0.5], axis=1)}
    images = rng.uniform(0, 60, (count, 32, 32, 3)).astype("float32")
    for image, label, box in zip(images, targets["label"], targets["box"], strict=True):
        xmin, ymin, xmax, ymax = (box * 32).astype(int)
        image[ymin:ymax, xmin:xmax, label] += 180
    return images, targets


def plain_backbone(size=32, strides=(8, 2), filters=16):
    """The like without trained features' size, of any two strides."""
    inputs = keras.Input((size, size, 3))
    outputs = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for stride in strides:
        outputs = keras.layers.Conv2D(filters, 3, strides=stride, padding="same", activation="relu")(outputs)
        outputs = keras.layers.BatchNormalization()(outputs)
    return keras.Model(inputs, outputs)


def noise(count=8, size=32):
    """Images of noise."""
    return np.random.default_rng(0).uniform(0, 255, (count, size, size, 3)).astype("float32")


def noise_for(heads, count):
    """Maps of noise, as these heads take them: no easier than photos, but small enough to be learned in seconds."""
    rng = np.random.default_rng(1)
    return {level: rng.normal(0, 1, (count, *each.shape[1:])).astype("float32") for level, each in heads.input.items()}


@contextlib.contextmanager
def half_precision():
    """Models that are made meanwhile compute in half precision."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def assert_heads_compute_in_float32(model):
    """Whatever the backbone computes in, here in half precision."""
    assert model.get_layer("features").output["coarse"].dtype == "float16"
    layers = model.get_layer("heads").layers
    computing = [layer for layer in layers if not isinstance(layer, keras.layers.InputLayer)]
    assert {layer.compute_dtype for layer in computing} == {"float32"}
