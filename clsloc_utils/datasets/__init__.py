"""The data: every source is a TFDS builder, and one loader names them all.

Every example of a source of boxes looks as those of TFDS's `voc`, every example of a source of poses as `pose_features`
says.
"""

from clsloc_utils.datasets.archives import Archive, Release, registry
from clsloc_utils.datasets.coco_folder import CocoFolder
from clsloc_utils.datasets.downloads import DownloadError
from clsloc_utils.datasets.drawn_folder import write_drawn_folder
from clsloc_utils.datasets.folders import FolderReport, Problem
from clsloc_utils.datasets.loader import (
    PUBLISHED_COUNTS,
    SourceInfo,
    check_published_counts,
    info,
    load,
    options_without_tuner,
    prepare,
    report,
)
from clsloc_utils.datasets.lsp_folder import LspFolder
from clsloc_utils.datasets.pose_features import pose_features
from clsloc_utils.datasets.preparing import SOURCES
from clsloc_utils.datasets.voc_features import VOC_CLASS_NAMES, VOC_POSES, voc_features
from clsloc_utils.datasets.voc_folder import VocFolder
from clsloc_utils.datasets.voc_table import voc2007_annotations, voc2007_objects
from clsloc_utils.datasets.yolo_folder import YoloFolder

__all__ = [
    "PUBLISHED_COUNTS",
    "SOURCES",
    "VOC_CLASS_NAMES",
    "VOC_POSES",
    "Archive",
    "CocoFolder",
    "DownloadError",
    "FolderReport",
    "LspFolder",
    "Problem",
    "Release",
    "SourceInfo",
    "VocFolder",
    "YoloFolder",
    "check_published_counts",
    "info",
    "load",
    "options_without_tuner",
    "pose_features",
    "prepare",
    "registry",
    "report",
    "voc2007_annotations",
    "voc2007_objects",
    "voc_features",
    "write_drawn_folder",
]
