"""Lists of photos' names, such as VOC's `ImageSets/Main/train.txt`, in the ways in which tools write them.

A list may be called `train.txt`, `Train.txt`, `Validation.txt`, ... (see `split_names.split_called`); a folder with no
other lists may have one for each class and split, `cat_train.txt`. A line is a photo's name, with or without its
ending, its folders or quotes. What may follow it is VOC's flag of a class, 1, 0 or -1, or the name of the annotation:
a photo with -1 is not of that class, and in the split all the same.
"""

import collections
import dataclasses
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from clsloc_utils.datasets.box_fields import normalized, text_of
from clsloc_utils.datasets.box_folder import each_once
from clsloc_utils.datasets.folders import IMAGE_SUFFIXES, FaultError, Problem, files_of, in_short
from clsloc_utils.datasets.split_names import split_called

PHOTO_FOLDERS = ("jpegimages", "images", "image", "imgs", "img", "photos", "data")
"""What folders of photos are called, in lower case."""
_TRAINVAL = "trainval"


@dataclasses.dataclass(frozen=True)
class NameLists:
    """What the lists of a folder say: names by split, each once, what is wrong, which files count and which do not."""

    names: Mapping[str, Sequence[str]]
    problems: Sequence[Problem]
    used: Sequence[Path]
    unused: Sequence[Path]

    def in_words(self) -> str:
        """Where the splits came from, and which lists were not used."""
        text = f"splits from {_in_short(self.used)}" if self.used else ""
        of_classes = [file for file in self.unused if self.used and _class_and_split(file.stem)]
        others = _in_short([file for file in self.unused if file not in of_classes])
        unused = ", ".join(filter(None, (others, f"{len(of_classes)} lists of single classes" if of_classes else "")))
        return ", ".join(filter(None, (text, f"not used: {unused}" if unused else "")))


def _in_short(files: Sequence[Path]) -> str:
    """Files by folder: `ImageSets/Main/train.txt, val.txt`."""
    names = [
        (f"{folder.as_posix()}/" if number == 0 and folder.name else "") + path.name
        for folder, paths in itertools.groupby(files, key=lambda file: file.parent)
        for number, path in enumerate(paths)
    ]
    return in_short(names)


def list_files(places: Iterable[Path]) -> list[Path]:
    """The lists in some folders, the most likely first: all texts in or below `ImageSets`, or else those of splits."""
    return [
        path
        for place in places
        for path in files_of(place)
        if path.suffix.lower() == ".txt"
        and ("imagesets" in (place.name.lower(), place.parent.name.lower()) or _split_or_trainval(path.stem))
    ]


def read_name_lists(folder: Path, files: Sequence[Path], known: Collection[str]) -> NameLists:
    """Reads what `list_files` found; the first place with a list of a split counts.

    `known` are the names of all photos and annotations, without ending; a line that fits none stands for itself.
    """
    by_place = itertools.groupby(files, key=lambda path: path.parent)
    by_split = next(filter(None, (_files_by_split(list(paths)) for _, paths in by_place)), {})
    problems: list[Problem] = []
    has_folders = any("/" in name for name in known)
    listed = {}
    for split, paths in by_split.items():
        names = [
            next((name for name in _possible_names(line, has_folders) if name in known), line)
            for path in paths
            for line in _lines(path, folder, problems)
        ]
        # Of lists for each class, a photo is in all.
        listed[split] = names if len(paths) == 1 else dict.fromkeys(names)
    used = [path for paths in by_split.values() for path in paths]
    return NameLists(
        each_once(listed, problems),
        problems,
        [path.relative_to(folder) for path in used],
        [path.relative_to(folder) for path in files if path not in used],
    )


def _files_by_split(files: Sequence[Path]) -> dict[str, list[Path]]:
    """The lists that count: those of whole splits, trainval.txt where both parts lack, or else those of classes."""
    whole, of_classes = collections.defaultdict(list), collections.defaultdict(list)
    for path in files:
        if split := _split_or_trainval(path.stem):
            whole[split].append(path)
        elif found := _class_and_split(path.stem):
            of_classes[found[1]].append(path)
    if not {"train", "validation", _TRAINVAL} & set(whole):
        whole = {**of_classes, **whole}
    trainval = whole.pop(_TRAINVAL, [])
    if trainval and not {"train", "validation"} & set(whole):
        whole["train"] = trainval
    return {split: whole[split] for split in ("train", "validation", "test") if split in whole}


def _split_or_trainval(name: str) -> str | None:
    return split_called(name) or (_TRAINVAL if name.lower() in ("trainval", "train_val") else None)


def _class_and_split(stem: str) -> tuple[str, str] | None:
    """`("cat", "train")` of `cat_train`."""
    class_name, _, end = stem.rpartition("_")
    split = _split_or_trainval(end)
    return (class_name, split) if class_name and split else None


def _lines(path: Path, folder: Path, problems: list[Problem]) -> list[str]:
    try:
        text = text_of(path)
    except FaultError as fault:
        problems.append(Problem(path.relative_to(folder).as_posix(), fault.reason, fault.detail))
        return []
    return [normalized(line.strip()) for line in text.splitlines() if line.strip()]


def _possible_names(line: str, has_folders: bool) -> Iterator[str]:
    """What a line may mean, the likeliest first; names may hold blanks and dots."""
    columns = [line]
    if match := re.fullmatch(r"(.*\S)\s+-?[01]", line):
        columns.append(match[1])
    columns.append(line.split()[0])
    for column in columns:
        parts = column.strip("\"'").replace("\\", "/").split("/")
        for start in range(len(parts)):
            # Where photos lie in folders of their own, `cam1/b` is not the `b` beside them.
            if has_folders and start == len(parts) - 1 > 0 and parts[start - 1].lower() not in PHOTO_FOLDERS:
                continue
            name = "/".join(parts[start:])
            yield name
            stem, _, ending = name.rpartition(".")
            if f".{ending.lower()}" in (*IMAGE_SUFFIXES, ".xml"):
                yield stem
