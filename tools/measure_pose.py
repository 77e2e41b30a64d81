"""Measures the joint heads side by side on any source of poses and any backbone, over several seeds.

    python tools/measure_pose.py
    python tools/measure_pose.py --data my_people --backbone my_backbone.keras --copies 10 --epochs 20 --out pose.md

Every head is trained on the same cached features, from `--seeds` different starting points, and measured on the test
split, beside the mean pose of the training people. Nothing is tuned on the test split: the last epoch's weights count.
With `--flip-average` each head is also measured as the mean of what it sees in the image and in its mirror image. With
`--fine-tune` the backbone then learns too. Both have rows of their own.
"""

import argparse
from collections.abc import Collection, Iterator, Sequence

from clsloc_utils import baselines, datasets, pipelines, profiles, recipes, training

# isort: split
import keras
from head_tables import heads_table, options_parser, report, source_of, summary, timed

from clsloc_utils.backbones import load_backbone
from clsloc_utils.losses import JOINT_LOSSES
from clsloc_utils.models import JOINT_HEADS, flip_averaged, pose_model

BASELINE = "mean pose"
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


def measure(arguments: argparse.Namespace, done: Collection[tuple] = ()) -> Iterator[dict]:
    """Measures the mean pose, then trains and measures one head after the other.

    Args:
        arguments: Of the command line.
        done: Pairs of head and seed that need no measurement, as in the rows of an interrupted run. A head
            of which only the fine-tuned row is missing is trained again.

    Yields:
        A dict for each result.
    """
    source = source_of(arguments)
    caches = cached_splits(load_backbone(arguments.backbone, image_size=arguments.image_size), source, arguments)
    if (BASELINE, "") not in done:
        yield mean_pose_scores(*caches)
    for head in arguments.heads:
        for seed in range(arguments.seeds):
            if not {(name, seed) for name in names_of(head, arguments)} <= set(done):
                yield from measure_head(head, seed, source, caches, arguments)


def names_of(head: str, arguments: argparse.Namespace) -> list[str]:
    """What the rows of a head are called: as it is and, when asked for, flip-averaged and fine-tuned."""
    asked_for = {"flip-averaged": arguments.flip_average, "fine-tuned": arguments.fine_tune}
    return [head, *(f"{head}, {way}" for way, is_asked_for in asked_for.items() if is_asked_for)]


def expected_rows(arguments: argparse.Namespace) -> list[tuple]:
    """Pairs of head and seed of all that `measure` yields."""
    names = [name for head in arguments.heads for name in names_of(head, arguments)]
    return [(BASELINE, ""), *((name, seed) for name in names for seed in range(arguments.seeds))]


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
    scores = baselines.pose_baseline_metrics(train_cache.targets, test_cache.arrays)
    return {"head": BASELINE, "seed": "", **scores, "feature_seconds": train_cache.manifest["seconds"]}


def measure_head(
    head: str, seed: int, source: datasets.SourceInfo, caches: tuple, arguments: argparse.Namespace
) -> Iterator[dict]:
    """Trains one head; yields its scores and, when asked for, those of two looks and those after fine-tuning."""
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
    test = pipelines.pose_batches(
        source.name, source.test_split, image_size=model.input_shape[1], batch_size=64, margin=arguments.margin
    )
    if arguments.flip_average:
        scores = training.evaluate(flip_averaged(model), test)
        yield {"head": f"{head}, flip-averaged", "seed": seed, **scores, **seconds}
    if arguments.fine_tune:
        more_seconds = timed(fine_tune, model, source, seed, arguments)
        seconds = {name: seconds[name] + more_seconds[name] for name in seconds}
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


def words(rows: Sequence[dict], copies: int) -> str:
    """The table of what `measure` yields, and what one must know to read it."""
    table = heads_table(rows, COLUMNS, shares=SHARES, errors=("mean_error",))
    return (
        summary(rows, table, "people to test on", copies) + " Mean error in sides of the image that the model sees.\n"
    )


def options(profile: profiles.Profile) -> argparse.ArgumentParser:
    """The command line, with defaults from a profile."""
    parser = options_parser(
        __doc__,
        heads=JOINT_HEADS,
        data=profile.pose_data,
        backbone=profile.pose_backbone,
        image_size=profile.pose_image_size,
        copies=profile.pose_copies,
        epochs=profile.pose_epochs,
        fine_tune=0,
    )
    parser.add_argument("--heatmap-channels", type=int, default=profile.heatmap_channels, help="width of that head")
    parser.add_argument("--flip-average", action="store_true", help="also measure two looks, one at the mirror image")
    parser.add_argument("--joint-loss", choices=list(JOINT_LOSSES), default="l1", help="default: %(default)s")
    parser.add_argument(
        "--margin", type=margin_of, default=0.15, help="around the person, or none for the whole photo (default: 0.15)"
    )
    parser.add_argument(
        "--rotation", type=float, default=profile.pose_rotation, help="augmented copies turn by at most so many degrees"
    )
    return parser


def main() -> None:
    """Measures, prints the table, and saves it where `--out` says."""
    arguments = options(profiles.current_profile()).parse_args()
    report(measure(arguments), lambda rows: words(rows, arguments.copies), arguments.out)


if __name__ == "__main__":
    main()
