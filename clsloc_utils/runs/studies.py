"""Many small trainings that answer one question: which weight, and how many photos."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from clsloc_utils import learning_curves, plotting, profiles, recipes, sweeps, training
from clsloc_utils.backbones import load_backbone
from clsloc_utils.files import replacing
from clsloc_utils.predicting import InputError, input_errors
from clsloc_utils.runs.options import resolve_options
from clsloc_utils.runs.sources import check_split, find_source, tell_how_many, tell_how_read
from clsloc_utils.runs.training import build_model, cache_of
from clsloc_utils.tasks import TASKS


def sweep(
    source: str,
    folder: str | Path,
    *,
    backbone: str | None = None,
    image_size: int | None = None,
    copies: int | None = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    box_loss: str = "giou+l1",
    ratios: int = 9,
    seeds: int = 3,
    log=print,
) -> list[str]:
    """Sweeps the weight of the box loss; writes `sweep.csv`, `sweep.json`, `sweep.png` and `front.png`.

    Args:
        source: A name or a folder, of boxes.
        folder: Where to; it holds no sweep yet.
        backbone: As `load_backbone` takes it; `None` for the profile's, like the next two.
        image_size: Side of the images, in pixels.
        copies: Versions of each training image.
        batch_size: Images in a batch; `None` for what `sweeps.run_sweep` takes.
        epochs: Passes of each model; `None` for the profile's.
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        ratios: Number of weights between the single-task ends.
        seeds: Number of models of each weight.
        log: Called with each remark.

    Returns:
        What to tell the user: the table of all settings, the choice, its measures on the test images, the files.

    Raises:
        InputError: The source holds poses, or something cannot be used.
    """
    folder = Path(folder).expanduser()
    if (folder / "sweep.csv").exists():
        raise InputError(f"{folder}: holds a sweep already; name another folder with --out.")
    info = find_source(source)
    if info.task != "boxes":
        raise InputError(f"{source} holds {info.task}; a sweep weighs the losses of class and box. Take boxes.")
    with input_errors():
        profile = profiles.current_profile().on(drawn=info.drawn)
        settings = [*sweeps.weight_grid(ratios, box_loss=box_loss), sweeps.Setting(box_loss=box_loss, learned=True)]
        own_backbone, own_size = recipes.backbone_of(profile, info)
        if backbone not in (None, own_backbone):
            own_size = None
        model = load_backbone(backbone or own_backbone, image_size=image_size or own_size)
    for split in (info.train_split, info.validation_split, info.test_split):
        check_split(info, split)
    # Before the work, so that its results do not end at a folder that cannot be written to.
    with input_errors():
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    tell_how_read(info, log)
    log(recipes.reason_for_backbone(backbone or own_backbone, info))
    training.set_seed(0)
    precision = recipes.precision_of(profile)
    with input_errors():
        train_cache = recipes.cache_split(
            model, info, info.train_split, copies=copies or profile.copies, precision=precision
        )
        validation_cache, test_cache = (
            recipes.cache_split(model, info, split, precision=precision)
            for split in (info.validation_split, info.test_split)
        )
    found = sweeps.run_sweep(
        train_cache,
        validation_cache,
        info.num_classes,
        settings=settings,
        seeds=range(seeds),
        epochs=epochs or profile.sweep_epochs,
        **({} if batch_size is None else {"batch_size": batch_size}),
    )
    tested = sweeps.table(found.test(test_cache))
    for name, figure in (("sweep.png", plotting.weight_sweep(found.rows)), ("front.png", plotting.front(found.rows))):
        with replacing(folder / name) as file:
            file.write_bytes(plotting.png(figure))
    for name in ("sweep.json", "sweep.csv"):
        sweeps.write_rows(found.rows, folder / name)
    return [
        found.table(),
        f"\n{sweeps.verdict(found.summary(), by='setting')} Chosen: {found.best().name}. On the test images:",
        tested,
        f"{folder} holds sweep.csv, sweep.json, sweep.png and front.png.",
    ]


def curve(
    source: str,
    folder: str | Path,
    *,
    backbone: str | None = None,
    image_size: int | None = None,
    copies: int = 3,
    batch_size: int = 16,
    epochs: int = 6,
    draws: int = 3,
    log=print,
) -> list[str]:
    """Says what more photos would bring; writes `curve.csv` and `curve.png`.

    Args:
        source: A name or a folder.
        folder: Where to; it holds no curve yet.
        backbone: As `load_backbone` takes it; `None` for the one that fits the source.
        image_size: Side of the images, in pixels; `None` for the backbone's usual one.
        copies: Versions of each training image.
        batch_size: Images in a batch.
        epochs: Passes over each part of the images.
        draws: Trainings on each part.
        log: Called with each remark.

    Returns:
        What to tell the user: the table, what it says, the files.

    Raises:
        InputError: Something cannot be used.
    """
    folder = Path(folder).expanduser()
    if (folder / "curve.csv").exists():
        raise InputError(f"{folder}: holds a curve already; name another folder with --out.")
    info = find_source(source)
    for split in (info.train_split, info.test_split):
        check_split(info, split)
    given = {"backbone": backbone, "image_size": image_size, "copies": copies}
    with input_errors():
        options = resolve_options(given, info, profiles.current_profile())
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    network, model = build_model(options, info)
    tell_how_read(info, log)
    log(recipes.reason_for_backbone(options["backbone"], info))
    train_cache = cache_of(network, info, info.train_split, options, copies)
    tell_how_many(info, info.train_split, train_cache.num_examples, log)
    test_cache = cache_of(network, info, info.test_split, options, 1)
    rows = learning_curves.learning_curve(
        model.get_layer("heads"),
        train_cache,
        test_cache,
        draws=draws,
        epochs=epochs,
        batch_size=batch_size,
        seed=options["seed"],
    )
    task = TASKS[info.task]
    measures = task.measures_of_curve
    baseline = task.baseline_scores(task.baseline(train_cache.targets), test_cache.targets)
    summary = learning_curves.summarize(rows, measures)
    with replacing(folder / "curve.png") as file:
        file.write_bytes(plotting.png(plotting.learning_curve(rows, baseline, measures)))
    sweeps.write_rows(rows, folder / "curve.csv")
    return [
        _curve_table(summary, baseline, measures),
        f"\n{learning_curves.verdict(summary, measures[-1])}",
        f"{folder} holds curve.csv and curve.png.",
    ]


def _curve_table(summary: Sequence[Mapping], baseline: Mapping[str, float], measures: Sequence[str]) -> str:
    lines = [f"{'images':>16}" + "".join(f"{name:>26}" for name in measures)]
    for row in summary:
        cells = (f"{row[name]:.3f} ({row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f})" for name in measures)
        lines.append(f"{row['num_images']:>16}" + "".join(f"{cell:>26}" for cell in cells))
    lines.append(f"{'without looking':>16}" + "".join(f"{baseline[name]:>26.3f}" for name in measures))
    return "\n".join([*lines, "Medians of the draws, in brackets the lowest and the highest."])
