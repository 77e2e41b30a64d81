"""Run folders: a training that survives interruptions, its results, and what its model says later.

    RUN/config.json    the options, the classes, what the baselines answer; written first
        model.keras    the trained model
        model.tflite   the same for LiteRT, which answers without TensorFlow
        metrics.json   its measures on the evaluation split, and those of the baselines
        history.csv    losses and metrics of every epoch
        report.html    all of it to look at, in one file

While a run is under way, `heads.checkpoint.npz`, `last_layers.checkpoint.npz` and `all_layers.checkpoint.npz` hold the
state of its stages after their last epochs; they are deleted when all of the above is written. Every file is replaced
as a whole.
"""

from clsloc_utils.runs.folder import HISTORY, METRICS, REPORT, STAGES, Run, open_run
from clsloc_utils.runs.judging import evaluate
from clsloc_utils.runs.options import resolve_options
from clsloc_utils.runs.studies import curve, sweep
from clsloc_utils.runs.training import TrainResult, train

__all__ = [
    "HISTORY",
    "METRICS",
    "REPORT",
    "STAGES",
    "Run",
    "TrainResult",
    "curve",
    "evaluate",
    "open_run",
    "resolve_options",
    "sweep",
    "train",
]
