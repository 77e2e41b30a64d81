"""The course's own recipe from a profile to a trained model, for the notebooks that need one without building it."""

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from clsloc_utils import datasets, models, pipelines, training
from clsloc_utils.backbones import load_backbone, pretrained_on
from clsloc_utils.files import replacing
from clsloc_utils.models import TwoHeadModel
from clsloc_utils.profiles import Profile


def choose_backbone(profile: Profile, source: datasets.SourceInfo) -> keras.Model:
    """The backbone of a profile for a source: one that was pretrained on such pictures. Prints which, and why.

    Args:
        profile: As `profiles.current_profile` returns it.
        source: As `datasets.info` returns it.

    Returns:
        As `backbones.load_backbone` returns it; the side of its images is `backbone.input_shape[1]`.

    Raises:
        FileNotFoundError: As `backbones.load_backbone`, like the next two.
        ConnectionError: See there.
        ValueError: See there.
    """
    name, image_size = backbone_of(profile, source)
    print(reason_for_backbone(name, source))
    return load_backbone(name, image_size=image_size)


def backbone_of(profile: Profile, source: datasets.SourceInfo) -> tuple[str, int | None]:
    """The name of the backbone of a profile for a source, and the side of its images; `None` for its usual one.

    Args:
        profile: As `profiles.current_profile` returns it.
        source: As `datasets.info` returns it.
    """
    profile = profile.on(drawn=source.drawn, task=source.task)
    if source.task == "pose":
        name, image_size = profile.pose_backbone, profile.pose_image_size
    else:
        name, image_size = profile.backbone, profile.image_size
    return name, None if profile.backbone_is_named else image_size


def reason_for_backbone(backbone: str, source: datasets.SourceInfo) -> str:
    """A line on a backbone: what it was pretrained on, and what the source holds; warns if it only knows drawings.

    Args:
        backbone: As `backbones.load_backbone` takes it, in words.
        source: As `datasets.info` returns it.
    """
    learned, holds = pretrained_on(backbone), "drawings" if source.drawn else "photographs"
    name = Path(source.name).name if Path(source.name).expanduser().is_dir() else source.name
    if learned == "drawings" and holds == "photographs":
        warnings.warn(
            f"backbone {backbone} was pretrained on drawings and sees little in photographs, which {name} "
            "holds. Leave CLSLOC_BACKBONE or --backbone out, or take efficientnet_lite0.",
            stacklevel=3,
        )
    pretrained = f", pretrained on {learned}" if learned else ""
    return f"Backbone {backbone}{pretrained}; {name} holds {holds}."


def cache_split(
    backbone: keras.Model,
    source: datasets.SourceInfo,
    split: str,
    *,
    copies: int = 1,
    difficult: str = "count",
    batch_size: int = 64,
    precision: str | None = None,
) -> training.FeatureCache:
    """Features of a split's single-object images, computed once and kept on disk.

    Args:
        backbone: As `load_backbone` returns it; its input size is the images'.
        source: As `datasets.info` returns it.
        split: A TFDS split of the source.
        copies: Versions of each image: the plain one, and `copies - 1` augmented ones.
        difficult: As for `pipelines.single_object`.
        batch_size: Images that go through the backbone at a time.
        precision: As for `training.cache_features`.

    Returns:
        The `training.FeatureCache`.
    """
    image_size = backbone.input_shape[1]

    def batches(copy: int):
        return pipelines.batches(
            source.name,
            split,
            image_size=image_size,
            batch_size=batch_size,
            difficult=difficult,
            augmented=copy > 0,
            seed=copy,
        )

    key = _pixels_key(source, split, image_size) | {"difficult": difficult}
    key["augmentation"] = repr(pipelines.Augmentation()) if copies > 1 else "none"
    return training.cache_features(
        backbone, batches, key, copies=copies, precision=precision, description=f"Features of {split}"
    )


def _pixels_key(source: datasets.SourceInfo, split: str, image_size: int) -> dict[str, Any]:
    """What the pixels of the plain images depend on."""
    return {
        "source": source.fingerprint,
        "split": split,
        "image_size": image_size,
        "pipelines_version": pipelines.VERSION,
    }


def fine_tune(
    model: TwoHeadModel,
    source: datasets.SourceInfo,
    *,
    epochs: int,
    layers: str = "all",
    batch_size: int = 32,
    learning_rate: float = 3e-4,
    difficult: str = "count",
    validate: bool = True,
    seed: int = 0,
    description: str = "Fine-tuning",
    **options: Any,
) -> keras.callbacks.History:
    """Lets backbone and heads learn together on a source's training images, augmented anew in every epoch.

    Args:
        model: A two-head model with trained heads.
        source: As `datasets.info` returns it.
        epochs: Passes over them.
        layers: As for `training.fine_tune`.
        batch_size: Images in a batch.
        learning_rate: The highest rate.
        difficult: As for `pipelines.single_object`.
        validate: Whether the epoch is kept that is best on the validation split.
        seed: Of order and augmentation. Call `training.set_seed` first to fix the rest.
        description: Words for the progress bar.
        **options: Further ones of `training.fine_tune`, such as `box_weight`, `precision` and `checkpoint`.

    Returns:
        Keras's `History`.

    Raises:
        ValueError: As for `training.fine_tune`.
    """
    reading = {
        "image_size": model.inputs[0].shape[1],
        "batch_size": batch_size,
        "difficult": difficult,
        "counted": True,
    }
    batches = pipelines.batches(source.name, source.train_split, augmented=True, shuffle=True, seed=seed, **reading)
    validation = pipelines.batches(source.name, source.validation_split, **reading) if validate else None
    return training.fine_tune(
        model,
        batches,
        validation,
        epochs=epochs,
        layers=layers,
        learning_rate=learning_rate,
        description=description,
        **options,
    )


def precision_of(profile: Profile) -> str | None:
    """What the backbone computes in on this machine: half precision, if the profile wants that and it is fast here.

    Args:
        profile: Whether it should where that is fast.

    Returns:
        As for `models.computing_in`: `"mixed_float16"` with a GPU; `"mixed_bfloat16"` on a processor with instructions
        for it; else `None`.
    """
    # ResNet-50 gains in all steps (docs/cost.md); the depthwise convolutions of an EfficientNet gained nothing.
    if not profile.mixed_precision:
        return None
    if tf.config.list_physical_devices("GPU"):
        return "mixed_float16"
    return "mixed_bfloat16" if _has_bfloat16_instructions() else None


def _has_bfloat16_instructions(processors: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bfloat16 numbers; Linux tells, and without them it is slow."""
    if not processors.exists():
        return False
    flags = re.search(r"^flags\s*:(.*)$", processors.read_text(encoding="utf-8"), re.MULTILINE)
    return flags is not None and not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags[1].split())


def fine_tune_in_stages(
    model: keras.Model,
    source: datasets.SourceInfo,
    profile: Profile,
    *,
    seed: int = 0,
    precision: str | None = None,
    checkpoints: Mapping[str, str | Path] | None = None,
    **options: Any,
) -> dict[str, keras.callbacks.History]:
    """Fine-tunes as a profile says, one stage after the other.

    Each stage starts from the best epoch of the one before, by cls-loc accuracy in validation, of poses by PCK@0.2. A
    backbone without a fine map has no last layers, and no stage for them.

    Args:
        model: A two-head or pose model with trained heads.
        source: As `datasets.info` returns it; what it holds, boxes or poses, is learned.
        profile: Which layers, how long, how fast. With `fine_tune_epochs` 0 nothing is done.
        seed: Of order and augmentation; every stage gets its own. Call `training.set_seed` first to fix the rest.
        precision: As for `training.fine_tune`; see `precision_of`.
        checkpoints: Files that keep the state of each stage, by the name of its layers; see `training.Checkpoint`.
        **options: Further ones of `fine_tune` or of `fine_tune_pose`.

    Returns:
        Keras's `History` of each stage, by the name of its layers; empty when nothing is done.
    """
    histories = {}
    tune = fine_tune if source.task == "boxes" else fine_tune_pose
    for number, (layers, learning_rate) in enumerate(profile.fine_tune_stages if profile.fine_tune_epochs else ()):
        if layers == "last" and "fine" not in model.get_layer("features").output:
            continue
        histories[layers] = tune(
            model,
            source,
            epochs=profile.fine_tune_epochs,
            layers=layers,
            batch_size=profile.batch_size,
            learning_rate=learning_rate,
            precision=precision,
            seed=seed + number,
            checkpoint=(checkpoints or {}).get(layers),
            description=f"Fine-tuning, {layers} layers",
            **options,
        )
    return histories


def cache_pose_split(
    backbone: keras.Model,
    source: datasets.SourceInfo,
    split: str,
    *,
    copies: int = 1,
    margin: float | None = 0.15,
    augmentation: pipelines.PoseAugmentation | None = None,
    batch_size: int = 64,
    precision: str | None = None,
) -> training.FeatureCache:
    """Features of a split's people, computed once and kept on disk.

    Args:
        backbone: As `load_backbone` returns it; its input size is the images'.
        source: As `datasets.info` returns it, of a source of poses.
        split: A TFDS split of the source.
        copies: Versions of each image: the plain one, and `copies - 1` augmented ones.
        margin: As for `pipelines.pose_batches`.
        augmentation: How far the augmented copies may go; by default `pipelines.PoseAugmentation()`.
        batch_size: Images that go through the backbone at a time.
        precision: As for `training.cache_features`.

    Returns:
        The `training.FeatureCache`, with the arrays `"joints"` and `"weight"`.
    """
    image_size = backbone.input_shape[1]
    augmentation = augmentation or pipelines.PoseAugmentation()

    def batches(copy: int):
        return pipelines.pose_batches(
            source.name,
            split,
            image_size=image_size,
            batch_size=batch_size,
            margin=margin,
            augmented=augmentation if copy > 0 else False,
            seed=copy,
        )

    key = _pixels_key(source, split, image_size) | {"margin": margin}
    key["augmentation"] = repr(augmentation) if copies > 1 else "none"
    return training.cache_features(
        backbone, batches, key, copies=copies, precision=precision, description=f"Features of {split}"
    )


def fine_tune_pose(
    model: keras.Model,
    source: datasets.SourceInfo,
    *,
    epochs: int,
    layers: str = "all",
    batch_size: int = 32,
    learning_rate: float = 3e-4,
    margin: float | None = 0.15,
    augmentation: pipelines.PoseAugmentation | None = None,
    validate: bool = True,
    seed: int = 0,
    description: str = "Fine-tuning",
    **options: Any,
) -> keras.callbacks.History:
    """Lets backbone and joint head learn together on a source's training people, augmented anew in every epoch.

    Args:
        model: A pose model with a trained head.
        source: As `datasets.info` returns it, of a source of poses.
        epochs: Passes over them.
        layers: As for `training.fine_tune`.
        batch_size: Images in a batch.
        learning_rate: The highest rate.
        margin: As for `pipelines.pose_batches`; the one that the head has learned with.
        augmentation: How far to go; by default `pipelines.PoseAugmentation()`.
        validate: Whether the epoch is kept that is best on the validation split.
        seed: Of order and augmentation. Call `training.set_seed` first to fix the rest.
        description: Words for the progress bar.
        **options: Further ones of `training.fine_tune`, such as `joint_loss` and `checkpoint`.

    Returns:
        Keras's `History`.

    Raises:
        ValueError: As for `training.fine_tune`, and when the source has no joints.
    """
    reading = {"image_size": model.inputs[0].shape[1], "batch_size": batch_size, "margin": margin}
    augmentation = augmentation or pipelines.PoseAugmentation()
    batches = pipelines.pose_batches(
        source.name, source.train_split, augmented=augmentation, shuffle=True, seed=seed, **reading
    )
    validation = pipelines.pose_batches(source.name, source.validation_split, **reading) if validate else None
    return training.fine_tune(
        model,
        batches,
        validation,
        epochs=epochs,
        layers=layers,
        learning_rate=learning_rate,
        description=description,
        **options,
    )


def finished_model(profile: Profile, *, seed: int = 0) -> TwoHeadModel:
    """A trained two-head model for a profile: the one that this machine trained before, or else one trained now.

    Args:
        profile: Which data, which backbone, how long.
        seed: Of everything random.

    Returns:
        The model, compiled, with the spatial head; the test split had no part in its training.
    """
    source = datasets.info(profile.data)
    profile = profile.on(drawn=source.drawn)
    name, image_size = backbone_of(profile, source)
    backbone = load_backbone(name, image_size=image_size)
    key = {
        "source": source.fingerprint,
        "pipelines_version": pipelines.VERSION,
        "models_version": models.VERSION,
        "backbone": training.backbone_fingerprint(backbone),
        "copies": profile.augmented_copies,
        "epochs": profile.head_epochs,
        "batch_size": profile.batch_size,
        "fine_tuning": [profile.fine_tune_epochs, profile.fine_tune_stages],
        "seed": seed,
    }
    precision = precision_of(profile)
    name = hashlib.sha256(json.dumps(key | {"precision": precision}, sort_keys=True).encode()).hexdigest()[:24]
    file = training.default_cache_directory().parent / "models" / f"{name}.keras"
    if file.exists():
        return keras.saving.load_model(file)
    training.set_seed(seed)
    model = models.two_head_model(backbone, source.num_classes)
    training.train_heads(
        model,
        cache_split(backbone, source, source.train_split, copies=profile.augmented_copies, precision=precision),
        cache_split(backbone, source, source.validation_split, precision=precision),
        epochs=profile.head_epochs,
        batch_size=profile.batch_size,
        seed=seed,
        description="Training the heads",
    )
    fine_tune_in_stages(model, source, profile, seed=seed, precision=precision)
    file.parent.mkdir(parents=True, exist_ok=True)
    # A half-written model must not be found by the next run.
    with replacing(file) as unfinished:
        model.save(unfinished)
    return model
