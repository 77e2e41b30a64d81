"""What all folders of photos with boxes share, whatever tool wrote them.

A layout is a module with a subclass of `BoxFolder`, which says what its files are and how they are read. Boxes become
what TFDS's `voc` makes of them: `value / size`, so VOC's habit of counting pixels from 1 is not undone.
"""

import abc
import collections
import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import tensorflow_datasets as tfds

from clsloc_utils.datasets.box_fields import ENCODING, class_name, is_turned, normalized, text_of_size, voc_example
from clsloc_utils.datasets.folders import (
    FaultError,
    Problem,
    checked_photo,
    faults_of,
    files_below,
    files_of,
    in_short,
    photo_for_training,
    printable,
)
from clsloc_utils.datasets.photo_folder import PhotoFolder, Reading, Scan, read_all
from clsloc_utils.datasets.voc_features import voc_features

LISTED_TWICE = "listed twice"
WRONG_SIZE = "wrong size in the annotation"
# Remarks, each with its place in the report. Others are about the manner of all annotations, and only counted.
OBJECT_TWICE = "object that stands there twice, counted once"
SEVERAL_BOXES = "several boxes in one object, each counted"
TURNED_BOX = "turned box, replaced by the upright one around it"
_WITH_PLACE = (OBJECT_TWICE, SEVERAL_BOXES, TURNED_BOX)


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
    objects: Sequence[Mapping] = ()
    turned: bool = False
    drawn: bool = False

    def example(self) -> dict:
        """The example as `voc_features` encodes it."""
        return voc_example(photo_for_training(self.path, turned=self.turned), self.path.name, self.objects)


class BoxFolder(PhotoFolder):
    """TFDS builder of a folder of photos with boxes, with the features of TFDS's `voc`."""

    VERSION = tfds.core.Version("1.2.0")

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
        super().__init__(folder, class_names and list(class_names), strict=strict, data_dir=data_dir)

    @classmethod
    @abc.abstractmethod
    def recognizes(cls, folder: Path) -> bool:
        """Whether an existing folder is of this layout, by the names in it."""

    @classmethod
    def lack(cls, folder: Path) -> str:
        """See `PhotoFolder`."""
        return "" if cls.recognizes(folder) else f"no photos with boxes that {cls.__name__} reads"

    @classmethod
    def features(cls) -> tfds.features.FeaturesDict:
        """Those of TFDS's `voc`, with classes that are known once the data is prepared."""
        return voc_features(None)

    @classmethod
    def scan(cls, folder: Path, options: Sequence[str] | None) -> Scan:
        """Reads and checks all files that the splits need; `options` are the names of the classes, if given."""
        return cls._scan(folder, None if options is None else [class_name(name) for name in options])

    @classmethod
    @abc.abstractmethod
    def _scan(cls, folder: Path, class_names: Sequence[str] | None) -> Scan:
        """`scan` of this layout, with names of classes as `class_name` writes them."""


def scan_of(
    folder: Path,
    names_by_split: Mapping[str, Sequence[str]],
    read: Callable[[str], Reading],
    *,
    class_names: Sequence[str] | None,
    known_classes: Iterable[str] | None = None,
    problems: Sequence[Problem] = (),
    in_words: Iterable[str],
    unlisted: int,
    unread: Sequence[str],
) -> Scan:
    """Reads the photos of all splits, and says how the folder was understood.

    Args:
        folder: The folder.
        names_by_split: The names of the photos, each once.
        read: Reads the photo of a name, or raises a `FaultError` that names the file.
        class_names: The classes that were asked for, if they were.
        known_classes: Those that the folder names, in their order; by default those of the objects, by the alphabet.
        problems: What is wrong already.
        in_words: The layout, and where the splits came from; any may be empty.
        unlisted: How many photos are in no split.
        unread: What was not read.
    """

    def read_text(name: str) -> Reading:
        if printable(name) != name:
            raise FaultError(ENCODING, "the name is not UTF-8; rename the photo and its annotation", printable(name))
        return read(name)

    splits, found, remarks = read_all(folder, names_by_split, read_text)
    images = [image for images in splits.values() for image in images]
    used = {item["label"] for image in images for item in image.objects}
    unused = []
    if class_names is None:
        known = sorted(used) if known_classes is None else list(dict.fromkeys(known_classes))
        class_names, unused = [name for name in known if name in used], [name for name in known if name not in used]
    words = (
        *in_words,
        f"{unlisted} photos are in no split and left out" if unlisted else "",
        f"classes without an object left out: {in_short(unused)}" if unused else "",
        f"left unread: {in_short(unread)}" if unread else "",
    )
    return Scan(
        splits,
        tuple(class_names),
        problems=[*problems, *found],
        understood="; ".join(filter(None, words)),
        remarks=remarks,
        named_splits=tuple(names_by_split),
        drawn=bool(images) and all(image.drawn for image in images),
    )


# Finding the files.


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


def files_by_name(folder: Path, suffixes: Sequence[str], *, deep: bool = True) -> dict[str, list[Path]]:
    """The files of a folder (and those in it, if `deep`) of some endings, by name without it, such as `cam1/b`."""
    files = collections.defaultdict(list)
    for path in files_below(folder) if deep else files_of(folder):
        if path.suffix.lower() in suffixes:
            files[normalized(path.relative_to(folder).with_suffix("").as_posix())].append(path)
    return files


# Reading one photo.


def size_as_annotated(
    path: Path, annotated_size: tuple[int, int] | None, *, photo: str, annotation: str, stored_tells: bool = True
) -> tuple[tuple[int, int], bool]:
    """Width and height for which the boxes hold, and whether that is the photo as its EXIF tag turns it.

    Args:
        path: The photo.
        annotated_size: Width and height as the annotation gives them, if it does.
        photo: The name of the photo in messages.
        annotation: The name of the annotation in messages.
        stored_tells: Whether a size that is the stored one tells that the boxes were drawn on the photo as stored.
    """
    with faults_of(photo):
        stored_size, orientation = checked_photo(path)
        tells = stored_tells or annotated_size != stored_size
        turned = is_turned(orientation, stored_size, annotated_size if tells else None)
    size = stored_size[::-1] if turned else stored_size
    if annotated_size not in (None, size):
        detail = f"{text_of_size(annotated_size)}, the photo is {text_of_size(size)}"
        raise FaultError(WRONG_SIZE, detail, annotation)
    return size, turned


def reading_of(
    image: AnnotatedImage,
    file: str,
    places: Iterable[tuple[str, object]],
    read: Callable[..., Iterable[tuple[Mapping, Sequence[str]]]],
) -> Reading:
    """The image with its objects, each counted once; not the image, if there is a fault or no object.

    Args:
        image: The image, without objects.
        file: The file that problems are of.
        places: Where in the annotation an object stands, in words, and what stands there.
        read: Makes objects of what stands there, each with remarks.
    """
    objects: list[Mapping] = []
    problems, remarks = [], []
    for place, stands_there in places:
        try:
            for item, phrases in read(stands_there):
                if any((item["label"], item["bbox"]) == (other["label"], other["bbox"]) for other in objects):
                    phrases = [*phrases, OBJECT_TWICE]
                else:
                    objects.append(item)
                where = f"{place}: {item['label']}"
                remarks += [Problem(file, phrase, where if phrase in _WITH_PLACE else "") for phrase in phrases]
        except FaultError as fault:
            problems.append(Problem(file, fault.reason, f"{place}: {fault.detail}"))
    if problems:
        return Reading(None, problems)
    if not objects:
        return Reading(None, remarks=[Problem(file, "photos without objects left out")])
    return Reading(dataclasses.replace(image, objects=objects), remarks=remarks)
