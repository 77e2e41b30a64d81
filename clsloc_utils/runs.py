"""Run folders: a training that survives interruptions, its results, and what its model says later.

    RUN/config.json    the options, the classes, what the baselines answer; written first
        model.keras    the trained model
        model.tflite   the same for LiteRT, which answers without TensorFlow
        metrics.json   its measures on the evaluation split, and those of the baselines
        history.csv    losses and metrics of every epoch
        report.html    all of it to look at, in one file

While a run is under way, `heads.checkpoint.npz`, `last_layers.checkpoint.npz` and `all_layers.checkpoint.npz` hold the
state of its stages after their last epochs; they are deleted when all of the above is written. Every file is replaced
as a whole.
"""

import contextlib
import csv
import dataclasses
import json
import math
import platform
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import filelock
import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from clsloc_utils import (
    __version__,
    baselines,
    checkup,
    datasets,
    distribution,
    exporting,
    learning_curves,
    pipelines,
    plotting,
    profiles,
    recipes,
    reports,
    sweeps,
    training,
)
from clsloc_utils.backbones import load_backbone
from clsloc_utils.files import replacing
from clsloc_utils.models import pose_model, two_head_model
from clsloc_utils.predicting import (  # Some of them are for whoever imports this module.
    CONFIG,
    LITE_MODEL,
    MODEL,
    OPTIONS_OF_TASK,
    REMEDY,
    InputError,
    Predictor,
    config_of_finished,
    digests,
    draw_prediction,  # noqa: F401
    input_errors,
    read_config,
    read_json,
    read_photo,  # noqa: F401
)

METRICS, HISTORY, REPORT = "metrics.json", "history.csv", "report.html"
# Thousands of drawings need none, it only makes their heads learn slower.
_BOX_DROPOUT_ON_PHOTOGRAPHS = 0.3
STAGES = ("heads", "last layers", "all layers")
_LOCK = ".lock"

MEASURES = {
    "boxes": ("accuracy", "mean_iou", "box_accuracy_50", "clsloc_accuracy_50", "num_examples"),
    "pose": ("pck_20", "pck_10", "pcp_strict", "num_examples"),
}
CURVE_MEASURES = {"boxes": ("accuracy", "mean_iou", "clsloc_accuracy_50"), "pose": ("pck_10", "pck_20")}
_OTHER_TASK = {"boxes": "pose", "pose": "boxes"}
_EXAMPLES_IN_REPORT = 8


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What `train` did.

    Attributes:
        metrics: The content of `metrics.json`; `None` when nothing was learned before an interruption.
        interrupted: Whether the user stopped it early.
        verdict: What to tell the user of a model that does not beat the baselines; empty for one that does.
    """

    metrics: dict | None
    interrupted: bool = False
    verdict: str = ""


# --- options ----------------------------------------------------------------------------------------------------------


def resolve_options(given: Mapping[str, Any], source: datasets.SourceInfo, profile: profiles.Profile) -> dict[str, Any]:
    """All options of a training, those that were not given from the profile and from the source.

    Args:
        given: Options by name; `None` for one that was not given. See the keys of the result.
        source: As `datasets.info` returns it.
        profile: Where the defaults come from.

    Returns:
        `source`, `backbone` (files as absolute paths), `image_size` (0 for the backbone's own), `copies`, `batch_size`,
        `epochs`, `fine_tune` (`"none"`, `"last"` or `"all"`), `fine_tune_stages` (of the profile's, those that it asks
        for: which layers learn, and the highest learning rate), `fine_tune_epochs` of each, `precision` (what the
        backbone computes in, as of `recipes.precision_of`), `seed`, `train_split`, `eval_split`, `strategy`; for boxes
        `box_head`, `label_head` and `loss_weight` (box loss over class loss); for poses `joint_head`,
        `heatmap_channels` and `rotation`, the degrees that augmented people turn by.

    Raises:
        InputError: An option does not fit the task, or another option.
    """
    given = {name: value for name, value in given.items() if value is not None}
    for name in OPTIONS_OF_TASK[_OTHER_TASK[source.task]]:
        if name in given:
            raise InputError(
                f"--{name.replace('_', '-')} is for {_OTHER_TASK[source.task]}, but {source.name} holds {source.task}; "
                "leave it out."
            )
    fine_tune = given.get("fine_tune", "all" if profile.fine_tune_epochs else "none")
    if fine_tune == "none" and given.get("fine_tune_epochs"):
        raise InputError(
            f"--fine-tune-epochs is {given['fine_tune_epochs']}, but nothing is to be fine-tuned; add --fine-tune last "
            "or --fine-tune all."
        )
    profile = profile.on(drawn=source.drawn, task=source.task)
    backbone, image_size = recipes.backbone_of(profile, source)
    if source.task == "boxes":
        of_task = {
            "box_head": "spatial",
            "label_head": "in_box",
            "loss_weight": 1.0,
            "copies": profile.augmented_copies,
            "epochs": profile.head_epochs,
        }
    else:
        of_task = {
            "joint_head": "heatmap",
            "heatmap_channels": profile.heatmap_channels,
            "rotation": profile.pose_rotation,
            "copies": profile.pose_copies,
            "epochs": profile.pose_epochs,
        }
    defaults = {
        "backbone": backbone,
        # A network that the profile does not know has a size of its own.
        "image_size": (image_size or 0) if given.get("backbone", backbone) == backbone else 0,
        **of_task,
        "batch_size": profile.batch_size,
        "fine_tune": fine_tune,
        "fine_tune_stages": [list(stage) for stage in profile.fine_tune_stages if fine_tune in ("all", stage[0])],
        "fine_tune_epochs": 0 if fine_tune == "none" else profile.fine_tune_epochs or profiles.FULL.fine_tune_epochs,
        # Kept, so that a run that is resumed on another machine goes on as it was begun.
        "precision": recipes.precision_of(profile),
        "seed": 0,
        "train_split": _all_that_may_be_learned(source),
        "eval_split": source.test_split,
        "strategy": "auto",
    }
    chosen = {"source": _whole_path_of_source(source.name)} | defaults | given
    return chosen | {"backbone": _whole_path_of_file(chosen["backbone"])}


def _all_that_may_be_learned(source: datasets.SourceInfo) -> str:
    """The training images, and those for validation where they are only a part cut from the same split.

    The recipe is fixed and its learning rate ends at 0, so there is little to choose on a few images; learned from,
    they are worth more. A validation split of its own is left alone.
    """
    name, _, part = source.validation_split.partition("[")
    if source.train_split.split("[")[0] != name:
        return source.train_split
    end = part.rstrip("]").partition(":")[2]  # the training images are those before the part for validation
    return f"{name}[:{end}]" if end else name


def _whole_path_of_source(source: str) -> str:
    """The absolute path of a source that is a folder; names stay as they are."""
    return source if source in datasets.SOURCES else _whole_path(source, Path.is_dir)


def _whole_path_of_file(backbone: str) -> str:
    """The absolute path of a backbone's file, also in `NAME:FILE`; names stay as they are, like folders."""
    name, file = checkup.name_and_file(backbone)
    file = _whole_path(file, Path.is_file)
    return f"{name}:{file}" if name else file


def _whole_path(name: str, is_there: Callable[[Path], bool]) -> str:
    path = Path(name).expanduser()
    return str(path.resolve()) if is_there(path) else name


# Options that may be paths; all others mean the same in every folder.
_WHOLE_PATHS = {"source": _whole_path_of_source, "backbone": _whole_path_of_file}


def _given_otherwise(given: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """What was given now and differs from the options of a run, in words."""
    return [
        f"{name} is {value!r} now and {options.get(name)!r} there"
        for name, value in given.items()
        if value is not None and _WHOLE_PATHS.get(name, lambda same: same)(value) != options.get(name)
    ]


def find_source(name: str, class_names: Sequence[str] | None = None) -> datasets.SourceInfo:
    """What `datasets.info` says of a source.

    Args:
        name: A name or a folder.
        class_names: Classes for a folder in VOC layout.

    Raises:
        InputError: There is no such source, or it cannot be read or prepared.
    """
    with input_errors():
        return datasets.info(name, class_names=class_names)


def prepare(source: str, from_folder: str | None = None) -> datasets.SourceInfo:
    """Prepares a data source, from files that were fetched by hand if asked.

    Args:
        source: A name or a folder.
        from_folder: Folder of the files.

    Returns:
        What `datasets.info` says of it.

    Raises:
        InputError: There is no such source, or it cannot be prepared.
    """
    with input_errors():
        return datasets.prepare(source, from_folder=from_folder)


def _tell_how_read(source: datasets.SourceInfo, log: Callable[[str], None]) -> None:
    if source.understood:
        log(f"{source.name}: {source.understood}.")


def _check_split(source: datasets.SourceInfo, split: str) -> None:
    """Sees to it that a split holds something to learn from or to judge by."""
    with input_errors():
        examples = datasets.load(source.name, split)
    if source.task == "boxes":
        examples = pipelines.single_object(examples)
    if not any(True for _ in examples.take(1)):
        raise InputError(f"{source.name}: no image of the split {split!r} has exactly one object; take another split.")


def _tell_how_many(source: datasets.SourceInfo, split: str, used: int, log: Callable[[str], None]) -> None:
    """Says how many images are learned from, where others are left out for having several objects or none."""
    total = sum(stop - start for _, start, stop in _ranges(source, split))
    if source.task == "boxes" and used < total:
        log(f"{used} of {total} images of {split!r} have exactly one object; the others are left out.")


def _ranges(source: datasets.SourceInfo, split: str) -> list[tuple[str, int, int]]:
    """The parts of a split: name, first example, and the one behind the last."""
    split_infos = {
        name: tfds.core.SplitInfo(name=name, shard_lengths=[count], num_bytes=0)
        for name, count in source.splits.items()
    }
    return [
        (part.splitname, part.from_ or 0, source.splits[part.splitname] if part.to is None else part.to)
        for part in tfds.core.ReadInstruction.from_spec(split).to_absolute(split_infos)
    ]


def _overlap(source: datasets.SourceInfo, first: str, second: str) -> bool:
    """Whether two splits of a source share examples."""
    return any(
        one_name == other_name and max(one_start, other_start) < min(one_stop, other_stop)
        for one_name, one_start, one_stop in _ranges(source, first)
        for other_name, other_start, other_stop in _ranges(source, second)
    )


def _validation_split(source: datasets.SourceInfo, options: Mapping[str, Any], log) -> str | None:
    """The split that the best epoch is chosen on; `None`, with a remark, when there is none to use."""
    split = source.validation_split
    for role, use in (("train_split", "learned from"), ("eval_split", "judged on")):
        if _overlap(source, split, options[role]):
            log(f"{options[role]!r} is {use}: no images are left to choose an epoch on, the last one counts.")
            return None
    try:
        _check_split(source, split)
    except InputError:
        log(f"{split!r} has nothing to choose the best epoch with: the last epoch counts.")
        return None
    return split


# --- the folder -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _locked(run: Path) -> Iterator[None]:
    """Keeps a second process off a run, and clears away what a killed one left half written."""
    with input_errors():
        run.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(run / _LOCK, timeout=0):
            for left_over in run.glob("*.part-*"):
                left_over.unlink()
            yield
    except filelock.Timeout as error:
        raise InputError(f"{run}: another process is training it; wait for its end, or stop it.") from error


def _check_keras_file(file: Path) -> None:
    """Raises an `InputError` unless a run's `.keras` file is whole."""
    with input_errors():
        fault = datasets.archives.fault_of(file, datasets.Archive(file.name, ()))
        if not fault:
            with zipfile.ZipFile(file) as archive:
                missing = {"config.json", "model.weights.h5"} - set(archive.namelist())
            fault = f"is no model of Keras: it holds no {min(missing)}" if missing else ""
    if fault:
        raise InputError(f"{file} {fault}; {REMEDY}.")


def _stored_config(run: Path) -> dict | None:
    """The configuration of a run, `None` for a new one.

    Raises:
        InputError: The folder holds something else.
    """
    if (run / CONFIG).is_file():
        return read_config(run)
    if run.exists() and (not run.is_dir() or any(_foreign_files(run))):
        raise InputError(f"{run}: exists and is no run, it has no {CONFIG}; name another folder with --out.")
    return None


def _foreign_files(run: Path) -> Iterator[Path]:
    return (file for file in run.iterdir() if file.name != _LOCK and ".part-" not in file.name)


def _write_json(file: Path, content: Any) -> None:
    with replacing(file) as unfinished:
        unfinished.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _checkpoint(run: Path, stage: str) -> Path:
    return run / f"{stage.replace(' ', '_')}.checkpoint.npz"


def _checkpoints(run: Path) -> dict[str, Path]:
    """The checkpoints that are there, by the stages' names, in their order."""
    return {stage: file for stage in STAGES if (file := _checkpoint(run, stage)).exists()}


# --- training ---------------------------------------------------------------------------------------------------------


def train(source: str, run: str | Path, given: Mapping[str, Any], *, resume: bool = False, log=print) -> TrainResult:
    """Trains a model into a run folder, or goes on where a training of it was interrupted.

    A resumed run ends with the weights and the measures of an unbroken one: bit for bit on a CPU.

    Args:
        source: A name or a folder, as `datasets.info` takes it.
        run: The folder.
        given: Options by name, see `resolve_options`; those not given come from the current profile, or from the run
            that is resumed.
        resume: Whether the run may exist. One that does not is begun.
        log: Called with each remark.

    Returns:
        The `TrainResult`. A keyboard interrupt ends the training with the best model so far; it can be resumed.

    Raises:
        InputError: An option, the source or the folder cannot be used; nothing was changed then.
    """
    run = Path(run).expanduser()
    stored = _stored_config(run)
    with input_errors():
        # First of all: TensorFlow can join other machines only before it has done anything.
        strategy = distribution.choose(given.get("strategy") or (stored["options"]["strategy"] if stored else "auto"))
    # Of several machines the first one writes; the others may find its run already.
    is_chief = distribution.is_chief(strategy)
    if stored is not None and is_chief and not resume:
        raise InputError(f"{run}: holds a run already; add --resume to go on with it, or name another with --out.")
    info = find_source(source)
    if stored is None:
        with input_errors():
            options = resolve_options(given, info, profiles.current_profile())
    else:
        options = stored["options"]
        _check_same_run(run, stored, {**given, "source": source}, info)
        if (run / METRICS).exists() and not _checkpoints(run):
            log(f"{run} is complete; nothing is left to do.")
            metrics = read_json(run / METRICS, (*MEASURES[info.task], "baseline"))
            return TrainResult(metrics, verdict=reports.verdict(stored, metrics))
    for role in ("train_split", "eval_split"):
        _check_split(info, options[role])
    if _overlap(info, options["train_split"], options["eval_split"]):
        log("The evaluation split shares images with the training split: its measures will flatter the model.")
    with strategy.scope():
        training.set_seed(options["seed"])
        backbone, model = _build(options, info)
    with _locked(run) if is_chief else contextlib.nullcontext():
        if stored is None:
            options["image_size"] = backbone.input_shape[1]
            stored = _new_config(options, info, backbone, _validation_split(info, options, log))
            if is_chief:
                _write_json(run / CONFIG, stored)
        elif training.backbone_fingerprint(backbone) != stored["backbone"]:
            raise InputError(
                f"backbone {options['backbone']}: its weights are not those that {run} was begun with; restore the "
                "file, or train into another folder with --out."
            )
        _tell_how_read(info, log)
        log(recipes.reason_for_backbone(options["backbone"], info))
        return _Training(run, stored, info, backbone, model, is_chief, log).run_to_the_end()


def _check_same_run(run: Path, stored: Mapping, given: Mapping[str, Any], info: datasets.SourceInfo) -> None:
    """Refuses to go on with other options or other data than a run was begun with."""
    differences = _given_otherwise(given, stored["options"])
    if info.fingerprint != stored["data"]:
        differences.append(f"the images are {info.fingerprint} now and {stored['data']} there")
    if differences:
        raise InputError(
            f"{run / CONFIG}: begun otherwise: {'; '.join(differences)}. Resume with the same, or train into another "
            "folder with --out."
        )


def _build(options: Mapping[str, Any], info: datasets.SourceInfo) -> tuple[keras.Model, keras.Model]:
    """The backbone, and the model on it."""
    with input_errors():
        backbone = load_backbone(options["backbone"], image_size=options["image_size"] or None)
        size = backbone.input_shape[1]
        if options["image_size"] not in (0, size):
            raise InputError(
                f"backbone {options['backbone']}: its images have a side of {size}, not of {options['image_size']}; "
                "leave --image-size out."
            )
        model = _model_on(backbone, options, info)
    if options["fine_tune"] == "last" and "fine" not in model.get_layer("features").output:
        raise InputError(
            f"backbone {options['backbone']}: --fine-tune last begins after its fine map, but it has none; take all."
        )
    return backbone, model


def _model_on(backbone: keras.Model, options: Mapping[str, Any], info: datasets.SourceInfo) -> keras.Model:
    if "joint_head" in options:
        return pose_model(backbone, joint_head=options["joint_head"], heatmap_channels=options["heatmap_channels"])
    return two_head_model(
        backbone,
        info.num_classes,
        options["box_head"],
        label_head=options["label_head"],
        box_dropout=0.0 if info.drawn else _BOX_DROPOUT_ON_PHOTOGRAPHS,
    )


def _new_config(
    options: Mapping[str, Any], info: datasets.SourceInfo, backbone: keras.Model, validation_split: str | None
) -> dict:
    return {
        "options": dict(options),
        "task": info.task,
        "drawn": info.drawn,
        "class_names": list(info.class_names),
        "validation_split": validation_split,
        "data": info.fingerprint,
        "backbone": training.backbone_fingerprint(backbone),
        "versions": {
            "clsloc_utils": __version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "python": platform.python_version(),
        },
    }


class _Training:
    """One run, from its configuration to its report."""

    def __init__(
        self,
        run: Path,
        config: dict,
        info: datasets.SourceInfo,
        backbone: keras.Model,
        model: keras.Model,
        is_chief: bool,
        log,
    ):
        self.run, self.config, self.backbone, self.model = run, config, backbone, model
        self.is_chief, self.log = is_chief, log
        self.options = options = config["options"]
        self.source = dataclasses.replace(
            info,
            name=options["source"],
            train_split=options["train_split"],
            validation_split=config["validation_split"] or info.validation_split,
            test_split=options["eval_split"],
        )
        self.validates = config["validation_split"] is not None
        self.histories: dict[str, dict] = {}

    def run_to_the_end(self) -> TrainResult:
        """Trains what is left to train, and writes the results."""
        try:
            self._train_heads()
            self._fine_tune()
        except training.CheckpointError as error:
            raise InputError(str(error)) from error
        except KeyboardInterrupt:
            if self.options["strategy"] == "multiworker":
                raise  # The weights lie on all machines, and the others do not stop at the same step.
            if not self._take_best_so_far():
                self.log("Stopped before the first epoch was over: nothing is learned yet. --resume begins anew.")
                return TrainResult(None, interrupted=True)
            self.log("Stopped; this is the best model so far. --resume goes on from the last whole epoch.")
            metrics = self._write_results(interrupted=True)
            return TrainResult(metrics, interrupted=True, verdict=reports.verdict(self.config, metrics))
        metrics = self._write_results()
        if not self.is_chief:
            return TrainResult(None)
        for checkpoint in _checkpoints(self.run).values():
            checkpoint.unlink()
        return TrainResult(metrics, verdict=reports.verdict(self.config, metrics))

    def _train_heads(self) -> None:
        train_cache = self._cache(self.source.train_split, self.options["copies"])
        _tell_how_many(self.source, self.source.train_split, train_cache.num_examples, self.log)
        validation_cache = self._cache(self.source.validation_split, 1) if self.validates else None
        if self.is_chief:
            self._keep_baseline(train_cache)
        history = training.train_heads(
            self.model,
            train_cache,
            validation_cache,
            epochs=self.options["epochs"],
            batch_size=self.options["batch_size"],
            box_weight=self.options.get("loss_weight", 1.0),
            seed=self.options["seed"],
            checkpoint=_checkpoint(self.run, "heads"),
            description="Heads",
        )
        self.histories["heads"] = history.history

    def _cache(self, split: str, copies: int) -> training.FeatureCache:
        return _cache_of(self.backbone, self.source, split, self.options, copies)

    def _fine_tune(self) -> None:
        if self.source.task == "boxes":
            options = {"box_weight": self.options["loss_weight"]}
        else:
            options = {"augmentation": _pose_augmentation(self.options)}
        # The profile that the run was begun with, as far as it counts here.
        kept = ("fine_tune_stages", "fine_tune_epochs", "batch_size")
        histories = recipes.fine_tune_in_stages(
            self.model,
            self.source,
            dataclasses.replace(profiles.FULL, **{name: self.options[name] for name in kept}),
            seed=self.options["seed"],
            precision=self.options["precision"],
            checkpoints={layers: _checkpoint(self.run, f"{layers} layers") for layers in ("last", "all")},
            validate=self.validates,
            **options,
        )
        self.histories |= {f"{layers} layers": history.history for layers, history in histories.items()}

    def _take_best_so_far(self) -> bool:
        """Gives the model the best weights of the stage that was interrupted; whether any were learned."""
        learned = 0
        for stage, file in _checkpoints(self.run).items():
            trained = self.model.get_layer("heads") if stage == "heads" else self.model
            with self.model.distribute_strategy.scope():
                learned += training.restore_best(trained, file)
            self.histories[stage] = training.Checkpoint(file).history
        return learned > 0

    def _keep_baseline(self, train_cache: training.FeatureCache) -> None:
        """Writes down what the baselines answer, so that they can be judged where the training images are not."""
        seen = train_cache.targets
        if self.source.task == "boxes":
            answer = {
                "label": baselines.majority_class(seen["label"]),
                "box": baselines.mean_box(seen["box"]).tolist(),
            }
        else:
            answer = {"joints": baselines.mean_pose(seen["joints"], seen["weight"]).tolist()}
        self.config["baseline"] = answer
        _write_json(self.run / CONFIG, self.config)

    def _write_results(self, interrupted: bool = False) -> dict | None:
        """Writes model, history, report and metrics; the metrics last."""
        weights = self.model.get_weights()  # Sums over all machines are among them, so all take part.
        if not self.is_chief:
            return None
        # A model for one device, and without the optimizers, which would make the file three times as large.
        finished = type(self.model).from_config(self.model.get_config())
        finished.set_weights(weights)
        batches = _batches(self.source, self.source.test_split, self.options)
        metrics, predictions = _judge(finished, batches, self.config)
        with replacing(self.run / MODEL) as file:
            finished.save(file)
        with replacing(self.run / HISTORY) as file:
            _write_history(file, self.histories)
        page = reports.report_page(
            self.run.name,
            self.config,
            metrics,
            self.histories,
            _examples(batches, predictions),
            predictions,
            interrupted,
        )
        with replacing(self.run / REPORT) as file:
            file.write_text(page, encoding="utf-8", errors="backslashreplace")
        self._write_lite(finished, next(iter(batches))[0][:1])
        _write_json(self.run / METRICS, metrics)
        return metrics

    def _write_lite(self, model: keras.Model, image: tf.Tensor) -> None:
        """Writes the model for LiteRT, if that answers as Keras does; says so if not."""
        self.config.pop("digests", None)
        try:
            exporting.export_lite(model, self.run / LITE_MODEL)
            exporting.check_same_answer(self.run / LITE_MODEL, model, image)
        except exporting.LiteError as error:
            (self.run / LITE_MODEL).unlink(missing_ok=True)
            self.log(f"No {LITE_MODEL}: {error}. clsloc predict will start TensorFlow, which takes longer.")
        else:
            self.config["digests"] = digests(self.run)
        _write_json(self.run / CONFIG, self.config)


def _cache_of(
    backbone: keras.Model, source: datasets.SourceInfo, split: str, options: Mapping[str, Any], copies: int
) -> training.FeatureCache:
    """Features of a split, as the options of a run want them."""
    reading = {"copies": copies, "precision": options["precision"]}
    with input_errors():
        if source.task == "boxes":
            return recipes.cache_split(backbone, source, split, **reading)
        return recipes.cache_pose_split(backbone, source, split, augmentation=_pose_augmentation(options), **reading)


def _pose_augmentation(options: Mapping[str, Any]) -> pipelines.PoseAugmentation:
    return pipelines.PoseAugmentation(rotation=options["rotation"])


def _write_history(file: Path, histories: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """One row for each epoch: its stage, its number in the stage, its losses and metrics."""
    names = list(dict.fromkeys(name for history in histories.values() for name in history))
    with open(file, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["stage", "epoch", *names])
        writer.writeheader()
        for stage, history in histories.items():
            for epoch, values in enumerate(zip(*history.values(), strict=True), start=1):
                writer.writerow({"stage": stage, "epoch": epoch, **dict(zip(history, values, strict=True))})


# --- sweeps ---------------------------------------------------------------------------------------------------------


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
        _check_split(info, split)
    # Before the work, so that its results do not end at a folder that cannot be written to.
    with input_errors():
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    _tell_how_read(info, log)
    log(recipes.reason_for_backbone(backbone or own_backbone, info))
    training.set_seed(0)
    precision = recipes.precision_of(profile)
    with input_errors():
        train_cache = recipes.cache_split(
            model, info, info.train_split, copies=copies or profile.augmented_copies, precision=precision
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
    found.to_json(folder / "sweep.json")
    found.to_csv(folder / "sweep.csv")
    return [
        found.table(),
        f"\n{sweeps.verdict(found.summary(), by='setting')} Chosen: {found.best().name}. On the test images:",
        tested,
        f"{folder} holds sweep.csv, sweep.json, sweep.png and front.png.",
    ]


# --- learning curves ------------------------------------------------------------------------------------------------


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
        _check_split(info, split)
    given = {"backbone": backbone, "image_size": image_size, "copies": copies}
    with input_errors():
        options = resolve_options(given, info, profiles.current_profile())
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    network, model = _build(options, info)
    _tell_how_read(info, log)
    log(recipes.reason_for_backbone(options["backbone"], info))
    train_cache = _cache_of(network, info, info.train_split, options, copies)
    _tell_how_many(info, info.train_split, train_cache.num_examples, log)
    test_cache = _cache_of(network, info, info.test_split, options, 1)
    rows = learning_curves.learning_curve(
        model.get_layer("heads"),
        train_cache,
        test_cache,
        draws=draws,
        epochs=epochs,
        batch_size=batch_size,
        seed=options["seed"],
    )
    measures = CURVE_MEASURES[info.task]
    judged = baselines.baseline_metrics if info.task == "boxes" else baselines.pose_baseline_metrics
    baseline = judged(train_cache.targets, test_cache.targets)
    summary = learning_curves.summarize(rows, measures)
    with replacing(folder / "curve.png") as file:
        file.write_bytes(plotting.png(plotting.learning_curve(rows, baseline, measures)))
    with replacing(folder / "curve.csv") as file, open(file, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
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


# --- judging ----------------------------------------------------------------------------------------------------------


def _batches(
    source: datasets.SourceInfo, split: str, options: Mapping[str, Any], class_names: Sequence[str] | None = None
) -> tf.data.Dataset:
    """Plain images with their targets."""
    reading = {"image_size": options["image_size"], "batch_size": options["batch_size"]}
    if source.task == "pose":
        return pipelines.pose_batches(source.name, split, **reading)
    return pipelines.batches(source.name, split, class_names=class_names, **reading)


def _judge(model: keras.Model, batches: tf.data.Dataset, config: Mapping) -> tuple[dict, dict[str, np.ndarray]]:
    """The content of `metrics.json`, and the predictions."""
    scores, predictions = training.evaluate_and_predict(model, batches, description="Evaluation", show_progress=True)
    if not np.isfinite(predictions["box" if config["task"] == "boxes" else "joints"]).all():
        raise InputError(
            "the training diverged: what the model answers are no numbers; train again with --fine-tune none, another "
            "--loss-weight or another --backbone."
        )
    answer = config["baseline"]
    if config["task"] == "boxes":
        # Majority and mean of a single example are that example.
        answer = {"label": [answer["label"]], "box": [answer["box"]]}
        truth = {"label": predictions["true_label"], "box": predictions["true_box"]}
        of_baseline = baselines.baseline_metrics(answer, truth)
    else:
        answer = {"joints": [answer["joints"]], "weight": np.ones((1, len(answer["joints"])))}
        truth = {"joints": predictions["true_joints"], "weight": predictions["weight"]}
        of_baseline = baselines.pose_baseline_metrics(answer, truth)
    measures = MEASURES[config["task"]]
    return {**_chosen(scores, measures), "baseline": _chosen(of_baseline, measures)}, predictions


def _chosen(scores: Mapping[str, float], measures: Iterable[str]) -> dict[str, float | int | None]:
    """The measures by name; `None` where there was nothing to measure with."""
    return {name: None if math.isnan(scores[name]) else scores[name] for name in measures}


def _examples(batches: tf.data.Dataset, predictions: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, dict]]:
    """The images that came out best and worst, each with its predictions."""
    order = reports.in_order_of_quality(predictions)
    count = min(_EXAMPLES_IN_REPORT, (len(order) + 1) // 2)  # so that few images are not shown twice
    chosen = {"best": order[:count], "worst": order[::-1][:count]}
    wanted = set(np.concatenate(list(chosen.values())).tolist())
    images: dict[int, np.ndarray] = {}
    start = 0
    for batch, *_ in batches:
        images |= {start + index: batch[index].numpy() for index in range(len(batch)) if start + index in wanted}
        start += len(batch)
    return {
        name: (
            np.stack([images[index] for index in indices.tolist()]),
            {key: values[indices] for key, values in predictions.items()},
        )
        for name, indices in chosen.items()
    }


@dataclasses.dataclass(frozen=True)
class Run:
    """A run whose training is done.

    Attributes:
        folder: Where it is.
        config: The content of its `config.json`.
        model: Its model.
    """

    folder: Path
    config: dict
    model: keras.Model


def open_run(folder: str | Path) -> Run:
    """Reads the configuration and the model of a run.

    Args:
        folder: The folder.

    Raises:
        InputError: It is no run, or its training is not done.
    """
    folder = Path(folder).expanduser()
    config = config_of_finished(folder)
    _check_keras_file(folder / MODEL)
    with input_errors():
        model = keras.saving.load_model(folder / MODEL, compile=False)
    return Run(folder, config, model)


def evaluate(run: Run, source: str, split: str | None = None, *, log: Callable[[str], None] = print) -> dict:
    """Measures the model of a run, and the baselines of its training images, on images of any source.

    Args:
        run: As `open_run` returns it.
        source: A name or a folder; its classes must be known to the run.
        split: Which of its images; `None` for those that the run was evaluated on, if the source is its own, or else
            for the source's test split.
        log: Called with how a folder was read.

    Returns:
        A dict as in `metrics.json`.

    Raises:
        InputError: The source cannot be used.
    """
    info, class_names = _source_for(run, source)
    options = run.config["options"]
    if split is None:
        split = options["eval_split"] if _whole_path_of_source(source) == options["source"] else info.test_split
    _check_split(info, split)
    _tell_how_read(info, log)
    return _judge(run.model, _batches(info, split, options, class_names), run.config)[0]


def _source_for(run: Run, source: str) -> tuple[datasets.SourceInfo, list[str] | None]:
    """A source whose labels mean what they mean to a run, and the classes to read it with."""
    info = find_source(source)
    if info.task != run.config["task"]:
        raise InputError(f"{source} holds {info.task}, but {run.folder} was trained on {run.config['task']}.")
    known = run.config["class_names"]
    if list(info.class_names) == known:
        return info, None
    unknown = [name for name in info.class_names if name not in known]
    if unknown or source in datasets.SOURCES:
        raise InputError(
            f"{source}: its classes are {', '.join(info.class_names)}; {run.folder} knows {', '.join(known)}. Take a "
            "source of the same classes."
        )
    return find_source(source, class_names=known), known


# --- single photos ----------------------------------------------------------------------------------------------------


def predictor(run: Run) -> Predictor:
    """The model of a run as `clsloc_utils.predicting` asks it, in Keras.

    Args:
        run: As `open_run` returns it.
    """
    return Predictor(run.config, run.model.inputs[0].shape[1], exporting.keras_answer(run.model))


def predict(run: Run, files: Iterable[str | Path]) -> list[dict[str, Any]]:
    """What the model of a run says about photos.

    Args:
        run: As `open_run` returns it.
        files: The photos. For poses, one person should fill the photo.

    Returns:
        A dict for each, as `clsloc_utils.predicting.Predictor.predict` returns it.

    Raises:
        InputError: A photo cannot be read.
    """
    model = predictor(run)
    return [model.predict(file) for file in files]
