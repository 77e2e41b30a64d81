"""What all folders of photos with boxes share, whatever tool wrote them: the builder, the check of a box, the splits.

A layout is a module with a subclass of `BoxFolder`, which says what its files are and how they are read. Boxes become
what TFDS's `voc` makes of them: `value / size`, so VOC's habit of counting pixels from 1 is not undone.
"""

import abc
import collections
import concurrent.futures
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import tensorflow_datasets as tfds

from clsloc_utils.datasets.box_fields import LISTED_TWICE, OBJECT_TWICE, class_name, normalized
from clsloc_utils.datasets.folders import (
    FolderReport,
    Problem,
    files_below,
    files_of,
    fingerprint_of,
    photo_for_training,
    place_of_data,
    printable,
    raise_on_problems,
    with_progress,
)
from clsloc_utils.datasets.other_formats import other_format
from clsloc_utils.datasets.voc_features import voc_features


@dataclasses.dataclass(frozen=True)
class AnnotatedImage:
    """An image without a fault, and its objects in the form that `voc_features` encodes.

    Attributes:
        name: What tells it from all other images of the folder.
        path: Its file.
        objects: A dict for each object, as `annotated_object` makes it.
        turned: Whether the boxes hold for the photo as its EXIF tag turns it, not as its pixels are stored.
        drawn: Whether its annotation says that it is a drawing.
    """

    name: str
    path: Path
    objects: Sequence[Mapping]
    turned: bool = False
    drawn: bool = False

    def example(self) -> dict:
        """The example as `voc_features` encodes it."""
        return {
            "image": photo_for_training(self.path, turned=self.turned),
            "image/filename": self.path.name,
            "objects": self.objects,
            "labels": sorted({item["label"] for item in self.objects}),
            "labels_no_difficult": sorted({item["label"] for item in self.objects if not item["is_difficult"]}),
        }


@dataclasses.dataclass(frozen=True)
class Scan:
    """What reading all annotations of a folder gave.

    Attributes:
        splits: The good images by split; a split without one is left out.
        class_names: The classes, in the order of their labels.
        problems: What is wrong.
        understood: How the folder was read, in one line: the layout, where the splits came from, what was left unread.
        remarks: What was read otherwise than it stands there; no fault.
        named_splits: The splits that the folder itself names, by lists or by folders, also those without a good image.
    """

    splits: Mapping[str, Sequence[AnnotatedImage]]
    class_names: Sequence[str]
    problems: Sequence[Problem]
    understood: str = ""
    remarks: Sequence[Problem] = ()
    named_splits: Sequence[str] = ()

    def report(self, folder: Path) -> FolderReport:
        """The report on it, by names of files."""
        in_words = counted(remark.reason for remark in self.remarks)
        return FolderReport(
            folder=str(folder),
            num_examples={split: len(images) for split, images in self.splits.items()},
            class_names=tuple(self.class_names),
            problems=sorted(self.problems, key=_file_of),
            understood=printable("; ".join([self.understood, *in_words])),
            remarks=sorted(self.remarks, key=_file_of),
            drawn=bool(self.splits) and all(image.drawn for images in self.splits.values() for image in images),
        )


def _class_names(given: Sequence[str] | None) -> list[str] | None:
    return None if given is None else [class_name(name) for name in given]


def _file_of(problem: Problem) -> str:
    return problem.file  # The order within a file stays as it was.


class BoxFolder(tfds.core.GeneratorBasedBuilder):
    """TFDS builder of a folder of photos with boxes, with the features of TFDS's `voc`."""

    VERSION = tfds.core.Version("1.2.0")
    LAYOUT: ClassVar[str]  # what a folder of this layout holds, in one sentence, for messages

    def __init__(
        self,
        folder: str | os.PathLike,
        *,
        class_names: Sequence[str] | None = None,
        strict: bool = False,
        data_dir: str | os.PathLike,
    ):
        """Opens the folder; reads no image before `download_and_prepare`.

        Args:
            folder: The folder, see the top of the module for what it must hold.
            class_names: The classes, in the order of their labels; an image with an object of another class is a
                problem. By default those that the layout names, or else the classes of the usable images, in
                alphabetical order. As in TFDS's `voc`, a name is compared in lower case.
            strict: Whether any problem makes `download_and_prepare` raise instead of leaving the bad images out.
            data_dir: Where prepared data goes. The path below it contains the `fingerprint` of the folder, so that
                data prepared before a file changed is never taken for the new state; what it has been stays there
                until someone deletes it.

        Raises:
            ValueError: The folder lacks something without which it cannot be read.
        """
        self.folder = self.checked_layout(folder)
        self.fingerprint = fingerprint_of(self.files(self.folder), self.folder, class_names and list(class_names))
        self._given_class_names = _class_names(class_names)
        self._strict = strict
        super().__init__(data_dir=place_of_data(data_dir, self.folder, self.fingerprint))

    @classmethod
    @abc.abstractmethod
    def recognizes(cls, folder: Path) -> bool:
        """Whether an existing folder is of this layout, by the names in it."""

    @classmethod
    def checked_layout(cls, folder: str | os.PathLike) -> Path:
        """The folder as an absolute path; raises a `ValueError` if it is not of this layout."""
        folder = Path(folder).expanduser().resolve()
        if not folder.is_dir():
            raise ValueError(f"There is no folder {folder}. {cls.LAYOUT}.")
        if not cls.recognizes(folder):
            raise ValueError(
                f"{folder} has no photos with boxes that {cls.__name__} reads. {cls.LAYOUT}.{other_format(folder)}"
            )
        return folder

    @classmethod
    @abc.abstractmethod
    def files(cls, folder: Path) -> Iterable[Path]:
        """All files that the examples depend on."""

    @classmethod
    @abc.abstractmethod
    def scan(cls, folder: Path, class_names: Sequence[str] | None) -> Scan:
        """Reads and checks all files that the splits need; names of classes are given as `class_name` writes them."""

    @classmethod
    def check(cls, folder: str | os.PathLike, class_names: Sequence[str] | None = None) -> FolderReport:
        """Checks every file of a folder, without preparing it.

        Args:
            folder: The folder.
            class_names: The classes that are allowed, all by default.

        Returns:
            The `FolderReport`.

        Raises:
            ValueError: The folder lacks something without which it cannot be read.
        """
        folder = cls.checked_layout(folder)
        return cls.scan(folder, _class_names(class_names)).report(folder)

    @property
    def report(self) -> FolderReport:
        """The report of the prepared data."""
        stored = self.info.metadata
        return FolderReport(
            folder=str(self.folder),
            num_examples={name: split.num_examples for name, split in self.info.splits.items()},
            class_names=tuple(self.info.features["objects"]["label"].names),
            problems=[Problem(*problem) for problem in stored["problems"]],
            understood=stored["understood"],
            drawn=stored["drawn"],
            remarks=[Problem(*remark) for remark in stored["remarks"]],
        )

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"{type(self).__name__}: {self.LAYOUT}.",
            features=voc_features(None),
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        scan = self.scan(self.folder, self._given_class_names)
        folder_report = scan.report(self.folder)
        if self._strict:
            raise_on_problems(folder_report)
        if not scan.splits:
            raise ValueError(f"No usable image. {folder_report}\n{self.LAYOUT}.{other_format(self.folder)}")
        if "train" in scan.named_splits and "train" not in scan.splits:
            raise ValueError(
                f"None of the images for training can be used, so there is nothing to learn from. {folder_report}"
            )
        self.info.metadata["problems"] = [list(problem) for problem in folder_report.problems]
        self.info.metadata["remarks"] = [list(remark) for remark in folder_report.remarks]
        self.info.metadata["understood"] = folder_report.understood
        self.info.metadata["drawn"] = folder_report.drawn
        features = self.info.features
        for label in (
            features["objects"]["label"],
            features["labels"].feature,
            features["labels_no_difficult"].feature,
        ):
            label.names = list(scan.class_names)
        return {name: self._generate_examples(images) for name, images in scan.splits.items()}

    def _generate_examples(self, images: Sequence[AnnotatedImage]) -> Iterator[tuple[str, dict]]:
        for image in with_progress(images, len(images), f"Preparing {self.folder.name}"):
            yield image.name, image.example()


def joined(parts: Iterable[str]) -> str:
    """How a folder was read, from its parts, of which any may be empty."""
    return "; ".join(filter(None, parts))


def each_once(listed: Mapping[str, Iterable[str]], problems: list[Problem]) -> dict[str, list[str]]:
    """The names of each split, a name in the first that lists it; whatever is listed again becomes a problem."""
    split_of_name: dict[str, str] = {}
    names_by_split: dict[str, list[str]] = {split: [] for split in listed}
    for split, names in listed.items():
        for name in names:
            if name in split_of_name:
                detail = f"in {split_of_name[name]} and in {split}; the first counts"
                problems.append(Problem(name, LISTED_TWICE, detail))
            else:
                split_of_name[name] = split
                names_by_split[split].append(name)
    return names_by_split


def in_short(names: Sequence[str], shown: int = 4) -> str:
    """Names in a sentence: all of a few, or the first and how many more."""
    more = len(names) - shown
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:shown])} and {more} more"


def files_by_name(folder: Path, suffixes: Sequence[str], *, deep: bool = True) -> dict[str, list[Path]]:
    """The files of a folder that end in one of the suffixes, by name without ending, such as `cam1/b`.

    Args:
        folder: The folder.
        suffixes: With their dots, in lower case.
        deep: Whether to look into the folders in it, too.
    """
    files = collections.defaultdict(list)
    for path in files_below(folder) if deep else files_of(folder):
        if path.suffix.lower() in suffixes:
            files[normalized(path.relative_to(folder).with_suffix("").as_posix())].append(path)
    return files


# Reading.
class Reading(NamedTuple):
    """What reading the annotation of one photo gave.

    Attributes:
        image: The photo with its objects; `None` if there is a fault, or no object.
        problems: What is wrong.
        remarks: What was read otherwise than it stands there: a `Problem` each, or a phrase to be counted.
    """

    image: AnnotatedImage | None
    problems: Sequence[Problem] = ()
    remarks: Sequence = ()

    @classmethod
    def fault(cls, file: str, reason: str, detail: str = "") -> "Reading":
        """That of a photo with one fault, which is left out."""
        return cls(None, [Problem(file, reason, detail)])


def read_all(
    folder: Path, names_by_split: Mapping[str, Sequence[str]], read: Callable[[str], Reading]
) -> tuple[dict[str, list[AnnotatedImage]], list[Problem], list]:
    """Reads all photos, several at once.

    Args:
        folder: The folder, which the progress bar names.
        names_by_split: The names of the photos, each once.
        read: Reads the one of a name.

    Returns:
        The good images by split, without splits that have none; the problems; and the remarks.
    """
    names = [name for split_names in names_by_split.values() for name in split_names]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = with_progress(pool.map(read, names), len(names), f"Checking {folder.name}")
        readings = dict(zip(names, results, strict=True))
    images = {split: [readings[name].image for name in listed] for split, listed in names_by_split.items()}
    good_images = {split: [image for image in found if image is not None] for split, found in images.items()}
    problems = [problem for reading in readings.values() for problem in reading.problems]
    remarks = [remark for reading in readings.values() for remark in reading.remarks]
    return {split: found for split, found in good_images.items() if found}, problems, remarks


def counted(remarks: Iterable[str]) -> list[str]:
    """The remarks with their counts, in words."""
    return [f"{remark} ({count})" for remark, count in sorted(collections.Counter(remarks).items())]


def reading_of(image: AnnotatedImage, problems: Sequence[Problem], remarks: Sequence[str]) -> Reading:
    """What the objects of one photo make of it, each counted once: nothing, if there is a fault or no object."""
    if problems:
        return Reading(None, problems)
    if not image.objects:
        return Reading(None, remarks=["photos without objects left out"])
    objects: list[Mapping] = []
    for item in image.objects:
        if not has_object(objects, item):
            objects.append(item)
    twice = [OBJECT_TWICE] * (len(image.objects) - len(objects))
    return Reading(dataclasses.replace(image, objects=objects), remarks=[*remarks, *twice])


def has_object(objects: Iterable[Mapping], item: Mapping) -> bool:
    """Whether an object of the same class and box is among others."""
    return any((item["label"], item["bbox"]) == (other["label"], other["bbox"]) for other in objects)


def used_and_unused(
    class_names: Iterable[str], splits: Mapping[str, Sequence[AnnotatedImage]]
) -> tuple[list[str], list[str]]:
    """The classes that have an object in any of the images, and those that have none, each once."""
    labels = {item["label"] for images in splits.values() for image in images for item in image.objects}
    names = list(dict.fromkeys(class_names))
    return [name for name in names if name in labels], [name for name in names if name not in labels]
