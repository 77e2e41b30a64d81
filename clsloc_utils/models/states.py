"""What of a model learns for a while, and in which precision."""

import contextlib
import itertools
from collections.abc import Iterator

import keras
from keras import layers


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
