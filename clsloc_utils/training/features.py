"""What a frozen backbone sees, computed once and kept on disk."""

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
from typing import Any

import filelock
import keras
import numpy as np
import tensorflow as tf
from keras import ops

from clsloc_utils import models, paths
from clsloc_utils.backbones import feature_extractor
from clsloc_utils.progress import progress
from clsloc_utils.tasks import TASKS, task_of

CACHE_FORMAT = 2
FORWARD_BATCH_SIZE = 64
"""Images in a batch where nothing learns: features, validation, evaluation."""
_TARGETS = {name: dtype for task in TASKS.values() for name, dtype in task.arrays.items()}


class FeatureCacheError(ValueError):
    """A feature cache that must not be used: it is short, unreadable, or made of something else."""


@dataclasses.dataclass(frozen=True)
class FeatureCache:
    """Features and targets of a data set, on disk.

    Attributes:
        path: Folder of the cache.
        manifest: Content of its `manifest.json`: the key, the names of the arrays, and the seconds that it took.
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
        """Opens a cache. A folder that has its final name is complete, so that its content need not be checked.

        Args:
            path: Folder of the cache.
            key: What it must have been made of; `None` takes any.

        Returns:
            The cache.

        Raises:
            FeatureCacheError: A file is missing or short, or the cache was made of something else.
        """
        path = Path(path)
        try:
            manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
            arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r") for name in manifest["arrays"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FeatureCacheError(f"{path}: unreadable ({error})") from error
        if manifest["format"] != CACHE_FORMAT:
            raise FeatureCacheError(
                f"{path}: format {manifest['format']}, this version of the package reads {CACHE_FORMAT}"
            )
        if key is not None and manifest["key"] != key:
            raise FeatureCacheError(f"{path}: made of {manifest['key']}, not of {key}")
        return cls(path, manifest, arrays, manifest["key"]["copies"])


class FeatureBatches(keras.utils.PyDataset):
    """Batches of a `FeatureCache`; see `FeatureCache.batches`."""

    def __init__(
        self, cache: FeatureCache, batch_size: int, levels: Iterable[str] | None, copies: int | None, seed: int | None
    ):
        # With one worker Keras reads through tf.data with its tuner, which can hold up the end of an epoch for as long
        # as the epoch itself. Threads keep the order; on JAX, which reads without tf.data, they do not in Keras 3.15.1:
        # the first batches of the next pass end each epoch.
        super().__init__(workers=2 if keras.backend.backend() == "tensorflow" else 1)
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
        rows = self._order()[index * self.batch_size : (index + 1) * self.batch_size]
        rows = np.sort(rows)  # It reads the disk in one direction; order does not matter within a batch.
        features = {level: _rows_of(self.cache.arrays[level], rows) for level in self.levels}
        targets = {name: _rows_of(self.cache.arrays[name], rows) for name in _TARGETS if name in self.cache.arrays}
        return features, *task_of(targets).to_batch(targets)

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
    precision: str | None = None,
    description: str = "features",
) -> FeatureCache:
    """Runs a backbone over a data set once and keeps the feature maps on disk, where the next call finds them.

    Memory stays flat: batch after batch is appended to the files. They are written into a temporary folder, which gets
    its final name when all is complete, so that an interrupted run leaves nothing that could be taken for a cache. One
    that cannot be read is computed again, and a line says why.

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
                _write_cache(folder, features, batches, full_key, description)
                if path.exists():
                    shutil.rmtree(path)
                os.replace(folder, path)
            return FeatureCache.open(path, full_key)


def default_cache_directory() -> Path:
    """Where feature caches lie: `features` in the folder `CLSLOC_DATA_DIR`, or else in the user's cache folder."""
    return paths.data_folder() / "features"


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
            array = np.ascontiguousarray(ops.convert_to_numpy(weight))
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


def _write_cache(folder: Path, features: keras.Model, batches, key: dict, description: str) -> None:
    started = time.perf_counter()
    writers: dict[str, _NpyWriter] = {}
    forward = forward_of(features, "float16")
    count = None
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(progress(description=description))
        for copy in range(key["copies"]):
            done = bar.n
            for rows in _rows(forward, _batches_of_copy(batches, copy, key["copies"])):
                for name, values in rows.items():
                    if name not in writers:
                        writer = _NpyWriter(folder / f"{name}.npy", _TARGETS.get(name, np.float16))
                        writers[name] = stack.enter_context(writer)
                    writers[name].append(values)
                bar.update(len(rows["coarse"]))
            count = count or bar.n
            if bar.n - done != count or not count:
                raise ValueError(
                    f"batches: copy {copy} has {bar.n - done} images, the first one {count}; every copy must have the "
                    "same number, and at least one image."
                )
            bar.total = count * key["copies"]  # Before the end of the first copy nobody knows.
    manifest = {"format": CACHE_FORMAT, "key": key, "arrays": list(writers), "seconds": time.perf_counter() - started}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _batches_of_copy(batches, copy: int, copies: int) -> Iterable:
    if callable(batches):
        return batches(copy)
    if copies > 1:
        raise ValueError(f"{copies} copies are asked for: pass a function of the copy's number as batches.")
    return batches


def _rows(forward: Callable[[Any], dict], batches: Iterable) -> Iterator[dict[str, np.ndarray]]:
    """Feature maps and targets, batch by batch."""
    for batch in batches:
        images, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
        rows = forward(images)
        task = task_of(targets)
        if weights is not None and "weight" not in task.arrays:
            raise ValueError("batches: a cache keeps sample weights of joints only; leave those of boxes out.")
        for name in task.targets:
            if name not in targets or len(targets[name]) != len(rows["coarse"]):
                raise ValueError(f"batches: targets must have {name!r} with one entry for each image; got {targets}.")
        yield rows | task.to_arrays(targets, weights)


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


def forward_of(model: keras.Model, dtype: str | None = None) -> Callable[[Any], dict[str, np.ndarray]]:
    """The model as a function from a batch to its outputs, of their own dtype or another one.

    With TensorFlow it is traced once for batches of all sizes: `predict_on_batch` would trace anew for a smaller last
    batch, and TensorFlow then warns of it.
    """

    def outputs_of(inputs: Any) -> dict[str, Any]:
        return {name: ops.cast(values, dtype or values.dtype) for name, values in call(inputs).items()}

    if keras.backend.backend() == "tensorflow":
        call = functools.partial(model, training=False)
        signature = keras.tree.map_structure(
            lambda tensor: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype), model.input
        )
        outputs_of = tf.function(outputs_of, input_signature=[signature], autograph=False)
    else:
        model.make_predict_function(force=True)  # The model may compute in another precision than last time.
        call = model.predict_on_batch

    def forward(inputs: Any) -> dict[str, np.ndarray]:
        # Older versions of Keras read a model of one input back from its file as one of a list of inputs.
        if isinstance(model.input, list) and not isinstance(inputs, list):
            inputs = [inputs]
        # Features come from the disk in half precision.
        inputs = keras.tree.map_structure(lambda values, tensor: ops.cast(values, tensor.dtype), inputs, model.input)
        return {name: ops.convert_to_numpy(values) for name, values in outputs_of(inputs).items()}

    return forward
