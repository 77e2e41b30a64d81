"""One run, from its options to its report."""

import csv
import dataclasses
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from clsloc_utils import __version__, datasets, distribution, exporting, pipelines, profiles, recipes, reports, training
from clsloc_utils.backbones import load_backbone
from clsloc_utils.files import replacing
from clsloc_utils.models import pose_model, two_head_model
from clsloc_utils.predicting import CONFIG, LITE_MODEL, MODEL, InputError, digests, input_errors, read_json
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

# Thousands of drawings need none, it only makes their heads learn slower.
_BOX_DROPOUT_ON_PHOTOGRAPHS = 0.3


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
    stored = stored_config(run)
    if stored is not None and not resume:
        raise InputError(f"{run}: holds a run already; add --resume to go on with it, or name another with --out.")
    info = find_source(source)
    if stored is None:
        with input_errors():
            options = resolve_options(given, info, profiles.current_profile())
    else:
        options = stored["options"]
        _check_same_run(run, stored, {**given, "source": source}, info)
        if (run / METRICS).exists() and not checkpoints_of(run):
            log(f"{run} is complete; nothing is left to do.")
            metrics = read_json(run / METRICS, (*TASKS[info.task].measures, "baseline"))
            return TrainResult(metrics, verdict=reports.verdict(stored, metrics))
    for role in ("train_split", "test_split"):
        check_split(info, options[role])
    if overlap(info, options["train_split"], options["test_split"]):
        log("The evaluation split shares images with the training split: its measures will flatter the model.")
    with input_errors():
        strategy = distribution.choose(options["strategy"])
    training.set_seed(options["seed"])
    backbone, model = build_model(options, info)
    with locked(run):
        if stored is None:
            options["image_size"] = backbone.input_shape[1]
            stored = _new_config(options, info, backbone, validation_split(info, options, log))
            write_json(run / CONFIG, stored)
        elif training.backbone_fingerprint(backbone) != stored["backbone"]:
            raise InputError(
                f"backbone {options['backbone']}: its weights are not those that {run} was begun with; restore the "
                "file, or train into another folder with --out."
            )
        tell_how_read(info, log)
        log(recipes.reason_for_backbone(options["backbone"], info))
        return _Training(run, stored, info, backbone, model, strategy, log).run_to_the_end()


def _check_same_run(run: Path, stored: Mapping, given: Mapping[str, Any], info: datasets.SourceInfo) -> None:
    """Refuses to go on with other options or other data than a run was begun with."""
    differences = given_otherwise(given, stored["options"])
    if info.fingerprint != stored["data"]:
        differences.append(f"the images are {info.fingerprint} now and {stored['data']} there")
    if differences:
        raise InputError(
            f"{run / CONFIG}: begun otherwise: {'; '.join(differences)}. Resume with the same, or train into another "
            "folder with --out."
        )


def build_model(options: Mapping[str, Any], info: datasets.SourceInfo) -> tuple[keras.Model, keras.Model]:
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
        strategy: tf.distribute.Strategy | None,
        log,
    ):
        self.run, self.config, self.backbone, self.model = run, config, backbone, model
        self.strategy, self.log = strategy, log
        self.options = options = config["options"]
        self.source = dataclasses.replace(
            info,
            name=options["source"],
            train_split=options["train_split"],
            validation_split=config["validation_split"] or info.validation_split,
            test_split=options["test_split"],
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
            if not self._take_best_so_far():
                self.log("Stopped before the first epoch was over: nothing is learned yet. --resume begins anew.")
                return TrainResult(None, interrupted=True)
            self.log("Stopped; this is the best model so far. --resume goes on from the last whole epoch.")
            metrics = self._write_results(interrupted=True)
            return TrainResult(metrics, interrupted=True, verdict=reports.verdict(self.config, metrics))
        metrics = self._write_results()
        for checkpoint in checkpoints_of(self.run).values():
            checkpoint.unlink()
        return TrainResult(metrics, verdict=reports.verdict(self.config, metrics))

    def _train_heads(self) -> None:
        train_cache = self._cache(self.source.train_split, self.options["copies"])
        tell_how_many(self.source, self.source.train_split, train_cache.num_examples, self.log)
        validation_cache = self._cache(self.source.validation_split, 1) if self.validates else None
        self.config["baseline"] = TASKS[self.source.task].baseline(train_cache.targets)
        write_json(self.run / CONFIG, self.config)
        history = training.train_heads(
            self.model,
            train_cache,
            validation_cache,
            epochs=self.options["epochs"],
            batch_size=self.options["batch_size"],
            seed=self.options["seed"],
            checkpoint=checkpoint_of(self.run, "heads"),
            description="Heads",
            **self._losses(),
        )
        self.histories["heads"] = history.history

    def _cache(self, split: str, copies: int) -> training.FeatureCache:
        return cache_of(self.backbone, self.source, split, self.options, copies)

    def _fine_tune(self) -> None:
        # The profile that the run was begun with, as far as it counts here.
        kept = ("fine_tune_stages", "fine_tune_epochs", "batch_size")
        histories = recipes.fine_tune_in_stages(
            self.model,
            self.source,
            dataclasses.replace(profiles.FULL, **{name: self.options[name] for name in kept}),
            seed=self.options["seed"],
            precision=self.options["precision"],
            checkpoints={layers: checkpoint_of(self.run, f"{layers} layers") for layers in ("last", "all")},
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
        for stage, file in checkpoints_of(self.run).items():
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
        with replacing(self.run / MODEL) as file:
            finished.save(file)
        with replacing(self.run / HISTORY) as file:
            _write_history(file, self.histories)
        page = reports.report_page(
            self.run.name,
            self.config,
            metrics,
            self.histories,
            best_and_worst(batches, predictions),
            predictions,
            interrupted,
        )
        with replacing(self.run / REPORT) as file:
            file.write_text(page, encoding="utf-8", errors="backslashreplace")
        self._write_lite(finished, next(iter(batches))[0][:1])
        write_json(self.run / METRICS, metrics)
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
        write_json(self.run / CONFIG, self.config)


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
    names = list(dict.fromkeys(name for history in histories.values() for name in history))
    with open(file, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["stage", "epoch", *names])
        writer.writeheader()
        for stage, history in histories.items():
            for epoch, values in enumerate(zip(*history.values(), strict=True), start=1):
                writer.writerow({"stage": stage, "epoch": epoch, **dict(zip(history, values, strict=True))})
