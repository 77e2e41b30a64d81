"""Boxes and poses as tests of training take them: ten examples that a small model can learn, in batches."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import pytest

from clsloc_utils import models, tasks
from helpers.models import examples, small_backbone

KEY = {"source": "made up", "image_size": 32}


def people(count=10):
    """Images of noise with a bright patch, joints around it, one in six without a label."""
    rng = np.random.default_rng(0)
    centre = rng.uniform(0.3, 0.7, (count, 1, 2))
    joints = (centre + rng.uniform(-0.3, 0.3, (1, 14, 2))).astype("float32")
    weights = (rng.uniform(size=(count, 14)) < 0.85).astype("float32")
    weights[:, [2, 9]] = 1
    joints[weights == 0] = 0.5
    images = rng.uniform(0, 60, (count, 32, 32, 3)).astype("float32")
    for image, (x, y) in zip(images, (centre[:, 0] * 32).astype(int), strict=True):
        image[y - 4 : y + 4, x - 4 : x + 4] += 180
    return images, {"joints": joints}, {"joints": weights}


@dataclasses.dataclass(frozen=True)
class Kind:
    """What is learned: its task, examples of it (images, targets and, of poses, weights), a model on a backbone."""

    task: tasks.Task
    examples: Callable
    model_on: Callable

    def model(self):
        keras.utils.set_random_seed(0)
        return self.model_on(small_backbone())

    def batches(self, copy=0, count=10, size=4):
        """Ten examples in batches of 4, 4 and 2; another copy is a little brighter."""
        images, *others = self.examples(count)
        for start in range(0, count, size):
            rows = slice(start, start + size)
            yield images[rows] + 3 * copy, *({name: each[rows] for name, each in other.items()} for other in others)

    def arrays(self):
        """What a cache keeps beside the features of one copy."""
        _, targets, *weights = self.examples()
        return self.task.to_arrays(targets, *weights or [None])


BOXES = Kind(tasks.BOXES, examples, lambda backbone: models.two_head_model(backbone, 3, dropout=0.0))
POSE = Kind(tasks.POSE, people, models.pose_model)
# For a test that is about one of the two.
of_boxes = pytest.mark.parametrize("kind", [BOXES], ids=["boxes"])
of_poses = pytest.mark.parametrize("kind", [POSE], ids=["pose"])


def values_of(weights):
    """Copies of the values of variables, by their paths."""
    return {weight.path: keras.ops.convert_to_numpy(weight) for weight in weights}
