"""The two profiles of the course, fast and full: one code path, two sets of numbers."""

import dataclasses
import os
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Profile:
    """All that differs between two cores without internet and a GPU with it, and between drawings and photographs.

    A backbone sees well what it was pretrained on, so it follows the data: `on` gives a profile for either kind.

    Attributes:
        name: `"fast"`, `"full"`, or that name with `" (overridden)"` when a variable changed a field.
        data: Name or folder of the data source, as `clsloc_utils.datasets.load` takes it.
        backbone: Name or file of the backbone, or `NAME:FILE`, as `clsloc_utils.backbones.load_backbone` takes it.
        image_size: Side of the square images that enter the backbone, in pixels. A backbone file's own size wins over
            it.
        backbone_is_named: Whether somebody chose the backbone, for boxes and for joints; then no data changes it, and
            images enter it at its own usual size.
        batch_size: Images in a batch.
        copies: Augmented versions of every training image whose features are cached, the plain one included.
        epochs: Passes over the cached features while the heads learn.
        box_dropout: Share of the maps' channels that are hidden from the box head in training, in `clsloc train`.
        fine_tune_epochs: Passes over the images in each stage of fine-tuning; 0 leaves the backbone frozen.
        fine_tune_stages: The stages in their order: which layers learn, as `clsloc_utils.training.fine_tune` takes
            them, and the highest learning rate.
        mixed_precision: Whether the backbone computes in half precision where that is fast: on a GPU, and on a
            processor with instructions for it. See `clsloc_utils.recipes.precision_of`.
        naive_epochs: Passes over the images that the naive recipe of notebook 03 makes.
        sweep_epochs: Passes over the plain training images that each model of a loss-weight sweep makes.
        pose_data: Name or folder of the source of poses, as `clsloc_utils.datasets.load` takes it.
        pose_backbone: Name or file of the backbone for joints.
        pose_image_size: Side of the square images of people that enter it, in pixels: more than for boxes, since a
            wrist is smaller than a bus. A backbone file's own size wins over it.
        pose_copies: Versions of every training image of a person whose features are cached, the plain one included.
        pose_rotation: Augmented people turn by at most so many degrees: little where people stand, much in sports.
        heatmap_channels: Width of the head that reads joints off heatmaps.
        pose_epochs: Passes over these features while the joint head learns.
    """

    name: str
    data: str
    backbone: str
    image_size: int
    batch_size: int
    copies: int
    epochs: int
    box_dropout: float
    fine_tune_epochs: int
    fine_tune_stages: tuple[tuple[str, float], ...]
    mixed_precision: bool
    naive_epochs: int
    sweep_epochs: int
    pose_data: str
    pose_backbone: str
    pose_image_size: int
    pose_copies: int
    pose_rotation: float
    heatmap_channels: int
    pose_epochs: int
    backbone_is_named: bool = False

    def on(self, *, drawn: bool, task: str = "boxes") -> "Profile":
        """The profile for pictures of one kind.

        Args:
            drawn: Whether they are drawings, not photographs.
            task: `"boxes"` or `"pose"`: which fields follow.

        Returns:
            The profile for them: fields that hold what this profile has for the other kind are changed, all others
            stay as somebody set them.
        """
        base = self.name.split()[0]
        wanted, other = _ON[task, base, drawn], _ON[task, base, not drawn]
        changed = {field: value for field, value in wanted.items() if getattr(self, field) == other[field]}
        if self.backbone_is_named:
            changed.pop("backbone" if task == "boxes" else "pose_backbone", None)
        return dataclasses.replace(self, **changed)


# The last stage first: it costs little, and hands calmer gradients to the layers below when these learn too.
_LAST_THEN_ALL = (("last", 3e-4), ("all", 1e-4))
# What follows the kind of the pictures, by task, and then by profile and whether they are drawings. Thousands of
# drawings need no dropout: it only makes their heads learn slower.
_FIELDS = {
    "boxes": (
        *("backbone", "image_size", "copies", "epochs"),
        *("box_dropout", "fine_tune_stages", "sweep_epochs"),
    ),
    "pose": ("pose_backbone", "pose_image_size", "pose_copies", "pose_rotation", "heatmap_channels", "pose_epochs"),
}
_VALUES = {
    ("boxes", "fast", True): ("tiny_resnet", 128, 2, 5, 0.0, _LAST_THEN_ALL, 6),
    ("boxes", "fast", False): ("efficientnet_lite0", 224, 10, 10, 0.3, (("all", 3e-4),), 60),
    ("boxes", "full", True): ("tiny_resnet", 128, 4, 20, 0.0, _LAST_THEN_ALL, 20),
    ("boxes", "full", False): ("resnet50", 224, 4, 20, 0.3, _LAST_THEN_ALL, 20),
    ("pose", "fast", True): ("tiny_resnet_people", 160, 2, 15.0, 64, 3),
    ("pose", "fast", False): ("efficientnet_lite0", 224, 10, 40.0, 128, 6),
    ("pose", "full", True): ("tiny_resnet_people", 160, 10, 15.0, 128, 20),
    ("pose", "full", False): ("resnet50", 224, 10, 40.0, 128, 20),
}
_ON = {kind: dict(zip(_FIELDS[kind[0]], values, strict=True)) for kind, values in _VALUES.items()}

FAST = Profile(
    name="fast",
    data="toy_voc",
    batch_size=32,
    fine_tune_epochs=0,
    mixed_precision=False,
    naive_epochs=1,
    pose_data="toy_pose",
    **_ON["boxes", "fast", True],
    **_ON["pose", "fast", True],
)
FULL = Profile(
    name="full",
    data="voc/2007",
    batch_size=32,
    fine_tune_epochs=5,
    mixed_precision=True,
    naive_epochs=30,
    pose_data="lsp",
    **_ON["boxes", "full", False],
    **_ON["pose", "full", False],
)
DRAWN_SOURCES = ("toy_voc", "toy_pose")
"""The sources of drawings by name; all others hold photographs, except the folders that the course itself draws."""
PROFILES = {profile.name: profile for profile in (FAST, FULL)}


def current_profile(environment: Mapping[str, str] = os.environ) -> Profile:
    """The profile that the environment asks for.

    Args:
        environment: Where to read `CLSLOC_PROFILE` (`fast`, the default, or `full`), `CLSLOC_DATA` (a source, such
            as `wildlife` or `tfds:stanford_dogs`, or a folder), `CLSLOC_POSE_DATA` (the same for poses) and
            `CLSLOC_BACKBONE` (a name or a file, for boxes and for joints). The last three override the profile's own.

    Returns:
        The `Profile`, for drawings or for photographs, as the names of its sources tell.

    Raises:
        ValueError: `CLSLOC_PROFILE` names no profile.
    """
    name = environment.get("CLSLOC_PROFILE") or "fast"
    if name not in PROFILES:
        raise ValueError(f"CLSLOC_PROFILE is {name!r}; set it to one of {', '.join(PROFILES)}, or unset it for fast.")
    profile = PROFILES[name]
    variables = {
        "data": "CLSLOC_DATA",
        "pose_data": "CLSLOC_POSE_DATA",
        "backbone": "CLSLOC_BACKBONE",
        "pose_backbone": "CLSLOC_BACKBONE",
    }
    overrides = {field: environment[variable] for field, variable in variables.items() if environment.get(variable)}
    if not overrides:
        return profile
    named = "backbone" in overrides
    changed = dataclasses.replace(profile, name=f"{name} (overridden)", backbone_is_named=named, **overrides)
    return changed.on(drawn=changed.data in DRAWN_SOURCES).on(drawn=changed.pose_data in DRAWN_SOURCES, task="pose")
