"""A folder of annotated photos as a TFDS builder: what all layouts share, those of boxes and that of joints."""

import abc
import collections
import concurrent.futures
import dataclasses
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

import tensorflow_datasets as tfds

from clsloc_utils.datasets.folders import (
    FaultError,
    FolderReport,
    Problem,
    fingerprint_of,
    place_of_data,
    printable,
    raise_on_problems,
    with_progress,
)
from clsloc_utils.datasets.other_formats import other_format


class Photo(Protocol):
    """A photo without a fault; `name` tells it from all others of its folder."""

    name: str | int

    def example(self) -> dict:
        """What the builder encodes."""


class Reading(NamedTuple):
    """What reading the annotation of one photo gave: the photo, if it is one to use, faults, and remarks."""

    photo: Photo | None
    problems: Sequence[Problem] = ()
    remarks: Sequence[Problem] = ()


@dataclasses.dataclass(frozen=True)
class Scan:
    """What reading all annotations of a folder gave.

    Attributes:
        splits: The good photos by split; a split without one is left out.
        class_names: The classes, in the order of their labels; `None` for joints.
        problems: What is wrong.
        understood: How the folder was read, in one line: the layout, where the splits came from, what was left unread.
        remarks: What was read otherwise than it stands there; those without a detail are only counted.
        named_splits: All splits, also those without a good photo.
        drawn: Whether the annotations say that the pictures are drawings.
    """

    splits: Mapping[str, Sequence[Photo]]
    class_names: Sequence[str] | None
    problems: Sequence[Problem]
    understood: str
    remarks: Sequence[Problem] = ()
    named_splits: Sequence[str] = ()
    drawn: bool = False

    def report(self, folder: Path) -> FolderReport:
        """The report on it, by names of files; within a file the order stays."""
        counts = collections.Counter(remark.reason for remark in self.remarks)
        counted = [f"{reason} ({count})" for reason, count in sorted(counts.items())]
        return FolderReport(
            folder=str(folder),
            num_examples={split: len(photos) for split, photos in self.splits.items()},
            class_names=self.class_names,
            problems=sorted(self.problems, key=operator.attrgetter("file")),
            understood=printable("; ".join([self.understood, *counted])),
            remarks=sorted(filter(operator.attrgetter("detail"), self.remarks), key=operator.attrgetter("file")),
            drawn=self.drawn,
        )


def read_all(
    folder: Path, names_by_split: Mapping[str, Sequence], read: Callable[..., Reading]
) -> tuple[dict[str, list[Photo]], list[Problem], list[Problem]]:
    """Reads photos by name, several at once: the good ones by split (without empty splits), the problems, the remarks.

    `read` may raise a `FaultError` that names its file: a photo with one fault.
    """

    def reading_of(name: str | int) -> Reading:
        try:
            return read(name)
        except FaultError as fault:
            return Reading(None, [Problem(fault.file, fault.reason, fault.detail)])

    names = [name for split_names in names_by_split.values() for name in split_names]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = with_progress(pool.map(reading_of, names), len(names), f"Checking {folder.name}")
        readings = dict(zip(names, results, strict=True))
    good = {
        split: [readings[name].photo for name in listed if readings[name].photo is not None]
        for split, listed in names_by_split.items()
    }
    problems = [problem for reading in readings.values() for problem in reading.problems]
    remarks = [remark for reading in readings.values() for remark in reading.remarks]
    return {split: photos for split, photos in good.items() if photos}, problems, remarks


class PhotoFolder(tfds.core.GeneratorBasedBuilder):
    """TFDS builder of a folder of annotated photos."""

    LAYOUT: ClassVar[str]  # what a folder of this layout holds, in one sentence, for messages
    KEEPS_ORDER: ClassVar[bool] = False

    def __init__(self, folder: str | os.PathLike, options: object, *, strict: bool, data_dir: str | os.PathLike):
        """Opens the folder; `options` is what `scan` takes beside it."""
        self.folder = self.checked_layout(folder)
        self.fingerprint = fingerprint_of(self.files(self.folder), self.folder, options)
        self._options, self._strict = options, strict
        super().__init__(data_dir=place_of_data(data_dir, self.folder, self.fingerprint))

    @classmethod
    @abc.abstractmethod
    def lack(cls, folder: Path) -> str:
        """What an existing folder lacks to be of this layout, in words that follow "has"; empty if nothing."""

    @classmethod
    @abc.abstractmethod
    def files(cls, folder: Path) -> Iterable[Path]:
        """All files that the examples depend on."""

    @classmethod
    @abc.abstractmethod
    def scan(cls, folder: Path, options: object) -> Scan:
        """Reads and checks all files that the splits need."""

    @classmethod
    @abc.abstractmethod
    def features(cls) -> tfds.features.FeaturesDict:
        """The features of the examples."""

    @classmethod
    def checked_layout(cls, folder: str | os.PathLike) -> Path:
        """The folder as an absolute path; raises a `ValueError` if it is not of this layout."""
        folder = Path(folder).expanduser().resolve()
        if not folder.is_dir():
            raise ValueError(f"There is no folder {folder}. {cls.LAYOUT}.")
        if lack := cls.lack(folder):
            raise ValueError(f"{folder} has {lack}. {cls.LAYOUT}.{other_format(folder)}")
        return folder

    @classmethod
    def check(cls, folder: str | os.PathLike, class_names: Sequence[str] | None = None) -> FolderReport:
        """Checks every file of a folder, without preparing it.

        Args:
            folder: The folder.
            class_names: The classes that are allowed, all by default; for a folder of boxes.

        Returns:
            The `FolderReport`.

        Raises:
            ValueError: The folder lacks something without which it cannot be read.
        """
        folder = cls.checked_layout(folder)
        return cls.scan(folder, class_names).report(folder)

    @property
    def report(self) -> FolderReport:
        """The report of the prepared data."""
        stored, features = self.info.metadata, self.info.features
        return FolderReport(
            folder=str(self.folder),
            num_examples={name: split.num_examples for name, split in self.info.splits.items()},
            class_names=tuple(features["objects"]["label"].names) if "objects" in features else None,
            problems=[Problem(*problem) for problem in stored["problems"]],
            understood=stored["understood"],
            drawn=stored.get("drawn", False),
            remarks=[Problem(*remark) for remark in stored.get("remarks", ())],
        )

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"{type(self).__name__}: {self.LAYOUT}.",
            features=self.features(),
            metadata=tfds.core.MetadataDict(),
            disable_shuffling=self.KEEPS_ORDER,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        scan = self.scan(self.folder, self._options)
        folder_report = scan.report(self.folder)
        if self._strict:
            raise_on_problems(folder_report)
        if not scan.splits:
            raise ValueError(f"No usable image. {folder_report}\n{self.LAYOUT}.{other_format(self.folder)}")
        if "train" in scan.named_splits and "train" not in scan.splits:
            raise ValueError(
                f"None of the images for training can be used, so there is nothing to learn from. {folder_report}"
            )
        self.info.metadata.update(
            problems=[list(problem) for problem in folder_report.problems],
            remarks=[list(remark) for remark in folder_report.remarks],
            understood=folder_report.understood,
            drawn=folder_report.drawn,
        )
        if scan.class_names is not None:
            features = self.info.features
            for labels in (features["objects"]["label"], features["labels"], features["labels_no_difficult"]):
                getattr(labels, "feature", labels).names = list(scan.class_names)
        return {name: self._generate_examples(photos) for name, photos in scan.splits.items()}

    def _generate_examples(self, photos: Sequence[Photo]) -> Iterator[tuple[str | int, dict]]:
        for photo in with_progress(photos, len(photos), f"Preparing {self.folder.name}"):
            yield photo.name, photo.example()
