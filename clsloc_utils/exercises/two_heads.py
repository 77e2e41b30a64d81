"""Exercises and questions of notebook 03: two heads, pooling, soft-argmax, wiring, fine-tuning."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clsloc_utils.exercises.building import HEADS, REPAIR
from clsloc_utils.exercises.core import (
    Exercise,
    Failure,
    Fresh,
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


def _drawn_heatmap(generator: np.random.Generator) -> dict[str, Any]:
    """High or wide, flat or peaked, far above 0 or far below it."""
    shape, scale = generator.integers(2, 8, 2), generator.choice([0.5, 2.0, 8.0, 400.0])
    return {"heatmap": scale * generator.normal(size=shape) + generator.choice([0.0, 3.0, -1500.0, 1500.0])}


_SOFT_ARGMAX_SOLUTION = """\
def soft_argmax_of_map(heatmap):
    shares = np.exp(heatmap - heatmap.max())
    shares /= shares.sum()
    height, width = heatmap.shape
    x = (shares.sum(axis=0) * np.linspace(0, 1, width)).sum()
    y = (shares.sum(axis=1) * np.linspace(0, 1, height)).sum()
    return x, y
"""


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
        drawn=_drawn_heatmap,
        draws=80,
    ),
    hints=(
        "One softmax over all cells: exp of the scores less the largest of them, divided by the sum over the whole "
        "map.",
        "The shares of one column together say how likely that x is: sum them down the column. For y, along the row.",
        "np.linspace(0, 1, width) holds the places of the columns. Their average, weighted by the shares, is x.",
    ),
    solution=_SOFT_ARGMAX_SOLUTION,
)

# --- 03.wiring --------------------------------------------------------------------------------------------------------

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

# --- 03.unfreeze ------------------------------------------------------------------------------------------------------


# Names that tell nothing, or the wrong thing: what a layer is decides.
_BACKBONES = (
    (("Conv2D", "conv_1"), ("BatchNormalization", "norm_1"), ("Conv2D", "conv_2"), ("BatchNormalization", "norm_2")),
    (("BatchNormalization", "stem"), ("Conv2D", "batch_normalization_conv"), ("ReLU", "bn_relu"), ("Dense", "norm")),
    (("Conv2D", "a"), ("LayerNormalization", "b"), ("BatchNormalization", "c"), ("DepthwiseConv2D", "d")),
    (("Dense", "first"), ("BatchNormalization", "conv_bn"), ("BatchNormalization", "dense"), ("Conv2D", "bn")),
)


def _backbone(layers: tuple[tuple[str, str], ...]) -> Any:
    """A frozen model of layers given as `(kind, name)`, each of its weights filled with a number of its own."""
    import keras

    arguments = {"Conv2D": (2, 1), "DepthwiseConv2D": (1,), "Dense": (2,)}
    made = [getattr(keras.layers, kind)(*arguments.get(kind, ()), name=name) for kind, name in layers]
    backbone = keras.Sequential([keras.Input((4, 4, 3)), *made])
    backbone.set_weights([np.full_like(each, 0.1 + index) for index, each in enumerate(backbone.get_weights())])
    backbone.trainable = False
    return backbone


def _unfreeze_cases() -> list[dict[str, Any]]:
    return [
        {
            "backbone": Fresh(
                functools.partial(_backbone, layers),
                f"a frozen model of {', '.join(f'{kind} {name!r}' for kind, name in layers)}",
            )
        }
        for layers in _BACKBONES
    ]


_UNFREEZE_SOLUTION = """\
def thaw(backbone):
    backbone.trainable = True
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    return backbone
"""


def _set_trainable(backbone, conv: bool, norm: bool):
    backbone.trainable = True
    for layer in backbone.layers:
        layer.trainable = norm if type(layer).__name__ == "BatchNormalization" else conv
    return backbone


def _clone(backbone):
    import keras

    return _set_trainable(keras.models.clone_model(backbone), conv=True, norm=False)


def _frozen_by(is_frozen: Callable[[Any], bool]) -> Callable[[Any], Any]:
    """An answer that looks at something else than the kind of a layer."""

    def thaw(backbone):
        backbone.trainable = True
        for layer in backbone.layers:
            layer.trainable = not is_frozen(layer)
        return backbone

    return thaw


def _trainable_layers(backbone: Any) -> Any:
    """Name of each layer -> whether a training step would change it; anything but the backbone as a word for it."""
    if not hasattr(backbone, "layers"):
        return backbone
    if any(np.any(each != np.float32(0.1 + index)) for index, each in enumerate(backbone.get_weights())):
        return "a model with other weights"
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
            Mistake(
                "A clone begins with weights of its own: what was pretrained is lost. Change and return the backbone "
                "itself.",
                _clone,
            ),
            *(
                Mistake("A name may be anything: ask what a layer is, with isinstance.", _frozen_by(is_frozen))
                for is_frozen in (
                    lambda layer: "norm" in layer.name,
                    lambda layer: "bn" in layer.name,
                    lambda layer: "bn" in layer.name or "norm" in layer.name,
                )
            ),
            Mistake(
                "Other kinds of normalization keep no statistics of the data: only BatchNormalization stays frozen.",
                _frozen_by(lambda layer: "Normalization" in type(layer).__name__),
            ),
        ),
        hint="Every layer is trainable but the BatchNormalization ones; return the backbone.",
        read=_trainable_layers,
    ),
    hints=(
        "Thaw the backbone as a whole first: what you set on a model, it sets on all its layers.",
        "Then go through backbone.layers. isinstance(layer, keras.layers.BatchNormalization) tells which are to stay "
        "frozen. Do not forget the return.",
    ),
    solution=_UNFREEZE_SOLUTION,
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
