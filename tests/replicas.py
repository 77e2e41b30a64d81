"""Trains small models on one device, on two, or as one of two machines; test_distribution.py runs it as processes.

    python tests/replicas.py STRATEGY FOLDER TRAINING... [--source SOURCE] [--die-in-epoch EPOCH]

The training `command` is `clsloc train`, on photos of the source; the others are calls of the package on random images.
TensorFlow cuts the processor into logical devices, and joins machines, only before it has started.
"""

import argparse
import functools
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from test_training import examples, small_backbone

from clsloc_utils import distribution, models, training

# The last batch has 5 examples, which two replicas cannot share evenly. Two epochs have two orders; in more of them
# rounding would only grow.
COUNT, BATCH_SIZE, EPOCHS = 21, 8, 2
FINE_TUNE_EPOCHS = 2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("strategy", choices=distribution.STRATEGIES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("trainings", nargs="+", choices=["boxes", "poses", "command"])
    parser.add_argument("--source")
    parser.add_argument("--die-in-epoch", type=int)
    arguments = parser.parse_args()
    if arguments.strategy == "mirrored":
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    if arguments.die_in_epoch is not None:
        die_in_the_middle_of(arguments.die_in_epoch)
    # One strategy for all trainings: those of a second one would be taken for a part of the first one's.
    distribution.choose = functools.cache(distribution.choose)
    if "command" in arguments.trainings:
        code = train_with_the_command(arguments.strategy, arguments.folder, arguments.source)
        if code:
            sys.exit(code)
    strategy = distribution.choose(arguments.strategy)
    index = json.loads(os.environ.get("TF_CONFIG", '{"task": {"index": 0}}'))["task"]["index"]
    for task, train in (("boxes", train_boxes), ("poses", train_poses)):
        if task in arguments.trainings:
            train(strategy, arguments.folder, f"{arguments.strategy}-{index}")


def train_boxes(strategy: tf.distribute.Strategy, folder: Path, name: str) -> None:
    """Heads on cached features, then all of the model; the rest is as in any program for one device."""
    images, targets = examples(COUNT)
    batches = tf.data.Dataset.from_tensor_slices((images, targets)).batch(BATCH_SIZE)
    training.set_seed(0)
    with strategy.scope():
        model = models.two_head_model(small_backbone(), 3, dropout=0.0)
    cache = training.cache_features(model, batches, {"source": "made up"}, directory=folder / "features")
    heads = training.train_heads(
        model,
        cache,
        cache,
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        show_progress=False,
    )
    found = training.predict(model, images)
    shuffled = tf.data.Dataset.from_tensor_slices((images, targets)).shuffle(COUNT, seed=0).batch(BATCH_SIZE)
    fine = training.fine_tune(model, shuffled, batches, epochs=FINE_TUNE_EPOCHS, layers="all", show_progress=False)
    save(folder / f"boxes-{name}", {"heads": heads.history, "fine": fine.history}, found, model, images)


def train_poses(strategy: tf.distribute.Strategy, folder: Path, name: str) -> None:
    """Of the first images most joints are masked: parts of a batch weigh very differently."""
    images, _ = examples(COUNT)
    rng = np.random.default_rng(0)
    weights = (rng.uniform(size=(COUNT, 14)) < np.linspace(0.05, 1, COUNT)[:, np.newaxis]).astype("float32")
    joints = rng.uniform(0.2, 0.8, (COUNT, 14, 2)).astype("float32")
    batches = tf.data.Dataset.from_tensor_slices((images, {"joints": joints}, {"joints": weights})).batch(BATCH_SIZE)
    training.set_seed(0)
    with strategy.scope():
        model = models.pose_model(small_backbone(), joint_head="direct")
    cache = training.cache_features(model, batches, {"source": "made up poses"}, directory=folder / "features")
    heads = training.train_heads(model, cache, cache, epochs=2, batch_size=BATCH_SIZE, show_progress=False)
    save(folder / f"poses-{name}", {"heads": heads.history}, training.predict(model, images), model, images)


def train_with_the_command(strategy: str, folder: Path, source: str) -> int:
    """Nothing but dropout, which differs between replicas, is another than in a shell."""
    from clsloc_utils import cli, runs  # Here: they import much that the others never use.

    def without_dropout(*arguments, **keywords):
        return models.two_head_model(*arguments, **keywords | {"dropout": 0.0, "box_dropout": 0.0})

    runs.training.two_head_model = without_dropout
    options = ["--box-head", "pooled", "--image-size", "64", "--batch-size", "8", "--epochs", "3"]
    options += ["--strategy", strategy, "--out", str(folder / f"run-{strategy}"), "--resume"]
    return cli.main(["train", source, *options])


def save(stem: Path, histories: dict, found: dict, model, images: np.ndarray) -> None:
    # Under another name the saved model has to find its own layers again; the last prediction is what it must repeat.
    model.save(f"{stem}.keras")
    last = {f"last_{name}": values for name, values in training.predict(model, images).items()}
    np.savez(f"{stem}.npz", **found, **last)
    Path(f"{stem}.json").write_text(json.dumps(histories), encoding="utf-8")


def die_in_the_middle_of(epoch: int) -> None:
    """Ends this process, as a power cut would, when it is to read the second batch of an epoch, counted from 1."""
    part_of = training.FeatureBatches.part

    def part_or_end(batches, index, part, parts):
        if batches.epoch == epoch and index == 1 and batches.seed is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return part_of(batches, index, part, parts)

    training.FeatureBatches.part = part_or_end


if __name__ == "__main__":
    main()
