"""From the files of a published data set, downloaded or brought by hand, to what the builders read.

PASCAL VOC goes through TFDS's own `voc`, which is given extracted folders in place of its downloads. Leeds Sports Pose
goes through the builder of folders in LSP layout, African wildlife through that of folders in YOLO layout; their photos
are kept in the data folder.
"""

import collections
import concurrent.futures
import contextlib
import json
import os
import shutil
import types
from collections.abc import Iterator, Mapping
from pathlib import Path

import filelock
import tensorflow_datasets as tfds

from clsloc_utils.datasets import downloads, lsp_folder, voc_folder
from clsloc_utils.datasets.archives import Archive, Release, extract, fault_of, registry, sha256_of
from clsloc_utils.datasets.box_folder import files_by_name
from clsloc_utils.datasets.folders import IMAGE_SUFFIXES, FaultError, checked_photo, with_progress
from clsloc_utils.datasets.split_names import split_by_hash
from clsloc_utils.progress import progress

DEVKIT = "VOCdevkit"
ORIGIN_FILE = "origin.json"

_LIST_OF_SPLIT = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}
# What TFDS calls the two archives of a year, and the splits in each.
_SPLITS_OF_ARCHIVE = {"trainval": ("train", "validation"), "test": ("test",)}


# PASCAL VOC.


class ReleasedVoc(tfds.builder_cls("voc"), skip_registration=True):
    """TFDS's own `voc`, except that it reads folders in which the archives were extracted, and downloads nothing.

    It has the name of the original, and its prepared data are the same, so TFDS finds them as its own. `folders` are,
    for `trainval` and `test`, those that hold `VOCdevkit`; `counts` are for the progress bar.
    """

    name = "voc"

    def __init__(self, folders: Mapping[str, Path], counts: Mapping[str, int], *, config: str, data_dir: Path):
        self._folders, self._counts = dict(folders), counts
        super().__init__(config=config, data_dir=data_dir)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> list:
        del dl_manager
        extracted = types.SimpleNamespace(download_and_extract=lambda urls: {key: self._folders[key] for key in urls})
        return super()._split_generators(extracted)

    def _generate_examples(self, data_path: Path, set_name: str) -> Iterator[tuple[str, dict]]:
        (split,) = [split for split, file in _LIST_OF_SPLIT.items() if file == f"{set_name}.txt"]
        examples = super()._generate_examples(data_path, set_name)
        description = f"Preparing {self.builder_config.name}, {split}"
        yield from progress(examples, total=self._counts[split], description=description)


@contextlib.contextmanager
def voc_builder(name: str, root: Path, from_folder: Path | None) -> Iterator[ReleasedVoc]:
    """A builder that can prepare one year of PASCAL VOC; what was extracted for it is removed at the end.

    Archives that are downloaded are kept in `downloads/manual` of the data folder, where TFDS looks, too. Only one
    process at a time may do this for a year. Errors are those of `datasets.prepare`.
    """
    release, year = registry()[name], name.removeprefix("voc/")
    if from_folder is None:
        archives = _downloaded(name, release, root)
    else:
        _check_is_folder(from_folder)
        found = _found_archives(release, from_folder, root)
        archives = list(found.values())
        for archive, path in found.items() if all(archives) else ():
            _raise_if(fault_of(path, archive), path)
    with _scratch_folder(root / "downloads" / f"extracting_voc_{year}") as scratch:
        if all(archives):
            folders = dict.fromkeys(_SPLITS_OF_ARCHIVE, scratch)
            for archive in archives:
                extract(archive, scratch)
        else:
            folders = _checked_devkits(name, release, from_folder, root)
        yield ReleasedVoc(folders, release.counts, config=year, data_dir=root)


def _found_archives(release: Release, folder: Path, root: Path) -> dict[Archive, Path | None]:
    """Where each archive is: with the user, or left from a download of which not all was to be had."""
    places = [*_places(folder), _downloads_of(root)]
    return {
        archive: next((place / archive.name for place in places if (place / archive.name).is_file()), None)
        for archive in release.archives
    }


def _checked_devkits(name: str, release: Release, folder: Path, root: Path) -> dict[str, Path]:
    """For each archive, a folder in which it was extracted; raises if there is none or an image in it is missing."""
    below = f"{DEVKIT}/VOC{name.removeprefix('voc/')}"
    real = folder.resolve()  # The user may also name VOCdevkit or the year's folder in it.
    above = [place for place in (real.parent, real.parent.parent) if real.is_relative_to(place / DEVKIT)]
    years = {place: place / below for place in (*above, *_places(real)) if (place / below).is_dir()}
    if not years:
        files = "; ".join(
            f"{archive.name} ({archive.size:,} bytes), {'found' if path else 'missing'}"
            for archive, path in _found_archives(release, folder, root).items()
        )
        stray = [place for place in _places(folder) if voc_folder.in_voc_layout(place)]
        hint = f" {stray[0]} is in VOC layout: use it as it is with CLSLOC_DATA={stray[0]}." if stray else ""
        raise ValueError(_what_is_missing(name, release, folder, files, below) + hint)
    folders = {}
    for (key, splits), archive in zip(_SPLITS_OF_ARCHIVE.items(), release.archives, strict=True):
        lists = [f"ImageSets/Main/{_LIST_OF_SPLIT[split]}" for split in splits]
        with_lists = [place for place, year in years.items() if all((year / file).is_file() for file in lists)]
        if not with_lists:
            year = next(iter(years.values()))
            raise ValueError(
                f"{year} has no {' or '.join(lists)}, which are in {archive.name}: extract that one there, too, or use "
                f"the folder without them: CLSLOC_DATA={year}"
            )
        folders[key] = with_lists[0]
        for split in splits:
            _check_images(name, split, years[with_lists[0]], release.counts[split])
    return folders


def _check_images(name: str, split: str, folder: Path, count: int) -> None:
    """Raises unless all images of a split and their annotations are there and can be read."""
    path = folder / "ImageSets/Main" / _LIST_OF_SPLIT[split]
    names = path.read_text().split()
    if len(names) != count:
        raise ValueError(f"{path} is altered: it names {len(names):,} images, expected {count:,}")
    config = ReleasedVoc.builder_configs[name.removeprefix("voc/")]
    annotated = split != "test" or config.has_test_annotations
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = pool.map(lambda image: _fault_of_image(folder, image, annotated), names)
        faults = [fault for fault in with_progress(results, count, f"Checking {folder.name}, {split}") if fault]
    if faults:
        raise ValueError(
            f"{folder}: {len(faults):,} of {count:,} images in {path.name} are missing or altered, first {faults[0]}. "
            f"Extract the archives again, or use the folder without these images: CLSLOC_DATA={folder}"
        )


def _fault_of_image(folder: Path, name: str, annotated: bool) -> str:
    file = f"{voc_folder.IMAGE_FOLDER}/{name}.jpg"
    try:
        checked_photo(folder / file)
        if annotated:
            file = f"{voc_folder.ANNOTATION_FOLDER}/{name}.xml"
            voc_folder.parsed_xml(folder / file)
    except FileNotFoundError:
        return f"{file}, missing"
    except FaultError as fault:
        return f"{file}, {fault.reason}: {fault.detail}"
    return ""


# Leeds Sports Pose and African wildlife.


def kept_photos(name: str, root: Path, from_folder: Path | None) -> Path:
    """The folder with the photos of a data set that is published as one zip archive; gets them if they are not there.

    Nobody registered checksums of these files. What can be checked is: the checksums in the zip archive, the shape of
    `joints.mat`, that no photo lacks; each JPEG is decoded when the folder is prepared. `origin.json` in the folder
    holds the sha256 that was seen, for comparing with others. Errors are those of `datasets.prepare`.
    """
    target = root / "photos" / name
    root.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(root / f"{name}.lock"):
        if not target.is_dir():
            with _scratch_folder(target.with_name(f"incomplete_{name}")) as scratch:
                get = _photos_by_hand if from_folder else _downloaded_photos
                os.replace(get(name, registry()[name], from_folder or root, scratch), target)
    return target


def _downloaded_photos(name: str, release: Release, root: Path, scratch: Path) -> Path:
    (archive,) = _downloaded(name, release, root)
    try:
        folder = _extracted_photos(archive, release, scratch)
    except ValueError as error:
        archive.unlink()  # A file that is not the right one must not be used again.
        raise downloads.DownloadError(f"{error}\n{_by_hand(name, release, root)}") from error
    archive.unlink()  # The photos are kept whole.
    return folder


def _photos_by_hand(name: str, release: Release, folder: Path, scratch: Path) -> Path:
    _check_is_folder(folder)
    (archive,) = release.archives
    extracted = _with_all_parts(folder, release)
    if extracted:
        # Beside the right one there may be another data set.
        right = next((place for place in extracted if not _fault_of_photos(place, release)), extracted[0])
        _raise_if(_fault_of_photos(right, release), right)
        copy = scratch / name
        for part in _parts(release):
            if (right / part).is_dir():
                shutil.copytree(right / part, copy / part)
            else:
                shutil.copy(right / part, copy)
                _write_origin(copy, right / part)
        return _with_lists(copy, release)
    zips = [path for place in _places(folder) for path in sorted(place.glob("*.zip"))]
    if not zips:
        files = f"{archive.name}, or a zip archive of another name: missing"
        raise ValueError(_what_is_missing(name, release, folder, files, " beside ".join(_parts(release))))
    path = next((path for path in zips if path.name == archive.name), zips[0])
    _raise_if(fault_of(path, archive), path)
    return _extracted_photos(path, release, scratch)


def _extracted_photos(archive: Path, release: Release, scratch: Path) -> Path:
    content = scratch / "content"
    extract(archive, content)
    folder = next(iter(_with_all_parts(content, release)), None)
    if folder is None:
        raise ValueError(f"{archive} has no {' beside '.join(_parts(release))}.")
    _raise_if(_fault_of_photos(folder, release), archive)
    _write_origin(folder, archive)
    return _with_lists(folder, release)


def _parts(release: Release) -> tuple[str, ...]:
    """What lies side by side in the archive: photos and joints, or a folder for each class."""
    return (lsp_folder.IMAGE_FOLDER, lsp_folder.JOINTS_FILE) if release.joints_shape else tuple(release.counts)


def _with_all_parts(folder: Path, release: Release) -> list[Path]:
    return [place for place in _places(folder) if all((place / part).exists() for part in _parts(release))]


def _fault_of_photos(folder: Path, release: Release) -> str:
    """What is wrong with a folder that has all parts, in words that follow its name; empty if nothing is."""
    return _fault_of_lsp(folder, release) if release.joints_shape else _fault_of_classes(folder, release)


def _fault_of_classes(folder: Path, release: Release) -> str:
    for class_name, count in release.counts.items():
        photos, labels = (set(files_by_name(folder / class_name, suffixes)) for suffixes in (IMAGE_SUFFIXES, (".txt",)))
        if len(photos & labels) != count:
            lacking = [f"{name} {'has no photo' if name in labels else 'no labels'}" for name in photos ^ labels]
            first = f", first {class_name}/{min(lacking)}" if lacking else ""
            return (
                f"is short or another data set: {class_name} has {len(photos & labels):,} photos with labels, expected "
                f"{count:,}{first}"
            )
    return ""


def _with_lists(folder: Path, release: Release) -> Path:
    """The folder; where it has one folder for each class, with the names of the classes and the splits written down.

    The splits follow a hash of each photo's content, since some photos are there twice under other names: a copy in the
    test split of what was learnt from would flatter.
    """
    if release.joints_shape:
        return folder
    (folder / "classes.txt").write_text("".join(f"{class_name}\n" for class_name in release.counts))
    names_of_content = collections.defaultdict(list)
    for class_name in release.counts:
        for paths in files_by_name(folder / class_name, IMAGE_SUFFIXES).values():
            names_of_content[sha256_of(paths[0])].append(f"{class_name}/{paths[0].name}\n")
    for split, contents in split_by_hash(names_of_content).items():
        names = [name for content in contents for name in names_of_content[content]]
        (folder / _LIST_OF_SPLIT[split]).write_text("".join(sorted(names)))
    return folder


def _fault_of_lsp(folder: Path, release: Release) -> str:
    shape = lsp_folder.shape_of_joints(folder / lsp_folder.JOINTS_FILE)
    if shape != release.joints_shape:
        return (
            f"is another data set, or altered: the joints in {lsp_folder.JOINTS_FILE} have the shape {list(shape)}, "
            f"expected {list(release.joints_shape)}"
        )
    count = sum(release.counts.values())
    missing = set(range(1, count + 1)) - lsp_folder.numbers_of_photos(folder)
    if missing:
        return f"is short: it has {count - len(missing):,} of {count:,} photos, the first that lacks is {min(missing)}"
    return ""


def _write_origin(folder: Path, file: Path) -> None:
    origin = {"file": file.name, "size": file.stat().st_size, "sha256": sha256_of(file)}
    (folder / ORIGIN_FILE).write_text(json.dumps(origin, indent=2) + "\n")


# What both share.


def _downloads_of(root: Path) -> Path:
    return root / "downloads" / "manual"


def _downloaded(name: str, release: Release, root: Path) -> list[Path]:
    try:
        return [downloads.fetch(archive, _downloads_of(root)) for archive in release.archives]
    except downloads.DownloadError as error:
        raise downloads.DownloadError(f"{error}\n{_by_hand(name, release, root)}") from error


def _by_hand(name: str, release: Release, root: Path) -> str:
    """Two lines on how to go on without the mirrors."""
    missing = [archive.name for archive in release.archives if not (_downloads_of(root) / archive.name).is_file()]
    return (
        f"By hand: put {' and '.join(missing)}, from {release.homepage} or wherever you find it, into a folder DIR;\n"
        f"then run: clsloc prepare {name} --from DIR"
    )


def _what_is_missing(name: str, release: Release, folder: Path, files: str, extracted: str) -> str:
    return (
        f"{folder} has not all that {name} needs. Looked there and in each folder in it for {files}; and for what is "
        f"in it, {extracted}: missing. All comes from {release.homepage}."
    )


def _check_is_folder(folder: Path) -> None:
    if folder.is_file():
        raise ValueError(f"{folder} is a file; name the folder that holds it.")
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}.")


def _places(folder: Path) -> list[Path]:
    """A folder, and the folders in it that are not hidden."""
    return [folder, *sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))]


def _raise_if(fault: str, path: Path) -> None:
    if fault:
        raise ValueError(f"{path} {fault}. Get it again.")


@contextlib.contextmanager
def _scratch_folder(path: Path) -> Iterator[Path]:
    """An empty folder for this block only; what a killed process has left in it is removed first."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
