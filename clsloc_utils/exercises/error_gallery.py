"""Exercise 06.decide: eight photos on which model and annotation disagree, and what to do about it."""

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clsloc_utils.exercises.core import Exercise, raise_if_placeholder, shown

_IMAGE_SIZE = 160


class _Case(NamedTuple):
    """A photo: what it shows, whether the border cuts it off, what annotation and model call it, and what is wrong."""

    shows: str
    is_cut_off: bool
    annotated: str
    answered: str
    fault: str


# The annotation is wrong where `fault` says how. On all others the model is wrong, and these are cut off.
_CASES = (
    _Case("dog", True, "dog", "dog", ""),
    _Case("cat", False, "dog", "cat", "class"),
    _Case("pottedplant", True, "pottedplant", "pottedplant", ""),
    _Case("chair", False, "chair", "chair", "place"),
    _Case("bus", True, "bus", "car", ""),
    _Case("car", False, "car", "car", "half"),
    _Case("chair", True, "chair", "sofa", ""),
    _Case("bottle", False, "tvmonitor", "bottle", "class"),
)
_TO_MEND = tuple(number for number, case in enumerate(_CASES, 1) if case.fault)
_SHARED = {
    "class": "On two of the four photos on which the model is wrong, its class is right. The boxes fail on all.",
    "size": "The objects on which the model is wrong are no smaller than the others.",
    "dark": "The photos on which the model is wrong are as bright as the others.",
}
_STEPS = {
    "a": "More passes over the same photos show the model no object that is cut off elsewhere.",
    "c": "Without these photos the score is better and the model is not: you would only see its mistakes no more.",
    "d": "The weight moves effort between class and box, for all objects alike. These four have something in common.",
}


def error_gallery() -> dict[str, Any]:
    """The photos of the exercise, drawn; the same each time.

    Returns:
        `images`, uint8 `[8, 160, 160, 3]`; `annotated` and `answered`, the names of the classes that annotation and
        model give; `annotated_box` and `box`, their boxes, rel_xyxy `[8, 4]`.
    """
    images, boxes = zip(*(_photo(number, case) for number, case in enumerate(_CASES)), strict=True)
    return {
        "images": np.stack(images),
        "annotated": [case.annotated for case in _CASES],
        "answered": [case.answered for case in _CASES],
        "annotated_box": np.array([_annotated_box(*pair) for pair in zip(boxes, _CASES, strict=True)], "float32"),
        "box": np.array([_answered_box(*pair) for pair in zip(boxes, _CASES, strict=True)], "float32"),
    }


def _photo(number: int, case: _Case) -> tuple[np.ndarray, np.ndarray]:
    """The first drawing of a series that shows the object cut off or whole, as wanted; and its true box."""
    from clsloc_utils.datasets.drawing.scenes import draw_scene

    for attempt in itertools.count():
        scene = draw_scene(np.random.default_rng([18, number, attempt]), 1, case.shows, 2 * _IMAGE_SIZE)
        (drawn,) = scene.objects[:1]
        box = np.divide(drawn.bbox, scene.image.size * 2)
        is_usual = not drawn.is_difficult and 0.08 < (box[2] - box[0]) * (box[3] - box[1]) < 0.4
        # Cut off at the left or right side, or with air around.
        is_cut_off = min(box[0], 1 - box[2]) < 0.005
        is_whole = not drawn.is_truncated and min(*box[:2], *(1 - box[2:])) > 0.05
        if is_usual and (drawn.is_truncated and is_cut_off if case.is_cut_off else is_whole):
            return np.asarray(scene.image.resize((_IMAGE_SIZE, _IMAGE_SIZE))), box


def _annotated_box(box: np.ndarray, case: _Case) -> np.ndarray:
    """As somebody drew it: right, in the corner, or around the left half."""
    width, height = box[2:] - box[:2]
    wrong = {
        "place": [0.02, 0.02, 0.02 + 0.5 * width, 0.02 + 0.3 * height],
        "half": [*box[:2], box[0] + width / 2, box[3]],
    }
    return np.array(wrong.get(case.fault, box))


def _answered_box(box: np.ndarray, case: _Case) -> np.ndarray:
    """As the model draws it: nearly right, or ending far from the border that cuts the object off."""
    width, height = box[2:] - box[:2]
    if not case.is_cut_off:
        return box + np.array([0.03 * width, -0.02 * height, 0.02 * width, 0.03 * height])
    left, right = (0.55 * width, 0.05) if box[0] < 0.005 else (-0.05, -0.55 * width)
    return box + np.array([left, 0.1 * height, right, 0.0])


def _check(answer: Any) -> str:
    raise_if_placeholder(answer)
    if not isinstance(answer, Mapping) or set(answer) != {"mend", "shared", "next"}:
        return f"  A dict with the keys mend, shared and next is asked for; this is {shown(answer)}."
    try:
        mend = {int(number) for number in np.atleast_1d(np.asarray(list(answer["mend"]), "int64"))}
    except (TypeError, ValueError):
        return f"  mend: the numbers of the photos, such as [1, 2]; yours is {shown(answer['mend'])}."
    return "\n".join(filter(None, (_of_mend(mend), _of_word(answer, "shared"), _of_word(answer, "next"))))


def _of_mend(mend: set[int]) -> str:
    """What is wrong with the photos chosen: one of them at a time, so that the others are still to be found."""
    if strange := sorted(mend - set(range(1, len(_CASES) + 1))):
        return f"  mend: there is no photo {strange[0]}; they count from 1 to {len(_CASES)}."
    if innocent := sorted(mend - set(_TO_MEND)):
        return f"  mend: the annotation of photo {innocent[0]} is right, class and box. There the model is wrong."
    if missing := sorted(set(_TO_MEND) - mend):
        return (
            f"  mend: {len(missing)} more of the annotations {'is' if len(missing) == 1 else 'are'} wrong. Compare "
            "class and solid box with what you see, and forget the model while you do."
        )
    return ""


def _of_word(answer: Mapping[str, Any], name: str) -> str:
    right, explanations = {"shared": ("border", _SHARED), "next": ("b", _STEPS)}[name]
    word = str(answer[name]).strip().casefold()
    if word == right:
        return ""
    return f"  {name}: {explanations.get(word, f'one of {sorted([right, *explanations])}; yours is {word!r}.')}"


DECIDE = Exercise(
    key="06.decide",
    title="A decision from an error gallery",
    level="core",
    minutes=12,
    lesson="Mend what is wrong with the annotations first: half of the errors were no errors of the model. Then act on "
    "what the others share.",
    check=_check,
    hints=(
        "Take one photo after the other, and only the annotation: is the first name right, does the solid box hold all "
        "of the object and nothing else?",
        "Half of the annotations are wrong: two names and two boxes.",
        "On the other four the model is wrong. Where do their objects lie, compared with those of the rest? Then ask "
        "which of the steps shows the model more of such objects.",
    ),
    solution="""\
decision = {
    "mend": [2, 4, 6, 8],
    "shared": "border",
    "next": "b",
}
""",
)
