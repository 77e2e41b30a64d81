"""`toy_voc`: drawings of VOC's 20 classes with VOC's annotations, made on the spot, the same bytes on every run."""

from collections.abc import Iterator

import joblib
import tensorflow_datasets as tfds

from clsloc_utils.datasets.box_fields import annotated_object, voc_example
from clsloc_utils.datasets.drawing.scenes import draw_annotated
from clsloc_utils.datasets.voc_features import voc_features
from clsloc_utils.progress import progress

SPLITS = {"train": 7000, "validation": 700, "test": 1300}
"""Images in each split; more than a third of them hold exactly one object."""

_SEEDS = {"train": 1, "validation": 2, "test": 3}
"""Every split draws from seeds of its own, so no picture can turn up in two of them."""


class ToyVoc(tfds.core.GeneratorBasedBuilder):
    """Drawings of VOC's 20 classes, with the features of TFDS's `voc` field for field."""

    VERSION = tfds.core.Version("1.1.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Procedural drawings of the 20 PASCAL VOC classes, one to several objects an image, with boxes "
            "tight around the visible pixels.",
            features=voc_features(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[str, dict]]]:
        del dl_manager  # Nothing to download.
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict]]:
        seed, count = _SEEDS[split], SPLITS[split]
        # The drawings need neither TensorFlow nor this class, so the worker processes start in a moment. Results come
        # back in order, and one by one: the split never lies in memory as a whole.
        workers = joblib.Parallel(n_jobs=-1, batch_size=32, return_as="generator")
        drawings = workers(joblib.delayed(draw_annotated)(seed, index) for index in range(count))
        for index, drawing in enumerate(progress(drawings, total=count, description=f"Drawing {split}")):
            filename = f"{split}_{index:06d}.jpg"
            objects = [
                annotated_object(
                    drawn["class_name"],
                    drawn["bbox"],
                    drawing["size"],
                    pose=drawn["pose"].lower(),
                    is_truncated=drawn["is_truncated"],
                    is_difficult=drawn["is_difficult"],
                )
                for drawn in drawing["objects"]
            ]
            yield filename, voc_example(drawing["image"], filename, objects)
