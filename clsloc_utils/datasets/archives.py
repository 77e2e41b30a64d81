"""The data sets that others published: their files, where they can be fetched, and how each file is checked.

All addresses stand in this one module. Every one of them is only a proposal: what counts is that the file which arrives
is the right one, byte for byte where somebody registered its checksum.
"""

import dataclasses
import functools
import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import tensorflow_datasets as tfds

from clsloc_utils.progress import progress

VOC_MIRRORS = (
    # The organisers' host and the one it redirects to since 2026 (pytorch/vision, pull request 9216).
    "https://thor.robots.ox.ac.uk/pascal/VOC/voc{year}/{file}",
    "http://host.robots.ox.ac.uk/pascal/VOC/voc{year}/{file}",
    # The mirror of YOLO's author; the older pjreddie.com/media/files redirects to itself (tensorflow/datasets, 11044).
    "https://data.pjreddie.com/files/{file}",
)
"""Where to look for an archive of PASCAL VOC when TFDS's own mirror does not have it."""

# The test photos of 2012 are behind a login on the organisers' host, and were never in this place.
_NOT_ON_ORGANISERS_HOST = ("VOC2012test.tar",)
_FURTHER_ADDRESSES = {
    # The copy that Dive into Deep Learning uses.
    "VOCtrainval_11-May-2012.tar": ("https://d2l-data.s3-accelerate.amazonaws.com/VOCtrainval_11-May-2012.tar",),
}

# Images by split, as the organisers' lists have them.
_VOC_COUNTS = {
    "2007": {"train": 2501, "validation": 2510, "test": 4952},
    "2012": {"train": 5717, "validation": 5823, "test": 10991},
}


@dataclasses.dataclass(frozen=True)
class Archive:
    """One file of a published data set.

    Attributes:
        name: Its name.
        urls: Where it can be fetched, in the order in which to try.
        size: Its size in bytes, if somebody registered it.
        sha256: Its checksum in hexadecimal digits, if somebody registered it. Without one, the checksums inside a zip
            archive still tell a damaged file, but nothing tells whether it is the file that was published.
    """

    name: str
    urls: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None


@dataclasses.dataclass(frozen=True)
class Release:
    """A data set as it was published.

    Attributes:
        archives: Its files.
        counts: Number of images by split. For a data set of poses, the splits follow each other in the order of the
            photos' numbers. For one with a folder for each class and no splits, the number by class, in the order of
            the numbers in its labels.
        homepage: Where it is described.
        joints_shape: For a data set of poses, the shape of the variable `joints` in `joints.mat`.
    """

    archives: tuple[Archive, ...]
    counts: Mapping[str, int]
    homepage: str
    joints_shape: tuple[int, int, int] | None = None


@functools.cache
def registry() -> dict[str, Release]:
    """The published data sets by name of source.

    Returns:
        A dictionary, always the same one: put a `Release` with another address or another file into it, and
        `datasets.load` follows. Sizes and checksums of PASCAL VOC are those that TFDS registers.
    """
    voc = tfds.builder_cls("voc")
    releases = {f"voc/{config.name}": _voc_release(voc, config) for config in voc.BUILDER_CONFIGS}
    releases["lsp"] = _zip_release(
        "lsp_dataset.zip",
        "https://sam.johnson.io/research/lsp_dataset.zip",
        "http://www.comp.leeds.ac.uk/mat4saj/lsp_dataset.zip",
        counts={"train": 1000, "test": 1000},
        homepage="https://sam.johnson.io/research/lsp.html",
        joints_shape=(3, 14, 2000),
    )
    releases["lspet"] = _zip_release(
        "lspet_dataset.zip",
        "https://sam.johnson.io/research/lspet_dataset.zip",
        "https://github.com/axelcarlier/lsp/archive/HEAD.zip",
        "http://www.comp.leeds.ac.uk/mat4saj/lspet_dataset.zip",
        counts={"train": 10000},
        homepage="https://sam.johnson.io/research/lspet.html",
        joints_shape=(14, 3, 10000),
    )
    releases["wildlife"] = _zip_release(
        "wildlife.zip",
        "https://github.com/axelcarlier/wildlife/archive/HEAD.zip",
        "https://codeload.github.com/axelcarlier/wildlife/zip/HEAD",
        counts=dict.fromkeys(("buffalo", "elephant", "rhino", "zebra"), 376),
        homepage="https://github.com/axelcarlier/wildlife",
    )
    return releases


def _zip_release(file: str, *urls: str, **facts: object) -> Release:
    return Release((Archive(file, urls),), **facts)


def _voc_release(voc: type[tfds.core.DatasetBuilder], config: tfds.core.BuilderConfig) -> Release:
    archives = []
    for file in config.filenames.values():
        ((url, registered),) = [(url, known) for url, known in voc.url_infos.items() if known.filename == file]
        mirrors = [mirror.format(year=config.name, file=file) for mirror in VOC_MIRRORS]
        if file in _NOT_ON_ORGANISERS_HOST:
            mirrors = [mirror for mirror in mirrors if "robots.ox.ac.uk" not in mirror]
        urls = (url, *mirrors, *_FURTHER_ADDRESSES.get(file, ()))
        archives.append(Archive(file, urls, int(registered.size), registered.checksum))
    homepage = f"http://host.robots.ox.ac.uk/pascal/VOC/voc{config.name}/"
    return Release(tuple(archives), _VOC_COUNTS[config.name], homepage)


# Checking.


def fault_of(path: Path, archive: Archive) -> str:
    """What is wrong with a file, such as `"is short: it has 10 of 20 bytes"`; empty if it is what it should be."""
    size = path.stat().st_size
    if archive.size is not None and size != archive.size:
        word = "short" if size < archive.size else "too long"
        return f"is {word}: it has {size:,} of {archive.size:,} bytes"
    if archive.sha256 is not None:
        found = sha256_of(path)
        return "" if found == archive.sha256 else f"is altered: its sha256 is {found}, expected {archive.sha256}"
    return _fault_of_zip(path)


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fault_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    # A RuntimeError says that a password is needed, a NotImplementedError that the compression is another one.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        return f"is no zip archive, or a damaged one: {error}"
    return f"is damaged: the checksum of {damaged} in it is wrong" if damaged else ""


# Extraction.


def extract(path: Path, folder: Path) -> None:
    """Extracts a tar or zip archive that `fault_of` finds nothing wrong with into a folder, with a progress bar."""
    with progress(total=path.stat().st_size, description=f"Extracting {path.name}", in_bytes=True) as bar:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    archive.extract(member, folder)
                    bar.update(member.compress_size)
        else:
            with tarfile.open(path) as archive:
                # Keeps every file within the folder. Python before 3.11.4 does not have it.
                archive.extraction_filter = getattr(tarfile, "data_filter", None)
                for member in archive:
                    archive.extract(member, folder)
                    bar.update(archive.offset - bar.n)
        bar.update(bar.total - bar.n)  # what the archive holds besides files
