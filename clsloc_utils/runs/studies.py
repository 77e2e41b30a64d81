"""Many small trainings that answer one question: which weight, and how many photos."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from clsloc_utils import datasets, learning_curves, plotting, profiles, recipes, sweeps, training
from clsloc_utils.files import replacing
from clsloc_utils.paths import InputError, input_errors
from clsloc_utils.runs.options import resolve_options
from clsloc_utils.runs.sources import check_split, find_source, tell_how_many, tell_how_read
from clsloc_utils.runs.training import cache_of, load_backbone_of, model_on
from clsloc_utils.tasks import TASKS


def sweep(
    source: str,
    folder: str | Path,
    *,
    epochs: int | None = None,
    box_loss: str = "giou+l1",
    ratios: int = 9,
    seeds: int = 3,
    log=print,
    **given: Any,
) -> list[str]:
    """Sweeps the weight of the box loss; writes `sweep.csv`, `sweep.json`, `sweep.png` and `pareto_front.png`.

    Args:
        source: A name or a folder, of boxes.
        folder: Where to; it holds no sweep yet.
        epochs: Passes of each model; `None` for the profile's.
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        ratios: Number of weights between the single-task ends.
        seeds: Number of models of each weight.
        log: Called with each remark.
        **given: `backbone`, `image_size` and `batch_size`, see `resolve_options`. `None` for the profile's; for the
            batch size it is what `sweeps.run_sweep` takes.

    Returns:
        What to tell the user: the table of all settings, the choice, its measures on the test images, the files.

    Raises:
        InputError: The source holds poses, or something cannot be used.
    """
    folder = Path(folder).expanduser()
    info = find_source(source)
    if info.task != "boxes":
        raise InputError(f"{source} holds {info.task}; a sweep weighs the losses of class and box. Take boxes.")
    with input_errors():
        settings = [*sweeps.weight_grid(ratios, box_loss=box_loss), sweeps.Setting(box_loss=box_loss, learned=True)]
    splits = info.train_split, info.validation_split, info.test_split
    options, backbone = _begin("sweep", folder, info, splits, given, log)
    training.set_seed(0)
    train_cache, validation_cache, test_cache = (cache_of(backbone, info, split, options, 1) for split in splits)
    found = sweeps.run_sweep(
        train_cache,
        validation_cache,
        info.num_classes,
        settings=settings,
        seeds=range(seeds),
        epochs=epochs or profiles.current_profile().on(drawn=info.drawn).sweep_epochs,
        **({"batch_size": given["batch_size"]} if given.get("batch_size") else {}),
    )
    tested = sweeps.table(found.test(test_cache))
    for name, draw in (("sweep.png", plotting.weight_sweep), ("pareto_front.png", plotting.pareto_front)):
        _write_figure(folder / name, draw(found.rows))
    for name in ("sweep.json", "sweep.csv"):
        sweeps.write_rows(found.rows, folder / name)
    return [
        found.table(),
        f"\n{found.verdict()} Chosen: {found.best().name}. On the test images:",
        tested,
        f"{folder} holds sweep.csv, sweep.json, sweep.png and pareto_front.png.",
    ]


def curve(source: str, folder: str | Path, *, epochs: int = 6, draws: int = 3, log=print, **given: Any) -> list[str]:
    """Says what more photos would bring; writes `curve.csv` and `curve.png`.

    Args:
        source: A name or a folder.
        folder: Where to; it holds no curve yet.
        epochs: Passes over each part of the images.
        draws: Trainings on each part.
        log: Called with each remark.
        **given: `backbone`, `image_size`, `copies` (by default 3) and `batch_size` (by default 16), see
            `resolve_options`.

    Returns:
        What to tell the user: the table, what it says, the files.

    Raises:
        InputError: Something cannot be used.
    """
    folder = Path(folder).expanduser()
    info = find_source(source)
    given = {"copies": 3, "batch_size": 16} | {name: value for name, value in given.items() if value is not None}
    options, backbone = _begin("curve", folder, info, (info.train_split, info.test_split), given, log)
    model = model_on(backbone, options, info)
    train_cache = cache_of(backbone, info, info.train_split, options, options["copies"])
    tell_how_many(info, info.train_split, train_cache.num_examples, log)
    test_cache = cache_of(backbone, info, info.test_split, options, 1)
    rows = learning_curves.learning_curve(
        model.get_layer("heads"),
        train_cache,
        test_cache,
        draws=draws,
        epochs=epochs,
        batch_size=options["batch_size"],
        seed=options["seed"],
    )
    task = TASKS[info.task]
    measures = task.measures_of_curve
    baseline = task.baseline_scores(task.baseline(train_cache.targets), test_cache.targets)
    summary = learning_curves.summarize(rows, measures)
    _write_figure(folder / "curve.png", plotting.learning_curve(rows, baseline, measures))
    sweeps.write_rows(rows, folder / "curve.csv")
    return [
        _curve_table(summary, baseline, measures),
        f"\n{learning_curves.verdict(summary, measures[-1])}",
        f"{folder} holds curve.csv and curve.png.",
    ]


def _begin(
    study: str,
    folder: Path,
    info: datasets.SourceInfo,
    splits: Sequence[str],
    given: Mapping[str, Any],
    log,
) -> tuple[dict[str, Any], keras.Model]:
    """Options and backbone of a study; what can be refused is refused here, before the work."""
    if (folder / f"{study}.csv").exists():
        raise InputError(f"{folder}: holds a {study} already; name another folder with --out.")
    for split in splits:
        check_split(info, split)
    with input_errors():
        options = resolve_options(given, info, profiles.current_profile())
    backbone = load_backbone_of(options)
    with input_errors():
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    tell_how_read(info, log)
    log(recipes.reason_for_backbone(options["backbone"], info))
    return options, backbone


def _write_figure(file: Path, figure) -> None:
    with replacing(file) as unfinished:
        unfinished.write_bytes(plotting.png(figure))


def _curve_table(summary: Sequence[Mapping], baseline: Mapping[str, float], measures: Sequence[str]) -> str:
    lines = [f"{'images':>16}" + "".join(f"{name:>26}" for name in measures)]
    for row in summary:
        cells = (f"{row[name]:.3f} ({row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f})" for name in measures)
        lines.append(f"{row['num_images']:>16}" + "".join(f"{cell:>26}" for cell in cells))
    lines.append(f"{'without looking':>16}" + "".join(f"{baseline[name]:>26.3f}" for name in measures))
    return "\n".join([*lines, "Medians of the draws, in brackets the lowest and the highest."])
