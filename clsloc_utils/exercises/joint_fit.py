"""The exercise of notebook 05 in which a model is built and trained: joints, some of which have no label."""

from typing import Any

import numpy as np

from clsloc_utils.exercises.core import Exercise, Failure, outcome_of

_NUM_IMAGES, _NUM_POINTS, _SIDE = 128, 4, 6
_SOLUTION = """\
def learn_joints(maps, points, weight):
    known = np.where(weight[..., None] > 0, points, 0.5)
    inputs = keras.Input(maps.shape[1:])
    numbers = layers.Dense(2 * points.shape[1])(layers.Flatten()(inputs))
    model = keras.Model(inputs, layers.Reshape(points.shape[1:])(numbers))
    loss = keras.losses.MeanAbsoluteError(reduction="mean_with_sample_weight")
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss)
    model.fit(maps, known, sample_weight=weight, epochs=60, batch_size=16, verbose=0)
    return model
"""


def _people_with_holes() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Maps `[N, side, side, points]`, a channel hot around each point; the points as written down; weights; the truth.

    A third of the points has no label: in its place stands what cannot be one, NaN or far outside, or what could.
    """
    generator = np.random.default_rng(4)
    points = generator.uniform(0.1, 0.9, (_NUM_IMAGES, _NUM_POINTS, 2)).astype("float32")
    weight = (generator.uniform(size=(_NUM_IMAGES, _NUM_POINTS)) > 1 / 3).astype("float32")
    centres = (np.arange(_SIDE) + 0.5) / _SIDE
    along = np.exp(-(((centres - points[..., None]) * _SIDE) ** 2) / 2)  # [N, points, (x, y), side]
    maps = np.einsum("npc,npr->nrcp", along[:, :, 0], along[:, :, 1]).astype("float32")
    junk = generator.choice([np.nan, -40.0, 1.0], weight.shape)
    written = np.where(weight[..., None] > 0, points, junk[..., None]).astype("float32")
    return maps, written, weight, points


def _check(answer: Any) -> str:
    # Here, since Keras takes seconds to import.
    from keras import ops

    from clsloc_utils.exercises.model_check import built

    maps, written, weight, points = _people_with_holes()
    complaint, models = built(answer, {"maps": maps.copy(), "points": written, "weight": weight.copy()})
    if complaint:
        return complaint
    found = outcome_of(lambda model: ops.convert_to_numpy(model(maps)), {"model": models[0]})
    if isinstance(found, Failure) or found.shape != points.shape:
        shown = found if isinstance(found, Failure) else f"it gives {found.shape}"
        return f"  For maps {maps.shape} the model should give joints {points.shape}; {shown}."
    if not np.isfinite(found).all():
        return (
            "  The model answers NaN, since its loss was NaN: 0 times NaN is NaN. Replace what has no label before "
            "fit sees it."
        )
    labelled = weight > 0
    off, off_in_holes, of_mean = (
        float(np.abs(points - guess)[which].mean())
        for guess, which in ((found, labelled), (found, ~labelled), (points.mean(axis=(0, 1)), labelled))
    )
    # Whoever hears only labels is also near where there was none: the maps are alike. Tried with nine such models and
    # six that listened to the holes: off by 0.22 to 0.48 of the mean point's error, and by 0.69 and more.
    if off_in_holes > 0.6 * of_mean and off_in_holes > 1.5 * off:
        return (
            f"  Where there is a label, the model is off by {off:.3f} on average, where there is none, by "
            f"{off_in_holes:.3f}: it has learned what stands in place of a joint. Give fit the weights as "
            "sample_weight, or take these joints out of the loss yourself."
        )
    if off > 0.5 * of_mean:
        return (
            f"  On the labelled joints the model is off by {off:.3f} on average, the mean point by {of_mean:.3f}. "
            "Train it longer, or let it see all places of the map."
        )
    return ""


FIT = Exercise(
    key="05.fit",
    title="Learn joints with holes",
    level="core",
    minutes=20,
    lesson="What stands in place of an unlabelled joint cannot be heard any more, not even NaN.",
    check=_check,
    hints=(
        "First the holes: np.where(weight[..., None] > 0, points, 0.5) has a number everywhere.",
        "The model: keras.Input(maps.shape[1:]), Flatten, Dense(2 * 4), Reshape((4, 2)); no average over the places.",
        'The loss: keras.losses.MeanAbsoluteError(reduction="mean_with_sample_weight"), and model.fit(maps, known, '
        "sample_weight=weight, ...).",
        "Adam at a rate of 0.01 and 60 epochs in batches of 16 are enough. Return the model.",
    ),
    solution=_SOLUTION,
)
