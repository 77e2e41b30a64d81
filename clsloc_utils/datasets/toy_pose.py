"""`toy_pose`: drawings of moving people with their 14 joints, made on the spot, the same bytes on every run."""

from collections.abc import Iterator

import joblib
import numpy as np
import tensorflow_datasets as tfds

from clsloc_utils.datasets.drawing.poses import draw_pose_annotated
from clsloc_utils.datasets.pose_features import pose_features
from clsloc_utils.progress import progress

SPLITS = {"train": 3200, "validation": 400, "test": 800}
"""People in each split, one an image."""

_SEEDS = {"train": 11, "validation": 12, "test": 13}
"""Every split draws from seeds of its own, so nobody can turn up in two of them."""


class ToyPose(tfds.core.GeneratorBasedBuilder):
    """Drawings of people with the 14 joints of Leeds Sports Pose."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Procedural drawings of moving people, one an image, with 14 joints each. As in LSP-extended, "
            "a joint outside of the image is not labelled.",
            features=pose_features(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[str, dict]]]:
        del dl_manager  # Nothing to download.
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict]]:
        people = drawn_people(_SEEDS[split], range(SPLITS[split]), f"Drawing people, {split}")
        for index, example in enumerate(people):
            filename = f"{split}_{index:06d}.jpg"
            yield filename, example | {"image/filename": filename}


def drawn_people(seed: int, indices: range, description: str) -> Iterator[dict]:
    """Examples of drawn people, made by all processor cores, in their order.

    Args:
        seed: Which series of people.
        indices: Which ones of the series.
        description: Words for the progress bar.

    Yields:
        As `pose_features` says, without `image/filename`: `image` as the bytes of a JPEG, `joints` relative to it.
    """
    # As in `toy_voc`: light workers, results in order and one by one.
    workers = joblib.Parallel(n_jobs=-1, batch_size=32, return_as="generator")
    drawings = workers(joblib.delayed(draw_pose_annotated)(seed, index) for index in indices)
    for drawing in progress(drawings, total=len(indices), description=description):
        yield {
            "image": drawing["image"],
            "joints": (drawing["joints"] / drawing["size"]).astype(np.float32),
            "labelled": drawing["labelled"],
            "visible": drawing["visible"],
        }
