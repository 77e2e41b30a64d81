"""The course's own recipe from a profile to a trained model, for the notebooks that need one without building it."""

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Mapping
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
        FileNotFoundError, ConnectionError, ValueError: As `backbones.load_backbone` says.
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
    augmentation: pipelines.Augmentation | pipelines.PoseAugmentation | None = None,
    batch_size: int = training.FORWARD_BATCH_SIZE,
    precision: str | None = None,
    **reading: Any,
) -> training.FeatureCache:
    """Features of a split, of its single-object images or of its people, computed once and kept on disk.

    Args:
        backbone: As `load_backbone` returns it; its input size is the images'.
        source: As `datasets.info` returns it.
        split: A TFDS split of the source.
        copies: Versions of each image: the plain one, and `copies - 1` augmented ones.
        augmentation: How far the augmented copies may go; `None` for the usual way.
        batch_size: Images that go through the backbone at a time.
        precision: As for `training.cache_features`.
        **reading: `difficult`, as for `pipelines.batches`, or `margin`, as for `pipelines.pose_batches`.

    Returns:
        The `training.FeatureCache`.
    """
    read, usual_reading, usual_augmentation = reading_of(source)
    reading = usual_reading | {"image_size": backbone.input_shape[1]} | reading
    augmentation = augmentation or usual_augmentation

    def batches(copy: int):
        augmented = augmentation if copy > 0 else False
        return read(source.name, split, batch_size=batch_size, augmented=augmented, seed=copy, **reading)

    key = reading | {"source": source.fingerprint, "split": split, "pipelines_version": pipelines.VERSION}
    key["augmentation"] = repr(augmentation) if copies > 1 else "none"
    return training.cache_features(
        backbone, batches, key, copies=copies, precision=precision, description=f"Features of {split}"
    )


def reading_of(source: datasets.SourceInfo) -> tuple[Callable, dict[str, Any], Any]:
    """How a source is read in batches.

    Args:
        source: As `datasets.info` returns it.

    Returns:
        `pipelines.batches` or `pipelines.pose_batches`, what it reads by if nobody says else, and the usual
        augmentation.
    """
    if source.task == "boxes":
        return pipelines.batches, {"difficult": "count"}, pipelines.Augmentation()
    return pipelines.pose_batches, {"margin": 0.15}, pipelines.PoseAugmentation()


def precision_of(profile: Profile) -> str | None:
    """What the backbone computes in on this machine: half precision, if the profile wants that and it is fast here.

    Args:
        profile: Whether it should where that is fast.

    Returns:
        As for `models.computing_in`: `"mixed_float16"` with a GPU; `"mixed_bfloat16"` on a processor with instructions
        for it; else `None`.
    """
    # ResNet-50 gains in all steps (docs/speed.md); the depthwise convolutions of an EfficientNet gained nothing.
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


def fine_tune(
    model: keras.Model,
    source: datasets.SourceInfo,
    *,
    epochs: int,
    batch_size: int = 32,
    augmentation: pipelines.Augmentation | pipelines.PoseAugmentation | None = None,
    validate: bool = True,
    seed: int = 0,
    reading: Mapping[str, Any] | None = None,
    strategy: tf.distribute.Strategy | None = None,
    **options: Any,
) -> keras.callbacks.History:
    """Lets backbone and heads learn together on a source's training images, augmented anew in every epoch.

    Args:
        model: A two-head or pose model with trained heads.
        source: As `datasets.info` returns it; what it holds, boxes or poses, is learned.
        epochs: Passes over the images.
        batch_size: Images in a batch.
        augmentation: How far to go; `None` for the usual way.
        validate: Whether the epoch is kept that is best on the validation split.
        seed: Of order and augmentation. Call `training.set_seed` first to fix the rest.
        reading: As for `cache_split`; what the heads have learned with.
        strategy: As for `training.fine_tune`; with several devices, images that fill no batch are left out.
        **options: Further ones of `training.fine_tune`, such as `layers`, `learning_rate` and `checkpoint`.

    Returns:
        Keras's `History`.

    Raises:
        ValueError: As for `training.fine_tune`.
    """
    read, usual_reading, usual_augmentation = reading_of(source)
    reading = usual_reading | {"image_size": model.inputs[0].shape[1], "batch_size": batch_size} | dict(reading or {})
    if source.task == "boxes":
        reading["counted"] = True  # So that Keras knows how many batches the images with one object make.
    augmented = augmentation or usual_augmentation
    is_shared = strategy is not None and strategy.num_replicas_in_sync > 1
    batches = read(
        source.name,
        source.train_split,
        augmented=augmented,
        shuffle=True,
        seed=seed,
        drop_remainder=is_shared,
        **reading,
    )
    validation = read(source.name, source.validation_split, **reading) if validate else None
    return training.fine_tune(model, batches, validation, epochs=epochs, strategy=strategy, **options)


def fine_tune_in_stages(
    model: keras.Model,
    source: datasets.SourceInfo,
    profile: Profile,
    *,
    seed: int = 0,
    checkpoints: Mapping[str, str | Path] | None = None,
    **options: Any,
) -> dict[str, keras.callbacks.History]:
    """Fine-tunes as a profile says, one stage after the other.

    Each stage starts from the best epoch of the one before, by cls-loc accuracy in validation, of poses by PCK@0.2. A
    backbone without a fine map has no last layers, and no stage for them.

    Args:
        model: A two-head or pose model with trained heads.
        source: As `datasets.info` returns it.
        profile: Which layers, how long, how fast. With `fine_tune_epochs` 0 nothing is done.
        seed: Of order and augmentation; every stage gets its own. Call `training.set_seed` first to fix the rest.
        checkpoints: Files that keep the state of each stage, by the name of its layers; see `training.Checkpoint`.
        **options: Further ones of `fine_tune`, such as `box_weight` and `precision` (see `precision_of`).

    Returns:
        Keras's `History` of each stage, by the name of its layers; empty when nothing is done.
    """
    histories = {}
    for number, (layers, learning_rate) in enumerate(profile.fine_tune_stages if profile.fine_tune_epochs else ()):
        if layers == "last" and "fine" not in model.get_layer("features").output:
            continue
        histories[layers] = fine_tune(
            model,
            source,
            epochs=profile.fine_tune_epochs,
            batch_size=profile.batch_size,
            seed=seed + number,
            layers=layers,
            learning_rate=learning_rate,
            checkpoint=(checkpoints or {}).get(layers),
            description=f"Fine-tuning, {layers} layers",
            **options,
        )
    return histories


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
        "copies": profile.copies,
        "epochs": profile.epochs,
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
        cache_split(backbone, source, source.train_split, copies=profile.copies, precision=precision),
        cache_split(backbone, source, source.validation_split, precision=precision),
        epochs=profile.epochs,
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
