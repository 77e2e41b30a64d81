"""The files of a folder in YOLO layout: which are photos, labels, settings, lists."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from clsloc_utils.datasets.box_fields import normalized
from clsloc_utils.datasets.folders import IMAGE_SUFFIXES, beginning_of, files_below, relative

_FOLDERS_OF_KIND = ("images", "labels", "jpegimages")


# Finding the files.
class YoloFiles:
    """The files of a folder, told apart.

    `photos` and `labels` are by name, such as `train/photo_1` for `images/train/photo_1.jpg`; `settings_files` are
    `data.yaml` or darknet's `obj.data`, `names_files` are `classes.txt` and the like and Label Studio's `notes.json`,
    `texts` all other .txt; `unread` are the paths of all that is none of this.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.photos: dict[str, list[Path]] = {}
        self.labels: dict[str, list[Path]] = {}
        self.texts: list[Path] = []
        self.settings_files: list[Path] = []
        self.names_files: list[Path] = []
        self.unread: list[str] = []
        texts = []
        for path in files_below(folder):
            name, suffix = path.name.lower(), path.suffix.lower()
            if suffix in IMAGE_SUFFIXES:
                self.photos.setdefault(self.name_of(path), []).append(path)
            elif name in ("classes.txt", "_darknet.labels") or suffix == ".names" or is_notes(name):
                self.names_files.append(path)
            elif _is_settings_file(path, folder):
                self.settings_files.append(path)
            elif suffix == ".txt":
                texts.append(path)
            elif suffix != ".cache":  # what Ultralytics keeps of the labels
                self.unread.append(self.relative(path))
        for path in texts:
            name = self.name_of(path)
            in_labels = "labels" in (part.lower() for part in path.relative_to(folder).parts[:-1])
            if name in self.photos or in_labels or looks_like_labels(path):
                self.labels.setdefault(name, []).append(path)
            else:
                self.texts.append(path)

    def relative(self, path: Path) -> str:
        return relative(path, self.folder)

    def name_of(self, path: Path) -> str:
        """What a photo and its labels share: the path without ending, and without the last `images` or `labels`."""
        *folders, name = path.relative_to(self.folder).with_suffix("").parts
        kinds = [place for place, part in enumerate(folders) if part.lower() in _FOLDERS_OF_KIND]
        if kinds:
            del folders[kinds[-1]]
        return normalized("/".join([*folders, name]))

    @property
    def names(self) -> set[str]:
        return {*self.photos, *self.labels}

    @property
    def labels_of_photos(self) -> Iterator[Path]:
        """The label files that have a photo."""
        return (path for name, paths in self.labels.items() if name in self.photos for path in paths)

    @functools.cached_property
    def name_of_path(self) -> dict[str, str]:
        """The name of each photo by its path in the folder and by itself, with and without ending."""
        paths = [(name, path) for name, found in self.photos.items() for path in found]
        by_name = {f"{name}{suffix}": name for name, path in paths for suffix in ("", path.suffix)}
        by_path = {normalized(self.relative(path)): name for name, path in paths}
        return by_name | {path.rpartition(".")[0]: name for path, name in by_path.items()} | by_path

    @property
    def all_read(self) -> list[Path]:
        """All files that the examples depend on."""
        of_photos = [path for files in (self.photos, self.labels) for paths in files.values() for path in paths]
        return sorted([*of_photos, *self.texts, *self.settings_files, *self.names_files])


def is_notes(file: str) -> bool:
    """Whether it is Label Studio's `notes.json`, which has the numbers of its labels; its `classes.txt` may not."""
    return PurePosixPath(file).name.lower() == "notes.json"


def _is_settings_file(path: Path, folder: Path) -> bool:
    if path.suffix.lower() in (".yaml", ".yml"):
        return path.parent == folder and (
            path.stem == "data" or re.search(rb"^(names|train)\s*:", beginning_of(path), re.MULTILINE) is not None
        )
    return path.suffix == ".data" and re.search(rb"^\s*(names|train)\s*=", beginning_of(path), re.MULTILINE) is not None


def looks_like_labels(path: Path) -> bool:
    """Whether the first line of a file is a class and a box, be it in pixels."""
    first = beginning_of(path).removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n")[0].split()
    return len(first) >= 5 and all(re.fullmatch(rb"[-+]?\d*\.?\d+([eE][-+]?\d+)?", field) for field in first)
