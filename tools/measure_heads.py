"""Measures the box heads side by side on any data and backbone, over several seeds.

    python tools/measure_heads.py
    python tools/measure_heads.py --data my_photos --backbone my_backbone.keras --copies 6 --epochs 10 --out heads.md

Every head is trained on the same cached features, from `--seeds` different starting points, and measured on the test
split. Data, backbone, copies, epochs and fine-tuning default to the profile's. Nothing is tuned on the test split:
unless `--validation` asks for keeping the best epoch on the validation split, the last epoch's weights count.
"""

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from head_tables import heads_table, timed

from clsloc_utils import datasets, pipelines, profiles, recipes, training
from clsloc_utils.backbones import load_backbone
from clsloc_utils.models import BOX_HEADS, two_head_model

MEASURES = ("accuracy", "mean_iou", "box_accuracy_50", "clsloc_accuracy_50")
COLUMNS = {
    "accuracy": "accuracy",
    "mean_iou": "mean IoU",
    "box_accuracy_50": "box IoU >= 0.5",
    "clsloc_accuracy_50": "cls-loc",
    "seconds": "training s",
    "cpu_seconds": "CPU s",
}


def measure(arguments: argparse.Namespace) -> Iterator[dict]:
    """Trains and measures one head after the other; yields a dict for each seed of each."""
    source = datasets.info(arguments.data)
    splits = {"train_split": arguments.train_split, "test_split": arguments.test_split}
    source = dataclasses.replace(source, **{role: split for role, split in splits.items() if split})
    backbone = load_backbone(arguments.backbone, image_size=arguments.image_size)
    for head in arguments.heads:
        for seed in range(arguments.seeds):
            if arguments.fine_tune:  # The run before changed it.
                backbone = load_backbone(arguments.backbone, image_size=arguments.image_size)
            caches = cached_splits(backbone, source, arguments)
            training.set_seed(seed)
            model = two_head_model(backbone, source.num_classes, box_head=head)
            seconds = timed(train, model, caches, source, seed, arguments)
            seconds["feature_seconds"] = sum(cache.manifest["seconds"] for cache in caches if cache is not None)
            test = pipelines.batches(source.name, source.test_split, image_size=model.input_shape[1], batch_size=64)
            yield {"head": head, "seed": seed, **training.evaluate(model, test), **seconds}


def cached_splits(backbone, source: datasets.SourceInfo, arguments: argparse.Namespace) -> tuple:
    """Features of the training images and, when asked for, of the validation images (else `None`)."""
    train_cache = recipes.cache_split(backbone, source, source.train_split, copies=arguments.copies)
    if not arguments.validation:
        return train_cache, None
    return train_cache, recipes.cache_split(backbone, source, source.validation_split)


def train(model, caches: tuple, source: datasets.SourceInfo, seed: int, arguments: argparse.Namespace) -> None:
    """Trains the heads and, when asked for, backbone and heads together."""
    training.train_heads(model, *caches, epochs=arguments.epochs, learning_rate=arguments.learning_rate, seed=seed)
    if arguments.fine_tune:
        recipes.fine_tune(
            model,
            source,
            epochs=arguments.fine_tune,
            layers=arguments.fine_tune_layers,
            learning_rate=arguments.fine_tune_rate,
            validate=arguments.validation,
            seed=seed,
        )


def parse_arguments() -> argparse.Namespace:
    """What the command line asks for."""
    profile = profiles.current_profile()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=profile.data, help="name or folder of the data")
    parser.add_argument("--backbone", default=profile.backbone, help="name or file of the backbone")
    parser.add_argument("--image-size", type=int, default=profile.image_size, help="pixels, unless the backbone says")
    parser.add_argument("--heads", nargs="+", choices=list(BOX_HEADS), default=list(BOX_HEADS))
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--copies", type=int, default=profile.augmented_copies, help="versions of each training image")
    parser.add_argument("--epochs", type=int, default=profile.head_epochs, help="passes over the cached features")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="the heads' first (default: %(default)s)")
    parser.add_argument(
        "--fine-tune",
        type=int,
        default=profile.fine_tune_epochs,
        metavar="EPOCHS",
        help="epochs with the backbone after that",
    )
    parser.add_argument("--fine-tune-layers", choices=("last", "all"), default="all")
    parser.add_argument("--fine-tune-rate", type=float, default=3e-4, help="highest learning rate of these epochs")
    parser.add_argument("--validation", action="store_true", help="keep the best epoch on the validation split")
    parser.add_argument("--train-split", help="a TFDS split; by default the source's own")
    parser.add_argument("--test-split", help="a TFDS split; by default the source's own")
    parser.add_argument("--out", type=Path, help="file for the table; the numbers go beside it as .json")
    return parser.parse_args()


def main() -> None:
    """Measures, prints the table, and saves it where `--out` says."""
    arguments = parse_arguments()
    rows = []
    for row in measure(arguments):
        rows.append(row)
        print({name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}, flush=True)
    text = heads_table(rows, COLUMNS, shares=MEASURES)
    text += f"\n\nFeatures of the training images: {rows[0]['feature_seconds']:.0f} s, once.\n"
    text += f"{rows[0]['num_examples']} test images; {arguments.copies} copies of each training image.\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
        arguments.out.with_suffix(".json").write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
