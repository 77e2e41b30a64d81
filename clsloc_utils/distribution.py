"""One device, several, or several machines: which of them train a model together.

A `tf.distribute.Strategy` is chosen once, first thing in the program; models are made, loaded and compiled within its
`scope()`. Each of its replicas, one a device, works on a part of every batch.
"""

import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

STRATEGIES = ("auto", "one", "mirrored", "multiworker")


def choose(name: str) -> tf.distribute.Strategy:
    """The strategy of a name.

    Args:
        name: `"auto"`: all GPUs of this machine when it has several, or else its one device. `"one"`: one device.
            `"mirrored"`: all GPUs of this machine or, without any, all its logical CPUs. `"multiworker"`: the machines
            that the environment variable `TF_CONFIG` lists; choose it before TensorFlow does anything else.

    Returns:
        The strategy. `"multiworker"` returns when all machines of the list have started.

    Raises:
        ValueError: The name is unknown, there is only one device to mirror on, or `TF_CONFIG` is missing or wrong.
        RuntimeError: `"multiworker"` after TensorFlow has started its devices.
    """
    if name not in STRATEGIES:
        raise ValueError(f"strategy is {name!r}; take one of {', '.join(STRATEGIES)}.")
    if name == "multiworker":
        check_cluster(os.environ)
        return tf.distribute.MultiWorkerMirroredStrategy()
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


def check_cluster(environment: Mapping[str, str]) -> None:
    """Looks for what TensorFlow would misunderstand, or wait for without a word, in `TF_CONFIG`.

    Args:
        environment: Where to read the variable.

    Raises:
        ValueError: It is missing, not JSON, lists no workers, or the task is not one of them.
    """
    example = '{"cluster": {"worker": ["machine-0:12345", "machine-1:12345"]}, "task": {"type": "worker", "index": 0}}'
    text = environment.get("TF_CONFIG")
    if not text:
        raise ValueError(
            f"strategy is 'multiworker', but TF_CONFIG is not set; on the first machine, set it to {example}."
        )
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        kind, index = task["type"], int(task["index"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"TF_CONFIG is {text!r}: {error!r}; it should look like {example}.") from error
    if set(config["cluster"]) != {"worker"} or kind != "worker":
        raise ValueError(f"TF_CONFIG is {text!r}: all tasks must be of the type 'worker', as in {example}.")
    if not workers or len(set(workers)) != len(workers) or not all(":" in str(worker) for worker in workers):
        raise ValueError(f"TF_CONFIG is {text!r}: cluster.worker must list different addresses host:port.")
    if not 0 <= index < len(workers):
        raise ValueError(f"TF_CONFIG: task.index is {index}, but {len(workers)} workers are numbered from 0.")


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this machine is the one that shows bars and writes files: the first of its cluster, or the only one.

    Args:
        strategy: Of the training, such as `model.distribute_strategy`.
    """
    resolver = strategy.cluster_resolver
    return resolver is None or resolver.task_id == 0


def within_scope(train: Callable) -> Callable:
    """Decorates a function whose first argument is a model: it runs within the scope of the model's strategy.

    An optimizer, a metric or a compiled model that is made outside would not know of the other replicas.
    """

    @functools.wraps(train)
    def wrapped(model: keras.Model, *arguments, **options):
        with model.distribute_strategy.scope():
            return train(model, *arguments, **options)

    return wrapped


def fit(
    model: keras.Model,
    batches: Any,
    validation_batches: Any,
    epochs: int,
    initial_epoch: int,
    callbacks: list[keras.callbacks.Callback],
) -> keras.callbacks.History:
    """Trains a compiled model on all devices of its strategy, with the result that one device would have.

    Every batch is cut into as many parts as there are replicas; what would differ from one device is brought together
    again in each step:

    - the loss is that of the whole batch: outputs and targets, small as they are, are gathered, so that neither the
      size of a part nor the sum of its weights matters;
    - gradients are summed, as Keras's optimizers do by themselves;
    - BatchNorm layers that learn normalize with the statistics of the whole batch, and so do not depend on how small a
      part is (`keras.layers.BatchNormalization.synchronized`, set for the time of training only, so that a saved model
      is the same whoever trained it).

    Dropout remains different: each replica draws the same masks for its own part, one device a mask for each example.

    `keras.Model.fit` cannot be used on several machines: in Keras 3.15.1 it hands TensorFlow's distributed batch on as
    if it were a tensor ("unsupported type PerReplica").

    Args:
        model: Made, or loaded, and compiled within the scope of its strategy.
        batches: A `keras.utils.PyDataset` or a `tf.data.Dataset` of whole batches, the same on every machine. A machine
            reads no more than its part of a dataset that has a method `part`, such as a feature cache's.
        validation_batches: The same of other examples.
        epochs: The epoch to end before.
        initial_epoch: The epoch to begin with, counted from 0.
        callbacks: As for `keras.Model.fit`; they run on every machine, with the same logs.

    Returns:
        Keras's `History`.
    """
    with model.distribute_strategy.scope(), _synchronized(model):
        return _fit_replicas(model, batches, validation_batches, epochs, initial_epoch, callbacks)


def _fit_replicas(model, batches, validation_batches, epochs, initial_epoch, callbacks) -> keras.callbacks.History:
    """What `fit` says, for several replicas, within their scope."""
    model.optimizer.build(model.trainable_variables)
    train_step, test_step = _train_step(model), _test_step(model)
    callbacks = keras.callbacks.CallbackList(
        callbacks, add_history=True, model=model, epochs=epochs, steps=num_batches(batches)
    )
    model.stop_training = False
    if isinstance(batches, keras.utils.PyDataset):
        batches.on_epoch_end()  # As Keras does before the first epoch: see _end_pass.
    callbacks.on_train_begin()
    logs, is_built = None, False
    for epoch in range(initial_epoch, epochs):
        model.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        for step, batch in enumerate(_in_parts(batches, model.distribute_strategy)):
            if not is_built:
                _build_metrics(model, batch)
                is_built = True
            callbacks.on_train_batch_begin(step)
            train_step(batch)
            callbacks.on_train_batch_end(step)
            if model.stop_training:
                break
        _end_pass(batches)
        logs = _results(model)
        if validation_batches is not None:
            model.reset_metrics()
            for batch in _in_parts(validation_batches, model.distribute_strategy):
                test_step(batch)
            logs |= {f"val_{name}": value for name, value in _results(model).items()}
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    model.optimizer.finalize_variable_values(model.trainable_variables)
    callbacks.on_train_end(logs)
    return model.history


def _build_metrics(model: keras.Model, batch: Any) -> None:
    """Lets Keras make the variables of its metrics, which it does at the first use; on replicas that is too late."""
    local = model.distribute_strategy.experimental_local_results
    inputs, *rest = tf.nest.map_structure(lambda values: local(values)[0], batch)
    with keras.StatelessScope():  # Nothing is counted.
        outputs = model(inputs, training=False)
        targets, weights = (*rest, None)[:2]
        model.compute_loss(None, targets, outputs, weights, training=False)
        model.compute_metrics(None, targets, outputs, weights)


def _train_step(model: keras.Model) -> Callable[[tuple], None]:
    """A function that learns from one batch in parts, and adds it to the model's metrics."""

    def step(batch: tuple) -> None:
        inputs, *_ = batch
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            whole = _whole(batch, outputs)
            loss = _loss(model, *whole, training=True)
            scaled_loss = model.optimizer.scale_loss(loss)
        variables = model.trainable_variables
        model.optimizer.apply_gradients(zip(tape.gradient(scaled_loss, variables), variables, strict=True))
        model.compute_metrics(None, *whole)

    return _on_replicas(model.distribute_strategy, step)


def _test_step(model: keras.Model) -> Callable[[tuple], None]:
    """A function that adds one batch in parts to the model's metrics."""

    def step(batch: tuple) -> None:
        inputs, *_ = batch
        whole = _whole(batch, model(inputs, training=False))
        _loss(model, *whole, training=False)
        model.compute_metrics(None, *whole)

    return _on_replicas(model.distribute_strategy, step)


def _on_replicas(strategy: tf.distribute.Strategy, step: Callable[[tuple], None]) -> Callable[[tuple], None]:
    # Where a machine has one device, TensorFlow leaves out its name, and then refuses to gather what has none: hence
    # also the `tf.identity` of what comes from outside.
    devices = strategy.extended.worker_devices
    device = devices[0] if len(devices) == 1 else None

    def step_on_its_device(batch: tuple) -> None:
        with tf.device(device) if device else contextlib.nullcontext():
            step(batch)

    return tf.function(lambda batch: strategy.run(step_on_its_device, args=(batch,)), autograph=False)


def _whole(batch: tuple, outputs: Any) -> tuple[Any, Any, Any]:
    """Targets, outputs and sample weights of the whole batch, on each replica.

    The gradient of an output goes back to the replica that it came from, summed over the replicas; Keras divides every
    loss by their number.
    """
    _, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
    replica = tf.distribute.get_replica_context()

    def gathered(part: tf.Tensor | None) -> tf.Tensor | None:
        if part is None:  # There are no weights.
            return None
        return tf.ensure_shape(replica.all_gather(tf.identity(part), axis=0), (None, *part.shape[1:]))

    return tuple(tf.nest.map_structure(gathered, each) for each in (targets, outputs, weights))


def _loss(model: keras.Model, targets: Any, outputs: Any, weights: Any, *, training: bool) -> tf.Tensor:
    """The loss of the whole batch, divided by the number of replicas; added to the model's metrics."""
    loss = model.compute_loss(None, targets, outputs, weights, training=training)
    count = tf.shape(tf.nest.flatten(targets)[0])[0]
    mean = next(metric for metric in model.metrics if metric.name == "loss")
    mean.update_state(loss * tf.distribute.get_strategy().num_replicas_in_sync, sample_weight=count)
    return loss


def _end_pass(batches: Any) -> None:
    """What Keras does after a pass, so that shuffled passes have the orders that they have on one device.

    Of a `tf.data.Dataset`, every new iterator is the next pass.
    """
    if isinstance(batches, keras.utils.PyDataset):
        batches.on_epoch_end()


def _results(model: keras.Model) -> dict[str, float]:
    return {name: float(value) for name, value in model.get_metrics_result().items()}


def _in_parts(batches: Any, strategy: tf.distribute.Strategy) -> Iterator[Any]:
    """Each batch as the strategy's distributed values, one part for each replica of this machine."""
    parts = strategy.num_replicas_in_sync

    def distributed(part_of: Callable[[int], Any]) -> Any:
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.nest.map_structure(tf.convert_to_tensor, part_of(context.replica_id_in_sync_group))
        )

    if hasattr(batches, "part"):
        for index in range(len(batches)):
            yield distributed(lambda part, index=index: batches.part(index, part, parts))
    else:
        sequence = batches if isinstance(batches, tf.data.Dataset) else map(batches.__getitem__, range(len(batches)))
        for batch in sequence:
            yield distributed(lambda part, batch=batch: part_of_batch(batch, part, parts))


def part_of_batch(batch: Any, part: int, parts: int) -> Any:
    """The rows of a batch that belong to one replica; those of the first ones are one more where it must be.

    Args:
        batch: Any structure of arrays or tensors `[B, ...]`.
        part: The number of the replica, from 0.
        parts: Number of replicas.

    Returns:
        The same structure of their rows.
    """
    size = len(tf.nest.flatten(batch)[0])
    whole, rest = divmod(size, parts)
    start = part * whole + min(part, rest)
    stop = start + whole + (part < rest)
    return tf.nest.map_structure(lambda rows: rows[start:stop], batch)


def num_batches(batches: Any) -> int | None:
    """Number of batches, where it is known.

    Args:
        batches: A `keras.utils.PyDataset`, a list, a `tf.data.Dataset` or a generator.
    """
    if not isinstance(batches, tf.data.Dataset):
        return len(batches) if hasattr(batches, "__len__") else None
    cardinality = int(batches.cardinality())
    return cardinality if cardinality >= 0 else None


@contextlib.contextmanager
def _synchronized(model: keras.Model) -> Iterator[None]:
    """BatchNorm layers share their statistics for a while."""
    layers = [layer for layer in _all_layers(model) if isinstance(layer, keras.layers.BatchNormalization)]
    before = [layer.synchronized for layer in layers]
    for layer in layers:
        layer.synchronized = True
    try:
        yield
    finally:
        for layer, synchronized in zip(layers, before, strict=True):
            layer.synchronized = synchronized


def _all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _all_layers(layer)
