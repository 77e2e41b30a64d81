"""Measures the joint heads side by side on any source of poses and any backbone, over several seeds.

    python tools/measure_pose.py
    python tools/measure_pose.py --data my_people --backbone my_backbone.keras --copies 10 --epochs 20 --out pose.md

Every head is trained on the same cached features, from `--seeds` different starting points, and measured on the test
split, beside the mean pose of the training people. Nothing is tuned on the test split: the last epoch's weights count.
With `--fine-tune` the backbone then learns too, and each fine-tuned head has rows of its own.
"""

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import keras
from head_tables import heads_table, timed

from clsloc_utils import baselines, datasets, pipelines, profiles, recipes, training
from clsloc_utils.backbones import load_backbone
from clsloc_utils.losses import JOINT_LOSSES
from clsloc_utils.models import JOINT_HEADS, pose_model

SHARES = ("pck_20", "pck_10", "pcp_strict", "pcp_loose")
COLUMNS = {
    "pck_20": "PCK@0.2",
    "pck_10": "PCK@0.1",
    "pcp_strict": "PCP strict",
    "pcp_loose": "PCP loose",
    "mean_error": "mean error",
    "seconds": "training s",
    "cpu_seconds": "CPU s",
}


def measure(arguments: argparse.Namespace) -> Iterator[dict]:
    """Measures the mean pose, then trains and measures one head after the other; yields a dict for each result."""
    source = datasets.info(arguments.data)
    splits = {"train_split": arguments.train_split, "test_split": arguments.test_split}
    source = dataclasses.replace(source, **{role: split for role, split in splits.items() if split})
    caches = cached_splits(load_backbone(arguments.backbone, image_size=arguments.image_size), source, arguments)
    yield mean_pose_scores(*caches)
    for head in arguments.heads:
        for seed in range(arguments.seeds):
            yield from measure_head(head, seed, source, caches, arguments)


def cached_splits(backbone: keras.Model, source: datasets.SourceInfo, arguments: argparse.Namespace) -> tuple:
    """Features of the training people and of the test people."""
    train_cache = recipes.cache_pose_split(
        backbone,
        source,
        source.train_split,
        copies=arguments.copies,
        margin=arguments.margin,
        augmentation=augmentation_of(arguments),
    )
    return train_cache, recipes.cache_pose_split(backbone, source, source.test_split, margin=arguments.margin)


def mean_pose_scores(train_cache: training.FeatureCache, test_cache: training.FeatureCache) -> dict:
    """The row of the mean pose of the training people, as they are without augmentation."""
    train_targets = {name: train_cache.arrays[name][: train_cache.num_examples] for name in ("joints", "weight")}
    scores = baselines.pose_baseline_metrics(train_targets, test_cache.arrays)
    feature_seconds = train_cache.manifest["seconds"]
    return {
        "head": "mean pose",
        "seed": "",
        **scores,
        "seconds": 0,
        "cpu_seconds": 0,
        "feature_seconds": feature_seconds,
    }


def measure_head(
    head: str, seed: int, source: datasets.SourceInfo, caches: tuple, arguments: argparse.Namespace
) -> Iterator[dict]:
    """Trains one head; yields its scores, and those after fine-tuning when that is asked for."""
    train_cache, test_cache = caches
    training.set_seed(seed)
    # Loaded anew each time: fine-tuning changes it.
    backbone = load_backbone(arguments.backbone, image_size=arguments.image_size)
    model = pose_model(backbone, joint_head=head, heatmap_channels=arguments.heatmap_channels)
    seconds = timed(
        lambda: training.train_heads(
            model,
            train_cache,
            epochs=arguments.epochs,
            learning_rate=arguments.learning_rate,
            joint_loss=arguments.joint_loss,
            seed=seed,
        )
    )
    yield {"head": head, "seed": seed, **training.evaluate(model, test_cache), **seconds}
    if not arguments.fine_tune:
        return
    more_seconds = timed(fine_tune, model, source, seed, arguments)
    seconds = {name: seconds[name] + more_seconds[name] for name in seconds}
    test = pipelines.pose_batches(
        source.name, source.test_split, image_size=model.input_shape[1], batch_size=64, margin=arguments.margin
    )
    yield {"head": f"{head}, fine-tuned", "seed": seed, **training.evaluate(model, test), **seconds}


def fine_tune(model: keras.Model, source: datasets.SourceInfo, seed: int, arguments: argparse.Namespace) -> None:
    """Lets the backbone learn too."""
    recipes.fine_tune_pose(
        model,
        source,
        epochs=arguments.fine_tune,
        layers=arguments.fine_tune_layers,
        learning_rate=arguments.fine_tune_rate,
        margin=arguments.margin,
        augmentation=augmentation_of(arguments),
        joint_loss=arguments.joint_loss,
        validate=False,
        seed=seed,
    )


def augmentation_of(arguments: argparse.Namespace) -> pipelines.PoseAugmentation:
    """How far the augmented people turn."""
    return pipelines.PoseAugmentation(rotation=arguments.rotation)


def margin_of(text: str) -> float | None:
    """A number, or `none` for the whole photo."""
    return None if text == "none" else float(text)


def parse_arguments() -> argparse.Namespace:
    """What the command line asks for."""
    profile = profiles.current_profile()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=profile.pose_data, help="name or folder of the poses")
    parser.add_argument("--backbone", default=profile.pose_backbone, help="name or file of the backbone")
    parser.add_argument("--image-size", type=int, default=profile.image_size, help="pixels, unless the backbone says")
    parser.add_argument("--heads", nargs="+", choices=list(JOINT_HEADS), default=list(JOINT_HEADS))
    parser.add_argument("--heatmap-channels", type=int, default=profile.heatmap_channels, help="width of that head")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--copies", type=int, default=profile.pose_copies, help="versions of each training image")
    parser.add_argument("--epochs", type=int, default=profile.pose_epochs, help="passes over the cached features")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="the heads' first (default: %(default)s)")
    parser.add_argument("--joint-loss", choices=list(JOINT_LOSSES), default="l1", help="default: %(default)s")
    parser.add_argument(
        "--margin", type=margin_of, default=0.15, help="around the person, or none for the whole photo (default: 0.15)"
    )
    parser.add_argument(
        "--rotation", type=float, default=profile.pose_rotation, help="augmented copies turn by at most so many degrees"
    )
    parser.add_argument("--train-split", help="a TFDS split, such as train[:800]; by default the source's own")
    parser.add_argument("--test-split", help="a TFDS split; by default the source's own")
    parser.add_argument(
        "--fine-tune", type=int, default=0, metavar="EPOCHS", help="epochs with the backbone after that"
    )
    parser.add_argument("--fine-tune-layers", choices=("last", "all"), default="all")
    parser.add_argument("--fine-tune-rate", type=float, default=3e-4, help="highest learning rate of these epochs")
    parser.add_argument("--out", type=Path, help="file for the table; the numbers go beside it as .json")
    return parser.parse_args()


def main() -> None:
    """Measures, prints the table, and saves it where `--out` says."""
    arguments = parse_arguments()
    rows = []
    for row in measure(arguments):
        rows.append(row)
        print({name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}, flush=True)
    text = heads_table(rows, COLUMNS, shares=SHARES, errors=("mean_error",))
    text += f"\n\nFeatures of the training images: {rows[0]['feature_seconds']:.0f} s, once.\n"
    text += f"{rows[0]['num_examples']} people to test on; {arguments.copies} copies of each training image. "
    text += "Mean error in sides of the image that the model sees.\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
        arguments.out.with_suffix(".json").write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
