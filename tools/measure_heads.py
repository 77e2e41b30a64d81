"""Measures the box heads side by side on any data and backbone, over several seeds.

    python tools/measure_heads.py
    python tools/measure_heads.py --data my_photos --backbone my_backbone.keras --copies 6 --epochs 10 --out heads.md

Every head is trained on the same cached features, from `--seeds` different starting points, and measured on the test
split, beside the two baselines. Data, backbone, copies, epochs and fine-tuning default to the profile's. Nothing is
tuned on the test split: unless `--validation` asks for keeping the best epoch on the validation split, the last epoch's
weights count.
"""

import argparse
from collections.abc import Collection, Iterator, Sequence

from head_tables import heads_table, options_parser, report, source_of, summary, timed

from clsloc_utils import baselines, datasets, pipelines, profiles, recipes, training
from clsloc_utils.backbones import load_backbone
from clsloc_utils.models import BOX_HEADS, two_head_model

BASELINE = "majority class, mean box"
MEASURES = ("accuracy", "mean_iou", "box_accuracy_50", "clsloc_accuracy_50")
COLUMNS = {
    "accuracy": "accuracy",
    "mean_iou": "mean IoU",
    "box_accuracy_50": "box IoU >= 0.5",
    "clsloc_accuracy_50": "cls-loc",
    "seconds": "training s",
    "cpu_seconds": "CPU s",
}


def measure(arguments: argparse.Namespace, done: Collection[tuple] = ()) -> Iterator[dict]:
    """Measures the baselines, then trains and measures one head after the other.

    Args:
        arguments: Of the command line.
        done: Pairs of head and seed that need no measurement, as in the rows of an interrupted run.

    Yields:
        A dict for each seed of each head.
    """
    source = source_of(arguments)
    backbone = load_backbone(arguments.backbone, image_size=arguments.image_size)
    caches = cached_splits(backbone, source, arguments)
    test = pipelines.batches(source.name, source.test_split, image_size=backbone.input_shape[1], batch_size=64)
    if (BASELINE, "") not in done:
        yield baseline_scores(caches[0], test)
    for head in arguments.heads:
        for seed in range(arguments.seeds):
            if (head, seed) in done:
                continue
            if arguments.fine_tune:  # The run before changed it.
                backbone = load_backbone(arguments.backbone, image_size=arguments.image_size)
            training.set_seed(seed)
            model = two_head_model(backbone, source.num_classes, box_head=head)
            seconds = timed(train, model, caches, source, seed, arguments)
            yield {"head": head, "seed": seed, **training.evaluate(model, test), **seconds}


def expected_rows(arguments: argparse.Namespace) -> list[tuple]:
    """Pairs of head and seed of all that `measure` yields."""
    seeds = range(arguments.seeds)
    return [(BASELINE, ""), *((head, seed) for head in arguments.heads for seed in seeds)]


def cached_splits(backbone, source: datasets.SourceInfo, arguments: argparse.Namespace) -> tuple:
    """Features of the training images and, when asked for, of the validation images (else `None`)."""
    train_cache = recipes.cache_split(backbone, source, source.train_split, copies=arguments.copies)
    if not arguments.validation:
        return train_cache, None
    return train_cache, recipes.cache_split(backbone, source, source.validation_split)


def baseline_scores(train_cache: training.FeatureCache, test) -> dict:
    """The row of the commonest class and the mean box of the training images, as they are without augmentation."""
    scores = baselines.baseline_metrics(train_cache.targets, baselines.collect_targets(test))
    return {"head": BASELINE, "seed": "", **scores, "feature_seconds": train_cache.manifest["seconds"]}


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


def words(rows: Sequence[dict], copies: int) -> str:
    """The table of what `measure` yields, and what one must know to read it."""
    return summary(rows, heads_table(rows, COLUMNS, shares=MEASURES), "test images", copies) + "\n"


def options(profile: profiles.Profile) -> argparse.ArgumentParser:
    """The command line, with defaults from a profile."""
    parser = options_parser(
        __doc__,
        heads=BOX_HEADS,
        data=profile.data,
        backbone=profile.backbone,
        image_size=profile.image_size,
        copies=profile.augmented_copies,
        epochs=profile.head_epochs,
        fine_tune=profile.fine_tune_epochs,
    )
    parser.add_argument("--validation", action="store_true", help="keep the best epoch on the validation split")
    return parser


def main() -> None:
    """Measures, prints the table, and saves it where `--out` says."""
    arguments = options(profiles.current_profile()).parse_args()
    report(measure(arguments), lambda rows: words(rows, arguments.copies), arguments.out)


if __name__ == "__main__":
    main()
