"""Measures what the heads of the course reach over several seeds, and writes the page docs/results.md.

    python benchmarks/heads.py                                     # the drawn pictures and people
    python benchmarks/heads.py --photos my_photos --poses my_people --backbone my_backbone.keras
    python benchmarks/heads.py --parts wildlife --photos my_photos --backbone my_backbone.keras
    python benchmarks/heads.py --parts                             # none: only the page again
    python benchmarks/heads.py --try toy_voc heads=spatial,pooled seeds=1 fine_tune=3
    python benchmarks/heads.py --picture                           # images/result.png, at the top of the README

Every head is trained on the same cached features and measured on the test split, beside the baseline. Nothing is tuned
on that split: the last epoch's weights count. Every result is one row of docs/results.json, written as soon as it is
measured: an interrupted command goes on where it stopped. Rows that were measured with other settings, or on another
machine, are measured again; `--again` does so with all rows of the parts, as after a change of the code. The page is
made of that file alone. `--try` measures a part with some settings changed, prints its table, and writes nothing.
"""

import argparse
import dataclasses
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import measurements
import pandas
import yaml

from clsloc_utils import baselines, datasets, models, pipelines, profiles, recipes, training
from clsloc_utils.backbones import load_backbone

# Words in the settings, for what lies in another place on every machine, and the options that say where.
PLACES = {"PHOTOS": "--photos", "PEOPLE": "--poses", "BACKBONE.keras": "--backbone"}
BOXES = {
    "baseline": "majority class, mean box",
    "heads": list(models.BOX_HEADS),
    "image_size": None,  # that of the backbone
    "train_split": None,  # that of the source, as the next one
    "test_split": None,
    "seeds": 3,
    "learning_rate": 2e-3,
    "fine_tune": 0,  # epochs
}
JOINTS = BOXES | {
    "baseline": "mean pose",
    "heads": list(models.JOINT_HEADS),
    "heatmap_channels": 64,
    "flip_average": True,
    "joint_loss": "l1",
    "rotation": 15.0,
}
PRETRAINED = "`BACKBONE.keras` is an EfficientNet-Lite0 that was pretrained on ImageNet."
# Of each part of the page its title, what data and backbone are, and the settings.
PARTS: dict[str, tuple[str, str, dict]] = {
    "toy_voc": (
        "Drawn pictures",
        "`toy_voc`, drawn by the course: twenty classes, pictures with one object.",
        BOXES | {"data": "toy_voc", "backbone": "tiny_resnet", "copies": 3, "epochs": 7, "learning_rate": 4e-3},
    ),
    "wildlife": (
        "African wildlife photos",
        "Photographs of buffaloes, elephants, rhinos and zebras, known as African Wildlife; those with one animal, of "
        f"the list `train` to learn from, of `val` to test on. {PRETRAINED}",
        BOXES | {"data": "PHOTOS", "backbone": "BACKBONE.keras", "train_split": "train", "copies": 6, "epochs": 10},
    ),
    "voc": (
        "PASCAL VOC 2007",
        "Photos with one object, of the splits `train` and `test`; ImageNet weights.",
        BOXES | {"data": "voc/2007", "backbone": "resnet50", "copies": 4, "epochs": 20, "fine_tune": 5},
    ),
    "toy_pose": (
        "Drawn people",
        "`toy_pose`, drawn by the course, each cropped to the person. *Flip-averaged*, test-time augmentation: image "
        "and mirror image, of the heatmap head the heatmaps averaged before they are read, of the others the joints.",
        JOINTS | {"data": "toy_pose", "backbone": "tiny_resnet_people", "copies": 2, "epochs": 4},
    ),
    "lspet": (
        "LSP-extended, a subset",
        "Photographs of gymnasts: the first 1,000 of LSP-extended, each cropped to the person with a margin of 15 %; "
        "800 to learn from, 200 to test on. This is not a result on LSP. PCK counts those who have both ends of the "
        f"torso, right hip and left shoulder, labelled. {PRETRAINED}",
        JOINTS
        | {"data": "PEOPLE", "backbone": "BACKBONE.keras", "train_split": "train[:800]", "test_split": "train[800:]"}
        | {"copies": 10, "rotation": 40.0, "heatmap_channels": 128, "epochs": 6},
    ),
}
COLUMNS = {
    "accuracy": "accuracy",
    "mean_iou": "mean IoU",
    "box_accuracy_50": "box IoU >= 0.5",
    "clsloc_accuracy_50": "cls-loc",
    "pck_20": "PCK@0.2",
    "pck_10": "PCK@0.1",
    "pcp_strict": "PCP strict",
    "pcp_loose": "PCP loose",
    "mean_error": "mean error",
    "seconds": "training s",
    "cpu_seconds": "CPU s",
}
# Settings that the page does not list: the table shows them.
UNSAID = ("baseline", "heads", "flip_average", "seeds")
LESS_IS_BETTER = ("mean error", "training s", "CPU s")


# --- Measuring --------------------------------------------------------------------------------------------------------


def names_of(head: str, settings: Mapping) -> list[str]:
    """What the rows of a head are called: as it is and, when asked for, flip-averaged and fine-tuned."""
    asked_for = {"flip-averaged": settings.get("flip_average"), "fine-tuned": settings["fine_tune"]}
    return [head, *(f"{head}, {way}" for way, is_asked_for in asked_for.items() if is_asked_for)]


def expected_rows(settings: Mapping) -> set[tuple]:
    """Pairs of head and seed of all that `measure` yields."""
    names = itertools.chain(*(names_of(head, settings) for head in settings["heads"]))
    return {(settings["baseline"], ""), *itertools.product(names, range(settings["seeds"]))}


def measure(settings: Mapping, done: Collection[tuple] = ()) -> Iterator[dict]:
    """Measures the baseline, then trains and measures one head after the other.

    Args:
        settings: As those of a part, with places in place of words.
        done: Pairs of head and seed that need no measurement, as in the rows of an interrupted run. A head of which
            only a later row is missing is trained again.

    Yields:
        A dict for each result.
    """
    splits = {role: settings[role] for role in ("train_split", "test_split") if settings[role]}
    source = dataclasses.replace(datasets.info(settings["data"]), **splits)
    is_pose = source.task == "pose"
    turned = {"augmentation": pipelines.PoseAugmentation(rotation=settings["rotation"])} if is_pose else {}
    learning = {"joint_loss": settings["joint_loss"]} if is_pose else {}

    def backbone():  # loaded anew for each model: fine-tuning changes it
        return load_backbone(settings["backbone"], image_size=settings["image_size"])

    train = recipes.cache_split(backbone(), source, source.train_split, copies=settings["copies"], **turned)
    test = recipes.cache_split(backbone(), source, source.test_split)
    batches = pipelines.pose_batches if is_pose else pipelines.batches
    test_images = batches(source.name, source.test_split, image_size=backbone().input_shape[1], batch_size=64)
    if (settings["baseline"], "") not in done:
        scores = baselines.pose_baseline_metrics if is_pose else baselines.baseline_metrics
        row = {"head": settings["baseline"], "seed": "", **scores(train.targets, test.targets)}
        yield row | {"feature_seconds": train.manifest["seconds"]}
    for head, seed in itertools.product(settings["heads"], range(settings["seeds"])):
        plain, *more = names_of(head, settings)
        if {(name, seed) for name in (plain, *more)} <= set(done):
            continue
        training.set_seed(seed)
        if is_pose:
            model = models.pose_model(backbone(), joint_head=head, heatmap_channels=settings["heatmap_channels"])
        else:
            model = models.two_head_model(backbone(), source.num_classes, box_head=head)
        options = {"epochs": settings["epochs"], "learning_rate": settings["learning_rate"], "seed": seed, **learning}
        took = measurements.timed(training.train_heads, model, train, **options)
        yield {"head": plain, "seed": seed, **training.evaluate(model, test), **took}
        for name in more:
            judged = model
            if name.endswith("flip-averaged"):
                judged = models.flip_averaged(model)
            else:
                options = {"epochs": settings["fine_tune"], "validate": False, "seed": seed, **learning, **turned}
                longer = measurements.timed(recipes.fine_tune, model, source, **options)
                took = {clock: took[clock] + longer[clock] for clock in took}
            yield {"head": name, "seed": seed, **training.evaluate(judged, test_images), **took}


def placed(settings: Mapping, places: Mapping[str, str | None]) -> dict:
    """Settings with what is given in place of the words of `PLACES`."""
    return {key: (isinstance(value, str) and places.get(value)) or value for key, value in settings.items()}


def measure_part(name: str, places: Mapping[str, str | None], file: Path, again: bool = False) -> None:
    """Measures what is missing of a part, or all of it again, and saves every row.

    Args:
        name: Of the part.
        places: What to put in place of the words of `PLACES`.
        file: Of all measurements; the page goes beside it.
        again: Whether to measure all of it, whatever the file holds.
    """
    settings = PARTS[name][2]
    conditions = {"settings": settings, "machine": measurements.machine()}
    found = measurements.load(file).get(name, {})
    is_usable = not again and all(found.get(key) == value for key, value in conditions.items())
    rows = {(row["head"], row["seed"]): row for row in found["rows"]} if is_usable else {}
    if expected_rows(settings) <= set(rows):
        print(f"{name}: measured already", flush=True)
        return
    for row in measure(placed(settings, places), done=set(rows)):
        print(f"{name}: {row}", flush=True)
        rows[row["head"], row["seed"]] = row
        # Read now: another part may have been measured meanwhile.
        measurements.save(file, measurements.load(file) | {name: conditions | {"rows": list(rows.values())}})


# --- The page ---------------------------------------------------------------------------------------------------------

HEAD = """# Results

What do the heads of the course reach, on drawings and on photographs, and how much does chance have to do with it? Each
head is trained from three starting points and then measured on images that it has never seen; the median and the worst
of the three are given too. The backbone is frozen unless a row says *fine-tuned*. The weights of the last epoch count:
no epoch is chosen by its score.

`python benchmarks/heads.py` measures it and writes this page; all numbers are in `docs/results.json`. `PHOTOS` and
`PEOPLE` stand for folders in the layouts of PASCAL VOC and Leeds Sports Pose, `BACKBONE.keras` for a file of a
backbone."""


def page(measured: Mapping[str, Mapping]) -> str:
    """The page, in Markdown.

    Args:
        measured: Of each part, by its name, `"settings"`, `"machine"` and `"rows"`. A part without rows, or with rows
            of other settings than those of now, is "not measured yet".
    """
    written = [HEAD]
    for name, (title, text, settings) in PARTS.items():
        options = "".join(f" {option} {word}" for word, option in needs(settings).items())
        said = " ".join(f"{key}={value}" for key, value in settings.items() if value and key not in UNSAID)
        written += [f"## {title}", text, f"Settings: `{said}`."]
        written.append(f"```sh\npython benchmarks/heads.py --parts {name}{options}\n```")
        found = measured.get(name)
        if found and found["settings"] == settings:
            written.append(words(found["rows"]))
            if not expected_rows(settings) <= {(row["head"], row["seed"]) for row in found["rows"]}:
                written.append("The other rows are not measured yet.")
            written.append(f"Measured on {found['machine']}.")
        else:
            written.append("Not measured yet.")
    return "\n\n".join(written) + "\n"


def needs(settings: Mapping) -> dict[str, str]:
    """The words of `PLACES` in settings, and their options."""
    return {word: option for word, option in PLACES.items() if word in settings.values()}


def words(rows: Sequence[Mapping]) -> str:
    """The table of what `measure` yields, the baseline first, and what one must know to read it."""
    took, count = rows[0]["feature_seconds"], rows[0]["num_examples"]
    text = f"{table(rows)}\n\nFeatures of the training images: {took:.0f} s, once. {count} test images."
    return text + (" Mean error in sides of the image that the model sees." if "mean_error" in rows[0] else "")


def table(rows: Sequence[Mapping]) -> str:
    """Measurements as a Markdown table; below the seeds of each head their median and their worst.

    Args:
        rows: One dict for each result: `"head"`, `"seed"` and names of `COLUMNS`. A single row of a head has no
            median; what it lacks is left blank.
    """
    frame = pandas.DataFrame(rows).rename(columns=COLUMNS)
    measures = [heading for heading in COLUMNS.values() if heading in frame]
    seeds = frame[frame.duplicated("head", keep=False)].groupby("head", sort=False)[measures]
    worst = seeds.agg({heading: "max" if heading in LESS_IS_BETTER else "min" for heading in measures})
    summaries = (seeds.median().assign(seed="median"), worst.assign(seed="worst"))
    frame = pandas.concat([frame, *(summary.reset_index() for summary in summaries)])
    # Each head where it came first; a stable sort leaves seeds, median and worst in this order.
    frame = frame.sort_values("head", key=lambda heads: pandas.factorize(heads)[0], kind="stable")
    layouts = {heading: "{:.0f}" if heading in ("training s", "CPU s") else "{:.4f}" for heading in measures}
    return measurements.markdown(frame[["head", "seed", *measures]], layouts, words=2)


# --- The command ------------------------------------------------------------------------------------------------------


def changed(name: str, *changes: str) -> dict:
    """The settings of a part, with changes such as `epochs=4`; several heads are set apart by commas.

    Raises:
        ValueError: There is no such part or setting.
    """
    if name not in PARTS:
        raise ValueError(f"there is no part {name}; choose from {', '.join(PARTS)}")
    settings = dict(PARTS[name][2])
    for change in changes:
        setting, _, value = change.partition("=")
        if setting not in settings:
            raise ValueError(f"{name} has no setting {setting}; choose from {', '.join(settings)}")
        settings[setting] = value.split(",") if setting == "heads" else yaml.safe_load(value)
    return settings


def draw_picture() -> None:
    """Draws the model's answers to the first eight test images without an object that is marked as difficult."""
    from clsloc_utils import plotting

    source, model = datasets.info(profiles.FAST.data), recipes.finished_model(profiles.FAST)
    side = model.input_shape[1]
    batches = pipelines.batches(source.name, source.test_split, image_size=side, batch_size=8, difficult="exclude")
    images, _ = next(iter(batches))
    found = training.predict(model, batches.take(1))
    figure = plotting.prediction_gallery(images, found, source.class_names, which="first")
    file = measurements.REPOSITORY / "images" / "result.png"
    figure.savefig(file, dpi=plotting.DOTS_PER_INCH, metadata={"Software": None})


def main(arguments: Sequence[str] | None = None) -> None:
    """Does what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), help="by default all drawings, and photos given")
    parser.add_argument("--photos", help="folder of the African wildlife photos, in VOC layout")
    parser.add_argument("--poses", help="folder of the photos of LSP-extended, in LSP layout")
    parser.add_argument("--backbone", help="file of the backbone for photos")
    parser.add_argument("--again", action="store_true", help="measure the parts anew")
    parser.add_argument("--try", nargs="+", dest="tried", metavar=("PART", "NAME=VALUE"), help="write nothing")
    parser.add_argument("--picture", action="store_true", help="only draw images/result.png")
    parser.add_argument("--out", type=Path, default=measurements.REPOSITORY / "docs", help="folder of the page")
    options = parser.parse_args(arguments)
    places = {word: getattr(options, option[2:]) for word, option in PLACES.items()}
    lacking = {name: needs(placed(settings, places)) for name, (_, _, settings) in PARTS.items()}
    if options.picture:
        return draw_picture()
    if options.tried:
        try:
            settings = placed(changed(*options.tried), places)
        except ValueError as error:
            parser.error(str(error))
        if needs(settings):
            parser.error(f"the part {options.tried[0]} needs {' and '.join(needs(settings).values())}")
        return print(words(list(measure(settings))))
    options.out.mkdir(parents=True, exist_ok=True)
    if options.parts is None:
        options.parts = [name for name in PARTS if name != "voc" and not lacking[name]]
    for name in options.parts:
        if lacking[name]:
            parser.error(f"the part {name} needs {' and '.join(lacking[name].values())}")
        measure_part(name, places, options.out / "results.json", options.again)
    text = page(measurements.load(options.out / "results.json"))
    (options.out / "results.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
