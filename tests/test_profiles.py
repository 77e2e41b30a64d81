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
    assert (changed.name, changed.data, changed.pose_data) == ("fast (overridden)", "photos", "toy_pose")
    assert changed.backbone == changed.pose_backbone == "net.keras"
    only_data = profiles.current_profile({"CLSLOC_PROFILE": "full", "CLSLOC_DATA": "photos"})
    assert only_data == dataclasses.replace(profiles.FULL, name="full (overridden)", data="photos")


@pytest.mark.parametrize("name", ["fast", "full"])
def test_the_backbone_follows_the_data(name):
    def of(**variables):
        return profiles.current_profile({"CLSLOC_PROFILE": name} | variables)

    photographs = {"fast": "efficientnet_lite0", "full": "resnet50"}[name]
    on_photographs, on_drawings = of(CLSLOC_DATA="wildlife"), of(CLSLOC_DATA="toy_voc")
    assert (on_photographs.backbone, on_photographs.image_size) == (photographs, 224)
    assert (on_drawings.backbone, on_drawings.image_size) == ("tiny_resnet", 128)
    people, drawn_people = of(CLSLOC_POSE_DATA="lspet"), of(CLSLOC_POSE_DATA="toy_pose")
    assert (people.pose_backbone, people.pose_image_size) == (photographs, 224)
    assert (drawn_people.pose_backbone, drawn_people.pose_image_size) == ("tiny_resnet_people", 160)
    assert people.data == profiles.PROFILES[name].data
    named = of(CLSLOC_DATA="wildlife", CLSLOC_BACKBONE="tiny_resnet")
    assert named.backbone == named.pose_backbone == "tiny_resnet"
    assert named.on(drawn=False) == named


def test_what_somebody_set_stays():
    own = dataclasses.replace(profiles.FAST, backbone="net.keras", epochs=99)
    on_photographs = own.on(drawn=False)
    assert (on_photographs.backbone, on_photographs.epochs, on_photographs.image_size) == ("net.keras", 99, 224)
    assert on_photographs.on(drawn=True) == own


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
