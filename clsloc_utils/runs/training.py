"""One run, from its options to its report."""

import dataclasses
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import pandas
import tensorflow as tf

from clsloc_utils import __version__, datasets, distribution, exporting, pipelines, profiles, recipes, reports, training
from clsloc_utils.backbones import load_backbone
from clsloc_utils.files import replacing
from clsloc_utils.models import pose_model, two_head_model
from clsloc_utils.paths import InputError, input_errors
from clsloc_utils.predicting import CONFIG, LITE_MODEL, MODEL, digests, read_json
from clsloc_utils.runs.folder import (
    HISTORY,
    METRICS,
    REPORT,
    checkpoint_of,
    checkpoints_of,
    locked,
    stored_config,
    write_json,
)
from clsloc_utils.runs.judging import best_and_worst, judge, plain_batches
from clsloc_utils.runs.options import given_otherwise, resolve_options
from clsloc_utils.runs.sources import check_split, find_source, overlap, tell_how_many, tell_how_read, validation_split
from clsloc_utils.tasks import TASKS


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


def train(source: str, folder: str | Path, given: Mapping[str, Any], *, resume: bool = False, log=print) -> TrainResult:
    """Trains a model into a run folder, or goes on where a training of it was interrupted.

    A resumed run ends with the weights and the measures of an unbroken one: bit for bit on a CPU.

    Args:
        source: A name or a folder, as `datasets.info` takes it.
        folder: The run's.
        given: Options by name, see `resolve_options`; those not given come from the current profile, or from the run
            that is resumed.
        resume: Whether the run may exist. One that does not is begun.
        log: Called with each remark.

    Returns:
        The `TrainResult`. A keyboard interrupt ends the training with the best model so far; it can be resumed.

    Raises:
        InputError: An option, the source or the folder cannot be used; nothing was changed then.
    """
    folder = Path(folder).expanduser()
    stored = stored_config(folder)
    if stored is not None and not resume:
        raise InputError(f"{folder}: holds a run already; add --resume to go on with it, or name another with --out.")
    info = find_source(source)
    if stored is None:
        with input_errors():
            options = resolve_options(given, info, profiles.current_profile())
    else:
        options = stored["options"]
        _check_same_run(folder, stored, {**given, "source": source}, info)
        if (folder / METRICS).exists() and not checkpoints_of(folder):
            metrics = read_json(folder / METRICS, (*TASKS[info.task].measures, "baseline"))
            log(f"{folder} is complete; nothing is left to do.")
            return TrainResult(metrics, verdict=reports.verdict(stored, metrics))
    for role in ("train_split", "test_split"):
        check_split(info, options[role])
    if overlap(info, options["train_split"], options["test_split"]):
        log("The evaluation split shares images with the training split: its measures will flatter the model.")
    with input_errors():
        strategy = distribution.choose(options["strategy"])
    training.set_seed(options["seed"])
    backbone = load_backbone_of(options)
    model = model_on(backbone, options, info)
    with locked(folder):
        if stored is None:
            options["image_size"] = backbone.input_shape[1]
            stored = _new_config(options, info, backbone, validation_split(info, options, log))
            write_json(folder / CONFIG, stored)
        elif training.backbone_fingerprint(backbone) != stored["backbone"]:
            raise InputError(
                f"backbone {options['backbone']}: its weights are not those that {folder} was begun with; restore the "
                "file, or train into another folder with --out."
            )
        tell_how_read(info, log)
        log(recipes.reason_for_backbone(options["backbone"], info))
        return _Training(folder, stored, info, backbone, model, strategy, log).run_to_the_end()


def _check_same_run(folder: Path, stored: Mapping, given: Mapping[str, Any], info: datasets.SourceInfo) -> None:
    """Refuses to go on with other options or other data than a run was begun with."""
    differences = given_otherwise(given, stored["options"])
    if info.fingerprint != stored["data"]:
        differences.append(f"the images are {info.fingerprint} now and {stored['data']} there")
    if differences:
        raise InputError(
            f"{folder / CONFIG}: begun otherwise: {'; '.join(differences)}. Resume with the same, or train into "
            "another folder with --out."
        )


def load_backbone_of(options: Mapping[str, Any]) -> keras.Model:
    """The backbone that a run's options name."""
    with input_errors():
        backbone = load_backbone(options["backbone"], image_size=options["image_size"])
    size = backbone.input_shape[1]
    if options["image_size"] not in (None, size):
        raise InputError(
            f"backbone {options['backbone']}: its images have a side of {size}, not of {options['image_size']}; leave "
            "--image-size out."
        )
    return backbone


def model_on(backbone: keras.Model, options: Mapping[str, Any], info: datasets.SourceInfo) -> keras.Model:
    """The model on it, as a run's options want it."""
    with input_errors():
        if info.task == "pose":
            model = pose_model(backbone, joint_head=options["joint_head"], heatmap_channels=options["heatmap_channels"])
        else:
            model = two_head_model(
                backbone,
                info.num_classes,
                options["box_head"],
                label_head=options["label_head"],
                box_dropout=profiles.FULL.on(drawn=info.drawn).box_dropout,
            )
    if options["fine_tune"] == "last" and "fine" not in model.get_layer("features").output:
        raise InputError(
            f"backbone {options['backbone']}: --fine-tune last begins after its fine map, but it has none; take all."
        )
    return model


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


@dataclasses.dataclass
class _Training:
    """One run, from its configuration to its report."""

    folder: Path
    config: dict
    info: dataclasses.InitVar[datasets.SourceInfo]
    backbone: keras.Model
    model: keras.Model
    strategy: tf.distribute.Strategy | None
    log: Callable[[str], None]

    def __post_init__(self, info: datasets.SourceInfo):
        self.options = self.config["options"]
        self.validates = self.config["validation_split"] is not None
        self.source = dataclasses.replace(
            info,
            name=self.options["source"],
            train_split=self.options["train_split"],
            validation_split=self.config["validation_split"] or info.validation_split,
            test_split=self.options["test_split"],
        )
        self.histories: dict[str, dict] = {}

    def run_to_the_end(self) -> TrainResult:
        """Trains what is left to train, and writes the results."""
        try:
            self._train_heads()
            self._fine_tune()
        except training.CheckpointError as error:
            raise InputError(str(error)) from error
        except KeyboardInterrupt:
            if not self._take_best_so_far():
                self.log("Stopped before the first epoch was over: nothing is learned yet. --resume begins anew.")
                return TrainResult(None, interrupted=True)
            self.log("Stopped; this is the best model so far. --resume goes on from the last whole epoch.")
            metrics = self._write_results(interrupted=True)
            return TrainResult(metrics, interrupted=True, verdict=reports.verdict(self.config, metrics))
        metrics = self._write_results()
        for checkpoint in checkpoints_of(self.folder).values():
            checkpoint.unlink()
        return TrainResult(metrics, verdict=reports.verdict(self.config, metrics))

    def _train_heads(self) -> None:
        source, options = self.source, self.options
        train_cache = cache_of(self.backbone, source, source.train_split, options, options["copies"])
        tell_how_many(source, source.train_split, train_cache.num_examples, self.log)
        validation_cache = None
        if self.validates:
            validation_cache = cache_of(self.backbone, source, source.validation_split, options, 1)
        self.config["baseline"] = TASKS[source.task].baseline(train_cache.targets)
        write_json(self.folder / CONFIG, self.config)
        history = training.train_heads(
            self.model,
            train_cache,
            validation_cache,
            epochs=options["epochs"],
            batch_size=options["batch_size"],
            seed=options["seed"],
            checkpoint=checkpoint_of(self.folder, "heads"),
            description="Heads",
            **self._losses(),
        )
        self.histories["heads"] = history.history

    def _fine_tune(self) -> None:
        # The profile that the run was begun with, as far as it counts here.
        kept = ("fine_tune_stages", "fine_tune_epochs", "batch_size")
        histories = recipes.fine_tune_in_stages(
            self.model,
            self.source,
            dataclasses.replace(profiles.FULL, **{name: self.options[name] for name in kept}),
            seed=self.options["seed"],
            precision=self.options["precision"],
            checkpoints={layers: checkpoint_of(self.folder, f"{layers} layers") for layers in ("last", "all")},
            strategy=self.strategy,
            validate=self.validates,
            augmentation=_augmentation(self.options),
            **self._losses(),
        )
        self.histories |= {f"{layers} layers": history.history for layers, history in histories.items()}

    def _losses(self) -> dict[str, float]:
        return {"box_weight": self.options["box_weight"]} if "box_weight" in self.options else {}

    def _take_best_so_far(self) -> bool:
        """Gives the model the best weights of the stage that was interrupted; whether any were learned."""
        learned = 0
        for stage, file in checkpoints_of(self.folder).items():
            trained = self.model.get_layer("heads") if stage == "heads" else self.model
            learned += training.restore_best(trained, file)
            self.histories[stage] = training.Checkpoint(file).history
        return learned > 0

    def _write_results(self, interrupted: bool = False) -> dict:
        """Writes model, history, report and metrics; the metrics last."""
        # Without the optimizers, which would make the file three times as large.
        finished = type(self.model).from_config(self.model.get_config())
        finished.set_weights(self.model.get_weights())
        batches = plain_batches(self.source, self.source.test_split, self.options)
        metrics, predictions = judge(finished, batches, self.config)
        with replacing(self.folder / MODEL) as file:
            finished.save(file)
        with replacing(self.folder / HISTORY) as file:
            _write_history(file, self.histories)
        page = reports.report_page(
            self.folder,
            self.config,
            metrics,
            self.histories,
            best_and_worst(batches, predictions),
            predictions,
            interrupted,
        )
        with replacing(self.folder / REPORT) as file:
            file.write_text(page, encoding="utf-8", errors="backslashreplace")
        self._write_lite(finished, next(iter(batches))[0][:1])
        write_json(self.folder / METRICS, metrics)
        return metrics

    def _write_lite(self, model: keras.Model, image: tf.Tensor) -> None:
        """Writes the model for LiteRT, if that answers as Keras does; says so if not."""
        self.config.pop("digests", None)
        try:
            exporting.export_lite(model, self.folder / LITE_MODEL)
            exporting.check_same_answer(self.folder / LITE_MODEL, model, image)
        except exporting.LiteError as error:
            (self.folder / LITE_MODEL).unlink(missing_ok=True)
            self.log(f"No {LITE_MODEL}: {error}. clsloc predict will start TensorFlow, which takes longer.")
        else:
            self.config["digests"] = digests(self.folder)
        write_json(self.folder / CONFIG, self.config)


def cache_of(
    backbone: keras.Model, source: datasets.SourceInfo, split: str, options: Mapping[str, Any], copies: int
) -> training.FeatureCache:
    """Features of a split, as the options of a run want them."""
    with input_errors():
        return recipes.cache_split(
            backbone,
            source,
            split,
            copies=copies,
            augmentation=_augmentation(options),
            precision=options["precision"],
        )


def _augmentation(options: Mapping[str, Any]) -> pipelines.PoseAugmentation | None:
    return pipelines.PoseAugmentation(rotation=options["rotation"]) if "rotation" in options else None


def _write_history(file: Path, histories: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """One row for each epoch: its stage, its number in the stage, its losses and metrics."""
    rows = [
        {"stage": stage, "epoch": epoch, **dict(zip(history, values, strict=True))}
        for stage, history in histories.items()
        for epoch, values in enumerate(zip(*history.values(), strict=True), start=1)
    ]
    pandas.DataFrame(rows).to_csv(file, index=False)
