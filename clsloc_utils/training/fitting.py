"""Heads trained on cached features, and backbone and heads trained together."""

import contextlib
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from clsloc_utils import distribution, models
from clsloc_utils.tasks import task_of
from clsloc_utils.training.callbacks import BestEpoch, Checkpoint, ProgressBar
from clsloc_utils.training.features import FORWARD_BATCH_SIZE, FeatureBatches, FeatureCache

HEAD_LEARNING_RATE = 2e-3
"""The rate of the first step of heads on cached features."""
HEAD_WEIGHT_DECAY = 4e-3
"""AdamW's weight decay of heads on cached features."""
# A step of the heads takes so little that Keras's work between two of them shows; so it sees only every eighth.
_HEAD_STEPS_PER_EXECUTION = 8
# Building the loop around these eight takes as long as it saves in about this many steps.
_STEPS_WORTH_A_LOOP = 500


def set_seed(seed: int) -> None:
    """Makes what follows repeatable bit for bit on one machine: weights, dropout, shuffling, TensorFlow's kernels.

    Args:
        seed: Any integer from 0 to 2**32 - 1.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def train_heads(
    model: keras.Model,
    train_cache: FeatureCache,
    validation_cache: FeatureCache | None = None,
    *,
    epochs: int,
    batch_size: int = 32,
    learning_rate: float = HEAD_LEARNING_RATE,
    weight_decay: float = HEAD_WEIGHT_DECAY,
    patience: int | None = None,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    description: str = "heads",
    verbose: bool = True,
    **losses: Any,
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
        patience: Epochs without a better validation after which training ends; `None` runs all.
        seed: Of the batches' order. Call `set_seed` before building the model to fix the rest.
        checkpoint: A file that keeps the state of the training after every epoch; see `Checkpoint`. If it is there
            already, the training goes on from it. Everything else must be as it was then.
        description: Words for the progress bar.
        verbose: Whether to show one.
        **losses: `box_loss`, `box_weight` and `label_weight` of `compile_model`, or `joint_loss` of
            `compile_pose_model`.

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
    task_of(heads.output).compile(
        heads,
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=weight_decay),
        steps_per_execution=_HEAD_STEPS_PER_EXECUTION if epochs * len(batches) >= _STEPS_WORTH_A_LOOP else 1,
        **losses,
    )
    validation = None
    if validation_cache is not None:
        validation = validation_cache.batches(FORWARD_BATCH_SIZE, levels=levels, copies=1)
    return _fit(heads, batches, validation, epochs, patience, checkpoint, description if verbose else None)


def fine_tune(
    model: keras.Model,
    train_batches: Any,
    validation_batches: Any = None,
    *,
    epochs: int,
    layers: str = "all",
    learning_rate: float = 3e-4,
    weight_decay: float = 4e-3,
    precision: str | None = None,
    steps_per_epoch: int | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    strategy: tf.distribute.Strategy | None = None,
    description: str = "fine-tune",
    verbose: bool = True,
    **losses: Any,
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
        precision: What the backbone computes in meanwhile, as for `clsloc_utils.models.computing_in`: its weights, the
            preprocessing and the heads stay float32. With `"mixed_float16"` the loss is scaled so that small gradients
            survive (Micikevicius et al., 2018, arXiv 1710.03740).
        steps_per_epoch: Number of batches in an epoch, for the schedule, when `train_batches` cannot tell.
        patience: Epochs without a better validation after which training ends; `None` runs all.
        checkpoint: As for `train_heads`. Batches must be a `tf.data.Dataset` or a `FeatureBatches` then: of these, the
            passes before the interruption can be left out.
        strategy: Which devices learn together, as `clsloc_utils.distribution.choose` returns it; `None` for one. With
            several, batches must be of one size that they can share. Sample weights are averaged part by part then.
        description: Words for the progress bar.
        verbose: Whether to show one.
        **losses: As for `train_heads`.

    Returns:
        Keras's `History`, of all epochs.

    Raises:
        ValueError: `layers` is neither `"last"` nor `"all"`, the number of batches is not known, they cannot be shared,
            or Keras does not know the precision.
        CheckpointError: The checkpoint cannot be read, or is of another training.
    """
    if layers not in ("last", "all"):
        raise ValueError(f"layers is {layers!r}; take 'last' or 'all'.")
    distribution.check_even(train_batches, strategy)
    steps_per_epoch = steps_per_epoch or _num_batches(train_batches)
    if steps_per_epoch is None:
        raise ValueError("train_batches: the number of batches is not known; pass steps_per_epoch.")
    steps = epochs * steps_per_epoch
    warm_up = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=learning_rate, warmup_steps=warm_up
    )
    task = task_of(model.output)
    try:
        with (
            distribution.replicated(model, strategy) as learner,
            models.unfrozen(learner, layers),
            models.computing_in(learner.get_layer("features"), precision),
        ):
            optimizer = keras.optimizers.AdamW(schedule, weight_decay=weight_decay)
            scaled = precision == "mixed_float16"
            task.compile(
                learner, optimizer=keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer, **losses
            )
            description = description if verbose else None
            return _fit(learner, train_batches, validation_batches, epochs, patience, checkpoint, description)
    finally:
        # The optimizer knows weights that learn no more: saved with its state, the model could not be loaded again.
        task.compile(model, optimizer=keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay), **losses)


def _fit(
    model: keras.Model,
    batches: Any,
    validation_batches: Any,
    epochs: int,
    patience: int | None,
    checkpoint: str | Path | None,
    description: str | None,
) -> keras.callbacks.History:
    """Fits a compiled model, from its checkpoint on if there is one, and keeps its best epoch."""
    callbacks: list[keras.callbacks.Callback] = []
    if validation_batches is not None:
        callbacks.append(BestEpoch(task_of(model.output), patience))
    keeper = None
    if checkpoint is not None:
        keeper = Checkpoint(checkpoint, *callbacks)
        callbacks.append(keeper)
    first_epoch = keeper.next_epoch(epochs) if keeper else 0
    _skip_passes(batches, first_epoch)
    with contextlib.ExitStack() as stack:
        if description is not None:
            callbacks.append(stack.enter_context(ProgressBar(description, first_epoch)))
        steps = _num_batches(batches) if isinstance(batches, tf.data.Dataset) else None
        if steps is not None:
            # One iterator for all epochs. Left to itself, Keras begins more passes than it reads, and the n-th epoch is
            # not the n-th pass, on which order and augmentation depend.
            batches = batches.repeat(max(1, epochs - first_epoch))
        history = model.fit(
            batches,
            steps_per_epoch=steps,
            validation_data=validation_batches,
            epochs=epochs,
            initial_epoch=first_epoch,
            callbacks=callbacks,
            shuffle=False,  # Whoever made the batches has shuffled; Keras would change their order on top.
            verbose=0,
        )
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


def _num_batches(batches: Any) -> int | None:
    """Number of batches, where it is known."""
    if not isinstance(batches, tf.data.Dataset):
        return len(batches) if hasattr(batches, "__len__") else None
    cardinality = int(batches.cardinality())
    return cardinality if cardinality >= 0 else None
