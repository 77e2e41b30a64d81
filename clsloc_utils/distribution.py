"""Several GPUs of one machine, by TensorFlow's `MirroredStrategy` and Keras's own `fit`.

Several machines train with Keras on JAX, where nothing of this is needed: see `docs/several_machines.md`.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

STRATEGIES = ("auto", "one", "mirrored")


def choose(name: str) -> tf.distribute.Strategy:
    """The strategy of a name.

    Args:
        name: `"auto"`: all GPUs of this machine when it has several, or else its one device. `"one"`: one device.
            `"mirrored"`: all GPUs of this machine or, without any, all its logical CPUs.

    Returns:
        The strategy.

    Raises:
        ValueError: The name is unknown, or there is only one device to mirror on.
    """
    if name not in STRATEGIES:
        raise ValueError(f"strategy is {name!r}; take one of {', '.join(STRATEGIES)}.")
    devices = tf.config.list_logical_devices("GPU")
    if name == "mirrored":
        devices = devices or tf.config.list_logical_devices("CPU")
        if len(devices) < 2:
            raise ValueError(
                f"strategy is 'mirrored', but the only device is {devices[0].name}; take 'auto' or 'one', or make "
                "more GPUs visible to this program."
            )
    if name == "mirrored" or (name == "auto" and len(devices) > 1):
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


@contextlib.contextmanager
def replicated(model: keras.Model, strategy: tf.distribute.Strategy | None) -> Iterator[keras.Model]:
    """The model on all devices of a strategy, to be trained there; the given one has learned as much afterwards.

    Args:
        model: As `models.two_head_model` or `models.pose_model` return it.
        strategy: As `choose` returns it; `None`, or one of a single device, gives the model itself.
    """
    if strategy is None or strategy.num_replicas_in_sync == 1:
        yield model
        return
    with strategy.scope():
        replica = type(model).from_config(model.get_config())
        replica.set_weights(model.get_weights())
        yield replica
    model.set_weights(replica.get_weights())


def check_even(batches: Any, strategy: tf.distribute.Strategy | None) -> None:
    """Sees to it that each device gets as much of every batch: of unequal parts Keras 3.15.1 weighs each alike.

    Args:
        batches: What `fit` is to read.
        strategy: As for `replicated`.

    Raises:
        ValueError: The batches are no `tf.data.Dataset`, of several sizes, or of one that the devices cannot share.
    """
    count = 1 if strategy is None else strategy.num_replicas_in_sync
    if count == 1:
        return
    spec = batches.element_spec if isinstance(batches, tf.data.Dataset) else None
    size = None if spec is None else tf.nest.flatten(spec)[0].shape[0]
    if size is None or size % count:
        raise ValueError(
            f"train_batches: {count} devices need batches of one size that they can share, from a tf.data.Dataset; got "
            f"{size or 'batches of no fixed size'}. Take a batch size that {count} divides, and drop_remainder=True."
        )
