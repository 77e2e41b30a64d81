"""Every annotated object of PASCAL VOC 2007's training and validation images, without the photos.

The annotations are facts about the photos and come with the package as a table, so that what a filter keeps, which
classes there are and how large their boxes are can be counted on VOC itself before anything is downloaded. Source:
Everingham, Van Gool, Williams, Winn, Zisserman 2010, *The PASCAL Visual Object Classes (VOC) Challenge*,
https://doi.org/10.1007/s11263-009-0275-4. `tools/voc_table.py` made the file, and makes it again from a folder of VOC.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from clsloc_utils.datasets.voc_features import VOC_CLASS_NAMES

FILE = Path(__file__).with_name("voc2007_objects.npz")
SPLITS = ("train", "validation")


def voc2007_objects(split: str) -> dict[str, np.ndarray]:
    """The annotated objects of VOC 2007, a row each, in the order of VOC's files.

    Args:
        split: `"train"`, 2,501 images, or `"validation"`, 2,510. The objects of the test images are not in the table.

    Returns:
        Arrays with an entry for each of N objects:

        - `image_id`, int32 `[N]`: number of the photo; 5 is `000005.jpg`. Objects of one photo stand together.
        - `label`, int32 `[N]`: the class, an index into `VOC_CLASS_NAMES`.
        - `box`, int32 `[N, 4]`: `[xmin, ymin, xmax, ymax]` in pixels of the photo, as VOC counts them: from 1, and the
          last pixel belongs to the object, so that its width is `xmax - xmin + 1`. The sizes of the photos are not in
          the table.
        - `is_difficult`, bool `[N]`: whether VOC marks the object as hard to recognise.

    Raises:
        ValueError: There is no such split.
    """
    images, rows = _part(split)
    return {"image_id": np.repeat(images["image_id"], images["count"]), **rows}


def voc2007_annotations(split: str) -> tf.data.Dataset:
    """The same objects, image by image, in the form in which `load` yields examples, as far as the table reaches.

    A filter that decides from the annotations runs on them as it does on the examples of a source with photos.

    Args:
        split: As for `voc2007_objects`.

    Returns:
        A `tf.data.Dataset` with an example for each image: `image/filename`, a string, and `objects` with `label`,
        int64 `[n]`, `is_difficult`, bool `[n]`, and `bbox_in_pixels`, int32 `[n, 4]`, `[ymin, xmin, ymax, xmax]` in
        TFDS's order, but in VOC's pixels. There is no `image`, and no `bbox`, which would be relative to its size.

    Raises:
        ValueError: There is no such split.
    """
    images, rows = _part(split)
    fields = {
        "label": rows["label"].astype("int64"),
        "is_difficult": rows["is_difficult"],
        "bbox_in_pixels": rows["box"][:, [1, 0, 3, 2]],
    }
    objects = {name: tf.RaggedTensor.from_row_lengths(values, images["count"]) for name, values in fields.items()}
    names = [f"{number:06d}.jpg" for number in images["image_id"]]
    examples = tf.data.Dataset.from_tensor_slices({"image/filename": names, "objects": objects})
    return examples.map(lambda example: example)  # rows of ragged tensors become plain ones


def write_table(path: Path, images: Mapping[str, np.ndarray], objects: Mapping[str, np.ndarray]) -> None:
    """Writes the file that `voc2007_objects` reads, in the smallest types that hold the numbers.

    Args:
        path: The file.
        images: Arrays with an entry for each of M images: `image_id`; `is_training`; `count`, how many objects it has.
        objects: Arrays with an entry for each object, those of the first image first: `label`; `box`; `is_difficult`.
    """
    types = {"image_id": "uint16", "count": "uint8", "label": "uint8", "box": "uint16"}
    arrays = {name: np.asarray(values, types.get(name, "bool")) for name, values in {**images, **objects}.items()}
    np.savez_compressed(path, class_names=np.array(VOC_CLASS_NAMES), **arrays)


def _part(split: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The images and the objects of a split, as `write_table` takes them."""
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; the table of VOC 2007 holds {' and '.join(SPLITS)}.")
    with np.load(FILE) as table:
        arrays = dict(table)
    chosen = arrays["is_training"] == (split == "train")
    of_chosen = np.repeat(chosen, arrays["count"])
    images = {name: arrays[name][chosen].astype("int32") for name in ("image_id", "count")}
    objects = {name: arrays[name][of_chosen] for name in ("label", "box", "is_difficult")}
    return images, {
        name: values if values.dtype == bool else values.astype("int32") for name, values in objects.items()
    }
