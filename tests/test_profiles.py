"""The two profiles and what overrides them."""

import dataclasses

import pytest

from clsloc_utils import profiles
from clsloc_utils.progress import progress


def test_fast_is_the_default_and_empty_means_unset():
    assert profiles.current_profile({}) is profiles.FAST
    assert profiles.current_profile({"CLSLOC_PROFILE": "", "CLSLOC_DATA": ""}) is profiles.FAST
    assert profiles.current_profile({"CLSLOC_PROFILE": "full"}) is profiles.FULL


def test_variables_override_their_fields():
    changed = profiles.current_profile({"CLSLOC_DATA": "photos", "CLSLOC_BACKBONE": "net.keras"})
    backbones = {"backbone": "net.keras", "pose_backbone": "net.keras"}
    assert changed == dataclasses.replace(profiles.FAST, name="fast (overridden)", data="photos", **backbones)
    poses = profiles.current_profile({"CLSLOC_POSE_DATA": "people"})
    assert poses == dataclasses.replace(profiles.FAST, name="fast (overridden)", pose_data="people")
    only_data = profiles.current_profile({"CLSLOC_PROFILE": "full", "CLSLOC_DATA": "photos"})
    assert only_data.data == "photos"
    assert only_data.backbone == profiles.FULL.backbone
    assert only_data.pose_data == profiles.FULL.pose_data == "lsp"


def test_unknown_profile_is_named_with_the_remedy():
    with pytest.raises(ValueError, match="CLSLOC_PROFILE is 'slow'; set it to one of fast, full"):
        profiles.current_profile({"CLSLOC_PROFILE": "slow"})


def test_profiles_cannot_be_changed_by_accident():
    with pytest.raises(dataclasses.FrozenInstanceError):
        profiles.FAST.image_size = 1


def test_progress_goes_to_standard_output(capsys):
    assert list(progress(range(3), description="Counting")) == [0, 1, 2]
    captured = capsys.readouterr()
    assert "Counting: 100%" in captured.out
    assert captured.err == ""
