"""A model and a cache of features for each kind of thing that is learned."""

import pytest
from helpers.learning import BOXES, KEY, POSE

from clsloc_utils import training


@pytest.fixture(params=[BOXES, POSE], ids=["boxes", "pose"])
def kind(request):
    """Boxes and poses; a test of one of them names it with `of_boxes` or `of_poses`."""
    return request.param


@pytest.fixture
def model(kind):
    return kind.model()


@pytest.fixture
def cache(kind, model, tmp_path):
    """Two copies of ten examples."""
    return training.cache_features(model, kind.batches, KEY, copies=2, directory=tmp_path)
