"""Exercises and questions of notebook 03: two heads, pooling, soft-argmax, wiring, fine-tuning."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clsloc_utils.exercises.building import HEADS, REPAIR
from clsloc_utils.exercises.core import (
    Exercise,
    Failure,
    Mistake,
    function_check,
    outcome_of,
    raise_if_placeholder,
    same,
)
from clsloc_utils.exercises.quizzes import Option, Question

# --- 03.soft_argmax ---------------------------------------------------------------------------------------------------


def _soft_argmax_cases() -> list[dict[str, Any]]:
    peak = np.zeros((3, 5))
    peak[2, 1] = 20.0
    blurred = np.array([[0.0, 1.0, 2.0], [1.0, 3.0, 1.0]])
    two_peaks = np.full((4, 4), -5.0)
    two_peaks[0, 3] = two_peaks[2, 1] = 15.0
    return [
        {"heatmap": peak},
        {"heatmap": np.zeros((2, 6))},
        {"heatmap": blurred},
        {"heatmap": two_peaks},
        {"heatmap": 100.0 * peak},
    ]


def _soft_argmax(heatmap):
    return _expected_place(np.exp(heatmap - heatmap.max()))


def _expected_place(weights, normalized: bool = True):
    height, width = weights.shape
    shares = weights / weights.sum() if normalized else weights
    x = (shares.sum(axis=0) * np.linspace(0, 1, width)).sum()
    y = (shares.sum(axis=1) * np.linspace(0, 1, height)).sum()
    return [x, y]


def _hard_argmax(heatmap):
    height, width = heatmap.shape
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    return [column / (width - 1), row / (height - 1)]


def _softmax_of_means(heatmap):
    """Softmax of the averages along each axis instead of the sums of a softmax over the whole map."""
    places = []
    for axis in (0, 1):
        scores = heatmap.mean(axis=axis)
        shares = np.exp(scores - scores.max())
        places.append((shares / shares.sum() * np.linspace(0, 1, len(scores))).sum())
    return places


def _in_cells(heatmap):
    height, width = heatmap.shape
    x, y = _soft_argmax(heatmap)
    return [x * (width - 1), y * (height - 1)]


SOFT_ARGMAX = Exercise(
    key="03.soft_argmax",
    title="Soft-argmax of a whole heatmap",
    level="stretch",
    minutes=15,
    lesson="The same idea, with cell centres and a window, will read joints in notebook 05.",
    check=function_check(
        _soft_argmax,
        _soft_argmax_cases,
        mistakes=(
            Mistake(
                "Right numbers, wrong order: x, along the columns, comes first.",
                lambda heatmap: _soft_argmax(heatmap)[::-1],
            ),
            Mistake(
                "You count in cells. Let positions run from 0 at the first cell to 1 at the last.",
                _in_cells,
            ),
            Mistake(
                "You count from border to border, each cell at its centre. Here the first cell is 0, the last one 1.",
                lambda heatmap: [
                    (place * (size - 1) + 0.5) / size
                    for place, size in zip(_soft_argmax(heatmap), heatmap.shape[::-1], strict=True)
                ],
            ),
            Mistake(
                "That is the position of the highest cell. A soft-argmax averages all positions by their softmax.",
                _hard_argmax,
            ),
            Mistake(
                "The shares do not sum to 1: divide by the sum over the *whole* map.",
                lambda heatmap: _expected_place(np.exp(heatmap - heatmap.max()), normalized=False),
            ),
            Mistake(
                "You average the scores along an axis and take the softmax of that. First one softmax over all cells, "
                "then sums along the axes.",
                _softmax_of_means,
            ),
            Mistake(
                "You weigh by the scores themselves. A softmax weighs by their exponentials.",
                _expected_place,
            ),
            Mistake(
                "exp of a score of 2000 is infinite. Subtract the largest score first, as the text does: "
                "the shares stay the same.",
                lambda heatmap: _expected_place(np.exp(heatmap)),
            ),
        ),
        hint="Softmax over all cells; sum the shares of each column for x, of each row for y; average the positions.",
    ),
)

# --- 03.wiring --------------------------------------------------------------------------------------------------------

_HEADS = ("label", "box")


def _wiring(answer: Any) -> str:
    """What is wrong with the arguments of `compile` for a model with the outputs `label` and `box`."""
    if isinstance(answer, Mapping) and isinstance(answer.get("metrics"), Mapping):
        # No metric for the class is a choice, not a gap.
        answer = {**answer, "metrics": {name: each for name, each in answer["metrics"].items() if each is not None}}
    raise_if_placeholder(answer)
    parts = ("loss", "loss_weights", "metrics")
    if not isinstance(answer, Mapping) or set(answer) != set(parts):
        return f"  A dict with the keys {', '.join(parts)} is asked for."
    complaints = (
        *(_keys_complaint(name, answer[name]) for name in parts),
        lambda: _label_loss_complaint(answer["loss"]["label"]),
        lambda: _box_loss_complaint(answer["loss"]["box"]),
        lambda: _weights_complaint(answer["loss_weights"]),
        lambda: _metrics_complaint(answer["metrics"]),
    )
    return next((f"  {complaint}" for each in complaints if (complaint := each())), "")


def _keys_complaint(name: str, value: Any):
    def complaint() -> str:
        if not isinstance(value, Mapping):
            return f"`{name}` is no dict. Name the outputs, so that nothing depends on their order."
        if not set(value) <= set(_HEADS) or (name != "metrics" and set(value) != set(_HEADS)):
            return f"`{name}` has the keys {sorted(value)}. They must be those of the outputs, 'label' and 'box'."
        return ""

    return complaint


def _loss_value(loss: Any, y_true: np.ndarray, y_pred: np.ndarray) -> float | Failure:
    """Mean value of a loss, given as `compile` takes it, or what it raises for what it cannot use."""
    import keras

    return outcome_of(lambda: float(np.mean(keras.losses.get(loss)(y_true, y_pred))), {})


def _label_loss_complaint(loss: Any) -> str:
    from keras import losses

    label, logits = np.array([2, 0]), np.array([[1.0, -2.0, 0.5], [3.0, 0.0, -1.0]], "float32")
    value = _loss_value(loss, label, logits)
    if same(value, float(losses.SparseCategoricalCrossentropy(from_logits=True)(label, logits))):
        return ""
    one_hot_value = _loss_value(loss, np.eye(3, dtype="float32")[label], logits)
    if isinstance(value, Failure) and isinstance(one_hot_value, float):
        return "The class loss wants one-hot labels, and ours are integers: the sparse cross-entropy takes those."
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    from_probabilities = _loss_value(loss, label, probabilities)
    if same(from_probabilities, float(losses.SparseCategoricalCrossentropy()(label, probabilities))):
        return "The label output holds raw scores, and this class loss takes them for probabilities: from_logits=True."
    return "The class loss is no cross-entropy of integer labels and raw scores; the text has one."


def _box_loss_complaint(loss: Any) -> str:
    true, predicted = np.zeros((2, 4), "float32"), np.array([[0.1, 0.3, 0.2, 0.8], [0.0, 0.4, 0.0, 0.1]], "float32")
    value = _loss_value(loss, true, predicted)
    if isinstance(value, Failure):
        return f"The box loss cannot be used: {value.error}"
    if same(value, np.mean(np.square(predicted))):
        return "The box loss is the mean squared error, L2. L1 is asked for, the mean absolute error."
    return "" if same(value, np.mean(np.abs(predicted))) else "The box loss is not L1, the mean absolute error."


def _weights_complaint(weights: Mapping[str, Any]) -> str:
    try:
        label, box = (float(weights[name]) for name in _HEADS)
    except (TypeError, ValueError):
        return "`loss_weights` wants one number for each output."
    if np.isclose(box, 5 * label) and label > 0:
        return ""
    if np.isclose(label, 5 * box):
        return "The weights are the wrong way round: the *box* loss counts five times."
    return f"The box loss weighs {box:g}, the class loss {label:g}: not five to one."


def _metrics_complaint(metrics: Mapping[str, Any]) -> str:
    import keras

    box = metrics.get("box") or []
    box = list(box) if isinstance(box, (list, tuple)) else [box]
    words = " ".join(
        each if isinstance(each, str) else f"{type(each).__name__} {getattr(each, '__name__', '')}" for each in box
    )
    if "acc" in words.lower() and "boxaccuracy" not in words.lower():
        return "Accuracy of a box compares the places of the largest numbers: it measures nothing. Take an IoU."
    if any(isinstance(each, keras.metrics.MeanIoU) for each in box):
        return "keras.metrics.MeanIoU counts pixels of a segmentation. `metrics.MeanBoxIoU` is the one for boxes."
    if "iou" not in words.lower():
        return "The box is not measured by an IoU: `metrics.MeanBoxIoU()` under 'box'."
    return ""


WIRING = Exercise(
    key="03.wiring",
    title="Wire two losses",
    level="warm-up",
    minutes=8,
    lesson="Everything goes by the names of the outputs, and each output has a loss and a measure of its own.",
    check=_wiring,
)

# --- 03.unfreeze ------------------------------------------------------------------------------------------------------


def _unfreeze_cases() -> list[dict[str, Any]]:
    import keras

    layers = [
        keras.layers.Conv2D(2, 1, name="conv_1"),
        keras.layers.BatchNormalization(name="norm_1"),
        keras.layers.Conv2D(2, 1, name="conv_2"),
        keras.layers.BatchNormalization(name="norm_2"),
    ]
    backbone = keras.Sequential([keras.Input((4, 4, 3)), *layers])
    backbone.trainable = False
    return [{"backbone": backbone}]


def _set_trainable(backbone, conv: bool, norm: bool):
    backbone.trainable = True
    for layer in backbone.layers:
        layer.trainable = norm if layer.name.startswith("norm") else conv
    return backbone


def _trainable_layers(backbone: Any) -> Any:
    """Name of each layer -> whether a training step would change it; anything but a model stays as it is."""
    if not hasattr(backbone, "layers"):
        return backbone
    return {layer.name: bool(layer.trainable_weights) and backbone.trainable for layer in backbone.layers}


UNFREEZE = Exercise(
    key="03.unfreeze",
    title="Thaw all but BatchNorm",
    level="core",
    minutes=8,
    lesson="BatchNorm keeps the statistics it was pretrained with; small batches would only spoil them.",
    check=function_check(
        lambda backbone: _set_trainable(backbone, conv=True, norm=False),
        _unfreeze_cases,
        mistakes=(
            Mistake(
                "BatchNorm layers would learn too. Freeze them again, after you have thawed the backbone: setting "
                "`trainable` of a model sets it in all its layers.",
                lambda backbone: _set_trainable(backbone, conv=True, norm=True),
            ),
            Mistake(
                "Nothing is thawed: set `backbone.trainable = True` first, then freeze the BatchNorm layers. A frozen "
                "model stays frozen whatever its layers say.",
                lambda backbone: backbone,
            ),
            Mistake(
                "The other way round: BatchNorm layers are the ones that stay frozen.",
                lambda backbone: _set_trainable(backbone, conv=False, norm=True),
            ),
            Mistake(
                "`training` is an argument of a call. What decides about learning is the attribute `trainable`.",
                lambda backbone: backbone(np.zeros((1, 4, 4, 3), "float32"), training=True),
            ),
        ),
        hint="Every layer is trainable but the BatchNormalization ones; return the backbone.",
        read=_trainable_layers,
    ),
)

EXERCISES = (HEADS, WIRING, SOFT_ARGMAX, UNFREEZE, REPAIR)

QUESTIONS = (
    Question(
        "Why does a box head on averaged features do so badly where a class head does well?",
        (
            Option(
                "Four numbers are too few outputs to describe every box that there may be.",
                "Four numbers describe any box; the features lack the place.",
            ),
            Option(
                "The average hardly tells where the object is.",
                "It keeps what there is and how large. A class does not depend on the place, a box does.",
                right=True,
            ),
            Option("Its loss has too small a weight.", "No weight brings back what the average has thrown away."),
        ),
    ),
    Question(
        "Why may features of an image be computed once and kept?",
        (
            Option("The heads do not depend on them.", "The heads read nothing else."),
            Option(
                "The backbone is frozen.",
                "The same image gives the same features in every epoch: there is nothing to compute again.",
                right=True,
            ),
            Option(
                "Images fit into memory more easily as features.", "A map may be larger than the JPEG it came from."
            ),
        ),
    ),
    Question(
        "Your model cannot overfit 64 images. What is most likely?",
        (
            Option("It needs more data.", "It cannot even learn 64 by heart. More would only hide why."),
            Option(
                "Something is wired wrongly.",
                "A loss on the wrong output, heads that do not learn. Axes that are swapped everywhere pass this test.",
                right=True,
            ),
            Option("It needs augmentation.", "Augmentation makes learning by heart harder, not easier."),
        ),
    ),
    Question(
        "A heatmap has two equally high peaks, far apart. What does the soft-argmax answer?",
        (
            Option("The first of the two", "That is what an ordinary argmax does."),
            Option("The middle between them", "It averages positions, even where neither peak is.", right=True),
            Option("One of them at random", "Nothing in it is random."),
        ),
    ),
    Question(
        "Suppose the loss of the naive recipe falls in every epoch. What does that prove?",
        (
            Option("That the wiring is right", "It falls although it reads only images 0 and 1 of each batch."),
            Option("That the learning rate is right", "A loss that measures the wrong thing falls at many rates."),
            Option(
                "Nothing about classes or boxes", "Ask what the function is given, then look at a metric.", right=True
            ),
        ),
    ),
)
