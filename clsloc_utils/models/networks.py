"""The two-head model and the pose model: a backbone and its heads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from clsloc_utils.backbones import feature_extractor, load_backbone
from clsloc_utils.joints import FLIP_ORDER
from clsloc_utils.losses import HeatmapLoss
from clsloc_utils.metrics import ClsLocAccuracy
from clsloc_utils.models.heads import BOX_HEADS, JOINT_CHANNELS, JOINT_HEADS, LABEL_HEADS, label_logits
from clsloc_utils.models.layers import SortSides, shares_of

# Raised whenever the same weights give other answers: models that were kept before are then trained anew.
VERSION = 2
# Factor of the heatmaps' own loss beside that of the joints.
HEATMAP_LOSS_WEIGHT = 0.05


@keras.saving.register_keras_serializable(package="clsloc_utils")
class TwoHeadModel(keras.Model):
    """A functional model with the outputs `label` and `box` that also measures when both are right.

    Everything is as in `keras.Model`; `fit` and `evaluate` show one metric more, `clsloc_accuracy_50`, which no
    per-output metric of `compile` can compute because it looks at both outputs.

    Args:
        inputs: As for `keras.Model`.
        outputs: A dict with the keys `"label"` (logits `[B, num_classes]`) and `"box"` (`[B, 4]`, rel_xyxy).
        name: Name of the model.
        **kwargs: As for `keras.Model`.
    """

    # No argument has a name here: so every version of Keras knows that it can rebuild a saved model layer by layer.
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.clsloc_accuracy = ClsLocAccuracy()

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Adds a batch to all metrics and returns their state."""
        weight = sample_weight
        if isinstance(sample_weight, Mapping):
            # Keras hands one weight per example on as the same weight for each output; where they differ, a head that
            # does not count makes it impossible to have both right.
            weight = ops.minimum(sample_weight["label"], sample_weight["box"])
        self.clsloc_accuracy.update_state(y, y_pred, weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)


@keras.saving.register_keras_serializable(package="clsloc_utils")
class PoseModel(keras.Model):
    """A functional model with the output `joints` that, if it also gives `heatmaps`, learns by both.

    Everything is as in `keras.Model`, with targets and weights for `joints` alone: in `fit` and `evaluate`, the
    `HeatmapLoss` of the heatmaps is added to the loss of the joints, and metrics look at the joints.

    Args:
        inputs: As for `keras.Model`.
        outputs: A dict with the key `"joints"` (`[B, 14, 2]`, x and y relative to the image) and maybe `"heatmaps"`
            (logits `[B, H, W, 14]`, one cell outside of the image at each border).
        name: Name of the model.
        **kwargs: As for `keras.Model`.
    """

    # No argument has a name here, as in `TwoHeadModel`.
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.heatmap_loss = HeatmapLoss(outside=1)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of the joints, and that of the heatmaps."""
        loss = super().compute_loss(x, y, {"joints": y_pred["joints"]}, sample_weight, training)
        if "heatmaps" not in y_pred:
            return loss
        weight = None if sample_weight is None else sample_weight["joints"]
        return loss + HEATMAP_LOSS_WEIGHT * self.heatmap_loss(y["joints"], y_pred["heatmaps"], weight)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Adds a batch to all metrics and returns their state."""
        return super().compute_metrics(x, y, {"joints": y_pred["joints"]}, sample_weight)


def two_head_model(
    backbone: str | Path | keras.Model,
    num_classes: int,
    box_head: str = "spatial",
    *,
    label_head: str = "pooled",
    dropout: float = 0.3,
    box_dropout: float = 0.0,
    freeze_backbone: bool = True,
) -> TwoHeadModel:
    """One network that says what is in an image and where.

    Its sub-model `"features"` is the backbone (weights shared with the argument), `"heads"` maps features to the two
    outputs: `model.get_layer("heads")` can be trained alone on cached features, and the whole model has then learned
    too.

    Args:
        backbone: As `clsloc_utils.backbones.load_backbone` takes or returns it.
        num_classes: Number of classes.
        box_head: `"pooled"`, `"flatten"` or `"spatial"`.
        label_head: What the class head reads: `"pooled"`, the average of the last map, or `"in_box"`, also its average
            within the box that the box head found.
        dropout: Share of the pooled features that are hidden from the class head at each training step.
        box_dropout: Share of the maps' channels that are hidden from the box head at each training step. It helps where
            a few hundred photographs are all there is.
        freeze_backbone: Whether `fit` leaves the backbone as it is, BatchNorm statistics included. Unfreeze it later
            with `clsloc_utils.training.fine_tune`.

    Returns:
        A `TwoHeadModel`: float32 RGB 0..255 `[B, S, S, 3]` to `{"label": logits [B, num_classes], "box": [B, 4]}`, both
        float32, also under mixed precision; a box is rel_xyxy with `0 <= xmin <= xmax <= 1`, and y likewise.

    Raises:
        ValueError: A head is unknown, `num_classes` is below 1, or the backbone lacks the level the head reads.
    """
    if box_head not in BOX_HEADS:
        raise ValueError(f"box_head is {box_head!r}; take one of {', '.join(BOX_HEADS)}.")
    if label_head not in LABEL_HEADS:
        raise ValueError(f"label_head is {label_head!r}; take one of {', '.join(LABEL_HEADS)}.")
    if num_classes < 1:
        raise ValueError(f"num_classes is {num_classes}; it must be 1 or more.")
    _, levels = BOX_HEADS[box_head]
    inputs, maps = _image_and_maps(backbone, levels, freeze_backbone)
    heads = _heads(maps, num_classes, box_head, label_head, dropout, box_dropout)
    return TwoHeadModel(inputs, _named_outputs(heads(maps)), name="two_head_model")


def pose_model(
    backbone: str | Path | keras.Model,
    *,
    joint_head: str = "heatmap",
    heatmap_channels: int = JOINT_CHANNELS,
    freeze_backbone: bool = True,
) -> keras.Model:
    """One network that says where the joints of a person are.

    Its sub-model `"features"` is the backbone (weights shared with the argument), `"heads"` maps features to the
    joints: `model.get_layer("heads")` can be trained alone on cached features, and the whole model has then learned
    too.

    Args:
        backbone: As `clsloc_utils.backbones.load_backbone` takes or returns it.
        joint_head: `"direct"`, `"soft_argmax"` or `"heatmap"`.
        heatmap_channels: Width of the convolutions in the heads with heatmaps. Half of it costs a quarter of the time.
        freeze_backbone: Whether `fit` leaves the backbone as it is, BatchNorm statistics included. Unfreeze it later
            with `clsloc_utils.training.fine_tune`.

    Returns:
        A `PoseModel` from float32 RGB 0..255 `[B, S, S, 3]` to `{"joints": [B, 14, 2]}`, float32 also under mixed
        precision: x and y relative to the image, in the order of `clsloc_utils.joints.JOINT_NAMES`. Every joint gets a
        place, visible or not. A joint may lie outside the image, where it is read off a heatmap by half a cell of the
        fine map. The head `"heatmap"` also gives `"heatmaps"`, their logits `[B, H, W, 14]`.

    Raises:
        ValueError: The joint head is unknown, or the backbone lacks the level the head reads.
    """
    if joint_head not in JOINT_HEADS:
        raise ValueError(f"joint_head is {joint_head!r}; take one of {', '.join(JOINT_HEADS)}.")
    build_joints, levels = JOINT_HEADS[joint_head]
    inputs, maps = _image_and_maps(backbone, levels, freeze_backbone)
    head_inputs = _head_inputs(maps)
    options = {} if joint_head == "direct" else {"channels": heatmap_channels}
    heads = PoseModel(head_inputs, _named_outputs(build_joints(**head_inputs, **options)), name="heads")
    return PoseModel(inputs, _named_outputs(heads(maps)), name="pose_model")


def flip_averaged(model: keras.Model) -> keras.Model:
    """The same pose model with test-time augmentation: what it sees in the image and in its mirror image, averaged.

    The flip test of Newell et al. 2016 (arXiv 1603.06937). Two looks make different mistakes, some of which their mean
    forgives. It takes twice the time of the model. Where there are heatmaps, they are averaged (as shares) and read
    once; else the joints are.

    Args:
        model: As `pose_model` returns it.

    Returns:
        A model with the same inputs and outputs. It shares the weights of `model`, and is made to predict and to be
        evaluated, not to be trained.
    """
    image = model.inputs[0]
    seen, mirrored = model(image), model(ops.flip(image, axis=2))
    if "heatmaps" in seen:
        back = ops.take(ops.flip(shares_of(mirrored["heatmaps"]), axis=2), FLIP_ORDER, axis=-1)
        heatmaps = ops.log((shares_of(seen["heatmaps"]) + back) / 2 + 1e-9)
        outputs = {"joints": model.get_layer("heads").get_layer("joint_points")(heatmaps), "heatmaps": heatmaps}
    else:
        x, y = mirrored["joints"][..., 0], mirrored["joints"][..., 1]
        back = ops.take(ops.stack([1.0 - x, y], axis=-1), FLIP_ORDER, axis=1)
        outputs = {"joints": (seen["joints"] + back) / 2}
    return PoseModel(model.inputs, _named_outputs(outputs), name="flip_averaged")


def _image_and_maps(backbone: str | Path | keras.Model, levels: tuple[str, ...], freeze_backbone: bool):
    """The model's input, and the feature maps of these levels that the sub-model `"features"` makes of it."""
    if not isinstance(backbone, keras.Model):
        backbone = load_backbone(backbone)
    features = feature_extractor(backbone, require_fine="fine" in levels)
    features.trainable = not freeze_backbone
    inputs = keras.Input(tuple(backbone.inputs[0].shape[1:]), name="image")
    maps = features(inputs)
    return inputs, {level: maps[level] for level in levels}


def _head_inputs(maps: dict) -> dict:
    """Inputs of the sub-model `"heads"`. All of it computes in float32, whatever the global policy."""
    return {level: keras.Input(tuple(each.shape[1:]), dtype="float32", name=level) for level, each in maps.items()}


def _heads(
    maps: dict, num_classes: int, box_head: str, label_head: str, dropout: float, box_dropout: float
) -> TwoHeadModel:
    """The sub-model from feature maps to label and box."""
    inputs = _head_inputs(maps)
    seen = inputs
    if box_dropout:
        # Whole channels: their neighbours in the map would tell what single numbers were.
        seen = {
            level: layers.SpatialDropout2D(box_dropout, dtype="float32", name=f"box_{level}_dropout")(each)
            for level, each in inputs.items()
        }
    build_box, _ = BOX_HEADS[box_head]
    box = SortSides(dtype="float32", name="box_sorted")(build_box(**seen))
    logits = label_logits(inputs["coarse"], box, num_classes, label_head, dropout)
    return TwoHeadModel(inputs, _named_outputs({"label": logits, "box": box}), name="heads")


def _named_outputs(outputs: dict) -> dict:
    """Gives the output layers the names of the dict's keys, as Keras's routing of losses and metrics wants it."""
    return {key: layers.Identity(dtype="float32", name=key)(tensor) for key, tensor in outputs.items()}
