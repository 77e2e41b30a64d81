"""Exercises that ask for a model: what they have in common is that the model is built, looked at, and trained."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from clsloc_utils.exercises.core import Failure, outcome_of, raise_if_not_tried, raise_if_placeholder, shown

MAP_SHAPE, NUM_CLASSES, NUM_IMAGES = (6, 6, 5), 3, 64
CLASS_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def made_up_objects(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels int `[N]`, boxes rel_xyxy `[N, 4]`, and which cells of a grid they cover, bool `[N, side, side]`."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, NUM_CLASSES, NUM_IMAGES).astype("int32")
    low = generator.uniform(0.0, 0.45, (NUM_IMAGES, 2))
    boxes = np.concatenate([low, low + generator.uniform(0.3, 0.5, (NUM_IMAGES, 2))], axis=1).astype("float32")
    centres = (np.arange(side) + 0.5) / side
    columns, rows = ((boxes[:, None, axis] <= centres) & (centres < boxes[:, None, axis + 2]) for axis in (0, 1))
    return labels, boxes, rows[:, :, None] & columns[:, None]


def made_up_maps() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Feature maps `[N, *MAP_SHAPE]` whose channel of the class is hot where the object is, and their targets."""
    labels, boxes, covered = made_up_objects(MAP_SHAPE[0])
    maps = np.random.default_rng(1).normal(0, 0.1, (NUM_IMAGES, *MAP_SHAPE)).astype("float32")
    maps[np.arange(NUM_IMAGES), :, :, labels] += covered
    return maps, {"label": labels, "box": boxes}


def built(answer: Any, *calls: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Calls a learner's function that builds a model.

    Args:
        answer: The function.
        calls: The arguments of each call.

    Returns:
        What is wrong with it, empty for nothing; and what the calls gave.

    Raises:
        NotTriedError: It is not written yet.
    """
    raise_if_placeholder(answer)
    if not callable(answer):
        return f"  Hand over the function itself, without parentheses after its name; this is {shown(answer)}.", []
    keras.utils.set_random_seed(0)
    models = [outcome_of(answer, arguments) for arguments in calls]
    for model in models:
        raise_if_not_tried(model)
        if isinstance(model, Failure):
            return f"  {model}", models
        if not isinstance(model, keras.Model):
            return f"  A keras.Model is asked for; this is {shown(model)}.", models
    return "", models


def complaint_of_outputs(model: keras.Model, inputs: np.ndarray) -> str:
    """Whether the outputs are a dict of scores and of a box within 0..1."""
    outputs = outcome_of(model, {"inputs": inputs})
    if isinstance(outputs, Failure):
        return f"  The model does not take {len(inputs)} inputs of shape {inputs.shape[1:]}: {outputs}"
    wanted = {"label": (len(inputs), NUM_CLASSES), "box": (len(inputs), 4)}
    found = {name: tuple(value.shape) for name, value in outputs.items()} if isinstance(outputs, dict) else None
    if found != wanted:
        return (
            f"  For {len(inputs)} inputs the outputs should be a dict of the shapes {wanted}; "
            f"yours: {found or type(outputs).__name__}."
        )
    box = ops.convert_to_numpy(outputs["box"])
    if box.min() < 0 or box.max() > 1:
        return "  The box leaves 0..1. A sigmoid, or a soft-argmax of places in 0..1, keeps it there."
    return ""


def complaint_of_loss(
    model: keras.Model, inputs: np.ndarray, targets: Mapping[str, np.ndarray], box_weight: float
) -> str:
    """Whether the compiled loss is the cross-entropy of logits plus the weighted L1 of the box."""
    if not model.compiled:
        return "  The model is not compiled: optimizer, losses and their weights are missing."
    outputs = model(inputs)
    box_loss = float(ops.mean(ops.abs(targets["box"] - outputs["box"])))
    total = outcome_of(lambda _: float(model.compute_loss(inputs, targets, outputs)), {"outputs": outputs})
    if isinstance(total, Failure):
        return f"  Keras cannot compute the compiled loss: {total}"
    wanted = float(CLASS_LOSS(targets["label"], outputs["label"])) + box_weight * box_loss
    if np.isclose(total, wanted, rtol=1e-4):
        return ""
    of_probabilities = float(keras.losses.SparseCategoricalCrossentropy()(targets["label"], outputs["label"]))
    if np.isclose(total, of_probabilities + box_weight * box_loss, rtol=1e-3):
        return "  Your cross-entropy takes the outputs for probabilities. They are logits: from_logits=True."
    if box_weight != 1 and np.isclose(total, wanted + (1 - box_weight) * box_loss, rtol=1e-4):
        return "  The box loss has weight 1. Where does loss_weights get box_weight?"
    return (
        f"  For box_weight = {box_weight}, the loss of some outputs should be {wanted:.4f}, yours is {total:.4f}: "
        "cross-entropy + box_weight * mean absolute difference."
    )


def shares_a_weight(model: keras.Model, inputs: np.ndarray) -> bool:
    """Whether something that learns is read by both outputs."""
    variables = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
        sums = [ops.sum(ops.square(output)) for output in model(inputs).values()]
    reached = [[gradient is not None for gradient in tape.gradient(each, variables)] for each in sums]
    return any(map(all, zip(*reached, strict=True)))


def complaint_of_learning(model: keras.Model, inputs: np.ndarray, targets: Mapping[str, np.ndarray]) -> str:
    """Whether 60 passes over the images teach the compiled model both tasks."""
    # As one long epoch: sixty short ones take three times as long, most of it between them.
    generator = np.random.default_rng(5)
    order = np.concatenate([generator.permutation(len(inputs)) for _ in range(60)])
    data = {"x": inputs[order], "y": {name: values[order] for name, values in targets.items()}}
    fitted = outcome_of(lambda _: model.fit(**data, batch_size=16, shuffle=False, verbose=0).history, {"data": None})
    if isinstance(fitted, Failure):
        return f"  model.fit fails: {fitted}"
    outputs = {name: ops.convert_to_numpy(values) for name, values in model(inputs).items()}
    accuracy = float(np.mean(outputs["label"].argmax(axis=-1) == targets["label"]))
    error, of_mean = (
        float(np.abs(targets["box"] - box).mean()) for box in (outputs["box"], targets["box"].mean(axis=0))
    )
    if accuracy < 0.9:
        return f"  After 60 passes over {len(inputs)} images the model names {accuracy:.0%} of them."
    if error > 0.6 * of_mean:
        return (
            f"  After 60 passes over {len(inputs)} images its boxes are off by {error:.3f} on average, the mean box by "
            f"{of_mean:.3f}. Does the box head see where the map is hot, or only an average over all places?"
        )
    return ""
