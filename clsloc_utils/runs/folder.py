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

from clsloc_utils.files import replacing
from clsloc_utils.paths import InputError, input_errors
from clsloc_utils.predicting import CONFIG, MODEL, REMEDY, config_of_finished, read_config

METRICS, HISTORY, REPORT = "metrics.json", "history.csv", "report.html"
STAGES = ("heads", "last layers", "all layers")
_LOCK = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps a second process off a run, and clears away what a killed one left half written."""
    with input_errors():
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder / _LOCK, timeout=0):
            for left_over in folder.glob("*.part-*"):
                left_over.unlink()
            yield
    except filelock.Timeout as error:
        raise InputError(f"{folder}: another process is training it; wait for its end, or stop it.") from error


def stored_config(folder: Path) -> dict | None:
    """The configuration of a run, `None` for a new one.

    Raises:
        InputError: The folder holds something else.
    """
    if (folder / CONFIG).is_file():
        return read_config(folder)
    if folder.exists() and not (folder.is_dir() and all(_is_passing(file.name) for file in folder.iterdir())):
        raise InputError(f"{folder}: exists and is no run, it has no {CONFIG}; name another folder with --out.")
    return None


def _is_passing(name: str) -> bool:
    return name == _LOCK or ".part-" in name


def write_json(file: Path, content: Any) -> None:
    with replacing(file) as unfinished:
        unfinished.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def checkpoint_of(folder: Path, stage: str) -> Path:
    return folder / f"{stage.replace(' ', '_')}.checkpoint.npz"


def checkpoints_of(folder: Path) -> dict[str, Path]:
    """The checkpoints that are there, by the stages' names, in their order."""
    return {stage: file for stage in STAGES if (file := checkpoint_of(folder, stage)).exists()}


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
    file = folder / MODEL
    try:
        model = keras.saving.load_model(file, compile=False)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{file}: cannot be loaded ({str(error).strip().splitlines()[0]}); {REMEDY}.") from error
    return Run(folder, config, model)
