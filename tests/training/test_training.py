"""Feature cache, head training, fine-tuning, evaluation: nothing silently wrong, everything repeatable."""

import json
import multiprocessing
import os
import re
import signal
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.folders import needs_sigkill
from helpers.models import examples, small_backbone

from clsloc_utils import models, tasks, training
from clsloc_utils.progress import progress
from clsloc_utils.training import callbacks, features, fitting

KEY = {"source": "made up", "image_size": 32}


def batches(copy=0, count=10, size=4):
    """Ten examples in batches of 4, 4 and 2; another copy is a little brighter."""
    images, targets = examples(count)
    images = images + 3 * copy
    for start in range(0, count, size):
        rows = slice(start, start + size)
        yield images[rows], {name: each[rows] for name, each in targets.items()}


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return models.two_head_model(small_backbone(), 3, dropout=0.0)


@pytest.fixture
def cache(model, tmp_path):
    return training.cache_features(model, batches, KEY, copies=2, directory=tmp_path)


# --- feature cache: what is in it


def test_cache_holds_features_and_targets_of_all_copies(model, cache):
    features = model.get_layer("features")
    assert (cache.num_examples, cache.copies, cache.levels) == (10, 2, ("coarse", "fine"))
    for copy in range(2):
        rows = slice(10 * copy, 10 * copy + 10)
        for index, (images, targets) in enumerate(batches(copy)):
            part = slice(rows.start + 4 * index, rows.start + 4 * index + len(images))
            for level, values in features.predict_on_batch(images).items():
                # One step of float16: another graph may round a value that lies between two of them to the other.
                np.testing.assert_allclose(cache.arrays[level][part], values, rtol=2**-10, atol=1e-6)
            for name, values in targets.items():
                np.testing.assert_array_equal(cache.arrays[name][part], values)
    assert isinstance(cache.arrays["coarse"], np.memmap)
    assert cache.arrays["fine"].shape == (20, 4, 4, 16)


def test_all_copies_go_through_one_graph(model, tmp_path, monkeypatch):
    build, built = features.forward_of, []
    monkeypatch.setattr(features, "forward_of", lambda *arguments: built.append(arguments) or build(*arguments))
    training.cache_features(model, batches, KEY, copies=3, directory=tmp_path)
    assert len(built) == 1


def test_second_call_reads_instead_of_computing(model, cache, tmp_path):
    def none(copy):
        pytest.fail("computed again")

    again = training.cache_features(model, none, KEY, copies=2, directory=tmp_path)
    np.testing.assert_array_equal(again.arrays["coarse"], cache.arrays["coarse"])


def test_each_ingredient_has_its_own_cache(model, cache, tmp_path):
    paths = {cache.path}
    paths.add(training.cache_features(model, batches, KEY | {"image_size": 33}, copies=2, directory=tmp_path).path)
    paths.add(training.cache_features(model, batches, KEY, copies=1, directory=tmp_path).path)
    kernel = model.get_layer("features").weights[0]
    kernel.assign_add(np.full(kernel.shape, 1e-6, "float32"))
    paths.add(training.cache_features(model, batches, KEY, copies=2, directory=tmp_path).path)
    assert len(paths) == 4


def test_features_of_another_precision_are_others_and_near(model, cache, tmp_path):
    half = training.cache_features(model, batches, KEY, copies=2, directory=tmp_path, precision="mixed_bfloat16")
    assert {layer.compute_dtype for layer in model.get_layer("features").layers} == {"float32"}
    assert half.path != cache.path
    for level, exact in cache.arrays.items():
        if level in cache.levels:
            assert not np.array_equal(half.arrays[level], exact)
            # bfloat16 keeps eight bits: two or three digits.
            np.testing.assert_allclose(half.arrays[level], exact, atol=0.03 * np.abs(exact).max())
    with pytest.raises(ValueError, match="mixed_nothing"):
        training.cache_features(model, batches, KEY, directory=tmp_path, precision="mixed_nothing")
    assert training.cache_features(model, batches, KEY, copies=2, directory=tmp_path).path == cache.path


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


def test_all_heads_share_one_cache(tmp_path):
    backbone = small_backbone()
    paths = [
        training.cache_features(
            models.two_head_model(backbone, 3, head), batches, KEY, directory=tmp_path, copies=1
        ).path
        for head in models.BOX_HEADS
    ]
    paths.append(training.cache_features(backbone, batches, KEY, directory=tmp_path, copies=1).path)
    assert len(set(paths)) == 1


def test_caches_lie_in_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CLSLOC_DATA_DIR", str(tmp_path))
    assert training.default_cache_directory() == tmp_path / "features"
    monkeypatch.delenv("CLSLOC_DATA_DIR")
    assert training.default_cache_directory().name == "features"


# --- feature cache: faults


def truncate(path: Path):
    file = path / "fine.npy"
    file.write_bytes(file.read_bytes()[:-2])


def remove(path: Path):
    (path / "label.npy").unlink()


def cut_manifest(path: Path):
    (path / "manifest.json").write_text((path / "manifest.json").read_text()[:100])


def lose_manifest(path: Path):
    (path / "manifest.json").unlink()


@pytest.mark.parametrize("fault", [truncate, remove, cut_manifest, lose_manifest])
def test_a_bad_cache_is_refused_and_computed_again(fault, model, tmp_path, capsys):
    cache = training.cache_features(model, batches, KEY, directory=tmp_path, copies=1)
    expected = np.array(cache.arrays["fine"])
    fault(cache.path)
    with pytest.raises(training.FeatureCacheError, match=re.escape(f"{cache.path}: unreadable")):
        training.FeatureCache.open(cache.path)
    capsys.readouterr()
    again = training.cache_features(model, batches, KEY, directory=tmp_path, copies=1)
    assert "computing it again" in capsys.readouterr().out
    np.testing.assert_array_equal(again.arrays["fine"], expected)
    training.FeatureCache.open(cache.path)


def test_a_cache_of_something_else_is_refused(cache):
    key = cache.manifest["key"]
    training.FeatureCache.open(cache.path, key)
    with pytest.raises(training.FeatureCacheError, match=r"made of .*, not of"):
        training.FeatureCache.open(cache.path, key | {"data": {"source": "other"}})


def test_a_cache_under_a_foreign_name_is_computed_again(model, cache, tmp_path, capsys):
    other = training.cache_features(model, batches, KEY | {"source": "other"}, copies=2, directory=tmp_path)
    for file in cache.path.iterdir():
        (other.path / file.name).write_bytes(file.read_bytes())
    again = training.cache_features(model, batches, KEY | {"source": "other"}, copies=2, directory=tmp_path)
    assert "made of" in capsys.readouterr().out
    assert again.manifest["key"]["data"]["source"] == "other"


def test_a_cache_of_another_format_is_refused(cache):
    manifest = json.loads((cache.path / "manifest.json").read_text())
    manifest["format"] = 0
    (cache.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(training.FeatureCacheError, match="format 0"):
        training.FeatureCache.open(cache.path)


def test_an_interruption_leaves_nothing_that_looks_like_a_cache(model, tmp_path):
    def interrupted(copy):
        for number, batch in enumerate(batches(copy)):
            if copy == 1 and number == 1:
                raise KeyboardInterrupt
            yield batch

    with pytest.raises(KeyboardInterrupt):
        training.cache_features(model, interrupted, KEY, copies=2, directory=tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def _write_until_killed(directory, written):
    def endless(copy):
        for batch in batches(copy):
            yield batch
            written.set()
            time.sleep(600)

    keras.utils.set_random_seed(0)
    training.cache_features(models.two_head_model(small_backbone(), 3), endless, KEY, directory=directory)


@pytest.mark.slow
@needs_sigkill
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
    cache = training.cache_features(model, batches, KEY, directory=tmp_path)
    assert cache.num_examples == 10
    assert not list(tmp_path.glob("*.part-*"))


@pytest.mark.parametrize(
    ("bad_batches", "copies", "message"),
    [
        (lambda copy: batches(copy, count=10 + copy), 2, "copy 1 has 11 images, the first one 10"),
        (lambda copy: [], 1, "at least one image"),
        (lambda copy: [(examples()[0], {"label": np.zeros(10)})], 1, "targets must have 'box'"),
        (
            lambda copy: [(examples()[0], {"label": np.zeros(9), "box": np.zeros((10, 4))})],
            1,
            "targets must have 'label'",
        ),
        (
            lambda copy: [(examples()[0], {"label": np.zeros(10), "box": np.full((10, 4), np.nan)})],
            1,
            "box: values from nan",
        ),
        ([examples()], 2, "pass a function"),
    ],
)
def test_bad_batches_are_refused(bad_batches, copies, message, model, tmp_path):
    with pytest.raises(ValueError, match=message):
        training.cache_features(model, bad_batches, KEY, copies=copies, directory=tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_features_too_large_for_half_precision_are_refused(model, tmp_path):
    norm = [each for each in model.get_layer("features").layers if isinstance(each, keras.layers.BatchNormalization)][
        -1
    ]
    norm.gamma.assign(np.full(16, 1e8))
    with pytest.raises(ValueError, match=r"coarse: values from .* do not fit float16"):
        training.cache_features(model, batches, KEY, directory=tmp_path)


def test_a_key_must_be_plain(model, tmp_path):
    with pytest.raises(ValueError, match="text, numbers, lists and dicts"):
        training.cache_features(model, batches, {"source": object()}, directory=tmp_path)


# --- batches of a cache


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


def test_features_and_targets_stay_together(model, cache):
    rows = {tuple(cache.arrays["coarse"][row].ravel()): tuple(cache.arrays["box"][row]) for row in range(20)}
    for inputs, targets in cache.batches(7, seed=3):
        for coarse, box in zip(inputs["coarse"], targets["box"], strict=True):
            assert rows[tuple(coarse.ravel())] == tuple(box)


def test_half_precision_on_disk_is_single_precision_in_the_model(model, cache):
    inputs, _ = cache.batches(20, copies=1)[0]
    heads = model.get_layer("heads")
    assert {values.dtype.name for values in inputs.values()} == {"float16"}
    expected = heads.predict_on_batch({name: inputs[name].astype("float32") for name in heads.input})
    for found in (heads.predict_on_batch({name: inputs[name] for name in heads.input}), training.predict(heads, cache)):
        np.testing.assert_array_equal(found["box"], expected["box"])


def test_plain_copy_and_single_level_can_be_chosen(cache):
    data = cache.batches(100, levels=["coarse"], copies=1)
    inputs, targets = data[0]
    assert set(inputs) == {"coarse"}
    np.testing.assert_array_equal(targets["label"], examples()[1]["label"])
    with pytest.raises(training.FeatureCacheError, match="no level 'middle'"):
        cache.batches(levels=["middle"])
    with pytest.raises(training.FeatureCacheError, match="3 copies are asked for, it has 2"):
        cache.batches(copies=3)


# --- training the heads


def test_a_seed_fixes_the_history_bit_for_bit(tmp_path):
    histories = []
    for seed in (0, 0, 1):
        training.set_seed(seed)
        model = models.two_head_model(small_backbone(), 3)
        cache = training.cache_features(model, batches, KEY, copies=2, directory=tmp_path)
        history = training.train_heads(model, cache, cache, epochs=2, batch_size=4, seed=seed, verbose=False)
        histories.append(history.history)
    assert histories[0] == histories[1]
    assert histories[0]["loss"] != histories[2]["loss"]


def test_training_the_heads_teaches_the_whole_model_and_leaves_the_backbone(model, cache):
    images, targets = examples()
    before = {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.get_layer("features").weights}
    assert training.evaluate(model, [(images, targets)])["mean_iou"] < 0.6
    training.train_heads(model, cache, epochs=60, batch_size=20, learning_rate=1e-2, verbose=False)
    # The box alone: averages of ten noisy images through random filters do not tell all classes apart.
    assert training.evaluate(model, [(images, targets)])["mean_iou"] > 0.9
    for weight in model.get_layer("features").weights:
        np.testing.assert_array_equal(weight, before[weight.path])


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


def test_the_rate_falls_to_zero(model, cache):
    training.train_heads(model, cache, epochs=2, batch_size=8, learning_rate=5e-3, verbose=False)
    schedule = model.get_layer("heads").optimizer._learning_rate
    assert float(schedule(0)) == pytest.approx(5e-3)
    assert float(schedule(6)) == pytest.approx(0, abs=1e-9), "two epochs of three batches"


def test_the_best_epoch_is_kept(model, cache, monkeypatch):
    """Validation scores that are given: the second epoch is the best by cls-loc, the third ties and wins by IoU."""
    scores = [(0.5, 0.9), (0.7, 0.6), (0.7, 0.8), (0.6, 0.95), (0.6, 0.95)]
    callback = training.BestEpoch(tasks.BOXES, patience=2)
    heads = model.get_layer("heads")
    callback.set_model(heads)
    training.compile_model(heads)
    callback.on_train_begin()
    for epoch, (clsloc, iou) in enumerate(scores):
        heads.weights[0].assign(np.full(heads.weights[0].shape, epoch))
        callback.on_epoch_end(epoch, {"val_clsloc_accuracy_50": clsloc, "val_box_mean_iou": iou})
    callback.on_train_end()
    assert heads.stop_training
    assert callback.stopped_epoch == 4
    assert float(keras.ops.max(heads.weights[0])) == 2


def test_patience_ends_a_training_that_gains_nothing(model, cache, monkeypatch):
    monkeypatch.setattr(training.BestEpoch, "get_monitor_value", lambda self, logs: 0.5)
    history = training.train_heads(model, cache, cache, epochs=9, batch_size=20, patience=2, verbose=False)
    assert len(history.epoch) == 3
    assert "val_clsloc_accuracy_50" in history.history


def test_a_resumed_training_does_not_wait_longer(model, cache, tmp_path, monkeypatch):
    """Without a better epoch than the first, the third is the last, and not the second one after the interruption."""
    monkeypatch.setattr(training.BestEpoch, "get_monitor_value", lambda self, logs: 0.5)
    options = {"epochs": 9, "batch_size": 20, "patience": 2, "checkpoint": tmp_path / "heads.npz"}

    def fail_in_the_third_epoch(self, batch, logs=None):
        if self.epochs_done == 2:
            raise RuntimeError("a power cut")

    with monkeypatch.context() as patch:
        patch.setattr(training.Checkpoint, "on_train_batch_begin", fail_in_the_third_epoch)
        with pytest.raises(RuntimeError, match="a power cut"):
            training.train_heads(model, cache, cache, verbose=False, **options)
    assert len(training.train_heads(model, cache, cache, verbose=False, **options).epoch) == 3
    again = training.train_heads(model, cache, cache, verbose=False, **options)
    assert len(again.epoch) == 3, "and it is over for good"


def test_the_bar_is_one_line_with_the_metrics(model, cache, capsys):
    training.train_heads(model, cache, cache, epochs=2, batch_size=8, description="my heads")
    output = capsys.readouterr().out
    last = output.rstrip().split("\r")[-1]
    assert output.count("\n") == 1
    assert last.startswith("my heads: 100%")
    assert "6/6" in last
    assert "epoch=2, loss=" in last
    assert "accuracy=" in output


# --- fine-tuning


@pytest.mark.parametrize("layers", ["last", "all"])
def test_fine_tuning_moves_the_backbone_but_no_batch_norm(layers, model):
    images, targets = examples()
    data = tf.data.Dataset.from_tensor_slices((images, targets)).batch(5)
    features, heads = model.get_layer("features"), model.get_layer("heads")
    before = {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights}
    history = training.fine_tune(model, data, data, epochs=2, layers=layers, verbose=False)
    moved = {weight.path for weight in model.weights if not np.array_equal(weight, before[weight.path])}
    norms = [each for each in (*features.layers, *heads.layers) if isinstance(each, keras.layers.BatchNormalization)]
    assert len(norms) == 4
    assert not moved & {weight.path for norm in norms for weight in norm.weights}
    first, last = (each for each in features.layers if isinstance(each, keras.layers.Conv2D))
    assert last.kernel.path in moved
    assert (first.kernel.path in moved) == (layers == "all")
    assert heads.get_layer("label_logits").kernel.path in moved
    assert "val_clsloc_accuracy_50" in history.history
    assert not features.trainable_weights, "frozen again"
    assert all(norm.trainable for norm in norms if norm in heads.layers), "as before"


def test_warm_up_then_fall(model, monkeypatch):
    schedules = []
    monkeypatch.setattr(model, "fit", lambda *_, **__: schedules.append(model.optimizer._learning_rate))
    training.fine_tune(model, batches(), epochs=4, steps_per_epoch=10, learning_rate=1e-3, verbose=False)
    rates = [float(schedules[0](step)) for step in range(41)]
    assert rates[0] == 0
    assert max(rates) == pytest.approx(1e-3)
    assert rates.index(max(rates)) == 4
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_fine_tuning_asks_for_what_it_cannot_know(model):
    with pytest.raises(ValueError, match="layers is 'some'"):
        training.fine_tune(model, [], epochs=1, layers="some")
    unknown = tf.data.Dataset.from_generator(lambda: iter([]), output_types=tf.float32)
    with pytest.raises(ValueError, match="pass steps_per_epoch"):
        training.fine_tune(model, unknown, epochs=1)


def test_fine_tuning_the_last_layers_needs_a_fine_map():
    inputs = keras.Input((32, 32, 3))
    model = models.two_head_model(keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=16)(inputs)), 3, "pooled")
    with pytest.raises(ValueError, match="take 'all'"):
        training.fine_tune(model, [examples()], epochs=1, layers="last")


# --- judging


def test_evaluate_agrees_with_counting(model):
    images, targets = examples()
    outputs = model.predict_on_batch(images)
    targets["label"][:5] = outputs["label"][:5].argmax(axis=1)
    targets["label"][5:] = (outputs["label"][5:].argmax(axis=1) + 1) % 3
    targets["box"][2:8] = outputs["box"][2:8]
    targets["box"][:2] = targets["box"][8:] = [0.0, 0.0, 0.01, 0.01]
    data = [(images[:7], {name: each[:7] for name, each in targets.items()})]
    data.append((images[7:], {name: each[7:] for name, each in targets.items()}))
    result = training.evaluate(model, data)
    assert result == {
        "accuracy": 0.5,
        "mean_iou": pytest.approx(0.6, abs=0.01),
        "box_accuracy_50": pytest.approx(0.6),
        "clsloc_accuracy_50": pytest.approx(0.3),
        "num_examples": 10,
    }


def test_images_tf_data_and_cache_are_judged_alike(model, cache):
    images, targets = examples()
    data = tf.data.Dataset.from_tensor_slices((images, targets)).batch(3)
    from_cache = training.evaluate(model, cache)
    from_images = training.evaluate(model, data, verbose=True)
    assert from_cache["num_examples"] == from_images["num_examples"] == 10, "augmented copies are no test images"
    assert from_cache == {name: pytest.approx(value, abs=0.01) for name, value in from_images.items()}


def test_predict_keeps_the_order_and_adds_the_truth(model, cache):
    images, targets = examples()
    outputs = model.predict_on_batch(images)
    plain = training.predict(model, images)
    np.testing.assert_array_equal(plain["label"], outputs["label"].argmax(axis=1))
    np.testing.assert_allclose(plain["box"], outputs["box"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(plain["probabilities"].sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(plain["score"], plain["probabilities"].max(axis=1))
    assert "true_label" not in plain
    with_truth = training.predict(model, batches())
    np.testing.assert_array_equal(with_truth["true_label"], targets["label"])
    np.testing.assert_array_equal(with_truth["true_box"], targets["box"])
    np.testing.assert_allclose(with_truth["box"], plain["box"], rtol=1e-4, atol=1e-5)
    from_cache = training.predict(model, cache)
    np.testing.assert_allclose(from_cache["box"], plain["box"], atol=0.01)
    assert len(training.predict(model, iter([images[:3], images[3:]]))["label"]) == 10


@pytest.mark.filterwarnings("error::UserWarning")
def test_one_class_is_sure_without_a_warning():
    image = keras.Input((4, 4, 3))
    values = keras.layers.Flatten()(image)
    outputs = {"label": keras.layers.Dense(1)(values), "box": keras.layers.Dense(4)(values)}
    found = training.predict(keras.Model(image, outputs), np.ones((2, 4, 4, 3), "float32"))
    assert found["score"].tolist() == [1, 1]


def test_a_model_whose_one_input_is_in_a_list_predicts_alike(model, recwarn):
    """As Keras 3.10 reads models back."""
    images, _ = examples()
    listed = keras.Model([model.input], model.output)
    np.testing.assert_array_equal(training.predict(listed, images)["box"], training.predict(model, images)["box"])
    assert not [str(warning.message) for warning in recwarn if "structure" in str(warning.message)]


def test_nothing_to_judge_is_an_error(model):
    with pytest.raises(ValueError, match="no examples"):
        training.evaluate(model, [])
    with pytest.raises(ValueError, match="no examples"):
        training.predict(model, [])
    with pytest.raises(ValueError, match="without targets"):
        training.evaluate(model, examples()[0])
