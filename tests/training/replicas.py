"""Fine-tunes small models on one device or on two; test_distribution.py runs it as processes.

    python tests/training/replicas.py STRATEGY FOLDER [--source SOURCE] [--shuffled] [--die-in-epoch EPOCH]

TensorFlow cuts the processor into logical devices only before it has started. With a source, `clsloc train` does it.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from helpers.models import examples, small_backbone

from clsloc_utils import cli, distribution, models, training

# Two batches of 8 that two devices can share; the five examples behind them are left out.
COUNT, BATCH_SIZE, EPOCHS = 21, 8, 3


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("strategy", choices=distribution.STRATEGIES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source")
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--die-in-epoch", type=int)
    arguments = parser.parse_args()
    if arguments.strategy == "mirrored":
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    if arguments.source:
        options = ["--box-head", "pooled", "--image-size", "64", "--batch-size", "8", "--epochs", "2"]
        options += ["--fine-tune", "all", "--fine-tune-epochs", "1", "--strategy", arguments.strategy]
        return cli.main(["train", arguments.source, *options, "--out", str(arguments.folder / "run")])
    if arguments.die_in_epoch is not None:
        die_in_the_middle_of(arguments.die_in_epoch)
    fine_tune(distribution.choose(arguments.strategy), arguments.folder / arguments.strategy, arguments.shuffled)
    return 0


def fine_tune(strategy: tf.distribute.Strategy, stem: Path, shuffled: bool) -> None:
    """Writes the losses and metrics of a fine-tuning, and the weights that it ended with."""
    images, targets = examples(COUNT)
    data = tf.data.Dataset.from_tensor_slices((images, targets))
    batches = (data.shuffle(COUNT, seed=0) if shuffled else data).batch(BATCH_SIZE, drop_remainder=True)
    training.set_seed(0)
    model = models.two_head_model(small_backbone(), 3, dropout=0.0)
    history = training.fine_tune(
        model,
        batches,
        data.batch(BATCH_SIZE),
        epochs=EPOCHS,
        layers="all",
        checkpoint=f"{stem}.checkpoint.npz",
        strategy=strategy,
        verbose=False,
    )
    weights = {f"weight {index}": weight for index, weight in enumerate(model.get_weights())}
    np.savez(f"{stem}.npz", **history.history, **weights)


def die_in_the_middle_of(epoch: int) -> None:
    """This process is killed in an epoch, counted from 1, before its second batch."""

    class Killer(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if training_epoch[0] == epoch and batch == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    training_epoch = [0]
    begin = training.Checkpoint.on_epoch_begin

    def count(self, number, logs=None):
        training_epoch[0] = number + 1
        begin(self, number, logs)

    training.Checkpoint.on_epoch_begin = count
    training.Checkpoint.on_train_batch_end = Killer.on_train_batch_end


if __name__ == "__main__":
    sys.exit(main())
