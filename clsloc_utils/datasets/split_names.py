"""Which photos are for training, which for testing: lists, folders, or a hash of the name."""

import hashlib
import re
from collections.abc import Collection, Iterable

# Without lists of one's own the photos are cut here into train, validation and test.
SPLIT_SHARES = {"train": 0.7, "validation": 0.85, "test": 1.0}
# What lists and folders are called, in lower case.
_SPLIT_OF_WORD = {
    **dict.fromkeys(("train", "training", "trainset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "testset"), "test"),
}


# Names and splits.
def split_called(name: str) -> str | None:
    """The split that a list or a folder is called after (`Valid`, `train2017`), or `None`."""
    word = name.lower().strip()
    return _SPLIT_OF_WORD.get(word) or _SPLIT_OF_WORD.get(re.sub(r"[-_ ]?\d{4}$", "", word))


def split_by_hash(names: Iterable[str]) -> dict[str, list[str]]:
    """Cuts the names, ordered by a hash of theirs, into 70 % train, 15 % validation and 15 % test."""
    ordered = sorted(names, key=lambda name: hashlib.sha256(name.encode(errors="surrogateescape")).digest())
    splits, start = {}, 0
    for split, share in SPLIT_SHARES.items():
        stop = round(share * len(ordered))
        splits[split] = ordered[start:stop]
        start = stop
    return splits


def split_without_lists(names: Collection[str]) -> tuple[dict[str, list[str]], str]:
    """The names by split, and in words where the splits came from: the folders of each name, or else a hash."""
    splits, found = {split: [] for split in SPLIT_SHARES}, set()
    for name in sorted(names):
        folder = next(filter(split_called, name.split("/")[:-1]), None)
        if folder is None:
            return split_by_hash(names), "no lists, so cut by a hash of the names"
        found.add(folder)
        splits[split_called(folder)].append(name)
    words = f"splits from the folders {', '.join(sorted(found))}"
    return {split: found for split, found in splits.items() if found}, words
