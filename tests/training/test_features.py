"""The feature cache: what is in it, when it is made anew, that no fault of it goes unnoticed."""

import json
import multiprocessing
import os
import re
import signal
import time

import keras
import numpy as np
import pytest
from helpers.folders import needs_sigkill
from helpers.learning import BOXES, KEY, POSE, of_boxes, of_poses
from helpers.models import small_backbone

from clsloc_utils import models, training
from clsloc_utils.training import features

# --- what is in it


def test_cache_holds_features_and_targets_of_all_copies(kind, model, cache):
    assert (cache.num_examples, cache.copies, cache.levels) == (10, 2, ("coarse", "fine"))
    assert set(cache.arrays) == {"coarse", "fine", *kind.task.arrays}
    images = kind.examples()[0]
    for copy in range(2):
        rows = slice(10 * copy, 10 * copy + 10)
        for level, values in model.get_layer("features").predict_on_batch(images + 3 * copy).items():
            # One step of float16: another graph may round a value that lies between two of them to the other.
            np.testing.assert_allclose(cache.arrays[level][rows], values, rtol=2**-10, atol=1e-6)
        for name, values in kind.arrays().items():
            np.testing.assert_array_equal(cache.arrays[name][rows], values)
            assert cache.arrays[name].dtype == kind.task.arrays[name]
    assert isinstance(cache.arrays["coarse"], np.memmap)
    assert cache.arrays["fine"].shape == (20, 4, 4, 16)


@of_poses
def test_nothing_of_an_unlabelled_joint_is_kept_and_without_weights_all_are_labelled(model, cache, tmp_path):
    images, targets, weights = POSE.examples()
    targets["joints"][weights["joints"] == 0] = np.nan
    junk = training.cache_features(model, [(images, targets, weights)], {"source": "junk"}, directory=tmp_path)
    for kept in (junk.arrays["joints"], training.predict(model, [(images, targets, weights)])["true_joints"]):
        np.testing.assert_array_equal(kept, cache.arrays["joints"][:10])
    assert (junk.arrays["weight"] == 0).any()
    unweighted = training.cache_features(
        model, [(images, POSE.examples()[1])], {"source": "unweighted"}, directory=tmp_path
    )
    np.testing.assert_array_equal(unweighted.arrays["weight"], np.ones((10, 14)))


@of_boxes
def test_all_copies_go_through_one_graph(model, tmp_path, monkeypatch):
    build, built = features.forward_of, []
    monkeypatch.setattr(features, "forward_of", lambda *arguments: built.append(arguments) or build(*arguments))
    training.cache_features(model, BOXES.batches, KEY, copies=3, directory=tmp_path)
    assert len(built) == 1


# --- when it is made anew


@of_boxes
def test_each_ingredient_has_its_own_cache_that_is_computed_once(model, cache, tmp_path):
    def path_of(batches=BOXES.batches, key=KEY, copies=2, model=model):
        return training.cache_features(model, batches, key, copies=copies, directory=tmp_path).path

    assert path_of(lambda copy: pytest.fail("computed again")) == cache.path
    paths = [cache.path, path_of(key=KEY | {"image_size": 33}), path_of(copies=1)]
    kernel = model.get_layer("features").weights[0]
    kernel.assign_add(np.full(kernel.shape, 1e-6, "float32"))
    paths.append(path_of())
    assert len(set(paths)) == 4
    backbone = small_backbone()
    of_heads = {path_of(model=models.two_head_model(backbone, 3, head)) for head in models.BOX_HEADS}
    assert of_heads == {path_of(model=backbone)}, "all heads share one"


@of_boxes
def test_features_of_another_precision_are_others_and_near(model, cache, tmp_path):
    half = training.cache_features(model, BOXES.batches, KEY, copies=2, directory=tmp_path, precision="mixed_bfloat16")
    assert {layer.compute_dtype for layer in model.get_layer("features").layers} == {"float32"}
    assert half.path != cache.path
    for level in cache.levels:
        exact = cache.arrays[level]
        assert not np.array_equal(half.arrays[level], exact)
        # bfloat16 keeps eight bits: two or three digits.
        np.testing.assert_allclose(half.arrays[level], exact, atol=0.03 * np.abs(exact).max())
    with pytest.raises(ValueError, match="mixed_nothing"):
        training.cache_features(model, BOXES.batches, KEY, directory=tmp_path, precision="mixed_nothing")


def test_fingerprint_minds_what_is_computed_and_not_the_names():
    def network(scale=1.0, activation="relu"):
        inputs = outputs = keras.Input((16, 16, 3))
        outputs = keras.layers.Rescaling(scale)(outputs)
        outputs = keras.layers.Conv2D(2, 3, activation=activation, kernel_initializer="ones")(outputs)
        return keras.Model(inputs, outputs)

    first, second = network(), network()
    assert first.layers[-1].name != second.layers[-1].name
    fingerprint = training.backbone_fingerprint(first)
    second.trainable = False
    assert training.backbone_fingerprint(second) == fingerprint
    assert training.backbone_fingerprint(network(scale=2.0)) != fingerprint, "preprocessing"
    assert training.backbone_fingerprint(network(activation="tanh")) != fingerprint, "architecture"
    second.layers[-1].kernel.assign_add(np.full((3, 3, 3, 2), 1e-6, "float32"))
    assert training.backbone_fingerprint(second) != fingerprint, "weights"


def test_caches_lie_in_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CLSLOC_DATA_DIR", str(tmp_path))
    assert training.default_cache_directory() == tmp_path / "features"
    monkeypatch.delenv("CLSLOC_DATA_DIR")
    assert training.default_cache_directory().name == "features"


# --- faults


def truncate(path):
    os.truncate(path / "fine.npy", (path / "fine.npy").stat().st_size - 2)


def remove(path):
    (path / "label.npy").unlink()


def cut_manifest(path):
    os.truncate(path / "manifest.json", 100)


def lose_manifest(path):
    (path / "manifest.json").unlink()


@of_boxes
@pytest.mark.parametrize("fault", [truncate, remove, cut_manifest, lose_manifest])
def test_a_bad_cache_is_refused_and_computed_again(fault, model, cache, tmp_path, capsys):
    expected = np.array(cache.arrays["fine"])
    fault(cache.path)
    with pytest.raises(training.FeatureCacheError, match=re.escape(f"{cache.path}: unreadable")):
        training.FeatureCache.open(cache.path)
    capsys.readouterr()
    again = training.cache_features(model, BOXES.batches, KEY, copies=2, directory=tmp_path)
    assert "computing it again" in capsys.readouterr().out
    np.testing.assert_array_equal(again.arrays["fine"], expected)
    training.FeatureCache.open(cache.path)


@of_boxes
def test_a_cache_of_something_else_or_of_another_format_is_refused(model, cache, tmp_path, capsys):
    key = cache.manifest["key"]
    training.FeatureCache.open(cache.path, key)
    with pytest.raises(training.FeatureCacheError, match=r"made of .*, not of"):
        training.FeatureCache.open(cache.path, key | {"data": {"source": "other"}})
    other = training.cache_features(model, BOXES.batches, {"source": "other"}, copies=2, directory=tmp_path)
    for file in cache.path.iterdir():
        (other.path / file.name).write_bytes(file.read_bytes())
    again = training.cache_features(model, BOXES.batches, {"source": "other"}, copies=2, directory=tmp_path)
    assert "made of" in capsys.readouterr().out
    assert again.manifest["key"]["data"]["source"] == "other"
    (cache.path / "manifest.json").write_text(json.dumps(cache.manifest | {"format": 0}))
    with pytest.raises(training.FeatureCacheError, match="format 0"):
        training.FeatureCache.open(cache.path)


@of_boxes
def test_an_interruption_leaves_nothing_that_looks_like_a_cache(model, tmp_path):
    def interrupted(copy):
        for number, batch in enumerate(BOXES.batches(copy)):
            if copy == 1 and number == 1:
                raise KeyboardInterrupt
            yield batch

    with pytest.raises(KeyboardInterrupt):
        training.cache_features(model, interrupted, KEY, copies=2, directory=tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def _write_until_killed(directory, written):
    def endless(copy):
        for batch in BOXES.batches(copy):
            yield batch
            written.set()
            time.sleep(600)

    training.cache_features(BOXES.model(), endless, KEY, directory=directory)


@pytest.mark.slow
@needs_sigkill
@of_boxes
def test_a_killed_run_is_cleaned_up_by_the_next(model, tmp_path):
    context = multiprocessing.get_context("spawn")
    written = context.Event()
    process = context.Process(target=_write_until_killed, args=(tmp_path, written))
    process.start()
    while process.is_alive() and not written.wait(1):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert list(tmp_path.glob("*.part-*")), "it was in the middle of writing"
    assert training.cache_features(model, BOXES.batches, KEY, directory=tmp_path).num_examples == 10
    assert not list(tmp_path.glob("*.part-*"))


IMAGES = BOXES.examples()[0]


def of_people(joints, weights):
    return POSE, [(IMAGES, {"joints": joints}, {"joints": weights})], 1


@pytest.mark.parametrize(
    ("kind", "batches", "copies", "message"),
    [
        (BOXES, lambda copy: BOXES.batches(copy, 10 + copy), 2, "copy 1 has 11 images, the first one 10"),
        (BOXES, lambda copy: [], 1, "at least one image"),
        (BOXES, [(IMAGES, {"label": np.zeros(10)})], 1, "targets must have 'box'"),
        (BOXES, [(IMAGES, {"label": np.zeros(9), "box": np.zeros((10, 4))})], 1, "targets must have 'label'"),
        (BOXES, [(IMAGES, {"label": np.zeros(10), "box": np.full((10, 4), np.nan)})], 1, "box: values from nan"),
        (BOXES, [BOXES.examples()], 2, "pass a function"),
        (*of_people(np.zeros((9, 14, 2)), np.ones((9, 14))), "targets must have 'joints'"),
        (*of_people(np.zeros((10, 14, 2)), np.ones((10, 13))), r"need weights \(10, 14\); got \(10, 13\)"),
        (*of_people(np.full((10, 14, 2), np.nan), np.ones((10, 14))), "joints: values from nan"),
        (POSE, [(*BOXES.examples(), {"box": np.ones(10)})], 1, "weights of joints only"),
    ],
)
def test_bad_batches_are_refused(batches, copies, message, model, tmp_path):
    with pytest.raises(ValueError, match=message):
        training.cache_features(model, batches, KEY, copies=copies, directory=tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


@of_boxes
def test_what_cannot_be_kept_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match="text, numbers, lists and dicts"):
        training.cache_features(model, BOXES.batches, {"source": object()}, directory=tmp_path)
    norms = [each for each in model.get_layer("features").layers if isinstance(each, keras.layers.BatchNormalization)]
    norms[-1].gamma.assign(np.full(16, 1e8))
    with pytest.raises(ValueError, match=r"coarse: values from .* do not fit float16"):
        training.cache_features(model, BOXES.batches, KEY, directory=tmp_path)


# --- batches of a cache


@of_boxes
def test_every_epoch_sees_everything_once_in_another_order(cache):
    def ids(data):
        return [tuple(box) for _, targets in data for box in targets["box"]]

    everything = sorted(tuple(box) for box in cache.arrays["box"])
    data = cache.batches(6, seed=0)
    assert [len(targets["label"]) for _, targets in data] == [6, 6, 6, 2]
    first = ids(data)
    data.on_epoch_end()
    second = ids(data)
    assert sorted(first) == sorted(second) == everything
    assert first != second
    assert first == ids(cache.batches(6, seed=0))
    assert first != ids(cache.batches(6, seed=1))


@of_boxes
def test_fit_shows_the_heads_every_example_in_each_epoch(model, cache):
    shown = []

    class Spy(models.TwoHeadModel):
        def train_step(self, data):
            shown.append([tuple(row.ravel()) for row in data[0]["coarse"].numpy()])
            return super().train_step(data)

    heads = model.get_layer("heads")
    spy = Spy(heads.input, heads.output)
    spy.compile(loss={"label": "sparse_categorical_crossentropy", "box": "mse"}, run_eagerly=True)
    spy.fit(cache.batches(6, seed=0), epochs=3, shuffle=False, verbose=0)
    epochs = [[row for batch in shown[start : start + 4] for row in batch] for start in (0, 4, 8)]
    everything = sorted(tuple(row.ravel()) for row in cache.arrays["coarse"].astype("float32"))
    assert all(sorted(epoch) == everything for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_features_targets_and_weights_stay_together(kind, cache):
    rows = {cache.arrays["coarse"][row].tobytes(): row for row in range(20)}
    seen = []
    for inputs, *others in cache.batches(7, seed=3):
        found = [rows[coarse.tobytes()] for coarse in inputs["coarse"]]
        seen += found
        np.testing.assert_array_equal(inputs["fine"], cache.arrays["fine"][found])
        expected = kind.task.to_batch({name: cache.arrays[name][found] for name in kind.task.arrays})
        keras.tree.map_structure(np.testing.assert_array_equal, tuple(others), expected)
    assert sorted(seen) == list(range(20))


@of_boxes
def test_half_precision_on_disk_is_single_precision_in_the_model(model, cache):
    inputs, _ = cache.batches(20, copies=1)[0]
    heads = model.get_layer("heads")
    assert {values.dtype.name for values in inputs.values()} == {"float16"}
    expected = heads.predict_on_batch({name: inputs[name].astype("float32") for name in heads.input})
    for found in (heads.predict_on_batch({name: inputs[name] for name in heads.input}), training.predict(heads, cache)):
        np.testing.assert_array_equal(found["box"], expected["box"])


@of_boxes
def test_plain_copy_and_single_level_can_be_chosen(cache):
    inputs, targets = cache.batches(100, levels=["coarse"], copies=1)[0]
    assert set(inputs) == {"coarse"}
    np.testing.assert_array_equal(targets["label"], BOXES.examples()[1]["label"])
    with pytest.raises(training.FeatureCacheError, match="no level 'middle'"):
        cache.batches(levels=["middle"])
    with pytest.raises(training.FeatureCacheError, match="3 copies are asked for, it has 2"):
        cache.batches(copies=3)


@of_boxes
def test_some_images_come_with_all_their_copies_and_nothing_else(cache):
    some = cache.of_images([3, 5, 9])
    assert some.num_examples == 3
    for copies, expected in ((2, [3, 5, 9, 13, 15, 19]), (1, [3, 5, 9])):
        np.testing.assert_array_equal(some.rows(copies), expected)
        shown = np.concatenate([inputs["coarse"] for inputs, _ in some.batches(4, seed=1, copies=copies)])
        assert sorted(row.tobytes() for row in shown) == sorted(
            cache.arrays["coarse"][row].tobytes() for row in expected
        )
