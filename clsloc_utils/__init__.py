"""Shared, tested code of the course on image classification and localization.

The modules, ground floor first: `quiet`, `profiles`, `progress`, `files`, `paths`, `photos`, `checkup`, `host`,
`joints`, `pictures`, `options`, `predicting`, `boxes`, `datasets`, `pipelines`, `state_dicts`, `efficientnet`,
`backbones`, `losses`, `metrics`, `baselines`, `tasks`, `models`, `distribution`, `training`, `recipes`, `sweeps`,
`learning_curves`, `exporting`, `plotting`, `widgets`, `exercises`, `reports`, `runs`, `cli`. An import points to an
earlier one of this list, never to a later one.
"""

import os

__version__ = "0.1.0"

# TensorFlow prints its start-up notes to standard error before anyone can configure logging; a learner needs none of
# them. Whoever does sets the variable before importing this package.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# TensorFlow leaves oneDNN's kernels off on x86 processors without AVX-512; on one of these, the heads of notebook 03
# took half the processor time with them. TensorFlow reads the variable while it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
