"""Training of heads, fine-tuning, judging: repeatable, resumable, masked, for boxes and for poses alike."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.learning import BOXES, KEY, POSE, of_boxes, of_poses, values_of
from helpers.models import small_backbone

from clsloc_utils import baselines, datasets, metrics, models, recipes, training
from clsloc_utils.backbones import load_backbone
from clsloc_utils.progress import progress
from clsloc_utils.training import callbacks, fitting


@pytest.fixture
def quietly(model, cache):
    """A function that trains the heads without a bar, validated on what they learn from."""

    def train(**options):
        return training.train_heads(model, cache, cache, verbose=False, **options)

    return train


# --- the heads


def test_a_seed_fixes_the_history_bit_for_bit(kind, tmp_path):
    histories = []
    for seed in (0, 0, 1):
        training.set_seed(seed)
        model = models.two_head_model(small_backbone(), 3) if kind is BOXES else models.pose_model(small_backbone())
        cache = training.cache_features(model, kind.batches, KEY, copies=2, directory=tmp_path)
        history = training.train_heads(model, cache, cache, epochs=2, batch_size=4, seed=seed, verbose=False)
        histories.append(history.history)
    assert histories[0] == histories[1]
    assert histories[0]["loss"] != histories[2]["loss"]


@of_boxes
def test_training_the_heads_teaches_the_whole_model_and_leaves_the_backbone(model, cache):
    before = values_of(model.get_layer("features").weights)
    assert training.evaluate(model, BOXES.batches())["mean_iou"] < 0.6
    training.train_heads(model, cache, epochs=60, batch_size=20, learning_rate=1e-2, verbose=False)
    # The box alone: averages of ten noisy images through random filters do not tell all classes apart.
    assert training.evaluate(model, BOXES.batches())["mean_iou"] > 0.9
    keras.tree.map_structure(np.testing.assert_array_equal, values_of(model.get_layer("features").weights), before)


@pytest.mark.parametrize("head", models.JOINT_HEADS)
def test_training_teaches_each_joint_head(head, tmp_path):
    training.set_seed(0)
    model = models.pose_model(small_backbone(), joint_head=head)
    cache = training.cache_features(model, POSE.batches, KEY, directory=tmp_path)
    first = training.evaluate(model, POSE.batches())
    training.train_heads(model, cache, epochs=60, batch_size=5, learning_rate=5e-3, verbose=False)
    last = training.evaluate(model, POSE.batches())
    assert last["pck_20"] > first["pck_20"] + 0.3
    assert last["mean_error"] < first["mean_error"] / 2


@of_boxes
def test_several_steps_at_a_time_change_nothing_and_the_bar_counts_each(cache, monkeypatch):
    bars, histories = [], []
    monkeypatch.setattr(callbacks, "progress", lambda **options: bars.append(progress(**options)) or bars[-1])
    monkeypatch.setattr(fitting, "_STEPS_WORTH_A_LOOP", 0)
    for steps in (1, 2):  # an epoch has three batches
        monkeypatch.setattr(fitting, "_HEAD_STEPS_PER_EXECUTION", steps)
        training.set_seed(0)
        model = models.two_head_model(small_backbone(), 3)
        histories.append(training.train_heads(model, cache, cache, epochs=2, batch_size=8).history)
        assert bars[-1].n == bars[-1].total == 6
    assert histories[0] == histories[1]


@of_boxes
def test_the_rate_falls_to_zero(model, quietly):
    quietly(epochs=2, batch_size=8, learning_rate=5e-3)
    schedule = model.get_layer("heads").optimizer._learning_rate
    assert float(schedule(0)) == pytest.approx(5e-3)
    assert float(schedule(6)) == pytest.approx(0, abs=1e-9), "two epochs of three batches"


@of_poses
def test_the_chosen_loss_is_used(model, quietly):
    with pytest.raises(ValueError, match="Unknown joint loss 'l3'"):
        quietly(epochs=1, joint_loss="l3")
    quietly(epochs=1, joint_loss="smooth_l1")
    assert model.get_layer("heads").loss["joints"].name == "smooth_l1"


def test_the_best_epoch_is_kept(kind, model):
    """Scores that are given: the second epoch is the best, the third as good, and better in what settles ties."""
    growing, tie_breaker, factor = kind.task.monitor
    callback = training.BestEpoch(kind.task, patience=2)
    heads = model.get_layer("heads")
    callback.set_model(heads)
    kind.task.compile(heads)
    callback.on_train_begin()
    for epoch, (score, other) in enumerate([(0.5, 0.9), (0.7, 0.6), (0.7, 0.8), (0.6, 0.95), (0.6, 0.95)]):
        heads.weights[0].assign(np.full(heads.weights[0].shape, epoch))
        # Of poses it is an error, which should be small.
        callback.on_epoch_end(epoch, {f"val_{growing}": score, f"val_{tie_breaker}": np.sign(factor) * other})
    callback.on_train_end()
    assert heads.stop_training
    assert callback.stopped_epoch == 4
    assert float(keras.ops.max(heads.weights[0])) == 2


@of_boxes
def test_an_interrupted_training_remembers_its_best_epoch_and_how_long_it_has_waited(
    kind, model, cache, quietly, tmp_path, monkeypatch
):
    """The second epoch, before the interruption, is the best; three without a better one end the training."""
    heads = model.get_layer("heads")
    start = heads.get_weights()
    scores = [0.2, 0.9, 0.3, 0.8, 0.5]

    def train(file):
        history = quietly(epochs=9, batch_size=20, patience=3, checkpoint=tmp_path / file)
        return len(history.epoch), heads.get_weights()

    def fail_in_the_third_epoch(self, batch, logs=None):
        if self.epochs_done == 2:
            raise RuntimeError("a power cut")

    given = iter(scores)
    monkeypatch.setattr(training.BestEpoch, "get_monitor_value", lambda *_: next(given))
    epochs, unbroken = train("unbroken.npz")
    assert epochs == 5
    heads.set_weights(start)
    given = iter(scores)
    with monkeypatch.context() as patch:
        patch.setattr(training.Checkpoint, "on_train_batch_begin", fail_in_the_third_epoch)
        with pytest.raises(RuntimeError, match="a power cut"):
            train("broken.npz")
    for _ in ("resumed", "and over for good"):
        epochs, resumed = train("broken.npz")
        assert epochs == 5
        for one, other in zip(unbroken, resumed, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_bar_is_one_line_with_the_metrics(kind, model, cache, capsys):
    training.train_heads(model, cache, cache, epochs=2, batch_size=8, description="my heads")
    output = capsys.readouterr().out
    last = output.rstrip().split("\r")[-1]
    assert output.count("\n") == 1
    assert last.startswith("my heads: 100%")
    assert "6/6" in last
    assert "epoch=2, loss=" in last
    assert {"boxes": "accuracy=", "pose": "pck="}[kind.task.name] in last


# --- masks of joints


@of_poses
@pytest.mark.parametrize("loss", ["l2", "l1", "smooth_l1"])
def test_keras_masks_loss_and_metrics_alike(loss, model):
    """Whatever stands for unlabelled joints, one step of `fit` and `evaluate` give the same numbers."""
    heads = model.get_layer("heads")
    before = heads.get_weights()
    images, targets, weights = POSE.examples()
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


@of_poses
def test_metrics_of_keras_are_those_of_the_module(model):
    images, targets, weights = POSE.examples()
    outputs = model.predict_on_batch(images)
    training.compile_pose_model(model)
    result = model.evaluate(images, targets, sample_weight=weights, batch_size=3, verbose=0, return_dict=True)
    arguments = targets["joints"], outputs["joints"], weights["joints"]
    assert result["pck_20"] == pytest.approx(float(metrics.PCK()(*arguments)))
    assert result["mean_error"] == pytest.approx(float(metrics.MeanJointError()(*arguments)), rel=1e-4)


# --- fine-tuning


@pytest.mark.parametrize(
    ("kind", "layers", "head", "options"),
    [
        (BOXES, "last", "label_logits", {}),
        (BOXES, "all", "label_logits", {}),
        (POSE, "all", "joint_heatmaps", {"joint_loss": "l2"}),
    ],
)
def test_fine_tuning_moves_the_backbone_but_no_batch_norm(kind, layers, head, options, model):
    data = tf.data.Dataset.from_tensor_slices(kind.examples()).batch(5)
    features, heads = model.get_layer("features"), model.get_layer("heads")
    before = values_of(model.weights)
    history = training.fine_tune(model, data, data, epochs=2, layers=layers, verbose=False, **options)
    moved = {path for path, value in values_of(model.weights).items() if not np.array_equal(value, before[path])}
    norms = [each for each in (*features.layers, *heads.layers) if isinstance(each, keras.layers.BatchNormalization)]
    assert len(norms) > 2
    assert not moved & {weight.path for norm in norms for weight in norm.weights}
    first, last = (each for each in features.layers if isinstance(each, keras.layers.Conv2D))
    assert last.kernel.path in moved
    assert (first.kernel.path in moved) == (layers == "all")
    assert heads.get_layer(head).kernel.path in moved
    assert f"val_{kind.task.monitor[0]}" in history.history
    assert not features.trainable_weights, "frozen again"
    assert all(norm.trainable for norm in norms if norm in heads.layers), "as before"


@of_boxes
def test_warm_up_then_fall(kind, model, monkeypatch):
    schedules = []
    monkeypatch.setattr(model, "fit", lambda *_, **__: schedules.append(model.optimizer._learning_rate))
    training.fine_tune(model, kind.batches(), epochs=4, steps_per_epoch=10, learning_rate=1e-3, verbose=False)
    rates = [float(schedules[0](step)) for step in range(41)]
    assert rates[0] == 0
    assert max(rates) == pytest.approx(1e-3)
    assert rates.index(max(rates)) == 4
    assert rates[-1] == pytest.approx(0, abs=1e-9)


@of_boxes
def test_fine_tuning_asks_for_what_it_cannot_know(model):
    with pytest.raises(ValueError, match="layers is 'some'"):
        training.fine_tune(model, [], epochs=1, layers="some")
    unknown = tf.data.Dataset.from_generator(lambda: iter([]), output_types=tf.float32)
    with pytest.raises(ValueError, match="pass steps_per_epoch"):
        training.fine_tune(model, unknown, epochs=1)
    inputs = keras.Input((32, 32, 3))
    coarse = models.two_head_model(keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=16)(inputs)), 3, "pooled")
    with pytest.raises(ValueError, match="take 'all'"):
        training.fine_tune(coarse, [BOXES.examples()], epochs=1, layers="last")


# --- judging


@of_boxes
def test_evaluate_agrees_with_counting(model):
    images, targets = BOXES.examples()
    outputs = model.predict_on_batch(images)
    targets["label"][:5] = outputs["label"][:5].argmax(axis=1)
    targets["label"][5:] = (outputs["label"][5:].argmax(axis=1) + 1) % 3
    targets["box"][2:8] = outputs["box"][2:8]
    targets["box"][:2] = targets["box"][8:] = [0.0, 0.0, 0.01, 0.01]
    assert training.evaluate(model, tf.data.Dataset.from_tensor_slices((images, targets)).batch(7)) == {
        "accuracy": 0.5,
        "mean_iou": pytest.approx(0.6, abs=0.01),
        "box_accuracy_50": pytest.approx(0.6),
        "clsloc_accuracy_50": pytest.approx(0.3),
        "num_examples": 10,
    }


@of_poses
def test_evaluate_agrees_with_the_metrics(model):
    images, targets, weights = POSE.examples()
    weights["joints"][:3, 2] = 0
    arguments = targets["joints"], model.predict_on_batch(images)["joints"], weights["joints"]
    result = training.evaluate(model, tf.data.Dataset.from_tensor_slices((images, targets, weights)).batch(3))
    expected = metrics.pose_scores([arguments])
    assert result == {name: pytest.approx(value, rel=1e-4) for name, value in expected.items()}
    assert (result["num_examples"], result["num_skipped"]) == (10, 3)
    assert training.evaluate(model, [(images, targets)])["num_skipped"] == 0


def test_images_and_cache_are_judged_alike(kind, model, cache):
    from_cache = training.evaluate(model, cache)
    assert from_cache["num_examples"] == 10, "augmented copies are no test images"
    from_images = training.evaluate(model, kind.batches(), verbose=True)
    assert from_cache == {name: pytest.approx(value, abs=0.01) for name, value in from_images.items()}
    assert training.evaluate(model.get_layer("heads"), cache) == from_cache


def test_predict_keeps_the_order_and_adds_the_truth(kind, model, cache):
    images, targets, *weights = kind.examples()
    outputs = model.predict_on_batch(images)
    last = kind.task.targets[-1]
    plain = training.predict(model, images)
    assert set(plain) == ({"label", "score", "probabilities", "box"} if kind is BOXES else {"joints"})
    with_truth = training.predict(model, kind.batches())
    assert set(with_truth) == {*plain, *(f"true_{name}" for name in targets), *(["weight"] if weights else [])}
    for name, values in targets.items():
        np.testing.assert_array_equal(with_truth[f"true_{name}"], values)
    for found in (plain, with_truth, training.predict(model, iter([images[:3], images[3:]]))):
        np.testing.assert_allclose(found[last], outputs[last], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(training.predict(model, cache)[last], outputs[last], atol=0.01)
    if kind is BOXES:
        np.testing.assert_array_equal(plain["label"], outputs["label"].argmax(axis=1))
        np.testing.assert_allclose(plain["probabilities"].sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(plain["score"], plain["probabilities"].max(axis=1))
    else:
        np.testing.assert_array_equal(with_truth["weight"], weights[0]["joints"])


@pytest.mark.filterwarnings("error::UserWarning")
def test_one_class_is_sure_without_a_warning():
    image = keras.Input((4, 4, 3))
    values = keras.layers.Flatten()(image)
    outputs = {"label": keras.layers.Dense(1)(values), "box": keras.layers.Dense(4)(values)}
    found = training.predict(keras.Model(image, outputs), np.ones((2, 4, 4, 3), "float32"))
    assert found["score"].tolist() == [1, 1]


@of_boxes
def test_a_model_whose_one_input_is_in_a_list_predicts_alike(model, recwarn):
    """As Keras 3.10 reads models back."""
    images, _ = BOXES.examples()
    listed = keras.Model([model.input], model.output)
    np.testing.assert_array_equal(training.predict(listed, images)["box"], training.predict(model, images)["box"])
    assert not [str(warning.message) for warning in recwarn if "structure" in str(warning.message)]


def test_nothing_to_judge_is_an_error(kind, model):
    for judge in (training.evaluate, training.predict):
        with pytest.raises(ValueError, match="no examples"):
            judge(model, [])
    with pytest.raises(ValueError, match="without targets"):
        training.evaluate(model, kind.examples()[0])


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
