"""What decides a training: what is given, what comes from profile and source, and which images are used."""

import dataclasses
import json

import pytest

from clsloc_utils import datasets, profiles, recipes, runs


@pytest.fixture
def source():
    return datasets.SourceInfo(
        "some", ("a", "b"), {"train": 100, "test": 50}, "train[:85%]", "train[85%:]", "test", "x"
    )


def test_what_is_not_given_comes_from_profile_and_source(source):
    options = runs.resolve_options({"epochs": 7, "box_head": None}, source, profiles.FULL)
    expected = {
        "epochs": 7,
        "box_head": "spatial",
        "backbone": "resnet50",
        "image_size": 224,
        "fine_tune": "all",
        "fine_tune_epochs": 5,
        "fine_tune_stages": [["last", 3e-4], ["all", 1e-4]],
        "train_split": "train",
        "test_split": "test",
    }
    assert {name: options[name] for name in expected} == expected
    assert runs.resolve_options({}, source, profiles.FAST)["fine_tune"] == "none"
    last = runs.resolve_options({"fine_tune": "last"}, source, profiles.FAST)
    assert (last["fine_tune_epochs"], last["fine_tune_stages"]) == (30, [["last", 3e-4]])
    assert last["precision"] is None, "in this profile"
    assert runs.resolve_options({"backbone": "alexnet"}, source, profiles.FAST)["image_size"] is None, "its own"


@pytest.mark.parametrize(
    ("train", "validation", "learned"),
    [
        ("train[:85%]", "train[85%:]", "train"),
        ("train[:70%]", "train[70%:85%]", "train[:85%]"),
        ("train", "validation", "train"),
    ],
)
def test_all_photos_that_are_not_for_the_evaluation_are_learned_from(train, validation, learned, source):
    source = dataclasses.replace(source, train_split=train, validation_split=validation)
    assert runs.resolve_options({}, source, profiles.FAST)["train_split"] == learned


@pytest.mark.parametrize(
    ("given", "kept"),
    [("mine.keras", "{}/mine.keras"), ("resnet50:mine.h5", "resnet50:{}/mine.h5"), ("resnet50", "resnet50")],
)
def test_files_of_backbones_are_kept_with_their_whole_paths(given, kept, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in ("mine.keras", "mine.h5"):
        (tmp_path / file).touch()
    options = runs.resolve_options({"backbone": given}, source, profiles.FAST)
    assert options["backbone"] == kept.format(tmp_path)
    assert runs.options.given_otherwise({"backbone": given, "epochs": None}, options) == []


def test_folders_that_are_called_as_options_are_do_not_matter(source, tmp_path, monkeypatch):
    """Names of splits, backbones and heads are no paths, whatever lies in the current folder."""
    monkeypatch.chdir(tmp_path)
    given = {"backbone": "tiny_resnet", "test_split": "validation", "box_head": "spatial", "fine_tune": "last"}
    for name in given.values():
        (tmp_path / name).mkdir()
    options = runs.resolve_options(given, source, profiles.FAST)
    assert {name: options[name] for name in given} == given
    assert runs.options.given_otherwise(given, options) == []


@pytest.mark.parametrize(("task", "of_task"), [("boxes", "box_weight"), ("pose", "augmentation")])
def test_a_run_fine_tunes_by_the_recipe_of_the_profile_it_was_begun_with(source, task, of_task, tmp_path, monkeypatch):
    asked = {}

    def note(model, info, profile, **options):
        asked.update(options, profile=profile)
        return {}

    monkeypatch.setattr(recipes, "fine_tune_in_stages", note)
    monkeypatch.setattr(recipes.tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    source = dataclasses.replace(source, task=task)
    options = runs.resolve_options({"batch_size": 7, "seed": 3}, source, profiles.FULL)
    config = json.loads(json.dumps({"options": options, "validation_split": None}))
    runs.training._Training(tmp_path, config, source, None, None, None, print)._fine_tune()
    profile = asked["profile"]
    assert [tuple(stage) for stage in profile.fine_tune_stages] == list(profiles.FULL.fine_tune_stages)
    assert (profile.fine_tune_epochs, profile.batch_size) == (profiles.FULL.fine_tune_epochs, 7)
    assert (asked["precision"], asked["seed"], asked["validate"]) == ("mixed_float16", 3, False)
    assert set(asked["checkpoints"]) == {"last", "all"}
    assert of_task in asked


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("train", "test", False),
        ("train[:85%]", "train[85%:]", False),
        ("train[:86%]", "train[85%:]", True),
        ("train+test", "test[:1]", True),
        ("train[10:20]", "train[20:]", False),
        ("train[10:21]", "train[20:30]", True),
    ],
)
def test_splits_that_share_images_are_found(first, second, shared, source):
    assert runs.sources.overlap(source, first, second) == shared


def test_images_left_out_for_their_objects_are_counted(source):
    remarks = []
    for used in (100, 97):
        runs.sources.tell_how_many(source, "train[:50%]+train[50%:]", used, remarks.append)
    assert remarks == [
        "97 of 100 images of 'train[:50%]+train[50%:]' have exactly one object; the others are left out."
    ]
