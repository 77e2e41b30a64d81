"""Measures what a loss-weight sweep costs, and how the cost grows with the number of settings.

    python tools/measure_sweep.py
    python tools/measure_sweep.py --models 1 33 --epochs 15 --out sweep.md

Each line is one sweep in a process of its own, as a learner starts it: wall-clock and processor seconds of
`clsloc_utils.sweeps.run_sweep` on features that are already cached, with all it does (reducing the features, tracing
the graph, training, measuring on the validation images). Processor seconds count all cores; they bear a busy machine
better. The last line of the table is the sweep of the course: nine ratios, both ends, three seeds.
"""

import argparse
import contextlib
import io
import multiprocessing
import os
import time

import head_tables

from clsloc_utils import profiles

# Number of models -> (settings, seeds).
SIZES = {1: (1, 1), 3: (3, 1), 11: (11, 1), 33: (11, 3)}
COLUMNS = {
    "models": "models",
    "settings": "settings",
    "seeds": "seeds",
    "seconds": "seconds",
    "cpu_seconds": "CPU seconds",
    "cpu_seconds_each": "CPU seconds a model",
    "best": "best cls-loc",
}


def measure(job: tuple[int, int, argparse.Namespace]) -> dict:
    """Runs one sweep and says what it took."""
    num_settings, num_seeds, arguments = job
    # Imported here: the process that only waits needs no TensorFlow.
    from clsloc_utils import datasets, recipes, sweeps
    from clsloc_utils.backbones import load_backbone

    source = datasets.info(arguments.data)
    backbone = load_backbone(arguments.backbone, image_size=arguments.image_size)
    with contextlib.redirect_stdout(io.StringIO()):
        train = recipes.cache_split(backbone, source, source.train_split, copies=arguments.copies)
        validation = recipes.cache_split(backbone, source, source.validation_split)
    started, cpu_started = time.perf_counter(), time.process_time()
    result = sweeps.run_sweep(
        train,
        validation,
        source.num_classes,
        settings=settings_of(num_settings),
        seeds=tuple(range(num_seeds)),
        epochs=arguments.epochs,
        show_progress=False,
    )
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return {
        "models": num_settings * num_seeds,
        "settings": num_settings,
        "seeds": num_seeds,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "cpu_seconds_each": cpu_seconds / (num_settings * num_seeds),
        "best": max(row["clsloc_accuracy_50"] for row in result.summary()),
        "table": result.table(),
    }


def settings_of(count: int) -> list:
    """As many settings as asked for: the ratio 1 alone, or a grid with its ends."""
    from clsloc_utils import sweeps

    return [sweeps.Setting()] if count == 1 else sweeps.weight_grid(max(2, count - 2))[:count]


def table(rows: list[dict]) -> str:
    """The measurements as a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS.values()) + " |", "| --- " * len(COLUMNS) + "|"]
    for row in rows:
        values = (f"{row[name]:.2f}" if isinstance(row[name], float) else str(row[name]) for name in COLUMNS)
        lines.append("| " + " | ".join(values) + " |")
    return "\n".join(lines)


def parse_arguments() -> argparse.Namespace:
    """What the command line asks for."""
    profile = profiles.current_profile()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=profile.data, help="name or folder of the data")
    parser.add_argument("--backbone", default=profile.backbone, help="name or file of the backbone")
    parser.add_argument("--image-size", type=int, default=profile.image_size, help="pixels, unless the backbone says")
    parser.add_argument("--copies", type=int, default=profile.augmented_copies, help="versions of each training image")
    parser.add_argument("--epochs", type=int, default=15, help="passes over the cached features")
    parser.add_argument("--models", type=int, nargs="+", choices=list(SIZES), default=list(SIZES), help="side by side")
    parser.add_argument(
        "--out", type=head_tables.table_file, help="file for the table; the numbers go beside it as .json"
    )
    return parser.parse_args()


def main() -> None:
    """Measures, prints the table, and saves it where `--out` says."""
    arguments = parse_arguments()
    rows = []
    for models in arguments.models:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows.append(pool.apply(measure, [(*SIZES[models], arguments)]))
        print(f"{models} models: {rows[-1]['seconds']:.1f} s, {rows[-1]['cpu_seconds']:.1f} CPU s", flush=True)
    text = f"{table(rows)}\n\n{arguments.epochs} epochs, {arguments.copies} copies, {os.cpu_count()} cores.\n"
    print(f"\n{text}\nThe last sweep:\n\n{rows[-1]['table']}")
    if arguments.out:
        head_tables.save_beside(arguments.out, text, rows)


if __name__ == "__main__":
    main()
