"""Training: features computed once and kept on disk, heads trained on them in seconds, fine-tuning, evaluation.

While the backbone is frozen it gives the same features in every epoch. `cache_features` runs it once and writes them to
disk; `train_heads` then only pays for the heads. `fine_tune` is the second step, with the backbone learning too.
"""

from clsloc_utils.tasks import compile_model, compile_pose_model
from clsloc_utils.training.callbacks import (
    BestEpoch,
    Checkpoint,
    CheckpointError,
    ProgressBar,
    restore_best,
)
from clsloc_utils.training.evaluation import evaluate, evaluate_and_predict, predict
from clsloc_utils.training.features import (
    CACHE_FORMAT,
    FORWARD_BATCH_SIZE,
    FeatureBatches,
    FeatureCache,
    FeatureCacheError,
    backbone_fingerprint,
    cache_features,
    default_cache_directory,
)
from clsloc_utils.training.fitting import (
    HEAD_LEARNING_RATE,
    HEAD_WEIGHT_DECAY,
    fine_tune,
    set_seed,
    train_heads,
)

__all__ = [
    "CACHE_FORMAT",
    "FORWARD_BATCH_SIZE",
    "HEAD_LEARNING_RATE",
    "HEAD_WEIGHT_DECAY",
    "BestEpoch",
    "Checkpoint",
    "CheckpointError",
    "FeatureBatches",
    "FeatureCache",
    "FeatureCacheError",
    "ProgressBar",
    "backbone_fingerprint",
    "cache_features",
    "compile_model",
    "compile_pose_model",
    "default_cache_directory",
    "evaluate",
    "evaluate_and_predict",
    "fine_tune",
    "predict",
    "restore_best",
    "set_seed",
    "train_heads",
]
