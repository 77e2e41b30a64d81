"""Exercises and questions of notebook 05: joints, mirrors, masks, PCK, PCP."""

from typing import Any

import numpy as np

from clsloc_utils.exercises.core import Exercise, Mistake, function_check, value_check
from clsloc_utils.exercises.quizzes import Option, Question
from clsloc_utils.joints import FLIP_ORDER, NUM_JOINTS, TORSO


def _person(seed: int) -> np.ndarray:
    """Fourteen joints somewhere in the image, float64 [14, 2]."""
    return np.random.default_rng(seed).uniform(0.2, 0.8, (NUM_JOINTS, 2)).round(2)


# --- 05.numbers -------------------------------------------------------------------------------------------------------

NUMBERS = Exercise(
    key="05.numbers",
    title="How many numbers is a hand",
    level="warm-up",
    minutes=2,
    lesson="An x and a y for each: as 14 joints are 28 numbers.",
    check=value_check(
        42,
        mistakes=(
            Mistake("One number cannot say where a joint is: there is an x and a y.", 21),
            Mistake("That is the body with its 14 joints. A hand has 21.", 28),
            Mistake("Whether a joint is visible is a weight in training. The model answers with x and y only.", 63),
            Mistake("Four numbers are a box. A joint is a point, with an x and a y.", 84),
        ),
        hint="An x and a y for each of the 21 joints.",
        tolerance=1e-6,
    ),
)

# --- 05.flip ----------------------------------------------------------------------------------------------------------


def _flip_cases() -> list[dict[str, Any]]:
    standing = np.stack([np.linspace(0.1, 0.75, NUM_JOINTS), np.linspace(0.9, 0.05, NUM_JOINTS)], axis=1).round(2)
    return [{"points": standing}, {"points": _person(1)}]


def _mirrored(joints):
    return np.stack([1 - joints[:, 0], joints[:, 1]], axis=1)


FLIP = Exercise(
    key="05.flip",
    title="A person in the mirror",
    level="core",
    minutes=8,
    lesson="x becomes 1 - x, and each left joint takes the row of its right one. Keypoint tutorials forget the second.",
    check=function_check(
        lambda joints: _mirrored(joints)[list(FLIP_ORDER)],
        _flip_cases,
        mistakes=(
            Mistake(
                "The points have moved, but a left hand is still in the row of the left hand: in the mirror it is a "
                "right one. Reorder the rows with FLIP_ORDER.",
                _mirrored,
            ),
            Mistake(
                "The rows are swapped and the points have not moved: x becomes 1 - x.",
                lambda joints: joints[list(FLIP_ORDER)],
            ),
            Mistake(
                "You turn the person upside down: y stays, x becomes 1 - x.",
                lambda joints: np.stack([joints[:, 0], 1 - joints[:, 1]], axis=1)[list(FLIP_ORDER)],
            ),
            Mistake(
                "Both coordinates are mirrored. y stays.",
                lambda joints: (1 - joints)[list(FLIP_ORDER)],
            ),
            Mistake(
                "All rows in reverse? An ankle would become a head. Joints change places with their other side only.",
                lambda joints: _mirrored(joints)[::-1],
            ),
            Mistake(
                "x and y have changed places. A mirror changes x to 1 - x.",
                lambda joints: joints[:, ::-1][list(FLIP_ORDER)],
            ),
            Mistake(
                "-x is outside of the image. Relative coordinates are mirrored by 1 - x.",
                lambda joints: (joints * [-1, 1])[list(FLIP_ORDER)],
            ),
        ),
        hint="1 - x, the same y, and the rows in the order of FLIP_ORDER.",
    ),
)

# --- 05.mask ----------------------------------------------------------------------------------------------------------


def _mask_cases() -> list[dict[str, Any]]:
    true = np.array([[0.2, 0.3], [0.5, 0.5], [0.8, 0.1]])
    predicted = np.array([[0.3, 0.3], [0.5, 0.9], [0.6, 0.2]])
    junk, unknown = true.copy(), true.copy()
    junk[1], unknown[1] = -40.0, np.nan
    return [
        {"true": true, "predicted": predicted, "weight": np.array([1.0, 1.0, 1.0])},
        {"true": junk, "predicted": predicted, "weight": np.array([1.0, 0.0, 1.0])},
        {"true": unknown, "predicted": predicted, "weight": np.array([1.0, 0.0, 1.0])},
    ]


def _mask(true, predicted, weight):
    labelled = weight > 0
    return np.abs(true - predicted)[labelled].mean()


MASK = Exercise(
    key="05.mask",
    title="Do not learn from what nobody saw",
    level="core",
    minutes=10,
    lesson="What stands in place of an unlabelled joint cannot be heard any more, not even NaN.",
    check=function_check(
        _mask,
        _mask_cases,
        mistakes=(
            Mistake(
                "Joints without a label take part: their coordinates are junk. Leave out those with weight 0.",
                lambda true, predicted, weight: np.abs(true - predicted).mean(),
            ),
            Mistake(
                "Masked, but divided by all joints: with few labels the error looks small. Divide by labelled ones.",
                lambda true, predicted, weight: np.where(weight[:, None] > 0, np.abs(true - predicted), 0).mean(),
            ),
            Mistake(
                "Masked, but divided by all joints, and 0 times NaN is NaN. Pick the labelled ones, divide by them.",
                lambda true, predicted, weight: (np.abs(true - predicted) * weight[:, None]).mean(),
            ),
            Mistake(
                "0 times NaN is NaN: a weight of 0 does not silence it. Pick the labelled joints first, or use where.",
                lambda true, predicted, weight: (np.abs(true - predicted) * weight[:, None]).sum() / (2 * weight.sum()),
            ),
            Mistake(
                "A joint is two numbers: you divide the sum over both by the number of joints, and get twice the mean.",
                lambda true, predicted, weight: 2 * _mask(true, predicted, weight),
            ),
            Mistake(
                "That is the squared error; the absolute error is asked for.",
                lambda true, predicted, weight: np.square(true - predicted)[weight > 0].mean(),
            ),
            Mistake(
                "Those are the ones without a label. Weight 0 means: not labelled.",
                lambda true, predicted, weight: np.abs(true - predicted)[weight == 0].mean(),
            ),
        ),
        hint="The mean of |true - predicted| over both coordinates of the labelled joints.",
    ),
)

# --- 05.pck -----------------------------------------------------------------------------------------------------------


def _pck_cases() -> list[dict[str, Any]]:
    true = _person(7)
    true[TORSO[0]], true[TORSO[1]] = [0.45, 0.65], [0.55, 0.35]
    everything = np.ones(NUM_JOINTS)
    some = everything.copy()
    some[[0, 5, 13]] = 0.0
    small = 0.5 + 0.3 * (true - 0.5)
    short_torso = true + _offsets(0.05)
    short_torso[TORSO[0]] = true[TORSO[0]] + 0.3 * (true[TORSO[1]] - true[TORSO[0]])
    return [
        {"true": true, "predicted": true + _offsets(0.02, 0.06, 0.067, 0.08, 0.12), "weight": everything},
        {"true": true, "predicted": true + _offsets(0.3, 0.0, 0.05), "weight": some},
        {"true": small, "predicted": small + _offsets(0.015, 0.018, 0.021, 0.04), "weight": everything},
        {"true": true, "predicted": short_torso, "weight": everything},
    ]


def _offsets(*lengths: float) -> np.ndarray:
    """Errors of these lengths in turn, to the right and a little down, [14, 2]."""
    along = np.resize(np.array(lengths), NUM_JOINTS)
    return along[:, None] * np.array([0.8, 0.6])


def _pck(true, predicted, weight, ends=TORSO, relative: bool = True, masked: bool = True):
    size = np.linalg.norm(true[ends[0]] - true[ends[1]]) if relative else 1.0
    correct = np.linalg.norm(true - predicted, axis=1) <= 0.2 * size
    return correct[weight > 0].mean() if masked else correct.mean()


PCK = Exercise(
    key="05.pck",
    title="PCK of one person",
    level="core",
    minutes=15,
    lesson="Errors in torsos, labelled joints only: now a child and a giant are judged alike.",
    check=function_check(
        _pck,
        _pck_cases,
        mistakes=(
            Mistake(
                "A joint without a label can be neither right nor wrong. Count those with a weight above 0.",
                lambda true, predicted, weight: _pck(true, predicted, weight, masked=False),
            ),
            Mistake(
                "0.2 of the image is not 0.2 of the torso: measure each error with this person's torso.",
                lambda true, predicted, weight: _pck(true, predicted, weight, relative=False),
            ),
            Mistake(
                "Joints without a label count as wrong: you divide by all 14. Divide by the labelled ones.",
                lambda true, predicted, weight: _pck(true, predicted, weight, masked=True) * np.mean(weight > 0),
            ),
            Mistake(
                "That torso is along one side, from the right hip to the right shoulder. Ours runs across, to the "
                "*left* shoulder.",
                lambda true, predicted, weight: _pck(true, predicted, weight, ends=(2, 8)),
            ),
            Mistake(
                "That torso is along one side, from the left hip to the left shoulder. Ours runs across, from the "
                "*right* hip.",
                lambda true, predicted, weight: _pck(true, predicted, weight, ends=(3, 9)),
            ),
            Mistake(
                "You measure the torso of the prediction. The true one is the ruler.",
                lambda true, predicted, weight: np.mean(
                    np.linalg.norm(true - predicted, axis=1)[weight > 0]
                    <= 0.2 * np.linalg.norm(predicted[TORSO[0]] - predicted[TORSO[1]])
                ),
            ),
            Mistake(
                "You compare each coordinate for itself. The error of a joint is its distance, over x and y together.",
                lambda true, predicted, weight: np.mean(
                    np.abs(true - predicted)[weight > 0] <= 0.2 * np.linalg.norm(true[TORSO[0]] - true[TORSO[1]])
                ),
            ),
            Mistake(
                "That is the mean error. PCK is a share: how many joints are near enough?",
                lambda true, predicted, weight: np.mean(np.linalg.norm(true - predicted, axis=1)[weight > 0]),
            ),
        ),
        hint="The share of labelled joints whose distance from the truth is at most 0.2 of the torso, rows 2 and 9.",
    ),
)

# --- 05.pcp -----------------------------------------------------------------------------------------------------------


def _pcp_cases() -> list[dict[str, Any]]:
    # Eighths and their like: sums and lengths are exact, so that "at most half" is no matter of rounding.
    limb = np.array([[0.25, 0.25], [0.25, 0.5]])

    def case(near_error: float, far_error: float) -> dict[str, Any]:
        return {"true": limb, "predicted": limb + np.array([[near_error, 0.0], [0.0, far_error]])}

    errors = [
        (1 / 32, 1 / 16),
        (1 / 16, 9 / 64),
        (1 / 32, 3 / 16),
        (3 / 16, 1 / 64),
        (5 / 32, 3 / 16),
        (1 / 8, 1 / 8),
        (5 / 16, 3 / 8),
        (1 / 64, 5 / 16),
    ]
    return [case(*ends) for ends in errors]


def _end_errors(true, predicted):
    """Distance of both ends from the truth, in lengths of the true limb, [2]."""
    return np.linalg.norm(true - predicted, axis=1) / np.linalg.norm(true[0] - true[1])


def _pcp(true, predicted):
    errors = _end_errors(true, predicted) - 1e-6
    return [errors.max() <= 0.5, errors.mean() <= 0.5]


PCP = Exercise(
    key="05.pcp",
    title="A limb, strict and loose",
    level="stretch",
    minutes=12,
    lesson="Strict is never the higher one. Whoever reports PCP has to say which.",
    check=function_check(
        _pcp,
        _pcp_cases,
        mistakes=(
            Mistake(
                "Strict and loose have changed places: strict asks both ends, loose their mean.",
                lambda true, predicted: _pcp(true, predicted)[::-1],
            ),
            Mistake(
                "Your strict one is satisfied with a single end. Both have to be near.",
                lambda true, predicted: [_end_errors(true, predicted).min() <= 0.5, _pcp(true, predicted)[1]],
            ),
            Mistake(
                "The bar is half of the limb's length, not all of it.",
                lambda true, predicted: [
                    _end_errors(true, predicted).max() <= 1,
                    _end_errors(true, predicted).mean() <= 1,
                ],
            ),
            Mistake(
                "Loose means the *mean* of both errors. You ask for one end alone.",
                lambda true, predicted: [_pcp(true, predicted)[0], _end_errors(true, predicted).min() <= 0.5],
            ),
            Mistake(
                "Both of your answers are the strict one.",
                lambda true, predicted: [_pcp(true, predicted)[0]] * 2,
            ),
            Mistake(
                "Both of your answers are the loose one.",
                lambda true, predicted: [_pcp(true, predicted)[1]] * 2,
            ),
            Mistake(
                "An end exactly at half of the length is right: at most half.",
                lambda true, predicted: [
                    _end_errors(true, predicted).max() < 0.5 - 1e-6,
                    _end_errors(true, predicted).mean() < 0.5 - 1e-6,
                ],
            ),
            Mistake(
                "0.5 of the image is not half of the limb: measure with the length of the true limb.",
                lambda true, predicted: [
                    np.linalg.norm(true - predicted, axis=1).max() <= 0.5,
                    np.linalg.norm(true - predicted, axis=1).mean() <= 0.5,
                ],
            ),
        ),
        hint="[strict, loose]: both ends within half of the true limb's length; the mean of both errors within it.",
    ),
)

EXERCISES = (NUMBERS, FLIP, PCK, PCP, MASK)

QUESTIONS = (
    Question(
        "Somebody faces the camera. Where in the picture is their left hand?",
        (
            Option("On the left", "Left and right of LSP are the person's own, not the picture's."),
            Option("On the right", "As with somebody who stands before you.", right=True),
            Option(
                "That depends on whether the image was mirrored",
                "After a flip, the hand on the right has become the left one.",
            ),
        ),
    ),
    Question(
        "A model is trained on mirrored images whose left and right joints were not swapped. What will it do?",
        (
            Option("Nothing worse, it sees more data", "In half of its examples every left is called right."),
            Option(
                "Confuse left with right",
                "For the same picture of a leg both answers were taught, so it settles between them.",
                right=True,
            ),
            Option(
                "Find only joints in the middle", "Neck and head are taught well, and so is the height of the others."
            ),
        ),
    ),
    Question(
        "Why are errors of joints measured in torsos and not in pixels?",
        (
            Option(
                "A pixel is a lot for a small person and little for a large one.",
                "The torso is a ruler that comes with each person.",
                right=True,
            ),
            Option("Pixels are whole numbers.", "Positions between pixels are no trouble."),
            Option("Torsos are all equally long.", "In a picture they are not. That is the point."),
        ),
    ),
    Question(
        "A person with a torso of 0.7 pixels scores PCK 0. What do you do?",
        (
            Option("Leave the person out and say so", "A torso that short is no measure.", right=True),
            Option("Count the person as a failure", "Two annotators would fail as well: 0.2 of 0.7 pixels."),
            Option("Measure that person in pixels", "Then two things are added that cannot be compared."),
        ),
    ),
    Question(
        "A file holds joints as an array [3, 14, 2000], and the flag of one joint is 1. What do you know?",
        (
            Option("It has a label.", "That is what the flag says in LSP-extended, whose arrays are [14, 3, N]."),
            Option("It is visible.", "The other way round: in LSP, which has this shape, 1 says hidden."),
            Option(
                "It is hidden, and has a position all the same.", "In LSP a 1 says hidden. Train on it.", right=True
            ),
        ),
    ),
)
