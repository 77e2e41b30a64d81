"""Pose from cache to score: masked all the way, repeatable, and the two-head course's functions do both."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.models import small_backbone

from clsloc_utils import baselines, datasets, metrics, models, pipelines, recipes, tasks, training
from clsloc_utils.backbones import load_backbone

KEY = {"source": "made up", "image_size": 32}


def examples(count=10):
    """Images of noise with a bright patch, joints around it, one in six without a label."""
    rng = np.random.default_rng(0)
    centre = rng.uniform(0.3, 0.7, (count, 1, 2))
    joints = (centre + rng.uniform(-0.3, 0.3, (1, 14, 2))).astype("float32")
    weights = (rng.uniform(size=(count, 14)) < 0.85).astype("float32")
    weights[:, [2, 9]] = 1
    joints[weights == 0] = 0.5
    images = rng.uniform(0, 60, (count, 32, 32, 3)).astype("float32")
    for image, (x, y) in zip(images, (centre[:, 0] * 32).astype(int), strict=True):
        image[y - 4 : y + 4, x - 4 : x + 4] += 180
    return images, {"joints": joints}, {"joints": weights}


def batches(copy=0, count=10, size=4, junk=0.5):
    """Ten examples in batches of 4, 4 and 2; another copy is a little brighter."""
    images, targets, weights = examples(count)
    targets["joints"][weights["joints"] == 0] = junk
    for start in range(0, count, size):
        rows = slice(start, start + size)
        yield images[rows] + 3 * copy, {"joints": targets["joints"][rows]}, {"joints": weights["joints"][rows]}


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return models.pose_model(small_backbone())


@pytest.fixture
def cache(model, tmp_path):
    return training.cache_features(model, batches, KEY, copies=2, directory=tmp_path)


# --- cache


def test_cache_holds_joints_and_weights_of_all_copies(model, cache):
    images, targets, weights = examples()
    assert (cache.num_examples, cache.copies, cache.levels) == (10, 2, ("coarse", "fine"))
    assert set(cache.arrays) == {"coarse", "fine", "joints", "weight"}
    for copy in range(2):
        rows = slice(10 * copy, 10 * copy + 10)
        np.testing.assert_array_equal(cache.arrays["joints"][rows], targets["joints"])
        np.testing.assert_array_equal(cache.arrays["weight"][rows], weights["joints"])
        maps = model.get_layer("features").predict_on_batch(images + 3 * copy)
        np.testing.assert_allclose(cache.arrays["fine"][rows], maps["fine"], rtol=2e-3, atol=1e-3)
    assert {cache.arrays[name].dtype.name for name in ("joints", "weight")} == {"float32"}


def test_nothing_of_an_unlabelled_joint_is_kept(model, tmp_path):
    clean = training.cache_features(model, batches, KEY, directory=tmp_path)
    junk = training.cache_features(model, batches(junk=np.nan), KEY | {"source": "junk"}, directory=tmp_path)
    np.testing.assert_array_equal(junk.arrays["joints"], clean.arrays["joints"])
    assert (junk.arrays["weight"] == 0).any()


def test_batches_of_a_cache_are_triples_and_stay_together(cache):
    rows = {tuple(row.ravel()): index for index, row in enumerate(cache.arrays["joints"])}
    assert len(rows) == 10, "both copies have the same joints"
    data = cache.batches(7, seed=3)
    assert [len(targets["joints"]) for _, targets, _ in data] == [7, 7, 6]
    for inputs, targets, weights in data:
        assert (set(inputs), set(targets), set(weights)) == ({"coarse", "fine"}, {"joints"}, {"joints"})
        for fine, joints, weight in zip(inputs["fine"], targets["joints"], weights["joints"], strict=True):
            index = rows[tuple(joints.ravel())]
            np.testing.assert_array_equal(weight, cache.arrays["weight"][index])
            assert any(np.array_equal(fine, cache.arrays["fine"][row]) for row in (index, index - 10))


def test_batches_without_weights_count_every_joint(model, tmp_path):
    images, targets, _ = examples()
    cache = training.cache_features(model, [(images, targets)], KEY, directory=tmp_path)
    np.testing.assert_array_equal(cache.arrays["weight"], np.ones((10, 14)))


@pytest.mark.parametrize(
    ("targets", "weights", "message"),
    [
        ({"joints": np.zeros((9, 14, 2))}, [{"joints": np.ones((9, 14))}], "targets must have 'joints'"),
        (
            {"joints": np.zeros((10, 14, 2))},
            [{"joints": np.ones((10, 13))}],
            r"need weights \(10, 14\); got \(10, 13\)",
        ),
        ({"joints": np.full((10, 14, 2), np.nan)}, [{"joints": np.ones((10, 14))}], "joints: values from nan"),
        ({"label": np.zeros(10), "box": np.zeros((10, 4))}, [{"box": np.ones(10)}], "weights of joints only"),
    ],
)
def test_bad_batches_are_refused(targets, weights, message, model, tmp_path):
    with pytest.raises(ValueError, match=message):
        training.cache_features(model, [(examples()[0], targets, *weights)], KEY, directory=tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


# --- training


@pytest.mark.parametrize("loss", ["l2", "l1", "smooth_l1"])
def test_keras_masks_loss_and_metrics_alike(loss, model):
    """Whatever stands for unlabelled joints, one step of `fit` and `evaluate` give the same numbers."""
    heads = model.get_layer("heads")
    before = heads.get_weights()
    images, targets, weights = examples()
    maps = model.get_layer("features").predict_on_batch(images)
    results = []
    for junk in (0.5, -1e30, np.nan):
        targets["joints"][weights["joints"] == 0] = junk
        heads.set_weights(before)
        training.compile_pose_model(heads, joint_loss=loss, optimizer=keras.optimizers.SGD(0.1))
        history = heads.fit(maps, targets, sample_weight=weights, batch_size=10, shuffle=False, verbose=0).history
        assert {"loss", "pck_20", "mean_error"} == set(history)
        assert np.isfinite(list(history.values())).all()
        results.append([history, heads.evaluate(maps, targets, sample_weight=weights, verbose=0), heads.get_weights()])
    for other in results[1:]:
        assert other[:2] == results[0][:2]
        for first, second in zip(results[0][2], other[2], strict=True):
            np.testing.assert_array_equal(first, second)
    assert any((first != second).any() for first, second in zip(before, results[0][2], strict=True))


def test_metrics_of_keras_are_those_of_the_module(model):
    images, targets, weights = examples()
    outputs = model.predict_on_batch(images)
    training.compile_pose_model(model)
    result = model.evaluate(images, targets, sample_weight=weights, batch_size=3, verbose=0, return_dict=True)
    arguments = targets["joints"], outputs["joints"], weights["joints"]
    assert result["pck_20"] == pytest.approx(float(metrics.PCK()(*arguments)))
    assert result["mean_error"] == pytest.approx(float(metrics.MeanJointError()(*arguments)), rel=1e-4)


@pytest.mark.parametrize("head", models.JOINT_HEADS)
def test_training_the_heads_teaches_the_whole_model(head, tmp_path):
    training.set_seed(0)
    model = models.pose_model(small_backbone(), joint_head=head)
    cache = training.cache_features(model, batches, KEY, directory=tmp_path)
    before = {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.get_layer("features").weights}
    first = training.evaluate(model, batches())
    training.train_heads(model, cache, epochs=60, batch_size=5, learning_rate=5e-3, verbose=False)
    last = training.evaluate(model, batches())
    assert last["pck_20"] > first["pck_20"] + 0.3
    assert last["mean_error"] < first["mean_error"] / 2
    for weight in model.get_layer("features").weights:
        np.testing.assert_array_equal(weight, before[weight.path])


def test_a_seed_fixes_the_history_bit_for_bit(tmp_path):
    histories = []
    for seed in (0, 0, 1):
        training.set_seed(seed)
        model = models.pose_model(small_backbone())
        cache = training.cache_features(model, batches, KEY, directory=tmp_path)
        history = training.train_heads(model, cache, cache, epochs=2, batch_size=4, seed=seed, verbose=False)
        histories.append(history.history)
    assert histories[0] == histories[1]
    assert histories[0]["loss"] != histories[2]["loss"]
    assert {"pck_20", "val_pck_20", "val_mean_error"} <= set(histories[0])


def test_the_best_epoch_is_kept(model):
    """Validation scores that are given: the second epoch is the best by PCK, the third ties and has less error."""
    scores = [(0.5, 0.1), (0.7, 0.3), (0.7, 0.2), (0.6, 0.05), (0.6, 0.05)]
    callback = training.BestEpoch(tasks.POSE, patience=2)
    heads = model.get_layer("heads")
    callback.set_model(heads)
    training.compile_pose_model(heads)
    callback.on_train_begin()
    for epoch, (pck, error) in enumerate(scores):
        heads.weights[0].assign(np.full(heads.weights[0].shape, epoch))
        callback.on_epoch_end(epoch, {"val_pck_20": pck, "val_mean_error": error})
    callback.on_train_end()
    assert heads.stop_training
    assert callback.stopped_epoch == 4
    assert float(keras.ops.max(heads.weights[0])) == 2


def test_patience_ends_a_training_that_gains_nothing(model, cache, monkeypatch):
    monkeypatch.setattr(training.BestEpoch, "get_monitor_value", lambda self, logs: 0.5)
    history = training.train_heads(model, cache, cache, epochs=9, batch_size=20, patience=2, verbose=False)
    assert len(history.epoch) == 3


def test_the_chosen_loss_is_used(model, cache):
    with pytest.raises(ValueError, match="Unknown joint loss 'l3'"):
        training.train_heads(model, cache, epochs=1, joint_loss="l3", verbose=False)
    training.train_heads(model, cache, epochs=1, joint_loss="smooth_l1", verbose=False)
    assert model.get_layer("heads").loss["joints"].name == "smooth_l1"


def test_the_bar_shows_pck(model, cache, capsys):
    training.train_heads(model, cache, cache, epochs=2, batch_size=10, description="joints")
    last = capsys.readouterr().out.rstrip().split("\r")[-1]
    assert last.startswith("joints: 100%")
    assert "epoch=2, loss=" in last
    assert "pck=" in last


def test_fine_tuning_moves_the_backbone_but_no_batch_norm(model):
    data = tf.data.Dataset.from_tensor_slices(examples()).batch(5)
    features, heads = model.get_layer("features"), model.get_layer("heads")
    before = {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights}
    history = training.fine_tune(model, data, data, epochs=2, layers="all", joint_loss="l2", verbose=False)
    moved = {weight.path for weight in model.weights if not np.array_equal(weight, before[weight.path])}
    norms = [each for each in (*features.layers, *heads.layers) if isinstance(each, keras.layers.BatchNormalization)]
    assert not moved & {weight.path for norm in norms for weight in norm.weights}
    convolutions = [each for each in features.layers if isinstance(each, keras.layers.Conv2D)]
    assert {each.kernel.path for each in convolutions} <= moved
    assert heads.get_layer("joint_heatmaps").kernel.path in moved
    assert "val_pck_20" in history.history
    assert not features.trainable_weights, "frozen again"


# --- judging


def test_evaluate_agrees_with_the_metrics(model):
    images, targets, weights = examples()
    weights["joints"][:3, 2] = 0
    arguments = targets["joints"], model.predict_on_batch(images)["joints"], weights["joints"]
    data = tf.data.Dataset.from_tensor_slices((images, targets, weights)).batch(3)
    result = training.evaluate(model, data)
    expected = metrics.pose_scores([arguments])
    assert result == {name: pytest.approx(value, rel=1e-4) for name, value in expected.items()}
    assert (result["num_examples"], result["num_skipped"]) == (10, 3)
    unweighted = training.evaluate(model, [(images, targets)])
    assert unweighted["num_skipped"] == 0


def test_cache_and_images_are_judged_alike(model, cache):
    from_cache, from_images = training.evaluate(model, cache), training.evaluate(model, batches())
    assert from_cache["num_examples"] == 10, "augmented copies are no test images"
    assert from_cache == {name: pytest.approx(value, abs=0.01) for name, value in from_images.items()}
    heads = model.get_layer("heads")
    assert training.evaluate(heads, cache) == from_cache


def test_predict_keeps_the_order_and_adds_the_truth(model, cache):
    images, targets, weights = examples()
    expected = model.predict_on_batch(images)["joints"]
    plain = training.predict(model, images)
    assert set(plain) == {"joints"}
    np.testing.assert_allclose(plain["joints"], expected, rtol=1e-4, atol=1e-5)
    with_truth = training.predict(model, batches(junk=np.nan))
    np.testing.assert_array_equal(with_truth["true_joints"], targets["joints"])
    np.testing.assert_array_equal(with_truth["weight"], weights["joints"])
    np.testing.assert_allclose(with_truth["joints"], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(training.predict(model, cache)["joints"], expected, atol=0.01)


def test_nothing_to_judge_is_an_error(model):
    with pytest.raises(ValueError, match="no examples"):
        training.evaluate(model, [])
    with pytest.raises(ValueError, match="no examples"):
        training.predict(model, [])
    with pytest.raises(ValueError, match="without targets"):
        training.evaluate(model, examples()[0])


# --- recipe


class Source:
    """What the recipe reads of a source of poses."""

    name, fingerprint, task = "people", "people-1", "pose"


def test_cached_pose_split_holds_the_split(monkeypatch, tmp_path):
    monkeypatch.setenv("CLSLOC_DATA_DIR", str(tmp_path))
    asked = []

    def pose_batches(source, split, **keywords):
        asked.append((source, split, keywords))
        return batches(copy=keywords["seed"])

    monkeypatch.setattr(pipelines, "pose_batches", pose_batches, raising=False)
    monkeypatch.setattr(pipelines, "PoseAugmentation", lambda: "as it is", raising=False)
    cache = recipes.cache_split(small_backbone(), Source, "train", copies=2, batch_size=4)
    np.testing.assert_array_equal(cache.arrays["joints"][10:], examples()[1]["joints"])
    common = {"image_size": 32, "batch_size": 4, "margin": 0.15}
    assert asked == [
        ("people", "train", common | {"augmented": False, "seed": 0}),
        ("people", "train", common | {"augmented": "as it is", "seed": 1}),
    ]
    assert cache.manifest["key"]["data"]["augmentation"] == "'as it is'"
    backbone = small_backbone()
    paths = {
        recipes.cache_split(backbone, Source, split, margin=margin).path
        for split, margin in (("train", 0.15), ("test", 0.15), ("train", None), ("train", 0.15))
    }
    assert len(paths) == 3


# --- real photos


@pytest.mark.slow
def test_on_real_photos_heatmaps_beat_the_mean_pose(real_data, real_poses, data_dir, monkeypatch):
    """Gymnasts in every orientation: a small part of them teaches much more than what people have in common."""
    monkeypatch.setenv("CLSLOC_DATA_DIR", str(data_dir))
    training.set_seed(0)
    backbone = load_backbone(real_data / "backbones" / "efficientnet_lite0.keras")
    source = datasets.info(real_poses)
    train_cache = recipes.cache_split(backbone, source, "train[:300]", copies=2)
    test_cache = recipes.cache_split(backbone, source, "train[800:900]")
    model = models.pose_model(backbone)
    training.train_heads(model, train_cache, epochs=5, verbose=False)
    found = training.evaluate(model, test_cache)
    mean_pose = baselines.pose_baseline_metrics(train_cache.arrays, test_cache.arrays)
    assert found["num_skipped"] == mean_pose["num_skipped"] < 50
    assert mean_pose["pck_20"] < 0.08
    assert found["pck_20"] > 3 * mean_pose["pck_20"]
    assert found["pcp_strict"] > mean_pose["pcp_strict"] + 0.1
    assert found["mean_error"] < 0.85 * mean_pose["mean_error"]
