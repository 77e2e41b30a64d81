"""The data: every source is a TFDS builder, every example looks as those of TFDS's `voc`, one loader names them all."""

from clsloc_utils.datasets.loader import SOURCES, SourceInfo, info, load
from clsloc_utils.datasets.voc_features import VOC_CLASS_NAMES, VOC_POSES, voc_features
from clsloc_utils.datasets.voc_folder import FolderReport, Problem, VocFolder, report

__all__ = [
    "SOURCES",
    "VOC_CLASS_NAMES",
    "VOC_POSES",
    "FolderReport",
    "Problem",
    "SourceInfo",
    "VocFolder",
    "info",
    "load",
    "report",
    "voc_features",
]
