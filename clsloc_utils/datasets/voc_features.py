"""The one schema that every data source of the course shares: that of TFDS's `voc`, field for field."""

from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds

VOC_CLASS_NAMES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
VOC_POSES = ("frontal", "rear", "left", "right", "unspecified")


def voc_features(class_names: Sequence[str] | None = VOC_CLASS_NAMES) -> tfds.features.FeaturesDict:
    """The features of TFDS's `voc`, with class names of one's own.

    Args:
        class_names: Names of the classes, in the order of their labels. `None` leaves them open, for a builder that
            learns them while it prepares its data; TFDS stores them with the data and restores them from there.

    Returns:
        A `tfds.features.FeaturesDict` with `image` (JPEG, uint8 RGB once decoded), `image/filename`, `objects` (a
        sequence of `label`, `bbox`, `pose`, `is_truncated`, `is_difficult`), `labels` and `labels_no_difficult`. `bbox`
        is `[ymin, xmin, ymax, xmax]`, float32, relative to the height and width of the image.
    """

    def class_label() -> tfds.features.ClassLabel:
        return tfds.features.ClassLabel(names=None if class_names is None else list(class_names))

    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(),
            "image/filename": tfds.features.Text(),
            "objects": tfds.features.Sequence(
                {
                    "label": class_label(),
                    "bbox": tfds.features.BBoxFeature(),
                    "pose": tfds.features.ClassLabel(names=list(VOC_POSES)),
                    "is_truncated": np.bool_,
                    "is_difficult": np.bool_,
                }
            ),
            "labels": tfds.features.Sequence(class_label()),
            "labels_no_difficult": tfds.features.Sequence(class_label()),
        }
    )
