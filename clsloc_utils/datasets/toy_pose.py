"""`toy_pose`: drawings of moving people with their 14 joints, made on the spot, the same bytes on every run."""

from collections.abc import Iterator

import joblib
import numpy as np
import tensorflow_datasets as tfds

from clsloc_utils.datasets.pose_features import pose_features
from clsloc_utils.drawing.poses import draw_pose_annotated
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
        seed, count = _SEEDS[split], SPLITS[split]
        # As in `toy_voc`: light workers, results in order and one by one.
        workers = joblib.Parallel(n_jobs=-1, batch_size=32, return_as="generator")
        drawings = workers(joblib.delayed(draw_pose_annotated)(seed, index) for index in range(count))
        for index, drawing in enumerate(progress(drawings, total=count, description=f"Drawing people, {split}")):
            filename = f"{split}_{index:06d}.jpg"
            example = {
                "image": drawing["image"],
                "image/filename": filename,
                "joints": (drawing["joints"] / drawing["size"]).astype(np.float32),
                "labelled": drawing["labelled"],
                "visible": drawing["visible"],
            }
            yield filename, example
