"""The folder of a run: what lies in it, who may write there, and whether it is whole."""

import contextlib
import dataclasses
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import keras

from clsloc_utils import datasets
from clsloc_utils.files import replacing
from clsloc_utils.predicting import CONFIG, MODEL, REMEDY, InputError, config_of_finished, input_errors, read_config

METRICS, HISTORY, REPORT = "metrics.json", "history.csv", "report.html"
STAGES = ("heads", "last layers", "all layers")
_LOCK = ".lock"


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
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


def check_keras_file(file: Path) -> None:
    """Raises an `InputError` unless a run's `.keras` file is whole."""
    with input_errors():
        fault = datasets.archives.fault_of(file, datasets.Archive(file.name, ()))
        if not fault:
            with zipfile.ZipFile(file) as archive:
                missing = {"config.json", "model.weights.h5"} - set(archive.namelist())
            fault = f"is no model of Keras: it holds no {min(missing)}" if missing else ""
    if fault:
        raise InputError(f"{file} {fault}; {REMEDY}.")


def stored_config(run: Path) -> dict | None:
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


def write_json(file: Path, content: Any) -> None:
    with replacing(file) as unfinished:
        unfinished.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def checkpoint_of(run: Path, stage: str) -> Path:
    return run / f"{stage.replace(' ', '_')}.checkpoint.npz"


def checkpoints_of(run: Path) -> dict[str, Path]:
    """The checkpoints that are there, by the stages' names, in their order."""
    return {stage: file for stage in STAGES if (file := checkpoint_of(run, stage)).exists()}


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
    check_keras_file(folder / MODEL)
    with input_errors():
        model = keras.saving.load_model(folder / MODEL, compile=False)
    return Run(folder, config, model)
