"""From TFDS examples to batches for a model: filter, parse, augment, batch, each a step that streams.

    examples = datasets.load("toy_voc", "train")          # JPEGs undecoded
    examples = single_object(examples)                    # decides from the annotations alone
    images_and_targets = examples.map(parse(128))         # decodes, resizes, one box format
    for images, targets in images_and_targets.batch(32): ...

`batches` does all of it in one call, and `pose_batches` does the like for a person's joints.
"""

from clsloc_utils.pipelines.boxes import (
    DIFFICULT_CHOICES,
    SHUFFLE_BUFFER,
    VERSION,
    Augmentation,
    augment,
    batches,
    parse,
    single_object,
    to_batches,
)
from clsloc_utils.pipelines.pose import (
    PoseAugmentation,
    augment_pose,
    flip_joints,
    parse_pose,
    person_crop,
    pose_batches,
    to_crop,
    to_photo,
)

__all__ = [
    "DIFFICULT_CHOICES",
    "SHUFFLE_BUFFER",
    "VERSION",
    "Augmentation",
    "PoseAugmentation",
    "augment",
    "augment_pose",
    "batches",
    "flip_joints",
    "parse",
    "parse_pose",
    "person_crop",
    "pose_batches",
    "single_object",
    "to_batches",
    "to_crop",
    "to_photo",
]
