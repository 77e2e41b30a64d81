"""The options of a training, once: the command line, its help, a run's `config.json` and its report read them here."""

import argparse
import dataclasses
import math
import re
from collections.abc import Callable, Iterable
from typing import Any


def whole_number(low: int, high: float = math.inf) -> Callable[[str], int]:
    """A type of argument: an integer within bounds.

    Args:
        low: The smallest one.
        high: The largest one.
    """

    def number(text: str) -> int:
        if not re.fullmatch(r"-?\d+", text) or not low <= int(text) <= high:
            bounds = f"{low} or more" if high == math.inf else f"from {low} to {high}"
            raise argparse.ArgumentTypeError(f"{text!r} is no integer of {bounds}")
        return int(text)

    return number


def finite_number(text: str) -> float:
    """A type of argument: a finite number, 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 0 or more")
    return value


def _option(help_text: str, *, task: str | None = None, default: Any = dataclasses.MISSING, **argument: Any) -> Any:
    """A field that is also an argument of `clsloc train`: what it is for, its task if not both, its type."""
    return dataclasses.field(default=default, metadata={"help": help_text, "task": task, "argument": argument})


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """All that decides a training. Fields of the other task are `None`, and left out where they are written down."""

    source: str
    backbone: str = _option(
        "efficientnet_lite0, tiny_resnet, tiny_resnet_people, alexnet, a name of keras.applications, such a name with "
        "a file of its weights (resnet50:FILE.h5), or a .keras file (default: one pretrained on such pictures)",
        metavar="NAME|FILE",
    )
    image_size: int | None = _option("side of the images, in pixels", type=whole_number(1), metavar="N")
    box_head: str | None = _option(
        "for boxes (default: spatial)", task="boxes", default=None, choices=["pooled", "flatten", "spatial"]
    )
    label_head: str | None = _option(
        "for boxes: name by the whole map, or also by what is in the box found (default: in_box)",
        task="boxes",
        default=None,
        choices=["pooled", "in_box"],
    )
    joint_head: str | None = _option(
        "for poses (default: heatmap)", task="pose", default=None, choices=["direct", "soft_argmax", "heatmap"]
    )
    heatmap_channels: int | None = dataclasses.field(default=None, metadata={"task": "pose"})
    rotation: float | None = dataclasses.field(default=None, metadata={"task": "pose"})
    box_weight: float | None = _option(
        "box loss over class loss (default: 1)", task="boxes", default=None, type=finite_number, metavar="W"
    )
    copies: int = _option("versions of each training image, augmented but for one", type=whole_number(1), metavar="N")
    batch_size: int = _option("images in a batch", type=whole_number(1), metavar="N")
    epochs: int = _option("passes of the heads over the features", type=whole_number(1), metavar="N")
    fine_tune: str = _option(
        "what of the backbone learns after the heads: nothing, its last layers, or these and then all",
        choices=["none", "last", "all"],
    )
    fine_tune_epochs: int = _option("passes over the images in each of its stages", type=whole_number(1), metavar="N")
    fine_tune_stages: list[list]
    precision: str | None
    seed: int = _option("of all chance (default: 0)", default=0, type=whole_number(0, 2**32 - 1), metavar="N")
    train_split: str = _option("such as 'train[:80%%]'", metavar="SPLIT")
    test_split: str = _option("what the model is judged on, once, at the end", metavar="SPLIT")
    strategy: str = _option(
        "devices of fine-tuning: all GPUs, one, or all (default: auto)",
        default="auto",
        choices=["auto", "one", "mirrored"],
    )


def names_of_task(task: str) -> list[str]:
    """The names that the options of a run of this task have in its `config.json`.

    Args:
        task: `"boxes"` or `"pose"`.
    """
    return [field.name for field in dataclasses.fields(TrainOptions) if field.metadata.get("task") in (None, task)]


def add_arguments(command: argparse.ArgumentParser, names: Iterable[str] | None = None) -> None:
    """Adds options of a training to a command, without defaults: what is not given is `None`.

    Args:
        command: The command's parser.
        names: Which ones; `None` for all that a user may give.
    """
    for field in dataclasses.fields(TrainOptions):
        if "argument" in field.metadata and (names is None or field.name in names):
            flag = f"--{field.name.replace('_', '-')}"
            command.add_argument(flag, help=field.metadata["help"], **field.metadata["argument"])
