"""What a model says about images, and how good that is."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from clsloc_utils import models
from clsloc_utils.progress import progress
from clsloc_utils.tasks import task_of
from clsloc_utils.training.features import FORWARD_BATCH_SIZE, FeatureCache, forward_of


def evaluate(
    model: keras.Model, batches: Any, *, description: str = "evaluate", verbose: bool = False
) -> dict[str, float]:
    """Measures a model, batch after batch.

    Args:
        model: A two-head or pose model, or its `"heads"` when `batches` is a cache.
        batches: `(image, targets)` batches, for poses `(image, targets, weights)`, or a `FeatureCache` (its plain copy
            is used).
        description: Words for the progress bar.
        verbose: Whether to show one.

    Returns:
        A dict: `accuracy` of the class, `mean_iou` of the boxes, `box_accuracy_50` (share of boxes of IoU 0.5 or more),
        `clsloc_accuracy_50` (share of images with both right), `num_examples`. Of a pose model, what
        `clsloc_utils.metrics.pose_scores` returns: `pck_20`, `pck_10`, `pcp_strict`, `pcp_loose`, `mean_error` (in
        sides of the image), `num_examples`, `num_skipped`.

    Raises:
        ValueError: There are no examples, or batches without targets.
    """
    return task_of(model.output).scores(_with_targets(_answers(model, batches, description, verbose)))


def evaluate_and_predict(
    model: keras.Model, batches: Any, *, description: str = "evaluate", verbose: bool = False
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """What `evaluate` and `predict` return, in a single pass. The outputs of all examples are kept in memory.

    Args:
        model: As for `evaluate`, like the other arguments.
        batches: As for `evaluate`.
        description: Words for the progress bar.
        verbose: Whether to show one.

    Returns:
        The measures, and the predictions.

    Raises:
        ValueError: As for `evaluate`.
    """
    answers = list(_with_targets(_answers(model, batches, description, verbose)))
    return task_of(model.output).scores(answers), _described(model, answers)


def _with_targets(answers: Iterable[tuple[dict | None, dict]]) -> Iterator[tuple[dict, dict]]:
    """The same, after checking that there are targets."""
    for arrays, outputs in answers:
        if arrays is None:
            raise ValueError("evaluate: the batches hold images without targets; use predict for those.")
        yield arrays, outputs


def predict(
    model: keras.Model, batches: Any, *, description: str = "predict", verbose: bool = False
) -> dict[str, np.ndarray]:
    """What a model says about each image, in order.

    Args:
        model: A two-head or pose model, or its `"heads"` when `batches` is a cache.
        batches: `(image, targets)`, for poses `(image, targets, weights)`, or plain image batches, a `FeatureCache`
            (its plain copy is used), or one array of images, float32 RGB 0..255 `[N, S, S, 3]`.
        description: Words for the progress bar.
        verbose: Whether to show one.

    Returns:
        A dict of NumPy arrays: `label` int `[N]`, the most probable class; `score` `[N]`, its probability;
        `probabilities` `[N, num_classes]`; `box` `[N, 4]` rel_xyxy; and, where the batches have targets, `true_label`
        `[N]` and `true_box` `[N, 4]`. Of a pose model: `joints` `[N, 14, 2]`, x and y relative to the image; and, where
        the batches have targets, `true_joints` `[N, 14, 2]` and `weight` `[N, 14]`.

    Raises:
        ValueError: There are no examples.
    """
    described = _described(model, _answers(model, batches, description, verbose))
    if not described:
        raise ValueError("predict: there are no examples.")
    return described


def _described(model: keras.Model, answers: Iterable[tuple[dict | None, dict]]) -> dict[str, np.ndarray]:
    """The predictions of all batches, and the truth where it is known, one array for each name."""
    task = task_of(model.output)
    collected: dict[str, list] = {}
    for arrays, outputs in answers:
        truth = {f"true_{name}" if name in outputs else name: values for name, values in (arrays or {}).items()}
        for name, values in (task.describe(outputs) | truth).items():
            collected.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in collected.items()}


def _answers(model: keras.Model, batches: Any, description: str, verbose: bool) -> Iterator[tuple[dict | None, dict]]:
    """The targets as arrays, or `None`, and the model's outputs, of each batch."""
    if isinstance(batches, FeatureCache):
        model = models.heads_of(model)
        batches = batches.batches(FORWARD_BATCH_SIZE, levels=tuple(model.input), copies=1)
    if isinstance(batches, keras.utils.PyDataset):
        sequence, count = (batches[index] for index in range(len(batches))), len(batches)
    elif isinstance(batches, np.ndarray):
        starts = range(0, len(batches), FORWARD_BATCH_SIZE)
        sequence, count = (batches[start : start + FORWARD_BATCH_SIZE] for start in starts), len(starts)
    else:
        sequence, count = batches, None
    forward, task = forward_of(model), task_of(model.output)
    with progress(total=count, description=description) if verbose else contextlib.nullcontext() as bar:
        for batch in sequence:
            images, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
            yield None if targets is None else task.to_arrays(targets, weights), forward(images)
            if bar is not None:
                bar.update(1)
