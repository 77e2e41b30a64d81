"""Answers that are right in another style are accepted, and a solution with one slip in it is refused."""

import keras
import numpy as np
import pytest
from mutants import mutants
from styles import STYLES

from clsloc_utils import exercises, metrics
from clsloc_utils.exercises import Status

# Changes that change no result: key -> the line with the change, and why it is as right as before.
EQUIVALENT = {
    "01.iou": {
        "area_of_box, area_of_others = ((others[:, 2:] - others[:, :2]).prod(axis=1), (box[2:] - box[:2]).prod())": (
            "the two areas are added"
        ),
        "area_of_box, area_of_others = ((box[:2] - box[2:]).prod(), (others[:, 2:] - others[:, :2]).prod(axis=1))": (
            "the product of two negative sides"
        ),
        "area_of_box, area_of_others = ((box[2:] - box[:2]).prod(), (others[:, :2] - others[:, 2:]).prod(axis=1))": (
            "the product of two negative sides"
        ),
    },
    "02.filter": {
        "return len(is_difficult) == 1 and (not is_difficult)": "an array of one truth value is that truth value",
        "return len(is_difficult) == 1 and (not is_difficult[-1])": "the last of one is the first",
    },
    "03.wiring": {
        # The second 'box' takes the place of the first, and the class needs no metric.
        "wiring = {'loss': {'label': keras.losses.SparseCategoricalCrossentropy(from_logits=True), 'box': "
        "keras.losses.MeanAbsoluteError()}, 'loss_weights': {'label': 1.0, 'box': 5.0}, "
        "'metrics': {'box': ['accuracy'], 'box': [metrics.MeanBoxIoU()]}}": "no measure of the class is a choice",
    },
    "03.soft_argmax": {
        "x = (shares * np.linspace(0, 1, width)).sum()": "the sum over all cells is that of the sums of the columns",
    },
    "04.front": {
        "for index in range(len(mean_iou)):": "both arrays are of the same length",
        "if not np.sum(as_good & better):": "a sum of truth values is 0 where none is true",
    },
}
MUTATED = [*STYLES, "03.wiring", "03.unfreeze"]


def answer_of(program):
    """The value or the function that a program defines; `None` for one that fails."""
    given = {"np": np, "keras": keras, "metrics": metrics}
    names = dict(given)
    try:
        exec(compile(program, "answer", "exec"), names)
    except Exception:  # A mutant may do anything.
        return None
    return next((value for name, value in names.items() if name not in given and name != "__builtins__"), None)


@pytest.mark.parametrize("key", MUTATED)
def test_a_solution_with_one_slip_is_refused(key):
    programs = mutants(exercises.EXERCISES[key].solution)
    answers = [(line, answer) for line, program in programs if (answer := answer_of(program)) is not None]
    accepted = [line for line, answer in answers if exercises.judge(key, answer).status is Status.RIGHT]
    assert sorted(accepted) == sorted(EQUIVALENT.get(key, {}))
    assert len(answers) >= 6


@pytest.mark.parametrize("key", STYLES)
def test_right_answers_are_accepted_in_every_style(key):
    assert len(STYLES[key]) >= 3
    for answer in STYLES[key]:
        result = exercises.judge(key, answer)
        assert result.status is Status.RIGHT, f"{answer.__name__}: {result}"
