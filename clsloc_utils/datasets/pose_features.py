"""The one schema that the data sources of pose share."""

import numpy as np
import tensorflow_datasets as tfds

from clsloc_utils.joints import NUM_JOINTS


def pose_features() -> tfds.features.FeaturesDict:
    """The features of a photo of one person with joints.

    Returns:
        A `tfds.features.FeaturesDict`. Joints stand in the order of `clsloc_utils.joints.JOINT_NAMES`.

        - `image`: JPEG, uint8 RGB once decoded. `image/filename`: text.
        - `joints`: float32 [14, 2], x and y, relative to the photo's width and height: 0..1 inside. The joints of
          someone who is cut off may lie outside. Where `labelled` is false, the numbers mean nothing.
        - `labelled`: bool [14], whether the joint has a position.
        - `visible`: bool [14], whether the joint is labelled and nothing is known to hide it.
    """
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(),
            "image/filename": tfds.features.Text(),
            "joints": tfds.features.Tensor(shape=(NUM_JOINTS, 2), dtype=np.float32),
            "labelled": tfds.features.Tensor(shape=(NUM_JOINTS,), dtype=np.bool_),
            "visible": tfds.features.Tensor(shape=(NUM_JOINTS,), dtype=np.bool_),
        }
    )
