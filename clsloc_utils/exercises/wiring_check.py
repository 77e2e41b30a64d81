"""Exercise 03.wiring: a model whose answers are known is compiled with what the learner wired.

Keras is imported where it is needed: other exercises do without it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clsloc_utils.exercises.core import Exercise, Failure, outcome_of, raise_if_placeholder, same

_HEADS = ("label", "box")


_WIRING_SOLUTION = """\
wiring = {
    "loss": {
        "label": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "box": keras.losses.MeanAbsoluteError(),
    },
    "loss_weights": {"label": 1.0, "box": 5.0},
    "metrics": {"label": ["accuracy"], "box": [metrics.MeanBoxIoU()]},
}
"""


def _wiring(answer: Any) -> str:
    """What is wrong with the arguments of `compile` for a model with the outputs `label` and `box`."""
    raise_if_placeholder(answer)
    parts = ("loss", "loss_weights", "metrics")
    if not isinstance(answer, Mapping) or set(answer) != set(parts):
        return f"  A dict with the keys {', '.join(parts)} is asked for."
    complaints = (
        *(_keys_complaint(name, answer[name]) for name in parts),
        lambda: _losses_complaint(answer["loss"]),
        lambda: _weights_complaint(answer["loss_weights"]),
        lambda: _metrics_complaint(answer),
    )
    return next((f"  {complaint}" for each in complaints if (complaint := each())), "")


def _keys_complaint(name: str, value: Any):
    def complaint() -> str:
        if not isinstance(value, Mapping):
            return f"`{name}` is no dict. Name the outputs, so that nothing depends on their order."
        if not set(value) <= set(_HEADS) or (name != "metrics" and set(value) != set(_HEADS)):
            return f"`{name}` has the keys {sorted(map(str, value))}. They must be those of the outputs: label and box."
        return ""

    return complaint


def _drawn_answers() -> dict[str, np.ndarray]:
    """Labels and logits of seven classes, true boxes, and predicted ones, some near and some far; float32."""
    generator = np.random.default_rng(0)
    true, predicted = (np.sort(generator.random((40, 2, 2)), axis=1).reshape(-1, 4) for _ in range(2))
    near = np.clip(true + generator.normal(0, 0.02, true.shape), 0, 1)
    return {
        "label": generator.integers(0, 7, 40),
        "logits": generator.normal(0, 3, (40, 7)).astype("float32"),
        "box": true.astype("float32"),
        "predicted": np.where(np.arange(40)[:, None] < 25, near, predicted).astype("float32"),
    }


def _loss_value(loss: Any, y_true: np.ndarray, y_pred: np.ndarray) -> float | Failure:
    """Mean value of a loss, given as `compile` takes it, or what it raises for what it cannot use."""
    import keras

    return outcome_of(lambda: float(np.mean(keras.losses.get(loss)(y_true, y_pred))), {})


def _is_cross_entropy(loss: Any, from_logits: bool = True, one_hot: bool = False) -> bool:
    """Whether a loss is a cross-entropy of integer labels and raw scores, or of what else is said."""
    from keras import losses

    drawn = _drawn_answers()
    scores = drawn["logits"]
    if not from_logits:
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    labels = np.eye(scores.shape[1], dtype="float32")[drawn["label"]] if one_hot else drawn["label"]
    kind = losses.CategoricalCrossentropy if one_hot else losses.SparseCategoricalCrossentropy
    return same(_loss_value(loss, labels, scores), float(kind(from_logits=from_logits)(labels, scores)))


def _is_mean_of(loss: Any, error: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether a loss is the mean over the coordinates of an error, such as `np.abs`."""
    drawn = _drawn_answers()
    value = _loss_value(loss, drawn["box"], drawn["predicted"])
    return same(value, float(np.mean(error(drawn["box"] - drawn["predicted"]))))


def _losses_complaint(losses: Mapping[str, Any]) -> str:
    label, box = (losses[name] for name in _HEADS)
    if _is_cross_entropy(label) and _is_mean_of(box, np.abs):
        return ""
    if _is_cross_entropy(box) and _is_mean_of(label, np.abs):
        return "The two losses have changed places: each stands under the name of the other output."
    if not _is_cross_entropy(label):
        if any(_is_cross_entropy(label, from_logits, one_hot=True) for from_logits in (True, False)):
            return "The class loss wants one-hot labels, and ours are integers: the sparse cross-entropy takes those."
        if _is_cross_entropy(label, from_logits=False):
            return "The label output holds raw scores; this class loss takes them for probabilities: from_logits=True."
        return "The class loss is no cross-entropy of integer labels and raw scores; the text has one."
    if _is_mean_of(box, np.square):
        return "The box loss is the mean squared error, L2. L1 is asked for, the mean absolute error."
    return "The box loss is not L1, the mean absolute error."


def _weights_complaint(weights: Mapping[str, Any]) -> str:
    try:
        label, box = (float(weights[name]) for name in _HEADS)
    except (TypeError, ValueError):
        return "`loss_weights` wants one number for each output."
    if np.isclose(box, 5 * label) and np.isfinite(box) and label > 0:
        return ""
    if np.isclose(label, 5 * box) and np.isfinite(label) and box > 0:
        return "The weights are the wrong way round: the *box* loss counts five times."
    return f"The box loss weighs {box:g}, the class loss {label:g}: not five to one."


def _metrics_complaint(wiring: Mapping[str, Any]) -> str:
    """Compiles a model whose answers are known, and looks at what it measures."""
    import keras

    # No metric for the class is a choice, not a gap.
    wanted = {name: each for name, each in wiring["metrics"].items() if each is not None}
    if "box" not in wanted:
        return "The box is not measured: `metrics.MeanBoxIoU()` under 'box'."
    box = wanted["box"] if isinstance(wanted["box"], (list, tuple)) else [wanted["box"]]
    if any(isinstance(each, keras.metrics.MeanIoU) for each in box):
        return "keras.metrics.MeanIoU counts pixels of a segmentation. `metrics.MeanBoxIoU` is the one for boxes."
    drawn = _drawn_answers()
    names = [each for each in box if isinstance(each, str)]
    unknown = [name for name in names if isinstance(outcome_of(keras.metrics.get, {"name": name}), Failure)]
    if unknown:
        return f"Keras makes no metric of the name {unknown[0]!r} alone: hand over the object, `metrics.MeanBoxIoU()`."
    inputs = keras.Input((11,))
    model = keras.Model(inputs, {"label": inputs[:, :7], "box": inputs[:, 7:]})

    def measured() -> dict[str, float]:
        model.compile(**{**wiring, "metrics": wanted}, run_eagerly=True)
        answers = np.concatenate([drawn["logits"], drawn["predicted"]], axis=1)
        targets = {name: drawn[name] for name in _HEADS}
        return model.evaluate(answers, targets, batch_size=40, verbose=0, return_dict=True)

    measures = outcome_of(measured, {})
    if isinstance(measures, Failure):
        return f"Keras cannot use these metrics: {measures}"
    values = [value for name, value in measures.items() if name.startswith("box_") and name != "box_loss"]
    if any(same(value, np.mean(drawn["box"].argmax(1) == drawn["predicted"].argmax(1))) for value in values):
        return "Accuracy of a box compares the places of the largest numbers: it measures nothing. Take an IoU."
    if any(same(value, _mean_iou(drawn["box"], drawn["predicted"]), 1e-3) for value in values):
        return ""
    return "The box is not measured by its mean IoU: `metrics.MeanBoxIoU()` under 'box'."


def _mean_iou(first: np.ndarray, second: np.ndarray) -> float:
    sides = np.minimum(first[:, 2:], second[:, 2:]) - np.maximum(first[:, :2], second[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    return np.mean(shared / (sum(areas) - shared))


WIRING = Exercise(
    key="03.wiring",
    title="Wire two losses",
    level="warm-up",
    minutes=8,
    lesson="Everything goes by the names of the outputs, and each output has a loss and a measure of its own.",
    check=_wiring,
    hints=(
        "Each of the three is a dict with the keys 'label' and 'box', the names of the outputs.",
        "The class loss is the one of the cells above. L1 is keras.losses.MeanAbsoluteError(), 'mae' for short.",
        "A metric is an object, in a list: the box has metrics.MeanBoxIoU(). Which of the two loss weights is 5?",
    ),
    solution=_WIRING_SOLUTION,
)
