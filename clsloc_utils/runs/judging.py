"""What the model of a run says about images, and how good that is."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from clsloc_utils import datasets, recipes, reports, training
from clsloc_utils.paths import InputError
from clsloc_utils.runs.folder import Run
from clsloc_utils.runs.options import whole_path_of_source
from clsloc_utils.runs.sources import check_split, find_source, tell_how_read
from clsloc_utils.tasks import TASKS

_EXAMPLES_IN_REPORT = 8


def plain_batches(
    source: datasets.SourceInfo, split: str, options: Mapping[str, Any], class_names: Sequence[str] | None = None
) -> tf.data.Dataset:
    """Plain images with their targets."""
    read, reading, _ = recipes.reading_of(source)
    reading |= {"image_size": options["image_size"], "batch_size": options["batch_size"]}
    if class_names is not None:
        reading["class_names"] = class_names
    return read(source.name, split, **reading)


def judge(model: keras.Model, batches: tf.data.Dataset, config: Mapping) -> tuple[dict, dict[str, np.ndarray]]:
    """The content of `metrics.json`, and the predictions."""
    scores, predictions = training.evaluate_and_predict(model, batches, description="Evaluation", verbose=True)
    task = TASKS[config["task"]]
    if not np.isfinite(predictions[task.targets[-1]]).all():
        raise InputError(
            "the training diverged: what the model answers are no numbers; train again with --fine-tune none, another "
            "--box-weight or another --backbone."
        )
    truth = {name: predictions.get(f"true_{name}", predictions.get(name)) for name in task.arrays}
    of_baseline = task.baseline_scores(config["baseline"], truth)
    # JSON has no NaN, which stands where there was nothing to measure with.
    chosen, chosen_of_baseline = (
        {name: None if math.isnan(each[name]) else each[name] for name in task.measures}
        for each in (scores, of_baseline)
    )
    return {**chosen, "baseline": chosen_of_baseline}, predictions


def best_and_worst(
    batches: tf.data.Dataset, predictions: Mapping[str, np.ndarray]
) -> dict[str, tuple[np.ndarray, dict]]:
    """The images that came out best and worst, each with its predictions."""
    order = reports.in_order_of_quality(predictions)
    count = min(_EXAMPLES_IN_REPORT, (len(order) + 1) // 2)  # so that few images are not shown twice
    chosen = {"best": order[:count], "worst": order[::-1][:count]}
    wanted = set(np.concatenate(list(chosen.values())).tolist())
    images: dict[int, np.ndarray] = {}
    start = 0
    for batch, *_ in batches:
        images |= {start + index: batch[index].numpy() for index in range(len(batch)) if start + index in wanted}
        start += len(batch)
    return {
        name: (
            np.stack([images[index] for index in indices.tolist()]),
            {key: values[indices] for key, values in predictions.items()},
        )
        for name, indices in chosen.items()
    }


def evaluate(run: Run, source: str, split: str | None = None, *, log: Callable[[str], None] = print) -> dict:
    """Measures the model of a run, and the baselines of its training images, on images of any source.

    Args:
        run: As `open_run` returns it.
        source: A name or a folder; its classes must be known to the run.
        split: Which of its images; `None` for those that the run was evaluated on, if the source is its own, or else
            for the source's test split.
        log: Called with how a folder was read.

    Returns:
        A dict as in `metrics.json`.

    Raises:
        InputError: The source cannot be used.
    """
    info, class_names = _source_for(run, source)
    options = run.config["options"]
    if split is None:
        split = options["test_split"] if whole_path_of_source(source) == options["source"] else info.test_split
    check_split(info, split)
    tell_how_read(info, log)
    return judge(run.model, plain_batches(info, split, options, class_names), run.config)[0]


def _source_for(run: Run, source: str) -> tuple[datasets.SourceInfo, list[str] | None]:
    """A source whose labels mean what they mean to a run, and the classes to read it with."""
    info = find_source(source)
    if info.task != run.config["task"]:
        raise InputError(f"{source} holds {info.task}, but {run.folder} was trained on {run.config['task']}.")
    known = run.config["class_names"]
    if list(info.class_names) == known:
        return info, None
    unknown = [name for name in info.class_names if name not in known]
    if unknown or source in datasets.SOURCES:
        raise InputError(
            f"{source}: its classes are {', '.join(info.class_names)}; {run.folder} knows {', '.join(known)}. Take a "
            "source of the same classes."
        )
    return find_source(source, class_names=known), known
