"""Exercises and questions of notebook 03: two heads, pooling, soft-argmax, wiring, fine-tuning."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from clsloc_utils.exercises.building import HEADS, REPAIR
from clsloc_utils.exercises.core import Exercise, Mistake, function_check
from clsloc_utils.exercises.forms import Fresh
from clsloc_utils.exercises.quizzes import Option, Question
from clsloc_utils.exercises.wiring_check import WIRING

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
