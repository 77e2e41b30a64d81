"""Sources as a user names them, their splits, and what is said of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds

from clsloc_utils import datasets, pipelines
from clsloc_utils.paths import InputError, input_errors


def find_source(name: str, class_names: Sequence[str] | None = None) -> datasets.SourceInfo:
    """What `datasets.info` says of a source that a user named."""
    with input_errors():
        return datasets.info(name, class_names=class_names)


def tell_how_read(source: datasets.SourceInfo, log: Callable[[str], None]) -> None:
    if source.understood:
        log(f"{source.name}: {source.understood}.")


def check_split(source: datasets.SourceInfo, split: str) -> None:
    """Sees to it that a split holds something to learn from or to judge by."""
    with input_errors():
        examples = datasets.load(source.name, split)
    if source.task == "boxes":
        examples = pipelines.single_object(examples)
    if not any(True for _ in examples.take(1)):
        raise InputError(f"{source.name}: no image of the split {split!r} has exactly one object; take another split.")


def tell_how_many(source: datasets.SourceInfo, split: str, used: int, log: Callable[[str], None]) -> None:
    """Says how many images are learned from, where others are left out for having several objects or none."""
    total = sum(stop - start for _, start, stop in _ranges(source, split))
    if source.task == "boxes" and used < total:
        log(f"{used} of {total} images of {split!r} have exactly one object; the others are left out.")


def _ranges(source: datasets.SourceInfo, split: str) -> list[tuple[str, int, int]]:
    """The parts of a split: name, first example, and the one behind the last."""
    split_infos = {
        name: tfds.core.SplitInfo(name=name, shard_lengths=[count], num_bytes=0)
        for name, count in source.splits.items()
    }
    return [
        (part.splitname, part.from_ or 0, source.splits[part.splitname] if part.to is None else part.to)
        for part in tfds.core.ReadInstruction.from_spec(split).to_absolute(split_infos)
    ]


def overlap(source: datasets.SourceInfo, first: str, second: str) -> bool:
    """Whether two splits of a source share examples."""
    return any(
        one_name == other_name and max(one_start, other_start) < min(one_stop, other_stop)
        for one_name, one_start, one_stop in _ranges(source, first)
        for other_name, other_start, other_stop in _ranges(source, second)
    )


def validation_split(source: datasets.SourceInfo, options: Mapping[str, Any], log) -> str | None:
    """The split that the best epoch is chosen on; `None`, with a remark, when there is none to use."""
    split = source.validation_split
    for role, use in (("train_split", "learned from"), ("test_split", "judged on")):
        if overlap(source, split, options[role]):
            log(f"{options[role]!r} is {use}: no images are left to choose an epoch on, the last one counts.")
            return None
    try:
        check_split(source, split)
    except InputError:
        log(f"{split!r} has nothing to choose the best epoch with: the last epoch counts.")
        return None
    return split
