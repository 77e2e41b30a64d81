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


def split_by_folders(names: Collection[str]) -> dict[str, list[str]]:
    """The names by the split that a folder in them is called after (`train/photo_1`); none unless each is in one."""
    splits = {split: [] for split in SPLIT_SHARES}
    for name in sorted(names):
        split = next(filter(None, map(split_called, name.split("/")[:-1])), None)
        if split is None:
            return {}
        splits[split].append(name)
    return {split: found for split, found in splits.items() if found}
