"""Sources by name or folder, prepared on the disk for whoever reads them."""

import contextlib
import difflib
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
from clsloc_utils.datasets import coco_folder, lsp_folder, tfds_source, voc_folder, yolo_folder
from clsloc_utils.datasets.box_folder import BoxFolder
from clsloc_utils.datasets.folders import raise_on_problems
from clsloc_utils.datasets.other_formats import other_format

# The layouts of folders with boxes, in the order in which a folder is tried.
_BOX_FOLDERS: tuple[type[BoxFolder], ...] = (
    voc_folder.VocFolder,
    yolo_folder.YoloFolder,
    coco_folder.CocoFolder,
)
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


# Preparation.
def prepared_builders(
    source: str | os.PathLike,
    data_dir: str | os.PathLike | None,
    *,
    strict: bool = False,
    class_names: Sequence[str] | None = None,
    from_folder: str | os.PathLike | None = None,
) -> list[tfds.core.DatasetBuilder]:
    root = Path(data_dir).expanduser() if data_dir else paths.data_folder()
    name = os.fspath(source)
    by_hand = None if from_folder is None else Path(from_folder).expanduser()
    is_stock_of_tfds = name.startswith(tfds_source.PREFIX)
    if by_hand and not (is_stock_of_tfds or name in RELEASES):
        raise ValueError(
            f"{name} needs no files of others; from_folder ({by_hand}) is for "
            f"{', '.join(RELEASES)} and {tfds_source.PREFIX}NAME. Leave it out."
        )
    if is_stock_of_tfds:
        refuse_class_names(name, class_names)
        return [_prepared_by_tfds(name, root, by_hand)]
    if name not in SOURCES:
        return [_prepared_folder(name, root, strict=strict, class_names=class_names)]
    refuse_class_names(name, class_names)
    # Imported here: the drawing code is needed only by those who draw, TFDS's `voc` only by those who read it.
    if name == "toy_voc":
        from clsloc_utils.datasets.toy_voc import ToyVoc

        return [_prepared(lambda: ToyVoc(data_dir=root), root)]
    if name == "toy_pose":
        from clsloc_utils.datasets.toy_pose import ToyPose

        return [_prepared(lambda: ToyPose(data_dir=root), root)]
    if name in _PHOTO_RELEASES:
        return [_prepared_photos(name, root, by_hand, strict=strict)]
    return [_prepared_stock(stock, root, by_hand) for stock in STOCK_SOURCES[name]]


def _prepared_stock(name: str, root: Path, by_hand: Path | None) -> tfds.core.DatasetBuilder:
    from clsloc_utils.datasets import published

    return _prepared(
        lambda: tfds.builder(name, data_dir=root), root, lambda: published.voc_builder(name, root, by_hand)
    )


def _prepared_by_tfds(name: str, root: Path, by_hand: Path | None) -> tfds.core.DatasetBuilder:
    # Before gigabytes are downloaded in vain.
    tfds_source.box_fields(name, tfds_source.builder_of(name, root).info.features)
    return _prepared(
        lambda: tfds_source.builder_of(name, root),
        root,
        lambda: tfds_source.preparing(name, root),
        tfds.download.DownloadConfig(manual_dir=by_hand),
    )


def _prepared_photos(name: str, root: Path, by_hand: Path | None, *, strict: bool) -> BoxFolder | lsp_folder.LspFolder:
    from clsloc_utils.datasets import published

    folder = published.kept_photos(name, root, by_hand)
    options = {"strict": strict, "data_dir": root}
    if name in _POSE_RELEASES:
        splits = published.registry()[name].counts
        builder = _prepared(lambda: lsp_folder.LspFolder(folder, splits=splits, **options), root)
    else:
        builder = _prepared(lambda: yolo_folder.YoloFolder(folder, **options), root)
    _tell_problems(builder, strict)
    return builder


def refuse_class_names(source: str, class_names: Sequence[str] | None) -> None:
    if class_names is not None:
        raise ValueError(f"{source} has classes of its own or none; class_names is for a folder of boxes.")


def _prepared_folder(
    folder: str, root: Path, *, strict: bool, class_names: Sequence[str] | None
) -> BoxFolder | lsp_folder.LspFolder:
    layout = box_layout(folder)
    if layout is not None:
        builder = _prepared(lambda: layout(folder, class_names=class_names, strict=strict, data_dir=root), root)
    elif is_meant_as_lsp(folder):
        refuse_class_names(folder, class_names)
        builder = _prepared(lambda: lsp_folder.LspFolder(folder, strict=strict, data_dir=root), root)
    else:
        raise ValueError(no_layout(folder))
    _tell_problems(builder, strict)
    return builder


def box_layout(folder: str | os.PathLike) -> type[BoxFolder] | None:
    """The builder that reads a folder of boxes; `None` if none does."""
    path = Path(folder).expanduser()
    return next((each for each in _BOX_FOLDERS if path.is_dir() and each.recognizes(path)), None)


def _tell_problems(builder: BoxFolder | lsp_folder.LspFolder, strict: bool) -> None:
    if builder.report.problems:
        if strict:
            raise_on_problems(builder.report)
        # Attributed to the caller of `load` or `info`.
        warnings.warn(str(builder.report), stacklevel=5)


def no_layout(folder: str) -> str:
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
    meant = next((each for each in near if box_layout(each) or lsp_folder.in_lsp_layout(each)), None)
    if meant:
        return f"{refused} Did you mean {meant}?"
    layouts = " " + ". ".join(each.LAYOUT for each in (*_BOX_FOLDERS, lsp_folder)) + "."
    return refused + (other_format(path) or layouts)


def is_meant_as_lsp(folder: str | os.PathLike) -> bool:
    """Whether a folder has one of LSP's two pieces and no layout of boxes: what lacks is then said in LSP's words."""
    if box_layout(folder) is not None:
        return False
    path = Path(folder).expanduser()
    return (path / lsp_folder.JOINTS_FILE).is_file() or bool(lsp_folder.numbers_of_photos(path))


def _prepared(
    make_builder: Callable[[], tfds.core.DatasetBuilder],
    root: Path,
    make_preparing: Callable[[], contextlib.AbstractContextManager[tfds.core.DatasetBuilder]] | None = None,
    download_config: tfds.download.DownloadConfig | None = None,
) -> tfds.core.DatasetBuilder:
    """A builder whose data is on the disk, prepared by this process or by another one that was faster.

    TFDS writes into a temporary folder that it renames at the end, so a folder of the right name is complete.

    Args:
        make_builder: Makes the builder that reads.
        root: The data folder.
        make_preparing: Makes the one that prepares, if that is another one, for the time of a `with` block.
        download_config: Where TFDS itself downloads: how; it then shows its own bars.
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

    _NOTES = re.compile(r"(\x1b\[\d+m)*(Downloading and preparing dataset|Dataset \S+ downloaded and prepared to) ")

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._at_end_of_note = False

    def write(self, text: str) -> int:
        if self._NOTES.match(text):
            self._at_end_of_note = True
            return len(text)
        if self._at_end_of_note and text == "\n":
            self._at_end_of_note = False
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str):
        return getattr(self._stream, name)
