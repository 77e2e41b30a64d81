"""Exercises in which a model is built: two heads, two losses on a trunk, and the naive recipe repaired.

Keras takes seconds to import, so only the checks do.
"""

from typing import Any

import numpy as np

from clsloc_utils.exercises.core import Exercise, Failure, outcome_of

# --- 03.build ---------------------------------------------------------------------------------------------------------

_HEADS_SOLUTION = """\
def build_heads(map_shape, num_classes):
    maps = keras.Input(map_shape)
    logits = layers.Dense(num_classes)(layers.GlobalAveragePooling2D()(maps))
    sides = layers.Dense(4, activation="sigmoid")(layers.Flatten()(maps))
    low = ops.minimum(sides[:, :2], sides[:, 2:])
    high = ops.maximum(sides[:, :2], sides[:, 2:])
    return keras.Model(maps, {"label": logits, "box": ops.concatenate([low, high], axis=-1)})
"""


def _check_heads(answer: Any) -> str:
    import keras
    from keras import ops

    from clsloc_utils.exercises import model_check

    complaint, models = model_check.built(
        answer, {"map_shape": model_check.MAP_SHAPE, "num_classes": model_check.NUM_CLASSES}
    )
    if complaint:
        return complaint
    (model,), (maps, targets) = models, model_check.made_up_maps()
    complaint = model_check.complaint_of_outputs(model, maps)
    if complaint:
        return complaint
    box = ops.convert_to_numpy(model(10 * np.random.default_rng(2).normal(size=maps.shape))["box"])
    if (box[:, :2] > box[:, 2:]).any():
        return (
            "  For some maps xmin comes out larger than xmax, or ymin than ymax. Take the smaller of two numbers for "
            "the one and the larger for the other."
        )
    model.compile(keras.optimizers.Adam(0.01), loss={"label": model_check.CLASS_LOSS, "box": "mae"})
    return model_check.complaint_of_learning(model, maps, targets)


HEADS = Exercise(
    key="03.build",
    title="Two heads from an empty cell",
    level="core",
    minutes=15,
    lesson="Two outputs under two names, a box that is one, and a head that sees places: all that the task asks for.",
    check=_check_heads,
    hints=(
        "maps = keras.Input(map_shape). The class head: GlobalAveragePooling2D, then Dense(num_classes), no softmax.",
        "The box head must see places: Flatten (or a convolution and a soft-argmax) instead of an average, then four "
        "numbers in 0..1, such as of Dense(4, activation='sigmoid').",
        "A valid box from any four numbers: ops.minimum and ops.maximum of the first two and the last two, and "
        "ops.concatenate. Then keras.Model(maps, {'label': ..., 'box': ...}).",
    ),
    solution=_HEADS_SOLUTION,
)

# --- 03.repair --------------------------------------------------------------------------------------------------------

_SIDE = 32
_REPAIR_SOLUTION = """\
def repair(network, num_classes):
    network.trainable = False
    images = keras.Input(network.input_shape[1:])
    maps = network(images)
    logits = layers.Dense(num_classes)(layers.GlobalAveragePooling2D()(maps))
    box = layers.Dense(4, activation="sigmoid")(layers.Flatten()(maps))
    model = keras.Model(images, {"label": logits, "box": box})
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss={"label": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "box": "mae"},
        metrics={"label": ["accuracy"], "box": [metrics.MeanBoxIoU()]},
    )
    return model
"""


def _network() -> Any:
    """A small network that finds colours: what stands for a pretrained one here."""
    import keras
    from keras import layers

    images = keras.Input((_SIDE, _SIDE, 3))
    outputs = layers.Rescaling(1 / 127.5, offset=-1)(images)
    outputs = layers.AveragePooling2D(4)(outputs)
    outputs = layers.Conv2D(12, 3, padding="same", activation="relu")(outputs)
    network = keras.Model(images, layers.BatchNormalization()(outputs), name="network")
    # As of a pretrained one: weights that no new layer begins with.
    ends = ((1.0, 1.01), (0.001, 0.01), (0.002, 0.01), (0.99, 0.999))
    network.layers[-1].set_weights([np.linspace(*each, 12) for each in ends])
    return network


def _coloured_images() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Grey noise with a rectangle in the colour of its class, float32 0..255."""
    from clsloc_utils.exercises import model_check

    labels, boxes, covered = model_check.made_up_objects(_SIDE)
    images = np.random.default_rng(3).normal(100, 10, (model_check.NUM_IMAGES, _SIDE, _SIDE, 3))
    images[np.arange(model_check.NUM_IMAGES), :, :, labels] += 100 * covered
    return images.clip(0, 255).astype("float32"), {"label": labels, "box": boxes}


def _check_repair(answer: Any) -> str:
    import keras

    from clsloc_utils import boxes
    from clsloc_utils.exercises import model_check

    keras.utils.set_random_seed(1)
    network = _network()
    before = network.get_weights()
    complaint, models = model_check.built(answer, {"network": network, "num_classes": model_check.NUM_CLASSES})
    if complaint:
        return complaint
    (model,), (images, targets) = models, _coloured_images()
    if not _holds_weights(model, before):
        return "  The network's weights are not in the model. Build on the network that is given, not on a new one."
    complaint = model_check.complaint_of_outputs(model, images) or model_check.complaint_of_loss(
        model, images, targets, box_weight=1.0
    )
    if complaint:
        return complaint
    measures = outcome_of(
        lambda _: model.evaluate(images, targets, batch_size=32, verbose=0, return_dict=True), {"images": None}
    )
    if isinstance(measures, Failure):
        return f"  model.evaluate fails: {measures}"
    of_box = [name for name in measures if name.startswith("box_") and name != "box_loss"]
    if any(name.endswith(("accuracy", "acc")) for name in of_box):
        return "  The box is still measured by accuracy, an argmax over four coordinates. Take metrics.MeanBoxIoU()."
    if not of_box:
        return f"  The box has no measure of its own: {', '.join(measures)}. Take metrics.MeanBoxIoU()."
    complaint = model_check.complaint_of_learning(model, images, targets)
    if not _holds_weights(model, before):
        return (
            "  While the heads were trained, the network's weights changed, or the averages of its BatchNorm layer. "
            "Freeze it first: network.trainable = False."
        )
    if complaint:
        return f"{complaint} Does the network get the images as they are? It scales them by itself."
    measures = model.evaluate(images, targets, batch_size=32, verbose=0, return_dict=True)
    mean_iou = float(np.mean(boxes.iou(targets["box"], model(images)["box"])))
    if not any(abs(measures[name] - mean_iou) < 0.01 for name in of_box):
        return f"  No measure of the box, {', '.join(of_box)}, is its mean IoU. Take metrics.MeanBoxIoU()."
    return ""


def _holds_weights(model: Any, weights: list[np.ndarray]) -> bool:
    """Whether each of the arrays is among a model's weights, unchanged."""
    return all(any(np.array_equal(each, own) for own in model.get_weights()) for each in weights)


REPAIR = Exercise(
    key="03.repair",
    title="Repair the naive recipe",
    level="stretch",
    minutes=25,
    lesson="What was broken: the loss, the measure, the pooling, and what was allowed to learn.",
    check=_check_repair,
    hints=(
        "Begin with the loss: no function of your own, but one loss for each output, under the outputs' names.",
        "network.trainable = False; the images go in as they are, since it scales them by itself.",
        "Scores without softmax go with from_logits=True; the box head flattens the map and ends in a sigmoid.",
        "The box is measured by metrics.MeanBoxIoU(), under metrics={'box': [...]}.",
    ),
    solution=_REPAIR_SOLUTION,
)

# --- 04.build ---------------------------------------------------------------------------------------------------------

_TRUNK_SOLUTION = """\
def build(map_shape, num_classes, box_weight):
    maps = keras.Input(map_shape)
    trunk = layers.Conv2D(8, 1, activation="relu")(maps)
    logits = layers.Dense(num_classes)(layers.GlobalAveragePooling2D()(trunk))
    box = layers.Dense(4, activation="sigmoid")(layers.Flatten()(trunk))
    model = keras.Model(maps, {"label": logits, "box": box})
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss={"label": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "box": "mae"},
        loss_weights={"label": 1.0, "box": box_weight},
    )
    return model
"""


def _check_trunk(answer: Any) -> str:
    from clsloc_utils.exercises import model_check

    calls = [
        {"map_shape": model_check.MAP_SHAPE, "num_classes": model_check.NUM_CLASSES, "box_weight": weight}
        for weight in (0.5, 4.0)
    ]
    complaint, models = model_check.built(answer, *calls)
    if complaint:
        return complaint
    maps, targets = model_check.made_up_maps()
    for model, call in zip(models, calls, strict=True):
        complaint = complaint or model_check.complaint_of_outputs(model, maps)
        complaint = complaint or model_check.complaint_of_loss(model, maps, targets, call["box_weight"])
    if not complaint and not model_check.shares_a_weight(models[0], maps):
        complaint = "  No layer is shared: nothing that learns is read by both outputs. Put both heads on one trunk."
    return complaint or model_check.complaint_of_learning(models[1], maps, targets)


TRUNK = Exercise(
    key="04.build",
    title="Two losses on one trunk",
    level="core",
    minutes=12,
    lesson="This is the model of the sweep. With a loop over box_weight around it you have the sweep itself.",
    check=_check_trunk,
    hints=(
        "keras.Input(map_shape), then a convolution of size 1 with ReLU: that is the trunk. Both heads start from it.",
        "The class: average the trunk over its places, then a dense layer. The box: flatten it, then a dense layer of "
        "four with a sigmoid.",
        'keras.Model(maps, {"label": ..., "box": ...}); compile with loss={"label": ..., "box": "mae"} and '
        'loss_weights={"label": 1.0, "box": box_weight}.',
    ),
    solution=_TRUNK_SOLUTION,
)
