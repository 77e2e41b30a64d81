"""The two profiles of the course, fast and full: one code path, two sets of numbers."""

import dataclasses
import os
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Profile:
    """Everything that differs between two cores without internet and a GPU with it.

    Attributes:
        name: `"fast"`, `"full"`, or that name with `" (overridden)"` when a variable changed a field.
        data: Name or folder of the data source, as `clsloc_utils.datasets.load` takes it.
        backbone: Name or file of the backbone, or `NAME:FILE`, as `clsloc_utils.backbones.load_backbone` takes it.
        image_size: Side of the square images that enter the backbone, in pixels. A backbone file's own size wins over
            it.
        batch_size: Images in a batch.
        augmented_copies: Augmented versions of every training image whose features are cached, the plain one included.
        head_epochs: Passes over the cached features while the heads learn.
        fine_tune_epochs: Passes over the images in each stage of fine-tuning; 0 leaves the backbone frozen.
        fine_tune_stages: The stages in their order: which layers learn, as `clsloc_utils.training.fine_tune` takes
            them, and the highest learning rate.
        mixed_precision: Whether the backbone computes in half precision while it is fine-tuned, if there is a GPU.
        naive_epochs: Passes over the images that the naive recipe of notebook 03 makes.
        sweep_epochs: Passes over the cached features that each model of a loss-weight sweep makes.
    """

    name: str
    data: str
    backbone: str
    image_size: int
    batch_size: int
    augmented_copies: int
    head_epochs: int
    fine_tune_epochs: int
    fine_tune_stages: tuple[tuple[str, float], ...]
    mixed_precision: bool
    naive_epochs: int
    sweep_epochs: int


FAST = Profile(
    name="fast",
    data="toy_voc",
    backbone="tiny_resnet",
    image_size=128,
    batch_size=32,
    augmented_copies=2,
    head_epochs=5,
    fine_tune_epochs=0,
    fine_tune_stages=(("last", 3e-4), ("all", 1e-4)),
    mixed_precision=False,
    naive_epochs=1,
    sweep_epochs=6,
)
FULL = Profile(
    name="full",
    data="voc/2007",
    backbone="resnet50",
    image_size=224,
    batch_size=32,
    augmented_copies=4,
    head_epochs=20,
    fine_tune_epochs=5,
    # The last stage first: it costs little, and hands calmer gradients to the layers below when these learn too.
    fine_tune_stages=(("last", 3e-4), ("all", 1e-4)),
    mixed_precision=True,
    naive_epochs=30,
    sweep_epochs=15,
)
PROFILES = {profile.name: profile for profile in (FAST, FULL)}


def current_profile(environment: Mapping[str, str] = os.environ) -> Profile:
    """The profile that the environment asks for.

    Args:
        environment: Where to read `CLSLOC_PROFILE` (`fast`, the default, or `full`), `CLSLOC_DATA` (a source name or a
            folder) and `CLSLOC_BACKBONE` (a name or a file). The last two override the profile's own.

    Returns:
        The `Profile`.

    Raises:
        ValueError: `CLSLOC_PROFILE` names no profile.
    """
    name = environment.get("CLSLOC_PROFILE") or "fast"
    if name not in PROFILES:
        raise ValueError(f"CLSLOC_PROFILE is {name!r}; set it to one of {', '.join(PROFILES)}, or unset it for fast.")
    profile = PROFILES[name]
    variables = {"data": "CLSLOC_DATA", "backbone": "CLSLOC_BACKBONE"}
    overrides = {field: environment[variable] for field, variable in variables.items() if environment.get(variable)}
    if not overrides:
        return profile
    return dataclasses.replace(profile, name=f"{profile.name} (overridden)", **overrides)
