"""Sweeps of loss weights: trained as Keras would, ends that train one task only, tables that come back."""

import csv
import dataclasses
import itertools
import json
import math

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clsloc_utils import losses, sweeps, training
from clsloc_utils.metrics import MeanBoxIoU
from clsloc_utils.sweeps import Setting

NUM_CLASSES = 3
SETTINGS = [*sweeps.weight_grid(3), Setting(learned=True)]
PARTS = {"label": ("label/kernel", "label/bias"), "box": ("box_heatmaps/kernel",)}


def made_up_cache(count, seed, copies=1):
    """Maps whose channels say where a box is and of which class, with noise: something that can be learned."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, NUM_CLASSES, count).astype("int32")
    low = rng.uniform(0.0, 0.5, (count, 2))
    box = np.concatenate([low, low + rng.uniform(0.25, 0.5, (count, 2))], axis=1).astype("float32")
    arrays = {}
    for level, side in (("coarse", 4), ("fine", 8)):
        centres = (np.arange(side) + 0.5) / side
        inside = [(box[:, None, a] <= centres) & (centres < box[:, None, a + 2]) for a in range(2)]
        mask = inside[1][:, :, None] * inside[0][:, None, :]
        maps = rng.normal(0, 0.3, (count, side, side, 6))
        for index in range(NUM_CLASSES):
            maps[..., index] += 2.0 * mask * (label == index)[:, None, None]
        maps[..., 4] += 2.0 * mask
        arrays[level] = np.concatenate([maps] * copies).astype("float16")
    arrays |= {"label": np.tile(label, copies), "box": np.tile(box, (copies, 1))}
    return training.FeatureCache("nowhere", {}, arrays, copies)


@pytest.fixture(scope="module")
def caches():
    return made_up_cache(192, seed=0, copies=2), made_up_cache(64, seed=1)


def sweep(caches, **keywords):
    arguments = {"settings": SETTINGS, "seeds": (0, 1), "epochs": 3, "batch_size": 32, "verbose": False}
    return sweeps.run_sweep(*caches, NUM_CLASSES, **(arguments | keywords))


@pytest.fixture(scope="module")
def result(caches):
    training.set_seed(0)
    return sweep(caches)


def weights_of(result, setting, seed):
    names = [weight.path for weight in result.trainer.model.weights]
    return dict(zip(names, result.weights[setting, seed], strict=True))


# --- settings ---------------------------------------------------------------------------------------------------------


def test_grid_is_logarithmic_with_both_ends():
    grid = sweeps.weight_grid()
    assert len(grid) == 11
    assert (grid[0].name, grid[-1].name) == ("class only", "box only")
    assert (grid[0].ratio, grid[-1].ratio) == (0.0, math.inf)
    ratios = np.array([setting.ratio for setting in grid[1:-1]])
    np.testing.assert_allclose(ratios, 10.0 ** np.linspace(-2, 2, 9), rtol=1e-4)
    assert [setting.label_weight + setting.box_weight for setting in grid] == pytest.approx([1.0] * 11)


@given(count=st.integers(2, 30), low=st.floats(1e-6, 1.0), factor=st.floats(1.1, 1e6))
def test_grid_rises_from_low_to_high(count, low, factor):
    ratios = [setting.ratio for setting in sweeps.weight_grid(count, low, low * factor, ends=False)]
    assert len(ratios) == count
    assert ratios[0] == pytest.approx(low, rel=1e-4)
    assert ratios[-1] == pytest.approx(low * factor, rel=1e-4)
    assert all(first < second for first, second in itertools.pairwise(ratios))


def test_names_tell_settings_apart():
    assert Setting(0.5, 0.5).name == "ratio 1"
    assert Setting(50, 50).name == "ratio 1, times 100"
    assert Setting(2, 0).name == "class only, times 2"
    assert Setting(learned=True).name == "learned"
    assert Setting(box_loss=losses.CIoULoss()).loss_name == "ciou_loss"


@pytest.mark.parametrize("weights", [(0, 0), (-1, 2), (math.nan, 1), (1, math.inf)])
def test_impossible_weights_are_refused(weights):
    with pytest.raises(ValueError, match="weights are"):
        Setting(*weights)


@pytest.mark.parametrize("arguments", [(1, 0.1, 1), (3, 0, 1), (3, 1, 1)])
def test_impossible_grids_are_refused(arguments):
    with pytest.raises(ValueError, match="weight_grid"):
        sweeps.weight_grid(*arguments)


# --- what all settings read -------------------------------------------------------------------------------------------


def test_the_fine_map_is_averaged_to_the_places_of_the_coarse_one():
    arrays = {"coarse": np.zeros((1, 2, 2, 1), "float16"), "fine": np.zeros((1, 4, 4, 1), "float16")}
    arrays["coarse"][0, 0, 1] = 6  # first row, second column
    arrays["fine"][0, 3, 0] = 8  # last row, first column
    arrays |= {"label": np.zeros(1, "int32"), "box": np.zeros((1, 4), "float32")}
    maps = sweeps.joined_maps(training.FeatureCache("nowhere", {}, arrays, 1))
    assert maps[0, ..., 0].tolist() == [[0, 6], [0, 0]]
    assert maps[0, ..., 1].tolist() == [[0, 0], [2, 0]]
    del arrays["fine"]
    np.testing.assert_array_equal(sweeps.joined_maps(training.FeatureCache("nowhere", {}, arrays, 1)), maps[..., :1])


def test_only_the_plain_images_of_a_cache_are_read(caches):
    plain = dataclasses.replace(
        caches[0], copies=1, arrays={name: values[:192] for name, values in caches[0].arrays.items()}
    )
    np.testing.assert_array_equal(sweeps.joined_maps(caches[0]), sweeps.joined_maps(plain))


def test_channels_are_standardized_and_one_that_never_changes_does_no_harm(caches):
    maps = sweeps.joined_maps(caches[0])
    maps[..., 2] = 3.0
    standardized = sweeps.models.Standardizer.of(maps)(maps)
    assert standardized.dtype == np.float16
    np.testing.assert_allclose(standardized.mean(axis=(0, 1, 2), dtype="float32"), 0, atol=1e-3)
    deviations = standardized.std(axis=(0, 1, 2), dtype="float32")
    np.testing.assert_allclose(np.delete(deviations, 2), 1, atol=1e-3)
    assert deviations[2] == 0


# --- training ---------------------------------------------------------------------------------------------------------


def test_training_is_that_of_plain_keras(caches):
    """Compiled and fitted by Keras with two losses and their weights, batch by batch in the same order."""
    setting, seed = Setting(0.3, 0.7, "l1"), 1
    result = sweep(caches, settings=[setting], seeds=[seed], epochs=2)
    model = sweeps.small_model((4, 4, 12), NUM_CLASSES, seed=seed)
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, 12)
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss={"label": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "box": losses.get_box_loss("l1")},
        loss_weights={"label": 0.3, "box": 0.7},
    )
    maps, targets = result.standardize(sweeps.joined_maps(caches[0])), caches[0].targets
    for epoch in range(2):
        order = np.random.default_rng((seed, epoch)).permutation(192)
        for rows in order.reshape(-1, 32):
            model.train_on_batch(maps[rows], {name: values[rows] for name, values in targets.items()})
    for ours, theirs in zip(result.weights[setting, seed], model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_ends_leave_the_other_task_where_it_began(caches, result):
    begun = sweep(caches, epochs=0)
    for setting, untouched, taught in ((SETTINGS[0], "box", "label"), (SETTINGS[4], "label", "box")):
        for seed in (0, 1):
            before, after = weights_of(begun, setting, seed), weights_of(result, setting, seed)
            for name in PARTS[untouched]:
                np.testing.assert_array_equal(after[name], before[name])
            for name in (*PARTS[taught], "trunk/kernel"):
                assert np.abs(after[name] - before[name]).max() > 0.01


def test_the_weight_decides_what_is_learned(caches):
    result = sweep(caches, settings=sweeps.weight_grid(2, 0.1, 10), epochs=25)
    class_only, _, box_minded, box_only = result.summary().to_dict("records")
    # Between what is learned and what is not lies a wide gap, whatever the seeds.
    for learned in (class_only, box_minded):
        assert learned["accuracy"] > 0.8
    assert box_only["accuracy"] < 0.7
    for learned in (box_only, box_minded):
        assert learned["mean_iou"] > 0.45
    assert class_only["mean_iou"] < 0.35
    assert result.best().name in ("ratio 0.1", "ratio 10")


def test_seeds_repeat_bit_for_bit_and_differ(caches, result):
    again = sweep(caches, settings=[SETTINGS[5], SETTINGS[1]])
    assert again.rows == [*result.rows[10:12], *result.rows[2:4]]  # whatever was trained before
    first, second = (weights_of(again, SETTINGS[1], seed) for seed in (0, 1))
    for name, values in first.items():
        np.testing.assert_array_equal(values, weights_of(result, SETTINGS[1], 0)[name])
    assert np.abs(first["trunk/kernel"] - second["trunk/kernel"]).max() > 0.1


def test_all_settings_of_a_seed_start_from_the_same_weights(caches):
    begun = sweep(caches, epochs=0)
    first, last = (weights_of(begun, setting, 1) for setting in (SETTINGS[0], SETTINGS[4]))
    for name, values in first.items():
        np.testing.assert_array_equal(values, last[name])


def test_a_model_that_diverges_leaves_the_others_alone(caches):
    settings = [Setting(1e30, 1e30, "l1"), Setting(0.5, 0.5, "l1")]
    both = sweep(caches, settings=settings, seeds=[0], optimizer="sgd")
    alone = sweep(caches, settings=settings[1:], seeds=[0], optimizer="sgd")
    assert not np.isfinite(weights_of(both, settings[0], 0)["trunk/kernel"]).all()
    assert both.rows[1] == alone.rows[0]
    assert both.rows[0]["mean_iou"] < 0.05
    assert np.isfinite(both.predictions(settings[0])["score"]).all()


def test_boxes_are_valid(result):
    boxes = np.stack([result.predictions(setting)["box"] for setting in SETTINGS])
    assert boxes.min() >= 0
    assert boxes.max() <= 1 + 1e-6
    assert np.all(boxes[..., :2] <= boxes[..., 2:])


def test_learned_weights_move_and_are_reported(result):
    learned = [row for row in result.rows if row["setting"] == "learned"]
    assert len(learned) == 2
    for row in learned:
        assert row["label_weight"] > 0
        assert abs(row["label_weight"] - 1.0) > 1e-2
        assert abs(row["box_weight"] - 0.5) > 1e-2
        assert row["ratio"] == pytest.approx(row["box_weight"] / row["label_weight"])


def test_each_box_loss_trains_another_model(caches):
    names = ("l2", "giou", "l1")
    result = sweep(caches, settings=[Setting(box_loss=name) for name in names], seeds=[0])
    kernels = [weights_of(result, setting, 0)["box_heatmaps/kernel"] for setting in result.settings]
    assert all(np.abs(first - second).max() > 1e-3 for first, second in itertools.combinations(kernels, 2))


def test_what_cannot_be_swept_is_refused(caches):
    with pytest.raises(ValueError, match=r"settings.*only once"):
        sweep(caches, settings=[Setting(), Setting()])
    with pytest.raises(ValueError, match="seeds"):
        sweep(caches, seeds=())
    with pytest.raises(ValueError, match=r"'lion'.*adam, adamw, sgd"):
        sweep(caches, optimizer="lion")


def test_progress_is_shown_on_standard_output(caches, capsys):
    sweep(caches, epochs=1, verbose=True, description="weights")
    printed = capsys.readouterr()
    assert "weights, models" in printed.out
    assert "12/12" in printed.out
    assert printed.err == ""


# --- the result -------------------------------------------------------------------------------------------------------


def test_rows_hold_what_the_predictions_say(result):
    assert len(result.rows) == len(SETTINGS) * 2
    for setting in SETTINGS:
        for seed in (0, 1):
            found = result.predictions(setting, seed)
            (row,) = [each for each in result.rows if (each["setting"], each["seed"]) == (setting.name, seed)]
            right = found["label"] == found["true_label"]
            assert row["accuracy"] == pytest.approx(right.mean())
            box_right = keras.ops.convert_to_numpy(MeanBoxIoU()(found["true_box"], found["box"]))
            assert row["mean_iou"] == pytest.approx(float(box_right))
            assert row["clsloc_accuracy_50"] <= min(row["accuracy"], row["box_accuracy_50"]) + 1e-6
            assert row["num_examples"] == 64
    with pytest.raises(ValueError, match=r"ratio 0\.01"):
        result.predictions(Setting(0.3, 0.7))


def test_testing_measures_the_chosen_setting_on_other_images(caches, result):
    tested = result.test(made_up_cache(40, seed=2))
    assert [row["seed"] for row in tested] == [0, 1]
    assert {row["setting"] for row in tested} == {result.best().name}
    assert {row["split"] for row in tested} == {"test"}
    assert {row["num_examples"] for row in tested} == {40}
    column = SETTINGS.index(result.best())
    assert result.test(caches[1])[1]["mean_iou"] == result.rows[column * 2 + 1]["mean_iou"]
    assert {row["setting"] for row in result.test(caches[1], SETTINGS[0])} == {"class only"}


def test_rows_are_written_whole(result, tmp_path):
    def refuse(word):
        raise AssertionError(word)

    file = sweeps.write_rows(result.rows, tmp_path / "deeper" / "sweep.json")
    for written, row in zip(json.loads(file.read_text(), parse_constant=refuse), result.rows, strict=True):
        assert written == pytest.approx(row)
    table = sweeps.write_rows(result.rows, file.with_suffix(".csv"))
    with open(table, newline="") as stream:
        assert [float(row["mean_iou"]) for row in csv.DictReader(stream)] == [row["mean_iou"] for row in result.rows]
    assert sorted(path.name for path in file.parent.iterdir()) == [table.name, file.name]


def test_rows_that_cannot_be_written_are_named(tmp_path):
    file = tmp_path / "rows.csv"
    with pytest.raises(ValueError, match="0 rows"):
        sweeps.write_rows([], file)
    with pytest.raises(ValueError, match="xlsx"):
        sweeps.write_rows([{"seed": 1}], tmp_path / "rows.xlsx")


# --- reading a sweep --------------------------------------------------------------------------------------------------


def made_up_rows(**scores):
    """Rows of two measures of interest; a list of seeds' scores for each setting."""
    return [
        {"setting": name, "box_loss": name, "optimizer": "adam", "label_weight": 0.5, "box_weight": 0.5, "seed": seed}
        | dict.fromkeys(sweeps.MEASURES, score)
        for name, values in scores.items()
        for seed, score in enumerate(values)
    ]


def test_summary_is_mean_worst_and_best():
    summary = sweeps.summarize(made_up_rows(a=[0.5, 0.7, 0.9], b=[0.1, 0.1, 0.4]))
    first, second = summary.to_dict("records")
    assert (first["setting"], second["setting"]) == ("a", "b")
    assert first["mean_iou"] == pytest.approx(0.7)
    assert (first["mean_iou_low"], first["mean_iou_high"], first["num_seeds"]) == (0.5, 0.9, 3)
    assert second["accuracy"] == pytest.approx(0.2)
    assert second["ratio"] == 1.0


def made_up_result(**answers):
    """A sweep of settings with the names' ratios, asked about eight images of class 0 and the whole image as box."""
    truth = {"true_label": np.zeros(8, "int32"), "true_box": np.tile(np.float32([0, 0, 1, 1]), (8, 1))}
    settings = tuple(Setting(1, 1 + index) for index in range(len(answers)))
    outputs, rows = {}, []
    for setting, seeds in zip(settings, answers.values(), strict=True):
        for seed, right in enumerate(seeds):
            label = 1 - np.array(right, "int32")
            outputs[setting, seed] = truth | {"label": label, "box": truth["true_box"]}
            scores = dict.fromkeys(sweeps.MEASURES, float(np.mean(right)))
            row = {"setting": setting.name, "box_loss": "giou+l1", "optimizer": "adam", "seed": seed}
            rows.append(row | {"label_weight": 1.0, "box_weight": setting.box_weight} | scores)
    return sweeps.SweepResult(rows, settings, tuple(range(len(seeds))), outputs, None, {}, None)


ALL, NONE = [1] * 8, [0] * 8


def test_differences_are_taken_image_by_image():
    result = made_up_result(a=[[1, 1, 1, 1, 1, 1, 1, 0], ALL], b=[[1, 1, 1, 1, 1, 1, 0, 0], ALL])
    (row,) = result.differences().to_dict("records")
    assert row["setting"] == result.settings[1].name
    # Of the two averages over the seeds, one image of eight differs by a half.
    assert row["mean"] == pytest.approx(-1 / 16)
    assert row["by_seed"] == [-1 / 8, 0.0]
    reach = 1.96 * np.std([0.5, *[0.0] * 7], ddof=1) / math.sqrt(8)
    assert (row["low"], row["high"]) == pytest.approx((-1 / 16 - reach, -1 / 16 + reach))
    assert not row["told_apart"]
    assert result.differences(result.settings[1])["mean"].tolist() == pytest.approx([1 / 16])
    with pytest.raises(ValueError, match="'loss'"):
        result.differences(result.settings[0], "loss")


def test_two_settings_are_told_apart_where_images_and_seeds_agree():
    mostly = [1, 0, 0, 0, 0, 0, 0, 0]
    apart = made_up_result(a=[ALL, ALL], b=[mostly, mostly], c=[ALL, NONE])
    assert apart.differences()["told_apart"].tolist() == [True, False]  # in c, one seed is level with a
    assert apart.verdict().endswith(f"apart from {apart.settings[2].name}.")
    assert apart.verdict(settings=apart.settings[:2]).endswith("tell it apart from all others.")
    # With 7 of 8 wrong in one seed and right in the other, the seeds contradict each other.
    contrary = made_up_result(a=[ALL, mostly], b=[mostly, ALL])
    assert not contrary.differences()["told_apart"].any()


def test_best_refuses_what_is_not_measured():
    with pytest.raises(ValueError, match="'loss'"):
        sweeps.best_row(sweeps.summarize(made_up_rows(a=[0.5])), "loss")


def test_table_shows_every_setting(result):
    lines = result.table().splitlines()
    assert len(lines) == 1 + len(SETTINGS)
    for line, row in zip(lines[1:], result.summary().to_dict("records"), strict=True):
        assert line.strip().startswith(row["setting"])
        assert f"{row['clsloc_accuracy_50']:.3f} [{row['clsloc_accuracy_50_low']:.3f}" in line


# --- box losses, units, scales ----------------------------------------------------------------------------------------


def test_losses_are_compared_in_units_of_their_baseline(caches):
    names = ("l2", "giou")
    arguments = {"box_losses": names, "num_ratios": 3, "low": 0.1, "high": 10.0, "seeds": [0], "epochs": 1}
    result = sweeps.compare_losses(*caches, NUM_CLASSES, verbose=False, **arguments)
    true_boxes = caches[0].arrays["box"][:192]
    for index, name in enumerate(names):
        middle = result.settings[3 * index + 1]
        assert middle.loss_name == name
        assert middle.ratio == pytest.approx(1 / sweeps.baseline_loss(name, true_boxes), rel=1e-4)
    best = sweeps.best_of_each_loss(result.rows, "mean_iou")
    assert list(best["box_loss"]) == list(names)
    of_l2 = [row["mean_iou"] for row in result.rows if row["box_loss"] == "l2"]
    assert best["mean_iou"][0] == max(of_l2)


def test_baseline_loss_by_hand():
    true = [[0.0, 0.0, 0.4, 0.4], [0.2, 0.2, 0.6, 0.8]]  # mean: 0.1, 0.1, 0.5, 0.6
    assert sweeps.baseline_loss("l1", true) == pytest.approx((3 * 0.1 + 0.2) / 4)
    assert sweeps.baseline_loss("l2", true) == pytest.approx((3 * 0.01 + 0.04) / 4)


@pytest.mark.parametrize(("name", "factor"), [("l2", 224.0**2), ("l1", 224.0), ("giou", 1.0), ("ciou", 1.0)])
def test_pixels_against_relative_coordinates(name, factor):
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 0.5, (2, 50, 2))
    true, predicted = np.concatenate([low, low + rng.uniform(0.1, 0.5, (2, 50, 2))], axis=-1)
    assert sweeps.loss_in_units(name, true, predicted)["factor"] == pytest.approx(factor, rel=1e-3)
    assert sweeps.relative_weight(3.0, name, 224) == pytest.approx(3.0 * factor)


def test_smooth_l1_has_no_single_factor():
    with pytest.raises(ValueError, match="smooth_l1"):
        sweeps.relative_weight(1.0, "smooth_l1", 224)


def test_published_weights_come_closer_in_one_unit():
    written = [each.box_weight for each in sweeps.PUBLISHED_WEIGHTS]
    relative = {each.source: each.relative for each in sweeps.PUBLISHED_WEIGHTS}
    assert max(written) / min(written) > 1e5
    assert max(relative.values()) / min(relative.values()) < 1e3
    assert relative["m2dsupsdlclass/lectures-labs, lab 5, solution"] == pytest.approx(1.0)
    assert relative["fast.ai 2018, part 2, pascal notebook"] == pytest.approx(11.2)


def test_adam_hardly_sees_the_scale_and_sgd_does(caches):
    rows = sweeps.compare_scales(
        *caches, NUM_CLASSES, scales=(0.001, 1.0), seeds=[0], epochs=8, batch_size=32, verbose=False
    )
    measured = {(row["optimizer"], row["scale"]): row["mean_iou"] for row in rows}
    assert set(measured) == {("adam", 0.001), ("adam", 1.0), ("sgd", 0.001), ("sgd", 1.0)}
    # Not nothing: gradients so small come near Adam's epsilon, and from other seeds it ends elsewhere.
    lost_by_sgd = measured["sgd", 1.0] - measured["sgd", 0.001]
    assert lost_by_sgd > 0.3
    assert abs(measured["adam", 0.001] - measured["adam", 1.0]) < lost_by_sgd / 2
