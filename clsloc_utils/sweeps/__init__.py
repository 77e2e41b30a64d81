"""Loss-weight sweeps: many settings of a small two-head model, each trained with several seeds.

How much should the box loss weigh against the class loss? The honest answer needs dozens of trainings: a grid of
weights, both single-task ends, several seeds. While the backbone is frozen, what it says about an image does not
change, so a sweep can train a small model on these features, again and again:

    feature maps, joined -> trunk (a 1 x 1 convolution that both tasks share) -> class head
                                                                             -> box head

The trunk is narrow on purpose. Two heads without anything in common would leave the weights nothing to decide: each
would learn its own task, and Adam would not even notice the factor. Eight numbers for each place, from which both
heads must read, make the tasks compete as they do in a backbone that is fine-tuned. The price is a box less exact than
that of the course's spatial head: a sweep tells which weight to take and how much it matters, not how well the full
model will do.
"""

from clsloc_utils.sweeps.models import joined_maps, small_model
from clsloc_utils.sweeps.settings import (
    LOSS_POWERS,
    OPTIMIZERS,
    PUBLISHED_WEIGHTS,
    TRUNK_WIDTH,
    PublishedWeight,
    Setting,
    baseline_loss,
    loss_in_units,
    relative_weight,
    weight_grid,
)
from clsloc_utils.sweeps.sweep import SweepResult, compare_losses, compare_scales, run_sweep
from clsloc_utils.sweeps.tables import (
    MEASURES,
    best_of_each_loss,
    best_row,
    summarize,
    table,
    write_rows,
)

__all__ = [
    "LOSS_POWERS",
    "MEASURES",
    "OPTIMIZERS",
    "PUBLISHED_WEIGHTS",
    "TRUNK_WIDTH",
    "PublishedWeight",
    "Setting",
    "SweepResult",
    "baseline_loss",
    "best_of_each_loss",
    "best_row",
    "compare_losses",
    "compare_scales",
    "joined_maps",
    "loss_in_units",
    "relative_weight",
    "run_sweep",
    "small_model",
    "summarize",
    "table",
    "weight_grid",
    "write_rows",
]
