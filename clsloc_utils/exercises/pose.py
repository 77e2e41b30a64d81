"""Exercises and questions of notebook 05: mirrors, PCK, OKS, and a fit that hears no joint without a label."""

from typing import Any

import numpy as np

from clsloc_utils.exercises.core import Exercise, Mistake, function_check
from clsloc_utils.exercises.joint_fit import FIT
from clsloc_utils.exercises.quizzes import Option, Question
from clsloc_utils.joints import JOINT_NAMES, NUM_JOINTS, TORSO

# --- 05.flip ----------------------------------------------------------------------------------------------------------

_COCO = (
    "nose",
    *(
        f"{side} {part}"
        for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
)
_OTHER_SIDE = {"left": "right", "right": "left"}


def _flip_cases() -> list[dict[str, Any]]:
    # In random orders too: partners are then neither neighbours nor at mirrored places of the list.
    generator = np.random.default_rng(5)
    shuffled = [generator.permutation(names).tolist() for names in (JOINT_NAMES, _COCO) for _ in range(20)]
    bright = ["tip of the left thumb", "bright spot", "tip of the right thumb"]
    return [{"names": list(names)} for names in (JOINT_NAMES, _COCO, *shuffled, bright)]


def _order(names, change=lambda name: " ".join(_OTHER_SIDE.get(word, word) for word in name.split())):
    return [names.index(change(name)) if change(name) in names else row for row, name in enumerate(names)]


FLIP = Exercise(
    key="05.flip",
    title="A mirror for any skeleton",
    level="warm-up",
    minutes=8,
    lesson="Each left joint takes the row of its right one, and those in the middle stay, whatever the skeleton.",
    check=function_check(
        _order,
        _flip_cases,
        mistakes=(
            Mistake(
                "All rows stay where they are: a left hand would still be a left one.", lambda names: _order(names, str)
            ),
            Mistake(
                "You turn the whole list around. Only partners change places; what is in the middle stays.",
                lambda names: list(range(len(names)))[::-1],
            ),
            Mistake(
                "The left rows come from themselves. After two replacements in turn, what became right is left again.",
                lambda names: _order(names, lambda name: name.replace("left", "right").replace("right", "left")),
            ),
            Mistake(
                "The left rows have found their partners; the right ones have to find theirs, too.",
                lambda names: _order(names, lambda name: name.replace("left", "right")),
            ),
            Mistake(
                "Neighbours do not always belong together: look for the partner by its name.",
                lambda names: [
                    row if {"left", "right"}.isdisjoint(name.split()) else min(row ^ 1, len(names) - 1)
                    for row, name in enumerate(names)
                ],
            ),
            Mistake(
                "Rows in the middle are missing: the list needs a number for each name.",
                lambda names: [row for row in _order(names) if not {"left", "right"}.isdisjoint(names[row].split())],
            ),
        ),
        hint="For each name: swap the word left for right or right for left, and say in which row the new name stands.",
    ),
)

# --- 05.pck -----------------------------------------------------------------------------------------------------------


def _pck_cases() -> list[dict[str, Any]]:
    """Errors on both sides of 0.2 torsos, in all directions; junk or NaN in place of unlabelled joints."""
    generator = np.random.default_rng(6)

    def case(count: int, num_without_label: int, junk: float) -> dict[str, Any]:
        true = generator.uniform(0.1, 0.9, (count, NUM_JOINTS, 2))
        # Sizes differ by ten, so that no one ruler does for all.
        centre, size = generator.uniform(0.3, 0.7, (2, count, 1, 1))
        true = centre + size**2 * (true - centre)
        turn = generator.uniform(0, 2 * np.pi, (count, NUM_JOINTS))
        far = generator.choice([0.0, 0.12, 0.185, 0.215, 0.26, 0.8], (count, NUM_JOINTS))
        torso = np.linalg.norm(true[:, TORSO[0]] - true[:, TORSO[1]], axis=-1)
        away = (far * torso[:, None])[..., None] * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
        weight = np.ones((count, NUM_JOINTS))
        for person in weight:
            person[generator.permutation(NUM_JOINTS)[:num_without_label]] = 0
        weight[0, list(TORSO)] = 1  # somebody is left to be measured
        predicted = true + away
        # In half of the gaps the prediction is just what is written there.
        as_written = (weight == 0) & (generator.uniform(size=weight.shape) < 0.5)
        predicted[as_written] = np.nan_to_num(junk)
        true = np.where(weight[..., None] > 0, true, junk)
        return {
            name: each.astype("float32")
            for name, each in {"true": true, "predicted": predicted, "weight": weight}.items()
        }

    settings = [(1, 0, 0.0), (2, 3, 0.5), (3, 4, -1.0), (4, 5, np.nan)] * 10
    return [case(*setting) for setting in settings]


def _pck(true, predicted, weight, ends=TORSO, ruler=None, masked=True, distance=np.linalg.norm):
    """PCK@0.2; `ruler` takes the place of the torso, `masked` says whether joints without a label are left out."""
    measured = weight[:, list(TORSO)].min(axis=1) > 0
    torso = np.linalg.norm(true[:, ends[0]] - true[:, ends[1]], axis=-1) if ruler is None else ruler
    correct = distance(true - predicted, axis=-1) <= 0.2 * torso[:, None]
    counts = measured[:, None] & (weight > 0 if masked else np.ones_like(weight, bool))
    return correct[counts].mean()


def _error_by_axis(difference, axis):
    return np.abs(difference).max(axis=axis)


PCK = Exercise(
    key="05.pck",
    title="PCK of many people",
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
                "0.2 of the image is not 0.2 of the torso: measure each error with that person's torso.",
                lambda true, predicted, weight: _pck(true, predicted, weight, ruler=np.ones(len(true))),
            ),
            Mistake(
                "One torso for all: measure each error with the torso of its own person.",
                lambda true, predicted, weight: _pck(
                    true,
                    predicted,
                    weight,
                    ruler=np.full(
                        len(true), np.nanmean(np.linalg.norm(true[:, TORSO[0]] - true[:, TORSO[1]], axis=-1))
                    ),
                ),
            ),
            Mistake(
                "Joints without a label count as wrong: you divide by all 14. Divide by the labelled ones.",
                lambda true, predicted, weight: (
                    _pck(true, predicted, weight) * np.mean(weight[weight[:, list(TORSO)].min(axis=1) > 0] > 0)
                ),
            ),
            Mistake(
                "Of somebody without a right hip or a left shoulder the torso is not known. Leave such people out.",
                lambda true, predicted, weight: (
                    np.linalg.norm(true - predicted, axis=-1)
                    <= 0.2 * np.linalg.norm(true[:, TORSO[0]] - true[:, TORSO[1]], axis=-1)[:, None]
                )[weight > 0].mean(),
            ),
            Mistake(
                "That torso ends in row 8, the right shoulder. Ours runs across, to the *left* shoulder.",
                lambda true, predicted, weight: _pck(true, predicted, weight, ends=(2, 8)),
            ),
            Mistake(
                "That torso begins in row 3, the left hip. Ours runs across, from the *right* hip.",
                lambda true, predicted, weight: _pck(true, predicted, weight, ends=(3, 9)),
            ),
            Mistake(
                "You measure the torso of the prediction. The true one is the ruler.",
                lambda true, predicted, weight: _pck(
                    true,
                    predicted,
                    weight,
                    ruler=np.linalg.norm(predicted[:, TORSO[0]] - predicted[:, TORSO[1]], axis=-1),
                ),
            ),
            Mistake(
                "You compare x and y one by one. The error of a joint is its distance, over x and y together.",
                lambda true, predicted, weight: _pck(true, predicted, weight, distance=_error_by_axis),
            ),
            Mistake(
                "You add the differences in x and y. The error of a joint is its distance: the root of their squares.",
                lambda true, predicted, weight: _pck(
                    true, predicted, weight, distance=lambda difference, axis: np.abs(difference).sum(axis=axis)
                ),
            ),
            Mistake(
                "A mean of each person's share lets somebody with few labels count as much as one with many: "
                "take all joints together.",
                lambda true, predicted, weight: np.mean(
                    [
                        _pck(true[[row]], predicted[[row]], weight[[row]])
                        for row in np.flatnonzero(weight[:, list(TORSO)].min(axis=1) > 0)
                    ]
                ),
            ),
        ),
        hint="Of the labelled joints of all people who have rows 2 and 9: how many are within 0.2 of their own torso?",
    ),
)

# --- 05.oks -----------------------------------------------------------------------------------------------------------


def _oks_cases() -> list[dict[str, Any]]:
    generator = np.random.default_rng(7)

    def case(count: int, num_without_label: int, junk: float) -> dict[str, Any]:
        true = generator.uniform(10, 300, (count, 2))
        area, sigmas = generator.uniform(2e3, 4e4), generator.uniform(0.03, 0.11, count)
        predicted = true + generator.normal(0, 0.2 * area**0.5 * sigmas.mean() * 8, (count, 2))
        weight = np.ones(count)
        weight[generator.permutation(count)[:num_without_label]] = 0
        true[weight == 0] = junk
        arrays = {"true": true, "predicted": predicted, "weight": weight, "area": area, "sigmas": sigmas}
        return {name: np.float32(each) for name, each in arrays.items()}

    settings = [(3, 0, 0.0), (5, 2, -1.0), (17, 6, np.nan), (12, 3, 50.0)] * 10
    return [case(*setting) for setting in settings]


def _similarities(true, predicted, area, sigmas, factor=2.0, power=2, half=0.5):
    """The OKS of each joint, before the mean."""
    distances = np.linalg.norm(true - predicted, axis=1)
    return np.exp(-half * distances**power / (area * (factor * sigmas) ** 2))


def _oks(true, predicted, weight, area, sigmas, **changes):
    return _similarities(true, predicted, area, sigmas, **changes)[weight > 0].mean()


OKS = Exercise(
    key="05.oks",
    title="OKS from its formula",
    level="stretch",
    minutes=15,
    lesson="Exact joints score 1, and one lost joint costs its share and no more.",
    check=function_check(
        _oks,
        _oks_cases,
        mistakes=(
            Mistake(
                "Joints without a label take part. Leave out those with weight 0.",
                lambda true, predicted, weight, area, sigmas: _similarities(true, predicted, area, sigmas).mean(),
            ),
            Mistake(
                "The unlabelled joints add nothing, and yet you divide by all. Divide by the labelled ones.",
                lambda true, predicted, weight, area, sigmas: (
                    _oks(true, predicted, weight, area, sigmas) * np.mean(weight > 0)
                ),
            ),
            Mistake(
                "0 times NaN is NaN. Pick the labelled joints before you compute, instead of multiplying by weight.",
                lambda true, predicted, weight, area, sigmas: (
                    (weight * _similarities(true, predicted, area, sigmas)).sum() / weight.sum()
                ),
            ),
            Mistake(
                "The scale of a joint is 2 sigma, and that squared.",
                lambda true, predicted, weight, area, sigmas: _oks(true, predicted, weight, area, sigmas, factor=1.0),
            ),
            Mistake(
                "The distance has to be squared.",
                lambda true, predicted, weight, area, sigmas: _oks(true, predicted, weight, area, sigmas, power=1),
            ),
            Mistake(
                "The 2 below the fraction is missing: half of the squared distance.",
                lambda true, predicted, weight, area, sigmas: _oks(true, predicted, weight, area, sigmas, half=1.0),
            ),
            Mistake(
                "The area is a square already: do not square it again.",
                lambda true, predicted, weight, area, sigmas: _oks(true, predicted, weight, area**2, sigmas),
            ),
            Mistake(
                "Without the minus the exponential grows with the distance.",
                lambda true, predicted, weight, area, sigmas: _oks(true, predicted, weight, area, sigmas, half=-0.5),
            ),
            Mistake(
                "That is the sum over the labelled joints; their mean is asked for.",
                lambda true, predicted, weight, area, sigmas: _similarities(true, predicted, area, sigmas)[
                    weight > 0
                ].sum(),
            ),
            Mistake(
                "First the exponential of each joint, then the mean: not the exponential of a mean.",
                lambda true, predicted, weight, area, sigmas: np.exp(
                    np.log(_similarities(true, predicted, area, sigmas))[weight > 0].mean()
                ),
            ),
        ),
        hint="The mean of exp(-d**2 / (2 * area * (2 * sigma)**2)) over the joints with a label.",
    ),
)

EXERCISES = (FLIP, OKS, PCK, FIT)

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
            Option(
                "Find left and right as well as before, since it has seen twice as many images",
                "In half of its examples every left is called right.",
            ),
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
            Option("The torso is a ruler that grows with the person.", "So the same error counts alike.", right=True),
            Option(
                "A pixel is less for someone far away than for someone close by.",
                "It is more: ten pixels are a whole head of someone far away.",
            ),
            Option(
                "The torso is visible in every picture, so nobody is left out.",
                "Whose hip or shoulder has no label is left out, and so is who is seen along the spine.",
            ),
        ),
    ),
    Question(
        "A batch of 32 people has 448 joints, 112 of them labelled. What does Keras's L1 divide by, given weights of 0 "
        "and 1 and no other argument?",
        (
            Option("By 448", "The loss is a quarter of what it should be, and with it the gradient.", right=True),
            Option("By 112, the sum of the weights", 'That is what reduction="mean_with_sample_weight" does.'),
            Option("By 32, the number of people", "Weights of the shape [32, 14] count joint by joint."),
        ),
    ),
    Question(
        "A file holds joints as an array [3, 14, 2000], and the flag of one joint is 1. What do you know?",
        (
            Option(
                "It has a label, and whether it is visible is unknown.",
                "That is what the flag says in LSP-extended, whose arrays are [14, 3, N].",
            ),
            Option("It is visible.", "The other way round: in LSP, which has this shape, 1 says hidden."),
            Option("It is hidden, and has a position.", "In LSP a 1 says hidden. Train on it.", right=True),
        ),
    ),
)
