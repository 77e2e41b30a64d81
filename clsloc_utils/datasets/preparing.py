"""Sources by name or folder, prepared on the disk for whoever reads them."""

import contextlib
import difflib
import functools
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import filelock
import tensorflow as tf
import tensorflow_datasets as tfds

from clsloc_utils import paths
from clsloc_utils.datasets import lsp_folder, tfds_source
from clsloc_utils.datasets.coco_folder import CocoFolder
from clsloc_utils.datasets.folders import raise_on_problems
from clsloc_utils.datasets.lsp_folder import LspFolder
from clsloc_utils.datasets.other_formats import other_format
from clsloc_utils.datasets.photo_folder import PhotoFolder
from clsloc_utils.datasets.voc_folder import VocFolder
from clsloc_utils.datasets.yolo_folder import YoloFolder

# The layouts of folders, in the order in which a folder is tried.
_LAYOUTS: tuple[type[PhotoFolder], ...] = (VocFolder, YoloFolder, CocoFolder, LspFolder)
_PARTS_OF_FOLDERS = ("images", "labels", "jpegimages", "annotations")
# The TFDS builders behind each name; their splits are joined.
STOCK_SOURCES = {
    "voc/2007": ("voc/2007",),
    "voc/2012": ("voc/2012",),
    "voc/2007+2012": ("voc/2007", "voc/2012"),
}
_POSE_RELEASES = ("lsp", "lspet")
# Published as a zip archive of photos, which are kept.
_PHOTO_RELEASES = ("wildlife", *_POSE_RELEASES)
DRAWN_SOURCES = ("toy_voc", "toy_pose")
RELEASES = (*STOCK_SOURCES, *_PHOTO_RELEASES)
SOURCES = ("toy_voc", *STOCK_SOURCES, "wildlife", "toy_pose", *_POSE_RELEASES)


def prepared_builders(
    source: str | os.PathLike,
    data_dir: str | os.PathLike | None,
    *,
    strict: bool = False,
    class_names: Sequence[str] | None = None,
    from_folder: str | os.PathLike | None = None,
) -> list[tfds.core.DatasetBuilder]:
    """The builders of a source, whose splits are joined; what is not prepared yet is."""
    root = Path(data_dir).expanduser() if data_dir else paths.data_folder()
    name = os.fspath(source)
    by_hand = None if from_folder is None else Path(from_folder).expanduser()
    is_stock_of_tfds = name.startswith(tfds_source.PREFIX)
    if by_hand and not (is_stock_of_tfds or name in RELEASES):
        raise ValueError(
            f"{name} needs no files of others; from_folder ({by_hand}) is for "
            f"{', '.join(RELEASES)} and {tfds_source.PREFIX}NAME. Leave it out."
        )
    if not is_stock_of_tfds and name not in SOURCES:
        layout = layout_of(name, class_names)
        options = {} if layout is LspFolder else {"class_names": class_names}
        return [_prepared_photos(layout, name, root, strict=strict, **options)]
    refuse_class_names(name, class_names)
    if is_stock_of_tfds:
        # Before gigabytes are downloaded in vain.
        tfds_source.box_fields(name, tfds_source.builder_of(name, root).info.features)
        return [
            _prepared(
                lambda: tfds_source.builder_of(name, root),
                root,
                lambda: tfds_source.preparing(name, root),
                tfds.download.DownloadConfig(manual_dir=by_hand),
            )
        ]
    # Imported here: the drawing code is needed only by those who draw, TFDS's `voc` only by those who read it.
    if name == "toy_voc":
        from clsloc_utils.datasets.toy_voc import ToyVoc

        return [_prepared(lambda: ToyVoc(data_dir=root), root)]
    if name == "toy_pose":
        from clsloc_utils.datasets.toy_pose import ToyPose

        return [_prepared(lambda: ToyPose(data_dir=root), root)]
    from clsloc_utils.datasets import published

    if name in STOCK_SOURCES:
        return [
            _prepared(
                functools.partial(tfds.builder, stock, data_dir=root),
                root,
                functools.partial(published.voc_builder, stock, root, by_hand),
            )
            for stock in STOCK_SOURCES[name]
        ]
    folder = published.kept_photos(name, root, by_hand)
    if name in _POSE_RELEASES:
        splits = published.registry()[name].counts
        return [_prepared_photos(LspFolder, folder, root, strict=strict, splits=splits)]
    return [_prepared_photos(YoloFolder, folder, root, strict=strict)]


def _prepared_photos(
    layout: type[PhotoFolder], folder: str | Path, root: Path, *, strict: bool, **options
) -> PhotoFolder:
    builder = _prepared(lambda: layout(folder, strict=strict, data_dir=root, **options), root)
    if builder.report.problems:
        if strict:
            raise_on_problems(builder.report)
        # Attributed to the caller of `load` or `info`.
        warnings.warn(str(builder.report), stacklevel=4)
    return builder


def refuse_class_names(source: str, class_names: Sequence[str] | None) -> None:
    """Raises a `ValueError` if names of classes are given for a source that is no folder of boxes."""
    if class_names is not None:
        raise ValueError(f"{source} has classes of its own or none; class_names is for a folder of boxes.")


def layout_of(folder: str, class_names: Sequence[str] | None) -> type[PhotoFolder]:
    """The builder that reads a folder; raises a `ValueError` if none does, or it has no use for names of classes."""
    path = Path(folder).expanduser()
    layout = _recognized(path)
    # What lacks for the layout of poses is said in its words, if one of its two pieces is there.
    if layout is None and ((path / lsp_folder.JOINTS_FILE).is_file() or lsp_folder.numbers_of_photos(path)):
        layout = LspFolder
    if layout is None:
        raise ValueError(_no_layout(folder))
    if layout is LspFolder:
        refuse_class_names(folder, class_names)
    return layout


def _recognized(path: Path) -> type[PhotoFolder] | None:
    return next((layout for layout in _LAYOUTS if path.is_dir() and not layout.lack(path)), None)


def _no_layout(folder: str) -> str:
    """What is said of what is no source, as short as it is known what was meant."""
    path = Path(folder).expanduser()
    if path.is_file():
        return f"{folder!r} is a file; name the folder that holds it and the photos."
    if not path.is_dir():
        beside = [each.name for each in path.parent.glob("*") if each.is_dir()]
        close = difflib.get_close_matches(folder, SOURCES, 1) or difflib.get_close_matches(path.name, beside, 1)
        hint = f" Did you mean {close[0]}?" if close else ""
        known = ", ".join((*SOURCES, f"{tfds_source.PREFIX}NAME"))
        return f"{folder!r} is neither a known source nor a folder.{hint} Known sources: {known}."
    inside = sorted(path.iterdir())
    if not inside:
        return f"{folder!r} is an empty folder; put annotated photos into it, or name another one."
    refused = f"{folder!r} is neither a known source nor a folder of a known layout."
    # `VOCdevkit` instead of `VOCdevkit/VOC2007`, or `photos/images` instead of `photos`.
    near = [*inside, path.resolve().parent] if path.name.lower() in _PARTS_OF_FOLDERS else inside
    meant = next(filter(_recognized, near), None)
    if meant:
        return f"{refused} Did you mean {meant}?"
    return refused + (other_format(path) or f" {'. '.join(layout.LAYOUT for layout in _LAYOUTS)}.")


def _prepared(
    make_builder: Callable[[], tfds.core.DatasetBuilder],
    root: Path,
    make_preparing: Callable[[], contextlib.AbstractContextManager[tfds.core.DatasetBuilder]] | None = None,
    download_config: tfds.download.DownloadConfig | None = None,
) -> tfds.core.DatasetBuilder:
    """A builder whose data is on the disk, prepared by this process or by another one that was faster.

    TFDS writes into a temporary folder that it renames at the end, so a folder of the right name is complete. Another
    builder than the one that reads may prepare, `make_preparing`; with a `download_config` TFDS shows its own bars.
    """
    builder = make_builder()
    if builder.data_path.exists():
        return builder
    root.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(root / f"{builder.name}.lock"):
        if not make_builder().data_path.exists():
            context = make_preparing() if make_preparing else contextlib.nullcontext(make_builder())
            with context as preparing, contextlib.nullcontext() if download_config else _quiet_tfds():
                try:
                    preparing.download_and_prepare(download_config=download_config)
                except (OSError, RuntimeError) as error:
                    # TFDS hands on what happened as an error of its own, without number and file.
                    if isinstance(error.__cause__, OSError):
                        raise error.__cause__ from None
                    if isinstance(error.__cause__, tf.errors.OpError):
                        raise OSError(
                            f"{root}: {error.__cause__.message}. Make room, or set CLSLOC_DATA_DIR to another folder."
                        ) from error
                    raise
    return make_builder()


@contextlib.contextmanager
def _quiet_tfds() -> Iterator[None]:
    """Keeps off what TFDS says of downloads: these are done here, and everything has a bar of its own."""
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(_WithoutDownloadNotes(sys.stdout)):
            yield
    finally:
        tfds.display_progress_bar(True)


class _WithoutDownloadNotes:
    """Standard output without TFDS's two lines on a download."""

    _NOTE = re.compile(r"(\x1b\[\d+m)*(Downloading and preparing dataset|Dataset \S+ downloaded and prepared to) ")

    def __init__(self, stream: TextIO):
        self._stream, self._after_note = stream, False

    def write(self, text: str) -> int:
        is_note = self._NOTE.match(text) is not None
        is_end_of_note = self._after_note and text == "\n"  # which `print` writes by itself
        self._after_note = is_note
        return len(text) if is_note or is_end_of_note else self._stream.write(text)

    def __getattr__(self, name: str):
        return getattr(self._stream, name)
