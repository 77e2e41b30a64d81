"""What decides a training: what a user gave, and for the rest the profile and the source."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from clsloc_utils import datasets, paths, profiles, recipes
from clsloc_utils.options import TrainOptions, names_of_task
from clsloc_utils.paths import InputError

# Of each stage, by whether the images are drawn, where the profile fine-tunes nothing by itself.
_FINE_TUNE_EPOCHS = {True: profiles.FULL.fine_tune_epochs, False: 30}
_OTHER_TASK = {"boxes": "pose", "pose": "boxes"}


def resolve_options(given: Mapping[str, Any], source: datasets.SourceInfo, profile: profiles.Profile) -> dict[str, Any]:
    """All options of a training, those that were not given from the profile and from the source.

    Args:
        given: Options by name; `None` for one that was not given. See the keys of the result.
        source: As `datasets.info` returns it.
        profile: Where the defaults come from.

    Returns:
        The fields of `options.TrainOptions` of this task, as JSON can hold them: files with whole paths, `image_size`
        `None` for the backbone's own.

    Raises:
        InputError: An option does not fit the task, or another option.
    """
    given = {name: value for name, value in given.items() if value is not None}
    for name in given.keys() - names_of_task(source.task):
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
    if fine_tune == "all":
        stages = profile.fine_tune_stages
    else:
        stages = [stage for stage in profiles.FULL.fine_tune_stages if stage[0] == fine_tune]
    backbone, image_size = recipes.backbone_of(profile, source)
    if source.task == "boxes":
        of_task = {
            "box_head": "spatial",
            "label_head": "in_box",
            "box_weight": 1.0,
            "copies": profile.copies,
            "epochs": profile.epochs,
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
        "image_size": image_size if given.get("backbone", backbone) == backbone else None,
        **of_task,
        "batch_size": profile.batch_size,
        "fine_tune": fine_tune,
        "fine_tune_stages": [list(stage) for stage in stages],
        "fine_tune_epochs": 0 if fine_tune == "none" else profile.fine_tune_epochs or _FINE_TUNE_EPOCHS[source.drawn],
        # Kept, so that a run that is resumed on another machine goes on as it was begun.
        "precision": recipes.precision_of(profile),
        "train_split": _all_that_may_be_learned(source),
        "test_split": source.test_split,
    }
    chosen = {"source": source.name} | defaults | given
    chosen |= {name: whole_path(chosen[name]) for name, whole_path in _WHOLE_PATHS.items()}
    options = dataclasses.asdict(TrainOptions(**chosen))
    return {name: options[name] for name in names_of_task(source.task)}


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


def whole_path_of_source(source: str) -> str:
    """The absolute path of a source that is a folder; names stay as they are."""
    return source if source in datasets.SOURCES else _whole_path(source, Path.is_dir)


def _whole_path_of_file(backbone: str) -> str:
    """The absolute path of a backbone's file, also in `NAME:FILE`; names stay as they are, like folders."""
    name, file = paths.name_and_file(backbone)
    file = _whole_path(file, Path.is_file)
    return f"{name}:{file}" if name else file


def _whole_path(name: str, is_there: Callable[[Path], bool]) -> str:
    path = Path(name).expanduser()
    return str(path.resolve()) if is_there(path) else name


# Options that may be paths; all others mean the same in every folder.
_WHOLE_PATHS = {"source": whole_path_of_source, "backbone": _whole_path_of_file}


def given_otherwise(given: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """What was given now and differs from the options of a run, in words."""
    return [
        f"{name} is {value!r} now and {options.get(name)!r} there"
        for name, value in given.items()
        if value is not None and _WHOLE_PATHS.get(name, lambda same: same)(value) != options.get(name)
    ]
