"""What watches a training: one bar for all of it, its best epoch, and what it takes to go on after an interruption."""

import json
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from clsloc_utils.files import arrays_in, replacing
from clsloc_utils.progress import progress
from clsloc_utils.tasks import Task


class ProgressBar(keras.callbacks.Callback):
    """One line for a whole `fit`: a bar over all batches, with the last epoch's metrics behind it.

    Args:
        description: Words in front of the bar.
        first_epoch: Number of epochs that were done before.
    """

    SHOWN: ClassVar = {
        "loss": "loss",
        "label_accuracy": "accuracy",
        "box_mean_iou": "iou",
        "clsloc_accuracy_50": "clsloc",
        "pck_20": "pck",
    }

    def __init__(self, description: str, first_epoch: int = 0):
        super().__init__()
        self.description, self.first_epoch = description, first_epoch
        self.bar = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        """Closes the bar, also where Keras did not come to its end."""
        if self.bar is not None:
            self.bar.close()

    def on_train_begin(self, logs=None):
        """Opens the bar; batches are counted when Keras knows their number, else epochs."""
        self.steps = self.params.get("steps")
        per_epoch = self.steps or 1
        self.bar = progress(
            total=self.params["epochs"] * per_epoch,
            description=self.description,
            done=self.first_epoch * per_epoch,
        )

    def on_epoch_begin(self, epoch, logs=None):
        """No batch of this epoch is counted yet."""
        self.counted = 0

    def on_train_batch_end(self, batch, logs=None):
        """Counts up to this batch: Keras may have done several since the last call."""
        if self.steps:
            # Where the steps of an execution do not divide those of an epoch, Keras names a batch beyond its end.
            done = min(batch + 1, self.steps)
            self.bar.update(done - self.counted)
            self.counted = done

    def on_epoch_end(self, epoch, logs=None):
        """Shows the metrics, those of the validation data where there are some."""
        if not self.steps:
            self.bar.update(1)
        values = {shown: logs.get(f"val_{name}", logs.get(name)) for name, shown in self.SHOWN.items()}
        values = {shown: f"{value:.3f}" for shown, value in values.items() if value is not None}
        self.bar.set_postfix({"epoch": epoch + 1, **values})

    def on_train_end(self, logs=None):
        """Closes the bar."""
        self.bar.close()


class BestEpoch(keras.callbacks.EarlyStopping):
    """Keeps the weights of the epoch that was best in validation: what `Task.monitor` names was highest.

    Args:
        task: What is learned.
        patience: Epochs without a better value after which training ends; `None` never ends it early.
    """

    def __init__(self, task: Task, patience: int | None = None):
        growing, self.tie_breaker, self.factor = task.monitor
        endless = patience is None
        super().__init__(
            monitor=f"val_{growing}", mode="max", patience=10**9 if endless else patience, restore_best_weights=True
        )

    def get_monitor_value(self, logs: dict | None) -> float | None:
        """The value that is to grow: the metric, and a little of the one that settles ties."""
        value = super().get_monitor_value(logs)
        return None if value is None else value + self.factor * logs[f"val_{self.tie_breaker}"]


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, or that is of another training."""


class Checkpoint(keras.callbacks.Callback):
    """Keeps in one file, after every epoch, all that a training needs to go on as if nothing had happened.

    That is: the model's weights and the state of its dropout, the optimizer with its step number, what early stopping
    remembers, the history, and the number of epochs done. `keras.callbacks.BackupAndRestore` leaves out early stopping
    and the history; and it writes weights and epoch into two files one after the other, so that a process that is
    killed between the two does an epoch twice.

    Args:
        file: The file, `.npz`. It is replaced as a whole, never half written.
        early_stopping: The callback whose memory is kept too; it comes earlier in the list of callbacks.

    Raises:
        CheckpointError: The file is there, but cannot be read.
    """

    _REMEMBERED = ("best", "best_epoch", "wait", "stopped_epoch")

    def __init__(self, file: str | Path, early_stopping: keras.callbacks.EarlyStopping | None = None):
        super().__init__()
        self.file, self.early_stopping = Path(file), early_stopping
        self._arrays: dict[str, list[np.ndarray]] = {}
        self._state: dict[str, Any] = {"epochs_done": 0, "is_last": False, "history": {}}
        if self.file.exists():
            self._state, self._arrays = _read_checkpoint(self.file)

    @property
    def epochs_done(self) -> int:
        """Number of epochs behind the state in the file."""
        return self._state["epochs_done"]

    @property
    def history(self) -> dict[str, list[float]]:
        """Losses and metrics of these epochs, by name."""
        return self._state["history"]

    def next_epoch(self, epochs: int) -> int:
        """The epoch to go on with, counted from 0; `epochs`, their number, when all is done."""
        return epochs if self._state["is_last"] else self.epochs_done

    def on_train_begin(self, logs=None):
        """Takes up the state of the file, or writes one for the start."""
        self.model.optimizer.build(self.model.trainable_variables)
        if self._arrays:
            self._restore()
        else:
            self._write()

    def on_epoch_end(self, epoch, logs=None):
        """Replaces the file."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        self._state |= {
            "epochs_done": epoch + 1,
            "is_last": self.model.stop_training or epoch + 1 == self.params["epochs"],
        }
        self._write()

    def _write(self) -> None:
        self._state["schedule"] = self._schedule()
        arrays = {"model": self.model.variables, "optimizer": self.model.optimizer.variables, "best": []}
        if self.early_stopping is not None:
            memory = {name: getattr(self.early_stopping, name) for name in self._REMEMBERED}
            self._state["early_stopping"] = memory | {"best": None if memory["best"] is None else float(memory["best"])}
            arrays["best"] = self.early_stopping.best_weights or []
        numbered = {
            f"{kind}/{index}": keras.ops.convert_to_numpy(value)
            for kind, values in arrays.items()
            for index, value in enumerate(values)
        }
        with replacing(self.file) as file:
            np.savez(file, state=np.array(json.dumps(self._state)), **numbered)

    def _schedule(self) -> dict[str, int | None]:
        """What the learning rates of all steps depend on."""
        return {"epochs": self.params["epochs"], "steps": self.params.get("steps")}

    def _restore(self) -> None:
        if self._state["schedule"] != self._schedule():
            raise CheckpointError(
                f"{self.file}: of a training with {self._state['schedule']}, not {self._schedule()}; go on with the "
                "options that it was begun with, or delete the file to begin anew."
            )
        _assign(self.model.variables, self._arrays["model"], self.file)
        _assign(self.model.optimizer.variables, self._arrays["optimizer"], self.file)
        if self.early_stopping is not None:
            for name, value in self._state["early_stopping"].items():
                setattr(self.early_stopping, name, value)
            self.early_stopping.best_weights = self._arrays["best"] or None
        self._arrays = {}


def restore_best(model: keras.Model, checkpoint: str | Path) -> int:
    """Gives a model the best weights that a training has had so far.

    Args:
        model: The model that was trained: the heads for a checkpoint of `train_heads`, the whole model for one of
            `fine_tune`.
        checkpoint: The file.

    Returns:
        The number of epochs done; 0 when the weights are those of the start. Without validation data, the last weights
        count as the best.

    Raises:
        CheckpointError: The checkpoint cannot be read, or is of another model.
    """
    state, arrays = _read_checkpoint(Path(checkpoint))
    if arrays["best"]:
        _assign(model.weights, arrays["best"], checkpoint)
    else:
        _assign(model.variables, arrays["model"], checkpoint)
    return state["epochs_done"]


def _read_checkpoint(file: Path) -> tuple[dict[str, Any], dict[str, list[np.ndarray]]]:
    """The state, and the arrays by kind."""
    arrays: dict[str, list[np.ndarray]] = {"model": [], "optimizer": [], "best": []}
    try:
        stored = arrays_in(file)
        state = json.loads(str(stored.pop("state")))
        for name, array in stored.items():
            arrays[name.partition("/")[0]].append(array)
    except (ValueError, KeyError) as error:
        raise CheckpointError(f"{file}: unreadable ({error}); delete it to begin anew.") from error
    return state, arrays


def _assign(variables: list, values: list[np.ndarray], file: str | Path) -> None:
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        raise CheckpointError(f"{file}: of another model or optimizer, their weights differ in number or shape.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
