"""One loader for all data sources: prepares what is not prepared yet, once, and reads it as a `tf.data.Dataset`."""

import dataclasses
import functools
import os
import re
from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_datasets as tfds

from clsloc_utils.datasets import tfds_source
from clsloc_utils.datasets.folders import FolderReport
from clsloc_utils.datasets.preparing import DRAWN_SOURCES, layout_of, prepared_builders
from clsloc_utils.datasets.split_names import split_called

PUBLISHED_COUNTS = {"voc/2007": {"train": 905, "validation": 960}}
"""Images with exactly one object by source and split, as others who filtered the same data have published them."""
# The test photos of VOC 2012 are published without their annotations.
_SPLITS_WITHOUT_ANNOTATIONS = {("voc/2012", "test")}
_SPLIT_TERM = re.compile(r"(?P<name>\w+)(\[.*\](\(\w+\))?)?")


@dataclasses.dataclass(frozen=True)
class SourceInfo:
    """What one needs to know of a data source before reading it.

    The three roles are TFDS split strings for `load`. Where there is no annotated test split, the images that could be
    used for choosing a model are cut from the training images, so that nobody tunes on what they report.

    Attributes:
        name: The source as it was named.
        class_names: Names of the classes, in the order of their labels; none for a source of poses.
        splits: Number of examples by name of split. Of `tfds:NAME`, before those are left out that `understood` names.
        train_split: The examples to learn from.
        validation_split: The examples to choose a model with.
        test_split: The examples to report on.
        fingerprint: Changes when the examples do: names and versions of the prepared data.
        task: What the annotations are for: `"boxes"` or `"pose"`.
        drawn: Whether the images are drawings, not photographs.
        understood: Of a folder, how it was read, and of `tfds:NAME`, which features were taken, in one line; empty for
            other sources.
    """

    name: str
    class_names: tuple[str, ...]
    splits: Mapping[str, int]
    train_split: str
    validation_split: str
    test_split: str
    fingerprint: str
    task: str = "boxes"
    drawn: bool = False
    understood: str = ""

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


def load(
    source: str | os.PathLike,
    split: str,
    *,
    data_dir: str | os.PathLike | None = None,
    strict: bool = False,
    class_names: Sequence[str] | None = None,
) -> tf.data.Dataset:
    """Reads a split of a data source; prepares the source first if that was not done before.

    Args:
        source: One of `SOURCES`, or `tfds:NAME` for any data set of TFDS with boxes, as `tfds.builder` takes its name,
            or a folder in VOC, YOLO, COCO or LSP layout.
        split: A TFDS split, such as `"train"`, `"train[:80%]"` or `"train+validation"`. A folder in LSP layout has one,
            `train`, in the order of the photos: `"train[:1000]"` are the first thousand. `"lsp"` has the two that were
            published with it, `train` and `test`.
        data_dir: Where prepared data lies; by default the environment variable `CLSLOC_DATA_DIR`, or else the user's
            cache folder. Several processes may prepare into it at once.
        strict: For a folder: whether a bad image raises. Otherwise bad images are left out, and a warning lists them.
        class_names: For a folder of boxes: its classes, in the order of their labels; by default those of its
            annotations. Where labels in YOLO's format are numbers that no file names, these are their names.

    Returns:
        A `tf.data.Dataset` of examples with the features of TFDS's `voc`, or of `pose_features` for `"toy_pose"`,
        `"lsp"`, `"lspet"` and folders in LSP layout. `image` is a scalar string, a JPEG or PNG as it was stored;
        `objects/bbox` is float32 `[ymin, xmin, ymax, xmax]`, relative to height and width; `objects/label` is int64. No
        JPEG is decoded, and memory does not grow with the number of examples.

    Raises:
        ValueError: The source or the split is unknown, the split is empty or reaches beyond what is there, or the
            folder has bad images (`strict`).
        DownloadError: The source has to be downloaded, and no mirror gave a file, as for `prepare`.
    """
    builders = prepared_builders(source, data_dir, strict=strict, class_names=class_names)
    _check_split(source, split, builders)
    parts = []
    for builder in builders:
        builder_split = _annotated_terms(split, builder) if len(builders) > 1 else split
        if not builder_split:
            continue
        try:
            count = builder.info.splits[builder_split].num_examples
        except ValueError as error:
            raise ValueError(
                f"Split {split!r} of {os.fspath(source)} reaches beyond what is there: {_sizes(builders)}. Take a part "
                "within."
            ) from error
        if count > 0:  # TFDS counts fewer than none between an end and a later beginning.
            parts.append(_read(builder, builder_split, box_fields(source, builder)))
    if not parts:
        raise ValueError(f"Split {split!r} of {os.fspath(source)} is empty: {_sizes(builders)}. Take a larger part.")
    return functools.reduce(tf.data.Dataset.concatenate, parts)


def info(
    source: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    strict: bool = False,
    class_names: Sequence[str] | None = None,
) -> SourceInfo:
    """Classes, splits and roles of the splits of a data source; prepares it first if that was not done before.

    Args:
        source: As for `load`.
        data_dir: As for `load`.
        strict: As for `load`.
        class_names: As for `load`.

    Returns:
        A `SourceInfo`.

    Raises:
        ValueError: As for `load`.
        DownloadError: As for `load`.
    """
    return _source_info(source, prepared_builders(source, data_dir, strict=strict, class_names=class_names))


def prepare(
    source: str | os.PathLike,
    *,
    from_folder: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
) -> SourceInfo:
    """Prepares a data source, so that `load` and `info` find it ready; does nothing if that was done before.

    `load` and `info` do the same without `from_folder`: they download what is missing, from the first mirror that has
    it. With `from_folder` nothing is downloaded. It holds, itself or in folders right in it:

    - for PASCAL VOC the archives under their own names, of which size and sha256 must be those that TFDS registers; or
      a `VOCdevkit` in which they were extracted. TFDS's own code reads both, so the examples are the same, and so is
      the name of the source. An extracted folder has no checksum: that the lists of images have the published lengths,
      and that every image and annotation in them can be read, is what is checked. A folder that lacks images or the
      test archive is still good to learn from under its own path, `.../VOCdevkit/VOC2007`; the error says so.
    - for Leeds Sports Pose the zip archive, or `images` and `joints.mat` extracted from it. The shape of `joints.mat`
      and the number of photos are checked. They are copied, so the folder is not needed afterwards.
    - for African wildlife the zip archive, or the folders `buffalo`, `elephant`, `rhino` and `zebra` extracted from it,
      likewise. The splits follow a hash of each photo's content, so photos that are there twice stay together.
    - for `tfds:NAME` the files that TFDS downloads, under the names that it registers. The size and the checksum of
      each are checked. TFDS downloads those that are missing.

    Args:
        source: As for `load`.
        from_folder: Where the user has put the files of a published data set.
        data_dir: As for `load`.

    Returns:
        The `SourceInfo`, as `info` gives it.

    Raises:
        ValueError: The source is unknown; or `from_folder` lacks a file, or one is short or altered: the message
            names it with what was found and what was expected.
        DownloadError: No mirror gave a file; the message names each with the reason, then the way by hand.
        OSError: Something cannot be written. Whatever the error, nothing is left that passes for prepared.
    """
    return _source_info(source, prepared_builders(source, data_dir, from_folder=from_folder))


def check_published_counts(
    source: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
) -> str:
    """Compares the number of images with exactly one object, of any kind, with what others have published.

    Args:
        source: As for `load`.
        data_dir: As for `load`.

    Returns:
        A sentence: that the counts agree, where they differ, or that none are known for this source.
    """
    name = os.fspath(source)
    published = PUBLISHED_COUNTS.get(name)
    if published is None:
        return f"No published counts are known for {name}: nothing to compare with."
    found = {split: _count_single_objects(load(source, split, data_dir=data_dir)) for split in published}
    counted, expected = (
        " and ".join(f"{count} in {split}" for split, count in counts.items()) for counts in (found, published)
    )
    if found == published:
        return f"Images with exactly one object: {counted}, as published for {name}."
    return (
        f"Images with exactly one object: {counted}. Published for {name}: {expected}; find out why before you go on."
    )


def _count_single_objects(examples: tf.data.Dataset) -> int:
    counts = examples.map(lambda example: tf.shape(example["objects"]["label"])[0])
    return sum(int(count) == 1 for count in counts.as_numpy_iterator())


def report(folder: str | os.PathLike, *, class_names: Sequence[str] | None = None) -> FolderReport:
    """Checks every file of a folder in VOC, YOLO, COCO or LSP layout, without preparing it.

    Args:
        folder: The folder.
        class_names: For a folder of boxes: the classes that are allowed, all by default.

    Returns:
        The `FolderReport`; `print(report(folder))` shows it.

    Raises:
        ValueError: Something without which the folder cannot be read is missing.
    """
    return layout_of(os.fspath(folder), class_names).check(folder, class_names)


def options_without_tuner() -> tf.data.Options:
    """Options of a `tf.data.Dataset` that no tuner runs beside.

    The tuner looks at the pipeline at longer and longer intervals, and whoever drops an iterator waits until it wakes
    up: measured, an epoch's end could take as long as the epoch (TensorFlow 2.21).

    Returns:
        What `tf.data.Dataset.with_options` takes. All that `load` reads has them.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def _source_info(source: str | os.PathLike, builders: Sequence[tfds.core.DatasetBuilder]) -> SourceInfo:
    splits: dict[str, int] = {}
    for builder in builders:
        for name, split_info in builder.info.splits.items():
            if is_annotated(builder, name) or len(builders) == 1:
                splits[name] = splits.get(name, 0) + split_info.num_examples
    fields = box_fields(source, builders[0])
    annotated = {
        name: count for name, count in splits.items() if any(is_annotated(each, name, fields) for each in builders)
    }
    name = os.fspath(source)
    if not annotated:
        raise ValueError(f"{name} has no boxes in its first examples of {', '.join(splits)}; take another source.")
    train_split, validation_split, test_split = _roles(annotated)
    features = builders[0].info.features
    is_pose = "joints" in features
    folder_report = getattr(builders[0], "report", None)  # of a folder's builder
    if fields:
        without_boxes = ", ".join(split for split in splits if split not in annotated)
        understood = f"{fields}; no boxes in {without_boxes}" if without_boxes else str(fields)
        class_names = fields.class_names(features)
    else:
        understood = folder_report.understood if folder_report else ""
        class_names = () if is_pose else tuple(features["objects"]["label"].names)
    return SourceInfo(
        name=name,
        class_names=class_names,
        splits=splits,
        train_split=train_split,
        validation_split=validation_split,
        test_split=test_split,
        fingerprint=(tfds_source.PREFIX if fields else "") + "+".join(map(_fingerprint, builders)),
        task="pose" if is_pose else "boxes",
        drawn=name in DRAWN_SOURCES or (folder_report is not None and folder_report.drawn),
        understood=understood,
    )


def _roles(splits: Mapping[str, int]) -> tuple[str, str, str]:
    """The splits to train, validate and test on, of those that are annotated and their sizes.

    What a split is for, its name tells (`val` is for validation). A split of another name is used only if there are no
    others, and then the largest one.
    """
    # Sorted, so that `test` comes after `test2015` and replaces it.
    by_use = {split_called(name): name for name in sorted(splits, key=lambda name: name == split_called(name))}
    found = [by_use[use] for use in ("train", "validation", "test") if use in by_use]
    if len(found) == 3:
        return tuple(found)
    if len(found) == 2:
        first, last = found
        return f"{first}[:85%]", f"{first}[85%:]", last
    only = found[0] if found else max(splits, key=splits.get)
    return f"{only}[:70%]", f"{only}[70%:85%]", f"{only}[85%:]"


def _fingerprint(builder: tfds.core.DatasetBuilder) -> str:
    return f"{builder.info.full_name}/{getattr(builder, 'fingerprint', '')}".rstrip("/")


# Splits.
def _sizes(builders: Sequence[tfds.core.DatasetBuilder]) -> str:
    return ", ".join(
        f"{name} has {part.num_examples} examples" for builder in builders for name, part in builder.info.splits.items()
    )


def _check_split(source: str | os.PathLike, split: str, builders: Sequence[tfds.core.DatasetBuilder]) -> None:
    known = list(dict.fromkeys(name for builder in builders for name in builder.info.splits))
    for term in split.split("+"):
        match = _SPLIT_TERM.fullmatch(term)
        if match is None or match["name"] not in known:
            raise ValueError(
                f"{os.fspath(source)} has no split {term!r}; it has {', '.join(known)}, and parts of them such "
                f"as '{known[0]}[:80%]'."
            )


def _annotated_terms(split: str, builder: tfds.core.DatasetBuilder) -> str:
    """The terms of a split such as `train+test[:50%]` for which this builder has annotated examples."""
    terms = [term for term in split.split("+") if is_annotated(builder, _SPLIT_TERM.fullmatch(term)["name"])]
    return "+".join(terms)


def box_fields(source: str | os.PathLike, builder: tfds.core.DatasetBuilder) -> tfds_source.BoxFields | None:
    """Where the examples of a `tfds:` source have what they need; `None` for all others, which need no change."""
    name = os.fspath(source)
    return tfds_source.box_fields(name, builder.info.features) if name.startswith(tfds_source.PREFIX) else None


def is_annotated(builder: tfds.core.DatasetBuilder, split: str, fields: tfds_source.BoxFields | None = None) -> bool:
    if fields:
        return tfds_source.has_boxes(builder, split, fields.box)
    config = f"{builder.name}/{builder.builder_config.name}" if builder.builder_config else builder.name
    return split in builder.info.splits and (config, split) not in _SPLITS_WITHOUT_ANNOTATIONS


def _read(builder: tfds.core.DatasetBuilder, split: str, fields: tfds_source.BoxFields | None) -> tf.data.Dataset:
    examples = builder.as_dataset(
        split=split,
        decoders=tfds_source.without_decoding(builder.info.features),
        # TFDS would keep a small data set in memory whole, unasked.
        read_config=tfds.ReadConfig(
            try_autocache=False, options=options_without_tuner(), add_tfds_id=bool(fields and not fields.file_name)
        ),
    )
    return fields.as_voc(examples) if fields else examples
