"""Any data set of TFDS that has boxes, by name: `tfds:caltech_birds2011`, `tfds:coco/2017`, `tfds:coco/2017:1.1.0`.

TFDS downloads and prepares it; nothing is copied. Its examples get the features of TFDS's `voc` while they are read:

- the image is the feature `image`, or else the only image, as it was stored;
- boxes are those of a sequence of objects (`objects` first), or else a single box (`bbox` first, then any other name);
- the class is one of the object (`label` or `type` first, then the only `ClassLabel`), or else one of the image;
- `is_difficult` and `is_truncated` of an object are taken over where they are there;
- images with a box around a group (`is_crowd`, `is_group_of`), or with one that has no area, are left out, as images
  with a fault of a folder are: such an image could pass for one with a single object.
"""

import contextlib
import dataclasses
import difflib
import functools
import operator
import re
import urllib.error
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import requests
import tensorflow as tf
import tensorflow_datasets as tfds

from clsloc_utils.datasets.downloads import DownloadError, in_words, innermost
from clsloc_utils.datasets.folders import in_short
from clsloc_utils.datasets.voc_features import VOC_POSES

PREFIX = "tfds:"
_FILE_NAMES = ("image/filename", "image/file_name", "filename", "file_name")
_GROUPS = ("is_crowd", "is_group_of")
# Examples of a split that are looked at for boxes: a few photos of COCO's training split have none.
_LOOKED_AT = 100
_FILES_SHOWN = 4
_UNSPECIFIED = VOC_POSES.index("unspecified")
# What TFDS raises when it does not get its files; what it says when a disk is full goes on as it is.
_DOWNLOAD_ERRORS = (
    tfds.download.DownloadError,
    tfds.core.download.download_manager.NonMatchingChecksumError,
    tfds.core.download.extractor.ExtractError,
    requests.RequestException,
    urllib.error.URLError,
    AssertionError,  # that files which TFDS cannot download are not there
    ImportError,
)

# Where a feature is, such as ("objects", "bbox").
_Feature = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class BoxFields:
    """Which features of a data set of TFDS hold what an example needs; each a path, such as `("objects", "bbox")`.

    `box` and `label` are of the objects or of the image; empty is what there need not be: the file name, the flags.
    `groups` are flags of boxes around several objects.
    """

    image: _Feature
    file_name: _Feature
    box: _Feature
    label: _Feature
    difficult: _Feature
    truncated: _Feature
    groups: tuple[_Feature, ...]

    def __str__(self) -> str:
        groups = [*map("/".join, self.groups), "a box without area"]
        return (
            f"TFDS's features {'/'.join(self.image)}, {'/'.join(self.box)} and {'/'.join(self.label)}; "
            f"images with {' or '.join(groups)} are left out"
        )

    def class_names(self, features: Mapping) -> tuple[str, ...]:
        """The names of the classes, in the order of their labels."""
        return tuple(_at(features, self.label).names)

    def as_voc(self, examples: tf.data.Dataset) -> tf.data.Dataset:
        """Examples `without_decoding` with the features of TFDS's `voc`; without a `file_name` they have `tfds_id`."""
        return examples.filter(self._is_sound).map(self._voc_example)

    def _is_sound(self, example: Mapping) -> tf.Tensor:
        groups = [tf.reduce_any(_is_set(_at(example, group))) for group in self.groups]
        return tf.reduce_all(_has_area(_at(example, self.box))) & ~tf.reduce_any(tf.stack([False, *groups]))

    def _voc_example(self, example: Mapping) -> dict:
        boxes = tf.reshape(_at(example, self.box), (-1, 4))
        count = tf.shape(boxes)[:1]
        labels = tf.broadcast_to(_at(example, self.label), count)
        difficult, truncated = (
            _is_set(_at(example, flag)) if flag else tf.fill(count, False) for flag in (self.difficult, self.truncated)
        )
        return {
            "image": _at(example, self.image),
            "image/filename": _at(example, self.file_name) if self.file_name else example["tfds_id"],
            "objects": {
                "label": labels,
                "bbox": boxes,
                "pose": tf.fill(count, tf.constant(_UNSPECIFIED, tf.int64)),
                "is_truncated": truncated,
                "is_difficult": difficult,
            },
            "labels": _distinct(labels),
            "labels_no_difficult": _distinct(tf.boolean_mask(labels, ~difficult)),
        }


def _at(features: Mapping, path: _Feature):
    return functools.reduce(operator.getitem, path, features)


def without_decoding(features: tfds.features.FeaturesDict) -> dict:
    """Decoders that leave all images as they are stored, also those that are not used; for `as_dataset`."""
    decoders = {}
    for name, feature in features.items():
        # Not `tfds.decode.PartialDecoding`, which warns of what TFDS calls itself (4.9.10).
        inner = feature.feature if isinstance(feature, tfds.features.Sequence) else feature
        if isinstance(inner, tfds.features.FeaturesDict):
            decoders[name] = without_decoding(inner)
        elif isinstance(inner, tfds.features.Image):
            decoders[name] = tfds.decode.SkipDecoding()
    return decoders


def _is_set(flags: tf.Tensor) -> tf.Tensor:
    """Flags as truth values; Open Images has -1 where nobody knows."""
    return tf.cast(flags, tf.int32) > 0


def _has_area(boxes: tf.Tensor) -> tf.Tensor:
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    return (ymax > ymin) & (xmax > xmin)


def _distinct(labels: tf.Tensor) -> tf.Tensor:
    return tf.sort(tf.unique(labels).y)


# Finding the features.


def box_fields(source: str, features: tfds.features.FeaturesDict) -> BoxFields:
    """Finds the features to take, by the rules at the top of the module.

    Raises:
        ValueError: There is no image, no box or no class, or no telling which; the message lists all features.
    """
    top = dict(features.items())
    sequences = {
        name: dict(feature.feature.items())
        for name, feature in _first_of(top, tfds.features.Sequence, ("objects",)).items()
        if isinstance(feature.feature, tfds.features.FeaturesDict)
    }
    images = {name: each for name, each in _first_of(top, tfds.features.Image, ("image",)).items() if _is_photo(each)}
    image = "image" if "image" in images else _only_one(images)
    places = [*((name, inner) for name, inner in sequences.items()), ("", top)]
    boxes = ((name, box) for name, inner in places for box in _first_of(inner, tfds.features.BBoxFeature, ("bbox",)))
    box = tuple(filter(None, next(boxes, ())))
    objects = sequences[box[0]] if len(box) == 2 else {}
    label = (box[0], _label(objects)) if _label(objects) else (_label(top),)
    missing = {"an image": image, "a box": box, "a class": label[0]}
    lacking = [word for word, found in missing.items() if not found]
    if lacking:
        raise ValueError(
            f"{source} lacks {' and '.join(lacking)}. Needed are an Image, a BBoxFeature (of each "
            "object or of the image) and a ClassLabel (likewise; if there are several, one called label). "
            f"It has {', '.join(_names_and_kinds(top))}. Take another data set."
        )

    def flag(name: str) -> _Feature:
        return (box[0], name) if name in objects else ()

    return BoxFields(
        image=(image,),
        file_name=next(((name,) for name in _FILE_NAMES if isinstance(top.get(name), tfds.features.Text)), ()),
        box=box,
        label=label,
        difficult=flag("is_difficult"),
        truncated=flag("is_truncated"),
        groups=tuple(filter(None, map(flag, _GROUPS))),
    )


def _first_of(features: Mapping, kind: type, names: Sequence[str]) -> dict:
    """The features of a kind, those of certain names first."""
    found = {name: feature for name, feature in features.items() if isinstance(feature, kind)}
    return {name: found[name] for name in sorted(found, key=lambda name: name not in names)}


def _is_photo(feature: tfds.features.Image) -> bool:
    """Whether it is an image of grey or coloured pixels, not one of numbers of classes or of depths."""
    return feature.np_dtype == np.uint8 and not isinstance(feature, tfds.features.LabeledImage)


def _only_one(names: Mapping) -> str:
    return next(iter(names)) if len(names) == 1 else ""


def _label(features: Mapping) -> str:
    """The name of the class among some features; empty if there is none, or no telling which."""
    labels = _first_of(features, tfds.features.ClassLabel, ("label", "type"))
    return next((name for name in ("label", "type") if name in labels), _only_one(labels))


def _names_and_kinds(features: Mapping, above: str = "") -> list[str]:
    """Each feature in words, such as `objects/bbox (BBoxFeature)`."""
    words = []
    for name, feature in features.items():
        inner = getattr(feature, "feature", feature)  # of a sequence
        if isinstance(inner, tfds.features.FeaturesDict):
            words += _names_and_kinds(dict(inner.items()), f"{above}{name}/")
        else:
            words.append(f"{above}{name} ({type(feature).__name__})")
    return words


def has_boxes(builder: tfds.core.DatasetBuilder, split: str, box: _Feature) -> bool:
    """Whether one of the first examples of a prepared split has a box; test splits are often published without."""
    if not builder.info.splits[split].num_examples:
        return False
    examples = builder.as_dataset(
        split=split,
        decoders=without_decoding(builder.info.features),
        read_config=tfds.ReadConfig(try_autocache=False),
    )
    with_boxes = (tf.reduce_any(_has_area(_at(example, box))) for example in examples.take(_LOOKED_AT))
    return any(map(bool, with_boxes))


# Getting the data.


def builder_of(source: str, root: Path) -> tfds.core.DatasetBuilder:
    """The builder of TFDS behind `tfds:NAME`; a `ValueError` if it has no data set, config or version of this name."""
    name = source.removeprefix(PREFIX)
    try:
        return tfds.builder(name, data_dir=root)
    except (ValueError, AssertionError, ImportError) as error:
        first_line = re.sub(r'^Failed to construct dataset .*?}": ', "", re.split(r"\n|\. Here are", str(error))[0])
        raise ValueError(
            f"{source} is not in TFDS {tfds.__version__} ({first_line.strip(' .')}).{_names_like(name)} Write "
            f"{PREFIX}NAME, {PREFIX}NAME/CONFIG or {PREFIX}NAME/CONFIG:VERSION."
        ) from error


def _names_like(name: str) -> str:
    data_set = re.split("[/:]", name)[0]
    known = tfds.list_builders(with_community_datasets=False)
    if data_set in known:
        configs = [config.name for config in tfds.builder_cls(data_set).BUILDER_CONFIGS]
        return f" It has the configs {in_short(configs, 20)}." if configs else ""
    close = difflib.get_close_matches(data_set, known)
    return f" Did you mean {' or '.join(close)}?" if close else ""


@contextlib.contextmanager
def preparing(source: str, root: Path) -> Iterator[tfds.core.DatasetBuilder]:
    """A builder to prepare a data set with; within the block TFDS's errors become a `DownloadError` with a remedy."""
    builder = builder_of(source, root)
    try:
        yield builder
    except _DOWNLOAD_ERRORS as error:
        first = innermost(error) if isinstance(error, requests.ConnectionError) else error
        text = " ".join(in_words(first).split())
        request = getattr(error, "request", None)
        address = getattr(request, "url", None) or next((url for url in builder.url_infos if url in str(error)), "")
        files = sorted({url_info.filename for url_info in builder.url_infos.values() if url_info.filename})
        if len(files) > _FILES_SHOWN:  # of several configs
            files = [builder.url_infos[address].filename] if address in builder.url_infos else []
        needed = " and ".join(files) or "its files"
        raise DownloadError(
            f"TFDS could not get {source}{f' from {address}' if address else ''}: {text}\n"
            f"By hand: put {needed}, from {builder.info.homepage} or wherever you find it, into a folder DIR;\n"
            f"then run: clsloc prepare {source} --from DIR"
        ) from error
