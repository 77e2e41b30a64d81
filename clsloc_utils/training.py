"""Training: features computed once and kept on disk, heads trained on them in seconds, fine-tuning, evaluation.

While the backbone is frozen it gives the same features in every epoch. `cache_features` runs it once and writes them to
disk; `train_heads` then only pays for the heads. `fine_tune` is the second step, with the backbone learning too.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import filelock
import keras
import numpy as np
import tensorflow as tf

from clsloc_utils import checkup, distribution, models
from clsloc_utils.backbones import feature_extractor
from clsloc_utils.files import arrays_in, replacing
from clsloc_utils.losses import get_box_loss, get_joint_loss
from clsloc_utils.metrics import PCK, BoxAccuracy, ClsLocAccuracy, MeanBoxIoU, MeanJointError, pose_scores
from clsloc_utils.progress import progress

CACHE_FORMAT = 1
# A step of the heads takes so little that Keras's work between two of them shows; so it sees only every eighth.
_HEAD_STEPS_PER_EXECUTION = 8
# Building the loop around these eight takes 0.7 s, on two cores as long as it saves in this many steps.
_STEPS_WORTH_A_LOOP = 500
_BOX_TARGETS = {"label": np.int32, "box": np.float32}
_POSE_TARGETS = {"joints": np.float32, "weight": np.float32}
_TARGETS = _BOX_TARGETS | _POSE_TARGETS


def set_seed(seed: int) -> None:
    """Makes what follows repeatable bit for bit on one machine: weights, dropout, shuffling, TensorFlow's kernels.

    Args:
        seed: Any integer from 0 to 2**32 - 1.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


HEAD_LEARNING_RATE = 2e-3
"""The rate of the first step of heads on cached features."""
HEAD_WEIGHT_DECAY = 4e-3
"""AdamW's weight decay of heads on cached features."""


# --- feature cache ----------------------------------------------------------------------------------------------------


class FeatureCacheError(ValueError):
    """A feature cache that must not be used: it is short, altered, unreadable, or made of something else."""


@dataclasses.dataclass(frozen=True)
class FeatureCache:
    """Features and targets of a data set, on disk.

    Attributes:
        path: Folder of the cache.
        manifest: Content of its `manifest.json`: key, and shape, dtype, size and SHA-256 of each file.
        arrays: `"coarse"` and, where the backbone has it, `"fine"`: float16 `[N, h, w, C]`, memory-mapped; `"label"`:
            int32 `[N]`; `"box"`: float32 `[N, 4]`, rel_xyxy. Of poses, instead of these two, `"joints"`: float32 `[N,
            14, 2]`, x and y relative to the image; `"weight"`: float32 `[N, 14]`, 0 for a joint without a label. The
            rows of copy 0, the plain images, come first, then those of copy 1, and so on.
        copies: How many versions of each image there are.
        images: The numbers of the images that batches are made of; `None` for all. `arrays` has all of them always.
    """

    path: Path
    manifest: dict
    arrays: dict[str, np.ndarray]
    copies: int
    images: np.ndarray | None = None

    @property
    def num_examples(self) -> int:
        """Number of images, augmented copies not counted."""
        return len(self.arrays["coarse"]) // self.copies if self.images is None else len(self.images)

    def of_images(self, images: Sequence[int] | np.ndarray) -> "FeatureCache":
        """The same features on disk, but batches of some images only, with all their copies.

        Args:
            images: Their numbers, from 0.
        """
        return dataclasses.replace(self, images=np.asarray(images))

    def rows(self, copies: int) -> np.ndarray:
        """The rows of `arrays` that belong to these images and so many copies."""
        count = len(self.arrays["coarse"]) // self.copies
        images = np.arange(count) if self.images is None else self.images
        return (np.arange(copies)[:, np.newaxis] * count + images).reshape(-1)

    @property
    def targets(self) -> dict[str, np.ndarray]:
        """What the plain images show, an array for each name in `arrays` that is no feature map; copies not counted."""
        rows = self.rows(1)
        return {name: self.arrays[name][rows] for name in _TARGETS if name in self.arrays}

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the feature maps."""
        return tuple(name for name in self.arrays if name not in _TARGETS)

    def batches(
        self,
        batch_size: int = 32,
        *,
        levels: Iterable[str] | None = None,
        copies: int | None = None,
        seed: int | None = None,
    ) -> "FeatureBatches":
        """Batches for `fit`, `evaluate` and `predict`.

        Args:
            batch_size: Examples in a batch; the last one may be smaller.
            levels: Feature maps to read; `None` for all.
            copies: How many of the copies to go through, 1 for the plain images only; `None` for all.
            seed: Shuffles, anew in every epoch; `None` keeps the order.

        Returns:
            A `keras.utils.PyDataset` of `({level: float16 [B, h, w, C]}, {"label": [B], "box": [B, 4]})`, or of
            `({level: float16 [B, h, w, C]}, {"joints": [B, 14, 2]}, {"joints": weights [B, 14]})`. Keras makes float32
            of the features as they enter a model, which takes a fraction of NumPy's time for it.
        """
        return FeatureBatches(self, batch_size, levels, copies, seed)

    @classmethod
    def open(cls, path: str | Path, key: Mapping | None = None) -> "FeatureCache":
        """Opens a cache after checking all of it.

        Args:
            path: Folder of the cache.
            key: What it must have been made of; `None` takes any.

        Returns:
            The cache.

        Raises:
            FeatureCacheError: A file is missing, short or altered, or the cache was made of something else.
        """
        path = Path(path)
        manifest = _read_manifest(path)
        if key is not None and manifest["key"] != key:
            raise FeatureCacheError(f"{path}: made of {manifest['key']}, not of {key}")
        arrays = {name: _open_array(path / f"{name}.npy", entry) for name, entry in manifest["arrays"].items()}
        return cls(path, manifest, arrays, manifest["key"]["copies"])


class FeatureBatches(keras.utils.PyDataset):
    """Batches of a `FeatureCache`; see `FeatureCache.batches`."""

    def __init__(
        self, cache: FeatureCache, batch_size: int, levels: Iterable[str] | None, copies: int | None, seed: int | None
    ):
        # With one worker Keras reads through tf.data with its tuner, which can hold up the end of an epoch for as long
        # as the epoch itself. Threads keep the order.
        super().__init__(workers=2)
        missing = set(levels or ()) - set(cache.levels)
        if missing:
            raise FeatureCacheError(
                f"{cache.path}: it has no level {sorted(missing)[0]!r}, only {', '.join(cache.levels)}"
            )
        if copies is not None and not 1 <= copies <= cache.copies:
            raise FeatureCacheError(f"{cache.path}: {copies} copies are asked for, it has {cache.copies}")
        self.cache, self.batch_size, self.seed = cache, batch_size, seed
        self.levels = tuple(levels) if levels is not None else cache.levels
        self.rows = cache.rows(cache.copies if copies is None else copies)
        self.epoch = 0
        self._order_of_epoch: tuple[int | None, np.ndarray | None] = (None, None)

    def __len__(self) -> int:
        """Number of batches."""
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[dict, ...]:
        """One batch."""
        return self.part(index, 0, 1)

    def part(self, index: int, part: int, parts: int) -> tuple[dict, ...]:
        """Of one batch, the rows that one of several replicas works on; the others are not read from the disk.

        Args:
            index: The number of the batch.
            part: The number of the replica, from 0.
            parts: Number of replicas; the first ones get a row more where the batch cannot be cut evenly.

        Returns:
            As `batches` says.
        """
        rows = self._order()[index * self.batch_size : (index + 1) * self.batch_size]
        # Sorted, it reads the disk in one direction; order does not matter within a batch.
        rows = np.array_split(np.sort(rows), parts)[part]
        features = {level: _rows_of(self.cache.arrays[level], rows) for level in self.levels}
        targets = {name: _rows_of(self.cache.arrays[name], rows) for name in _TARGETS if name in self.cache.arrays}
        if "weight" in targets:
            return features, {"joints": targets["joints"]}, {"joints": targets["weight"]}
        return features, targets

    def __iter__(self) -> Iterator[tuple[dict, ...]]:
        """All batches of this epoch."""
        return (self[index] for index in range(len(self)))

    def on_epoch_end(self) -> None:
        """Keras calls this; the next epoch gets another order."""
        self.epoch += 1

    def _order(self) -> np.ndarray:
        if self.seed is None:
            return self.rows
        if self._order_of_epoch[0] != self.epoch:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(self.rows)
            self._order_of_epoch = (self.epoch, order)
        return self._order_of_epoch[1]


def _rows_of(array: np.memmap, rows: np.ndarray) -> np.ndarray:
    """Some rows of a memory-mapped array.

    Through a map of its own, which ends here: whatever was read through the common map would count as this process's
    memory from then on, and after an epoch that is the whole file.
    """
    return np.array(np.memmap(array.filename, array.dtype, "r", array.offset, array.shape)[rows])


def cache_features(
    model: keras.Model,
    batches: Callable[[int], Iterable] | Iterable,
    key: Mapping,
    *,
    copies: int = 1,
    directory: str | Path | None = None,
    total: int | None = None,
    precision: str | None = None,
    description: str = "features",
) -> FeatureCache:
    """Runs a backbone over a data set once and keeps the feature maps on disk, where the next call finds them.

    Memory stays flat: batch after batch is appended to the files. They are written into a temporary folder, which gets
    its final name when all is complete, so that an interrupted run leaves nothing that could be taken for a cache. A
    cache is checked when it is found (see `FeatureCache.open`); a bad one is computed again, and a line says why.

    Args:
        model: A two-head or pose model (its `"features"` are run) or a backbone.
        batches: Gives batches `(images, targets)`: images float32 RGB 0..255 `[B, S, S, 3]`, targets a dict of
            `"label"` `[B]` and `"box"` `[B, 4]` rel_xyxy. Or, of poses, `(images, {"joints": [B, 14, 2]}, {"joints":
            weights [B, 14]})`; the place of a joint of weight 0 is not kept. Either something to iterate over, or, for
            several copies, a function that takes the number of the copy: 0 for the plain images, the others for
            augmented ones.
        key: What the batches are made of, in words and numbers that JSON can hold: source, version, split, image size,
            filter, augmentation with its seed. Two data sets that differ must differ here. The backbone (architecture,
            weights, preprocessing) is added by this function.
        copies: How many times to go through the data.
        directory: Folder of all caches; `None` for `default_cache_directory()`.
        total: Number of images in one copy when known, for the progress bar.
        precision: What the backbone computes in, as for `clsloc_utils.models.computing_in`. Features of another
            precision are others.
        description: Words for the progress bar.

    Returns:
        The `FeatureCache`.

    Raises:
        ValueError: The key is not JSON, the batches are empty or malformed, a copy has another number of images than
            the first, a feature does not fit half precision, or Keras does not know the precision.
    """
    features = _features_of(model)
    with models.computing_in(features, precision):
        full_key = {"data": _plain_json(key), "copies": copies, "backbone": backbone_fingerprint(features)}
        root = Path(directory) if directory is not None else default_cache_directory()
        root.mkdir(parents=True, exist_ok=True)
        name = _sha256_of_json(full_key)[:24]
        # Two notebooks may want the same features at once: the second one waits and finds them.
        with filelock.FileLock(root / f"{name}.lock"):
            path = root / name
            if path.exists():
                try:
                    return FeatureCache.open(path, full_key)
                except FeatureCacheError as error:
                    print(f"Feature cache not used, computing it again: {error}.")
            for left_over in root.glob(f"{name}.part-*"):
                shutil.rmtree(left_over)
            with _temporary_folder(root, f"{name}.part-") as folder:
                _write_cache(folder, features, batches, full_key, total, description)
                if path.exists():
                    shutil.rmtree(path)
                os.replace(folder, path)
            return FeatureCache.open(path, full_key)


def default_cache_directory() -> Path:
    """Where feature caches lie: `features` in the folder `CLSLOC_DATA_DIR`, or else in the user's cache folder."""
    return checkup.data_folder() / "features"


def backbone_fingerprint(features: keras.Model) -> str:
    """SHA-256 of a model's architecture and weights, the same whenever it was built and whatever its layers' names.

    Args:
        features: A functional model, such as `clsloc_utils.backbones.feature_extractor` returns.

    Returns:
        64 hexadecimal digits.
    """
    names = {layer.name: f"layer {index}" for index, layer in enumerate(features.layers)}

    def canonical(value):
        if isinstance(value, dict):
            # Neither changes what the model computes; the identity of an object is another one in each run.
            ignored = ("trainable", "shared_object_id")
            return {names.get(name, name): canonical(each) for name, each in value.items() if name not in ignored}
        if isinstance(value, list):
            return [canonical(each) for each in value]
        return names.get(value, value) if isinstance(value, str) else value

    config = canonical(json.loads(features.to_json()))
    # The model's own name, and Keras's version, which to_json adds.
    digest = hashlib.sha256(_sha256_of_json(config["config"] | {"name": ""}).encode())
    for layer in features.layers:
        for weight in layer.weights:
            array = np.ascontiguousarray(keras.ops.convert_to_numpy(weight))
            digest.update(f"{array.dtype.name}{array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def _features_of(model: keras.Model) -> keras.Model:
    """The feature extractor inside a two-head or pose model, or around a backbone."""
    for each in (model, *model.layers):
        if each.name == "features" and isinstance(each, keras.Model) and isinstance(each.output, dict):
            return each
    return feature_extractor(model, require_fine=False)


def _plain_json(key: Mapping) -> dict:
    try:
        return json.loads(json.dumps(key, sort_keys=True))
    except TypeError as error:
        raise ValueError(f"key of a feature cache: {error}; use text, numbers, lists and dicts only.") from error


def _sha256_of_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def _temporary_folder(root: Path, prefix: str) -> Iterator[Path]:
    """A folder that is gone afterwards unless it was renamed, also after an error or a keyboard interrupt."""
    folder = root / f"{prefix}{secrets.token_hex(4)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_cache(folder: Path, features: keras.Model, batches, key: dict, total: int | None, description: str) -> None:
    started = time.perf_counter()
    copies = key["copies"]
    writers: dict[str, _NpyWriter] = {}
    forward = _forward(features, tf.float16)
    with contextlib.ExitStack() as stack:
        all_images = None if total is None else total * copies
        bar = stack.enter_context(progress(total=all_images, description=description))
        for copy in range(copies):
            for rows in _rows(forward, _batches_of_copy(batches, copy, copies)):
                for name, values in rows.items():
                    if name not in writers:
                        writer = _NpyWriter(folder / f"{name}.npy", _TARGETS.get(name, np.float16))
                        writers[name] = stack.enter_context(writer)
                    writers[name].append(values)
                bar.update(len(rows["coarse"]))
            _check_count(writers["coarse"].count if writers else 0, copy)
    arrays = {name: _describe_array(folder / f"{name}.npy") for name in writers}
    manifest = {"format": CACHE_FORMAT, "key": key, "arrays": arrays, "seconds": time.perf_counter() - started}
    manifest["sha256"] = _sha256_of_json(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _batches_of_copy(batches, copy: int, copies: int) -> Iterable:
    if callable(batches):
        return batches(copy)
    if copies > 1:
        raise ValueError(f"{copies} copies are asked for: pass a function of the copy's number as batches.")
    return batches


def _check_count(count: int, copy: int) -> None:
    """All copies must have as many images as the first; `count` is how many there are up to and with this one."""
    if count == 0 or count % (copy + 1):
        raise ValueError(
            f"batches: {count} images after copy {copy}; every copy must have the same number, and at least one image."
        )


def _rows(forward: Callable[[Any], dict], batches: Iterable) -> Iterator[dict[str, np.ndarray]]:
    """Feature maps and targets, batch by batch."""
    for images, targets, *weights in batches:
        rows = forward(images)
        is_pose = "joints" in targets
        if weights and not is_pose:
            raise ValueError("batches: a cache keeps sample weights of joints only; leave those of boxes out.")
        kept = _pose_rows(targets, *weights) if is_pose else targets
        for name in _POSE_TARGETS if is_pose else _BOX_TARGETS:
            if name not in kept or len(kept[name]) != len(rows["coarse"]):
                raise ValueError(f"batches: targets must have {name!r} with one entry for each image; got {kept}.")
            rows[name] = np.asarray(kept[name])
        yield rows


def _pose_rows(targets: Mapping, weights: Any = None) -> dict[str, np.ndarray]:
    """Joints and their weights as a cache keeps them: nothing of what stood in place of an unlabelled joint."""
    joints = np.asarray(targets["joints"])
    weight = np.ones(joints.shape[:2]) if weights is None else np.asarray(weights["joints"])
    if weight.shape != joints.shape[:2]:
        raise ValueError(
            f"batches: joints of shape {joints.shape} need weights {joints.shape[:2]}; got {weight.shape}."
        )
    return {"joints": np.where(weight[..., np.newaxis] > 0, joints, 0.5), "weight": weight}


class _NpyWriter:
    """Appends rows to a `.npy` file whose final length is not yet known.

    NumPy pads the header so that its first axis can grow in place: it is written for zero rows first and again on
    closing.
    """

    def __init__(self, file: Path, dtype: type):
        self.name, self.dtype = file.stem, np.dtype(dtype)
        self.count, self.row_shape = 0, None
        self.stream = open(file, "wb")  # noqa: SIM115 - the writer itself is the context manager

    def __enter__(self):
        return self

    def append(self, rows: np.ndarray) -> None:
        """Adds rows `[B, ...]`, converted to the file's dtype."""
        with np.errstate(over="ignore"):
            converted = np.ascontiguousarray(rows, self.dtype)
        if self.dtype.kind == "f" and not np.isfinite(converted).all():
            raise ValueError(
                f"{self.name}: values from {np.min(rows)} to {np.max(rows)} do not fit {self.dtype.name}. Check the "
                "backbone's weights and preprocessing, and the boxes."
            )
        if self.row_shape is None:
            self.row_shape = converted.shape[1:]
            self._write_header()
        if converted.shape[1:] != self.row_shape:
            raise ValueError(f"{self.name}: a row of shape {converted.shape[1:]} after rows of {self.row_shape}.")
        self.stream.write(converted)
        self.count += len(converted)

    def _write_header(self) -> None:
        header = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.count, *self.row_shape)}
        np.lib.format.write_array_header_1_0(self.stream, header)

    def __exit__(self, *unused):
        if self.row_shape is not None:
            self.stream.seek(0)
            self._write_header()
        self.stream.close()


def _describe_array(file: Path) -> dict:
    array = np.load(file, mmap_mode="r", allow_pickle=False)
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "bytes": file.stat().st_size,
        "sha256": _sha256_of_file(file),
    }


def _sha256_of_file(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_manifest(path: Path) -> dict:
    file = path / "manifest.json"
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FeatureCacheError(f"{file}: unreadable ({error})") from error
    if not isinstance(manifest, dict) or manifest.pop("sha256", None) != _sha256_of_json(manifest):
        raise FeatureCacheError(f"{file}: altered since it was written, its SHA-256 differs")
    if manifest["format"] != CACHE_FORMAT:
        raise FeatureCacheError(
            f"{file}: format {manifest['format']}, this version of the package reads {CACHE_FORMAT}"
        )
    return manifest


def _open_array(file: Path, entry: dict) -> np.ndarray:
    """One array of a cache, memory-mapped, after comparing its file with the manifest."""
    if not file.is_file():
        raise FeatureCacheError(f"{file}: missing")
    if file.stat().st_size != entry["bytes"]:
        raise FeatureCacheError(f"{file}: {file.stat().st_size} bytes, its manifest says {entry['bytes']}")
    if _sha256_of_file(file) != entry["sha256"]:
        raise FeatureCacheError(f"{file}: altered since it was written, its SHA-256 differs")
    return np.load(file, mmap_mode="r", allow_pickle=False)


# --- training ---------------------------------------------------------------------------------------------------------


def compile_model(
    model: keras.Model,
    *,
    box_loss: str | keras.losses.Loss = "giou+l1",
    box_weight: float = 1.0,
    label_weight: float = 1.0,
    optimizer: str | keras.optimizers.Optimizer = "adamw",
    steps_per_execution: int = 1,
) -> None:
    """Compiles a model of the outputs `label` and `box`: a loss and the fitting metrics for each, by name.

    Args:
        model: A two-head model or its `"heads"`.
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        box_weight: Factor of the box loss in the sum.
        label_weight: Factor of the cross-entropy; 0 trains the box alone.
        optimizer: As in `keras.Model.compile`.
        steps_per_execution: As in `keras.Model.compile`.
    """
    model.compile(
        optimizer=optimizer,
        loss={"label": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "box": get_box_loss(box_loss)},
        loss_weights={"label": label_weight, "box": box_weight},
        metrics={
            "label": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            "box": [MeanBoxIoU(), BoxAccuracy()],
        },
        steps_per_execution=steps_per_execution,
        # On a CPU, TensorFlow's own kernels convolve faster than XLA's, which also takes long to compile.
        jit_compile="auto" if tf.config.list_physical_devices("GPU") else False,
    )


def compile_pose_model(
    model: keras.Model,
    *,
    joint_loss: str | keras.losses.Loss = "l1",
    optimizer: str | keras.optimizers.Optimizer = "adamw",
    steps_per_execution: int = 1,
) -> None:
    """Compiles a model of the output `joints`. Its weights must come with the batches: they mask unlabelled joints.

    Args:
        model: A pose model or its `"heads"`.
        joint_loss: As `clsloc_utils.losses.get_joint_loss` takes it.
        optimizer: As in `keras.Model.compile`.
        steps_per_execution: As in `keras.Model.compile`.
    """
    model.compile(
        optimizer=optimizer,
        loss={"joints": get_joint_loss(joint_loss)},
        # Keras hands sample weights to these, and not to what is listed as `metrics`.
        weighted_metrics={"joints": [PCK(0.2), MeanJointError()]},
        steps_per_execution=steps_per_execution,
        jit_compile="auto" if tf.config.list_physical_devices("GPU") else False,
    )


def _is_pose_model(model: keras.Model) -> bool:
    return isinstance(model.output, dict) and "joints" in model.output


class PCKEarlyStopping(keras.callbacks.EarlyStopping):
    """Keeps the weights of the epoch with the best PCK@0.2 in validation; the mean error settles ties.

    Args:
        patience: Epochs without a better value after which training ends; `None` never ends it early.
    """

    def __init__(self, patience: int | None = None):
        endless = patience is None
        super().__init__(
            monitor="val_pck_20", mode="max", patience=10**9 if endless else patience, restore_best_weights=True
        )

    def get_monitor_value(self, logs: dict | None) -> float | None:
        """The value that is to grow: PCK@0.2, less a thousandth of the mean error in sides of the image."""
        pck = super().get_monitor_value(logs)
        return None if pck is None else pck - 1e-3 * logs["val_mean_error"]


class ClsLocEarlyStopping(keras.callbacks.EarlyStopping):
    """Keeps the weights of the epoch with the best cls-loc accuracy in validation; mean IoU settles ties.

    On a hundred validation images cls-loc accuracy moves in steps of a percent, and many epochs share the best one.

    Args:
        patience: Epochs without a better value after which training ends; `None` never ends it early.
    """

    def __init__(self, patience: int | None = None):
        endless = patience is None
        super().__init__(
            monitor="val_clsloc_accuracy_50",
            mode="max",
            patience=10**9 if endless else patience,
            restore_best_weights=True,
        )

    def get_monitor_value(self, logs: dict | None) -> float | None:
        """The value that is to grow: cls-loc accuracy, and a thousandth of the mean IoU."""
        accuracy = super().get_monitor_value(logs)
        return None if accuracy is None else accuracy + 1e-3 * logs["val_box_mean_iou"]


class ProgressBar(keras.callbacks.Callback):
    """One line for a whole `fit`: a bar over all batches, with the last epoch's metrics behind it.

    Args:
        description: Words in front of the bar.
        first_epoch: Number of epochs that were done before.
    """

    SHOWN: ClassVar = {
        "loss": "loss",
        "label_accuracy": "accuracy",
        "box_mean_iou": "iou",
        "clsloc_accuracy_50": "clsloc",
        "pck_20": "pck",
    }

    def __init__(self, description: str, first_epoch: int = 0):
        super().__init__()
        self.description, self.first_epoch = description, first_epoch
        self.bar = None

    def on_train_begin(self, logs=None):
        """Opens the bar; batches are counted when Keras knows their number, else epochs."""
        self.steps = self.params.get("steps")
        per_epoch = self.steps or 1
        self.bar = progress(
            total=self.params["epochs"] * per_epoch,
            description=self.description,
            done=self.first_epoch * per_epoch,
        )

    def on_epoch_begin(self, epoch, logs=None):
        """No batch of this epoch is counted yet."""
        self.counted = 0

    def on_train_batch_end(self, batch, logs=None):
        """Counts up to this batch: Keras may have done several since the last call."""
        if self.steps:
            # Where the steps of an execution do not divide those of an epoch, Keras names a batch beyond its end.
            done = min(batch + 1, self.steps)
            self.bar.update(done - self.counted)
            self.counted = done

    def on_epoch_end(self, epoch, logs=None):
        """Shows the metrics, those of the validation data where there are some."""
        if not self.steps:
            self.bar.update(1)
        values = {shown: logs.get(f"val_{name}", logs.get(name)) for name, shown in self.SHOWN.items()}
        values = {shown: f"{value:.3f}" for shown, value in values.items() if value is not None}
        self.bar.set_postfix({"epoch": epoch + 1, **values})

    def on_train_end(self, logs=None):
        """Closes the bar."""
        self.bar.close()


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, or that is of another training."""


class Checkpoint(keras.callbacks.Callback):
    """Keeps in one file, after every epoch, all that a training needs to go on as if nothing had happened.

    That is: the model's weights and the state of its dropout, the optimizer with its step number, what early stopping
    remembers, the history, and the number of epochs done. `keras.callbacks.BackupAndRestore` leaves out early stopping
    and the history; and it writes weights and epoch into two files one after the other, so that a process that is
    killed between the two does an epoch twice.

    Args:
        file: The file, `.npz`. It is replaced as a whole, never half written.
        early_stopping: The callback whose memory is kept too; it comes earlier in the list of callbacks.

    Raises:
        CheckpointError: The file is there, but cannot be read.
    """

    _REMEMBERED = ("best", "best_epoch", "wait", "stopped_epoch")

    def __init__(self, file: str | Path, early_stopping: keras.callbacks.EarlyStopping | None = None):
        super().__init__()
        self.file, self.early_stopping = Path(file), early_stopping
        self._arrays: dict[str, list[np.ndarray]] = {}
        self._state: dict[str, Any] = {"epochs_done": 0, "is_last": False, "history": {}}
        if self.file.exists():
            self._state, self._arrays = _read_checkpoint(self.file)

    @property
    def epochs_done(self) -> int:
        """Number of epochs behind the state in the file."""
        return self._state["epochs_done"]

    @property
    def history(self) -> dict[str, list[float]]:
        """Losses and metrics of these epochs, by name."""
        return self._state["history"]

    def next_epoch(self, epochs: int) -> int:
        """The epoch to go on with, counted from 0; `epochs`, their number, when all is done."""
        return epochs if self._state["is_last"] else self.epochs_done

    def on_train_begin(self, logs=None):
        """Takes up the state of the file, or writes one for the start."""
        self.model.optimizer.build(self.model.trainable_variables)
        if self._arrays:
            self._restore()
        else:
            self._write()

    def on_epoch_end(self, epoch, logs=None):
        """Replaces the file."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        self._state |= {
            "epochs_done": epoch + 1,
            "is_last": self.model.stop_training or epoch + 1 == self.params["epochs"],
        }
        self._write()

    def _write(self) -> None:
        self._state["schedule"] = self._schedule()
        arrays = {"model": self.model.variables, "optimizer": self.model.optimizer.variables, "best": []}
        if self.early_stopping is not None:
            memory = {name: getattr(self.early_stopping, name) for name in self._REMEMBERED}
            self._state["early_stopping"] = memory | {"best": None if memory["best"] is None else float(memory["best"])}
            arrays["best"] = self.early_stopping.best_weights or []
        numbered = {
            f"{kind}/{index}": keras.ops.convert_to_numpy(value)
            for kind, values in arrays.items()
            for index, value in enumerate(values)
        }
        # Every machine has to read the variables, some of which are summed over all; one of them writes.
        if not distribution.is_chief(self.model.distribute_strategy):
            return
        with replacing(self.file) as file:
            np.savez(file, state=np.array(json.dumps(self._state)), **numbered)

    def _schedule(self) -> dict[str, int | None]:
        """What the learning rates of all steps depend on."""
        return {"epochs": self.params["epochs"], "steps": self.params.get("steps")}

    def _restore(self) -> None:
        if self._state["schedule"] != self._schedule():
            raise CheckpointError(
                f"{self.file}: of a training with {self._state['schedule']}, not {self._schedule()}; go on with the "
                "options that it was begun with, or delete the file to begin anew."
            )
        _assign(self.model.variables, self._arrays["model"], self.file)
        _assign(self.model.optimizer.variables, self._arrays["optimizer"], self.file)
        if self.early_stopping is not None:
            for name, value in self._state["early_stopping"].items():
                setattr(self.early_stopping, name, value)
            self.early_stopping.best_weights = self._arrays["best"] or None
        self._arrays = {}


def restore_best(model: keras.Model, checkpoint: str | Path) -> int:
    """Gives a model the best weights that a training has had so far.

    Args:
        model: The model that was trained: the heads for a checkpoint of `train_heads`, the whole model for one of
            `fine_tune`.
        checkpoint: The file.

    Returns:
        The number of epochs done; 0 when the weights are those of the start. Without validation data, the last weights
        count as the best.

    Raises:
        CheckpointError: The checkpoint cannot be read, or is of another model.
    """
    state, arrays = _read_checkpoint(Path(checkpoint))
    if arrays["best"]:
        _assign(model.weights, arrays["best"], checkpoint)
    else:
        _assign(model.variables, arrays["model"], checkpoint)
    return state["epochs_done"]


def _read_checkpoint(file: Path) -> tuple[dict[str, Any], dict[str, list[np.ndarray]]]:
    """The state, and the arrays by kind."""
    arrays: dict[str, list[np.ndarray]] = {"model": [], "optimizer": [], "best": []}
    try:
        stored = arrays_in(file)
        state = json.loads(str(stored.pop("state")))
        for name, array in stored.items():
            arrays[name.partition("/")[0]].append(array)
    except (ValueError, KeyError) as error:
        raise CheckpointError(f"{file}: unreadable ({error}); delete it to begin anew.") from error
    return state, arrays


def _assign(variables: list, values: list[np.ndarray], file: str | Path) -> None:
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        raise CheckpointError(f"{file}: of another model or optimizer, their weights differ in number or shape.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@distribution.within_scope
def train_heads(
    model: keras.Model,
    train_cache: FeatureCache,
    validation_cache: FeatureCache | None = None,
    *,
    epochs: int,
    batch_size: int = 32,
    learning_rate: float = HEAD_LEARNING_RATE,
    weight_decay: float = HEAD_WEIGHT_DECAY,
    box_loss: str | keras.losses.Loss = "giou+l1",
    box_weight: float = 1.0,
    label_weight: float = 1.0,
    joint_loss: str | keras.losses.Loss = "l1",
    patience: int | None = None,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    description: str = "heads",
    show_progress: bool = True,
) -> keras.callbacks.History:
    """Trains the heads of a two-head or a pose model on cached features.

    The optimizer is AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101), its rate falls to 0 along a cosine.

    Args:
        model: A two-head or pose model, whose `"heads"` learn, or these heads themselves.
        train_cache: Features of the training images, all copies are used.
        validation_cache: Features of other images, its plain copy is used. When given, the weights of the best epoch by
            cls-loc accuracy, for poses by PCK@0.2, are kept; never give the images you will report on.
        epochs: Passes over the training features, at most.
        batch_size: Examples in a batch.
        learning_rate: The rate of the first step.
        weight_decay: AdamW's weight decay.
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        box_weight: Factor of the box loss in the sum.
        label_weight: Factor of the cross-entropy in the sum.
        joint_loss: As `clsloc_utils.losses.get_joint_loss` takes it. Of these four, a pose model minds this one only.
        patience: Epochs without a better validation after which training ends; `None` runs all.
        seed: Of the batches' order. Call `set_seed` before building the model to fix the rest.
        checkpoint: A file that keeps the state of the training after every epoch; see `Checkpoint`. If it is there
            already, the training goes on from it. Everything else must be as it was then.
        description: Words for the progress bar.
        show_progress: Whether to show one.

    Returns:
        Keras's `History`, of all epochs.

    Raises:
        FeatureCacheError: The cache lacks a feature level that the heads read.
        CheckpointError: The checkpoint cannot be read, or is of another training.
    """
    heads = models.heads_of(model)
    levels = tuple(heads.input)
    batches = train_cache.batches(batch_size, levels=levels, seed=seed)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * len(batches))
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=weight_decay)
    compiled = _compiler(heads, box_loss, box_weight, label_weight, joint_loss)
    in_a_loop = epochs * len(batches) >= _STEPS_WORTH_A_LOOP
    compiled(optimizer=optimizer, steps_per_execution=_HEAD_STEPS_PER_EXECUTION if in_a_loop else 1)
    validation = None if validation_cache is None else validation_cache.batches(256, levels=levels, copies=1)
    return _fit(
        heads,
        batches,
        validation,
        epochs=epochs,
        patience=patience,
        checkpoint=checkpoint,
        description=description if show_progress else None,
    )


def _compiler(
    model: keras.Model,
    box_loss: str | keras.losses.Loss,
    box_weight: float,
    label_weight: float,
    joint_loss: str | keras.losses.Loss,
) -> Callable[..., None]:
    """What compiles a model with an optimizer: with the losses of its task."""
    if _is_pose_model(model):
        return functools.partial(compile_pose_model, model, joint_loss=joint_loss)
    return functools.partial(compile_model, model, box_loss=box_loss, box_weight=box_weight, label_weight=label_weight)


def _fit(
    model: keras.Model,
    batches: Any,
    validation_batches: Any,
    *,
    epochs: int,
    patience: int | None,
    checkpoint: str | Path | None,
    description: str | None,
) -> keras.callbacks.History:
    """Fits a compiled model, from its checkpoint on if there is one, and keeps its best epoch."""
    callbacks: list[keras.callbacks.Callback] = []
    if validation_batches is not None:
        callbacks.append((PCKEarlyStopping if _is_pose_model(model) else ClsLocEarlyStopping)(patience))
    keeper = None
    if checkpoint is not None:
        keeper = Checkpoint(checkpoint, *callbacks)
        callbacks.append(keeper)
    first_epoch = keeper.next_epoch(epochs) if keeper else 0
    _skip_passes(batches, first_epoch)
    bar = None
    if description is not None and distribution.is_chief(model.distribute_strategy):
        bar = ProgressBar(description, first_epoch)
        callbacks.append(bar)
    try:
        history = distribution.fit(
            model, batches, validation_batches, epochs=epochs, initial_epoch=first_epoch, callbacks=callbacks
        )
    finally:
        if bar is not None and bar.bar is not None:
            bar.bar.close()
    if keeper is not None:
        history.history, history.epoch = keeper.history, list(range(keeper.epochs_done))
    return history


def _skip_passes(batches: Any, count: int) -> None:
    """Makes the next pass over batches see what it would see after `count` others."""
    if isinstance(batches, FeatureBatches):
        batches.epoch = count
    elif isinstance(batches, tf.data.Dataset):
        # Order and augmentation of a pass are drawn when it begins: nothing need be read.
        for _ in range(count):
            iter(batches)


@distribution.within_scope
def fine_tune(
    model: keras.Model,
    train_batches: Any,
    validation_batches: Any = None,
    *,
    epochs: int,
    layers: str = "last",
    learning_rate: float = 2e-4,
    weight_decay: float = 4e-3,
    box_loss: str | keras.losses.Loss = "giou+l1",
    box_weight: float = 1.0,
    label_weight: float = 1.0,
    joint_loss: str | keras.losses.Loss = "l1",
    precision: str | None = None,
    steps_per_epoch: int | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    description: str = "fine-tune",
    show_progress: bool = True,
) -> keras.callbacks.History:
    """Trains backbone and heads together with a small learning rate, after the heads have been trained.

    All BatchNorm layers stay frozen, statistics and all: those of the pretraining saw far more images than a short
    fine-tuning shows, and batches of a few images would spoil them. The rate rises over the first tenth of the steps
    and then falls along a cosine. Afterwards the backbone is frozen again.

    Args:
        model: A two-head or pose model with trained heads.
        train_batches: `(image, targets)` batches, or `(image, targets, weights)` of poses, as `fit` takes them, of a
            known number of batches.
        validation_batches: The same of other images. When given, the weights of the best epoch by cls-loc accuracy, for
            poses by PCK@0.2, are kept.
        epochs: Passes over the training images, at most.
        layers: `"last"`: only the backbone's layers after its `"fine"` map learn; `"all"`: all of them.
        learning_rate: The highest rate.
        weight_decay: AdamW's weight decay.
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        box_weight: Factor of the box loss in the sum.
        label_weight: Factor of the cross-entropy in the sum.
        joint_loss: As `clsloc_utils.losses.get_joint_loss` takes it. Of these four, a pose model minds this one only.
        precision: What the backbone computes in meanwhile, as for `clsloc_utils.models.computing_in`: its weights, the
            preprocessing and the heads stay float32. With `"mixed_float16"` the loss is scaled so that small gradients
            survive (Micikevicius et al., 2018, arXiv 1710.03740).
        steps_per_epoch: Number of batches in an epoch, for the schedule, when `train_batches` cannot tell.
        patience: Epochs without a better validation after which training ends; `None` runs all.
        checkpoint: As for `train_heads`. Batches must be a `tf.data.Dataset` or a `FeatureBatches` then: of these, the
            passes before the interruption can be left out.
        description: Words for the progress bar.
        show_progress: Whether to show one.

    Returns:
        Keras's `History`, of all epochs.

    Raises:
        ValueError: `layers` is neither `"last"` nor `"all"`, the number of batches is not known, or Keras does not
            know the precision.
        CheckpointError: The checkpoint cannot be read, or is of another training.
    """
    if layers not in ("last", "all"):
        raise ValueError(f"layers is {layers!r}; take 'last' or 'all'.")
    steps = epochs * (steps_per_epoch or _num_batches(train_batches))
    warm_up = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=learning_rate, warmup_steps=warm_up
    )
    compiled = _compiler(model, box_loss, box_weight, label_weight, joint_loss)
    try:
        with (
            models.unfrozen(model, layers),
            models.computing_in(model.get_layer("features"), precision),
        ):
            optimizer = keras.optimizers.AdamW(schedule, weight_decay=weight_decay)
            scaled = precision == "mixed_float16"
            compiled(optimizer=keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer)
            return _fit(
                model,
                train_batches,
                validation_batches,
                epochs=epochs,
                patience=patience,
                checkpoint=checkpoint,
                description=description if show_progress else None,
            )
    finally:
        # The optimizer knows weights that learn no more: saved with its state, the model could not be loaded again.
        compiled(optimizer=keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay))


def _num_batches(batches: Any) -> int:
    if hasattr(batches, "__len__") and not isinstance(batches, tf.data.Dataset):
        return len(batches)
    cardinality = int(batches.cardinality()) if isinstance(batches, tf.data.Dataset) else -2
    if cardinality < 0:
        raise ValueError("train_batches: the number of batches is not known; pass steps_per_epoch.")
    return cardinality


# --- judging ----------------------------------------------------------------------------------------------------------


def evaluate(
    model: keras.Model, batches: Any, *, description: str = "evaluate", show_progress: bool = False
) -> dict[str, float]:
    """Measures a model, batch after batch.

    Args:
        model: A two-head or pose model, or its `"heads"` when `batches` is a cache.
        batches: `(image, targets)` batches, for poses `(image, targets, weights)`, or a `FeatureCache` (its plain copy
            is used).
        description: Words for the progress bar.
        show_progress: Whether to show one.

    Returns:
        A dict: `accuracy` of the class, `mean_iou` of the boxes, `box_accuracy_50` (share of boxes of IoU 0.5 or more),
        `clsloc_accuracy_50` (share of images with both right), `num_examples`. Of a pose model, what
        `clsloc_utils.metrics.pose_scores` returns: `pck_20`, `pck_10`, `pcp_strict`, `pcp_loose`, `mean_error` (in
        sides of the image), `num_examples`, `num_skipped`.

    Raises:
        ValueError: There are no examples, or batches without targets.
    """
    results = _pose_results if _is_pose_model(model) else _box_results
    return results(_with_targets(_outputs(model, batches, description, show_progress)))


def evaluate_and_predict(
    model: keras.Model, batches: Any, *, description: str = "evaluate", show_progress: bool = False
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """What `evaluate` and `predict` return, in a single pass. The outputs of all examples are kept in memory.

    Args:
        model: As for `evaluate`, like the other arguments.
        batches: As for `evaluate`.
        description: Words for the progress bar.
        show_progress: Whether to show one.

    Returns:
        The measures, and the predictions.

    Raises:
        ValueError: As for `evaluate`.
    """
    outputs = list(_with_targets(_outputs(model, batches, description, show_progress)))
    results = _pose_results if _is_pose_model(model) else _box_results
    return results(outputs), _collected(model, outputs)


def _with_targets(outputs: Iterable[tuple[dict, dict | None, Any]]) -> Iterator[tuple[dict, dict, Any]]:
    """The same, after checking that there are targets, and examples at all."""
    empty = True
    for each in outputs:
        if each[1] is None:
            raise ValueError("evaluate: the batches hold images without targets; use predict for those.")
        empty = False
        yield each
    if empty:
        raise ValueError("evaluate: there are no examples.")


def _pose_results(outputs: Iterable[tuple[dict, dict, Any]]) -> dict[str, float]:
    return pose_scores(
        (targets["joints"], found["joints"], None if weights is None else weights["joints"])
        for found, targets, weights in outputs
    )


def _box_results(outputs: Iterable[tuple[dict, dict, Any]]) -> dict[str, float]:
    label_accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    box_metrics = [MeanBoxIoU(), BoxAccuracy()]
    both = ClsLocAccuracy()
    num_examples = 0
    for found, targets, _ in outputs:
        label_accuracy.update_state(targets["label"], found["label"])
        for metric in box_metrics:
            metric.update_state(targets["box"], found["box"])
        both.update_state(targets, found)
        num_examples += len(found["box"])
    results = {metric.name: float(metric.result()) for metric in (label_accuracy, *box_metrics, both)}
    return results | {"num_examples": num_examples}


def predict(
    model: keras.Model, batches: Any, *, description: str = "predict", show_progress: bool = False
) -> dict[str, np.ndarray]:
    """What a model says about each image, in order.

    Args:
        model: A two-head or pose model, or its `"heads"` when `batches` is a cache.
        batches: `(image, targets)`, for poses `(image, targets, weights)`, or plain image batches, a `FeatureCache`
            (its plain copy is used), or one array of images, float32 RGB 0..255 `[N, S, S, 3]`.
        description: Words for the progress bar.
        show_progress: Whether to show one.

    Returns:
        A dict of NumPy arrays: `label` int `[N]`, the most probable class; `score` `[N]`, its probability;
        `probabilities` `[N, num_classes]`; `box` `[N, 4]` rel_xyxy; and, where the batches have targets, `true_label`
        `[N]` and `true_box` `[N, 4]`. Of a pose model: `joints` `[N, 14, 2]`, x and y relative to the image; and, where
        the batches have targets, `true_joints` `[N, 14, 2]` and `weight` `[N, 14]`.

    Raises:
        ValueError: There are no examples.
    """
    collected = _collected(model, _outputs(model, batches, description, show_progress))
    if not collected:
        raise ValueError("predict: there are no examples.")
    return collected


def _collected(model: keras.Model, outputs: Iterable[tuple[dict, dict | None, Any]]) -> dict[str, np.ndarray]:
    """The predictions of all batches, one array for each name."""
    describe = _pose_prediction if _is_pose_model(model) else _box_prediction
    collected: dict[str, list] = {}
    for each in outputs:
        for name, values in describe(*each).items():
            collected.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in collected.items()}


def _pose_prediction(outputs: dict, targets: dict | None, weights: Any) -> dict[str, np.ndarray]:
    if targets is None:
        return {"joints": outputs["joints"]}
    rows = _pose_rows(targets, weights)
    return {"joints": outputs["joints"], "true_joints": rows["joints"], "weight": rows["weight"]}


def _box_prediction(outputs: dict, targets: dict | None, _weights: Any) -> dict[str, np.ndarray]:
    probabilities = tf.nn.softmax(outputs["label"]).numpy()  # Keras would warn where there is one class only.
    found = {
        "label": probabilities.argmax(axis=-1),
        "score": probabilities.max(axis=-1),
        "probabilities": probabilities,
        "box": outputs["box"],
    }
    if targets is not None:
        found |= {"true_label": np.asarray(targets["label"]), "true_box": np.asarray(targets["box"])}
    return found


def _forward(model: keras.Model, dtype: tf.DType | None = None) -> Callable[[Any], dict[str, np.ndarray]]:
    """The model as a function from a batch to its outputs, of their own dtype or another one.

    It is traced once for batches of all sizes.

    `predict_on_batch` would trace anew for a smaller last batch, and TensorFlow then warns of it.
    """
    signature = keras.tree.map_structure(
        lambda tensor: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype), model.input
    )

    @tf.function(input_signature=[signature], autograph=False)
    def outputs_of(inputs: Any) -> dict[str, tf.Tensor]:
        outputs = model(inputs, training=False)
        return {name: tf.cast(values, dtype or values.dtype) for name, values in outputs.items()}

    def forward(inputs: Any) -> dict[str, np.ndarray]:
        # Older versions of Keras read a model of one input back from its file as one of a list of inputs.
        if isinstance(model.input, list) and not isinstance(inputs, list):
            inputs = [inputs]
        # Features come from the disk in half precision.
        inputs = keras.tree.map_structure(lambda values, tensor: tf.cast(values, tensor.dtype), inputs, model.input)
        return {name: values.numpy() for name, values in outputs_of(inputs).items()}

    return forward


def _outputs(
    model: keras.Model, batches: Any, description: str, show_progress: bool
) -> Iterator[tuple[dict, dict | None, Any]]:
    """The model's outputs with the targets and the sample weights, or `None`, of each batch."""
    if isinstance(batches, FeatureCache):
        model = models.heads_of(model)
        batches = batches.batches(256, levels=tuple(model.input), copies=1)
    if isinstance(batches, keras.utils.PyDataset):
        sequence, count = (batches[index] for index in range(len(batches))), len(batches)
    elif isinstance(batches, np.ndarray):
        sequence, count = (batches[start : start + 64] for start in range(0, len(batches), 64)), -(-len(batches) // 64)
    else:
        sequence, count = batches, None
    forward = _forward(model)
    with progress(total=count, description=description) if show_progress else contextlib.nullcontext() as bar:
        for batch in sequence:
            images, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
            yield forward(images), targets, weights
            if bar is not None:
                bar.update(1)
