"""Backbones: networks that turn an image into a map of features, with their preprocessing inside.

Every backbone of the course maps RGB images of 0..255 to one feature map, so that nobody can forget, or repeat, the
scaling a network was trained with. `load_backbone` finds one by name, from a `.keras` file, or takes a `keras.Model`;
`feature_extractor` also gives out the map of twice the resolution that the spatial box head reads.
"""

from clsloc_utils.backbones.applications import APPLICATION_IMAGE_SIZE, ApplicationPreprocessing, application_names
from clsloc_utils.backbones.features import feature_extractor
from clsloc_utils.backbones.loading import OWN_NETWORKS, OwnNetwork, load_backbone, pretrained_on
from clsloc_utils.backbones.networks import LocalResponseNormalization, alexnet, tiny_resnet
from clsloc_utils.backbones.weights import load_weights, save_weights

__all__ = [
    "APPLICATION_IMAGE_SIZE",
    "OWN_NETWORKS",
    "ApplicationPreprocessing",
    "LocalResponseNormalization",
    "OwnNetwork",
    "alexnet",
    "application_names",
    "feature_extractor",
    "load_backbone",
    "load_weights",
    "pretrained_on",
    "save_weights",
    "tiny_resnet",
]
