"""From a profile to a trained model."""

import dataclasses

import keras
import numpy as np
import pytest
from helpers.folders import LspWriter

from clsloc_utils import datasets, models, pipelines, profiles, recipes, training


@pytest.fixture
def small_profile(voc_folder, tmp_path, monkeypatch):
    """A profile of a small folder of pictures and a random backbone of two feature levels."""
    monkeypatch.setenv("CLSLOC_DATA_DIR", str(tmp_path / "data"))
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    fine = keras.layers.Conv2D(8, 3, strides=8, padding="same", activation="relu")(inputs)
    coarse = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(fine)
    file = tmp_path / "backbone.keras"
    keras.Model(inputs, coarse).save(file)
    return dataclasses.replace(profiles.FAST, data=str(voc_folder), backbone=str(file), copies=2, epochs=2)


def test_finished_model_is_trained_once_and_then_found(small_profile, monkeypatch):
    first = recipes.finished_model(small_profile)
    monkeypatch.setattr(recipes.training, "train_heads", lambda *_, **__: pytest.fail("trained again"))
    second = recipes.finished_model(small_profile)
    images = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype("float32")
    for name, values in first.predict_on_batch(images).items():
        np.testing.assert_array_equal(values, second.predict_on_batch(images)[name])


def test_another_profile_gets_another_model(small_profile):
    recipes.finished_model(small_profile)
    recipes.finished_model(dataclasses.replace(small_profile, epochs=1))
    folder = training.default_cache_directory().parent / "models"
    assert len(list(folder.glob("*.keras"))) == 2


def test_cached_split_holds_the_split(small_profile):
    source = datasets.info(small_profile.data)
    backbone = recipes.load_backbone(small_profile.backbone)
    cache = recipes.cache_split(backbone, source, source.test_split, copies=2)
    batches = pipelines.batches(source.name, source.test_split, image_size=32, batch_size=100)
    images, targets = next(iter(batches))
    assert cache.num_examples == len(images)
    np.testing.assert_array_equal(cache.arrays["label"][: len(images)], targets["label"])
    np.testing.assert_allclose(cache.arrays["box"][: len(images)], targets["box"])
    assert not np.allclose(cache.arrays["box"][len(images) :], targets["box"]), "copy 1 is augmented"
    features = backbone.predict_on_batch(images)
    np.testing.assert_allclose(cache.arrays["coarse"][: len(images)], features, rtol=2e-3, atol=2e-2)


def test_other_pixels_are_cached_anew(small_profile, people, monkeypatch):
    source = datasets.info(small_profile.data)
    backbone = recipes.load_backbone(small_profile.backbone)
    first, again = (recipes.cache_split(backbone, source, source.test_split).path for _ in range(2))
    monkeypatch.setattr(pipelines, "VERSION", pipelines.VERSION + 1)
    changed = recipes.cache_split(backbone, source, source.test_split).path
    assert first == again != changed
    usual, same, other = (
        recipes.cache_split(backbone, people, "train", **reading).path
        for reading in ({}, {"margin": 0.15}, {"margin": 0.3})
    )
    assert usual == same != other


@pytest.fixture
def people(tmp_path):
    writer = LspWriter(tmp_path / "people", extended=True)
    writer.write(10)
    return datasets.info(writer.folder)


@pytest.mark.filterwarnings("error:Your input ran out of data")
@pytest.mark.parametrize("task", ["boxes", "pose"])
def test_fine_tuning_moves_the_backbone_as_it_is_asked_and_freezes_it_again(task, small_profile, people, monkeypatch):
    backbone = recipes.load_backbone(small_profile.backbone)
    if task == "boxes":
        source, model = datasets.info(small_profile.data), models.two_head_model(backbone, 3)
        reader, reading, little = "batches", {"difficult": "exclude"}, pipelines.Augmentation(flip=False)
    else:
        source, model = people, models.pose_model(backbone)
        reader, reading, little = "pose_batches", {"margin": 0.3}, pipelines.PoseAugmentation(rotation=5.0)
    read, asked = getattr(pipelines, reader), []

    def note(name, split, **options):
        asked.append((split, options[next(iter(reading))], options.get("augmented", False), options["image_size"]))
        return read(name, split, **options)

    monkeypatch.setattr(pipelines, reader, note)
    features = model.get_layer("features")
    before = [weight.numpy() for weight in features.weights]
    history = recipes.fine_tune(model, source, epochs=2, batch_size=2, augmentation=little, reading=reading)
    (value,) = reading.values()
    assert asked == [(source.train_split, value, little, 32), (source.validation_split, value, False, 32)]
    assert len(history.history["loss"]) == 2
    assert {"boxes": "val_clsloc_accuracy_50", "pose": "val_pck_20"}[task] in history.history
    assert all(not np.array_equal(old, new.numpy()) for old, new in zip(before, features.weights, strict=True))
    assert not features.trainable_weights


@pytest.mark.parametrize(
    ("backbone", "drawn", "line"),
    [
        (
            "efficientnet_lite0",
            False,
            "Backbone efficientnet_lite0, pretrained on photographs; mine holds photographs.",
        ),
        ("tiny_resnet", True, "Backbone tiny_resnet, pretrained on drawings; mine holds drawings."),
        ("resnet50", True, "Backbone resnet50, pretrained on photographs; mine holds drawings."),
        ("net.keras", False, "Backbone net.keras; mine holds photographs."),
    ],
)
def test_a_line_says_which_backbone_and_why(backbone, drawn, line, recwarn):
    source = datasets.SourceInfo("mine", ("a",), {"train": 1}, "train", "train", "train", "", drawn=drawn)
    assert recipes.reason_for_backbone(backbone, source) == line
    assert not recwarn


@pytest.mark.parametrize(("backbone", "task"), [("tiny_resnet", "boxes"), ("tiny_resnet_people", "pose")])
def test_a_backbone_that_knows_drawings_is_warned_of_on_photographs(backbone, task):
    source = datasets.SourceInfo("mine", ("a",), {"train": 1}, "train", "train", "train", "", task=task)
    with pytest.warns(UserWarning, match=f"backbone {backbone} was pretrained on drawings .* take efficientnet_lite0"):
        recipes.reason_for_backbone(backbone, source)


def test_the_backbone_of_a_profile_follows_the_source():
    photographs = datasets.SourceInfo("mine", ("a",), {"train": 1}, "train", "train", "train", "")
    drawings = dataclasses.replace(photographs, drawn=True)
    people = dataclasses.replace(photographs, task="pose")
    assert recipes.backbone_of(profiles.FAST, photographs) == ("efficientnet_lite0", 224)
    assert recipes.backbone_of(profiles.FAST, drawings) == ("tiny_resnet", 128)
    assert recipes.backbone_of(profiles.FULL, drawings) == ("tiny_resnet", 128)
    assert recipes.backbone_of(profiles.FULL, people) == ("resnet50", 224)
    named = profiles.current_profile({"CLSLOC_BACKBONE": "mobilenet_v2"})
    assert recipes.backbone_of(named, photographs) == ("mobilenet_v2", None)
