"""What a report says of a model that is no better than an answer without looking, and which answers are the best."""

import numpy as np
import pytest

from clsloc_utils import cli, reports

GOOD = {"accuracy": 0.9, "mean_iou": 0.8, "box_accuracy_50": 0.9, "clsloc_accuracy_50": 0.85, "num_examples": 9}
BASELINE = {"accuracy": 0.57, "mean_iou": 0.54, "box_accuracy_50": 0.6, "clsloc_accuracy_50": 0.3, "num_examples": 9}


def config(task="boxes", backbone="efficientnet_lite0", drawn=False):
    return {"task": task, "drawn": drawn, "options": {"backbone": backbone}}


def test_a_model_that_beats_the_baselines_needs_no_word():
    assert reports.verdict(config(), {**GOOD, "baseline": BASELINE}) == ""
    unmeasured = {"pck_20": None, "pck_10": None, "pcp_strict": None, "num_examples": 1}
    assert reports.verdict(config("pose"), {**unmeasured, "baseline": unmeasured}) == ""


@pytest.mark.parametrize("value", [0.52, 0.57])
def test_a_model_that_does_not_is_told_so_with_numbers_and_remedies(value):
    measures = {**GOOD, "accuracy": value, "baseline": BASELINE}
    told = reports.verdict(config(), measures)
    assert f"no better than an answer without looking (accuracy {value:.3f}, without looking 0.570)" in told
    assert "--fine-tune all" in told
    assert "efficientnet_lite0" not in told
    assert "--backbone efficientnet_lite0" in reports.verdict(config(backbone="tiny_resnet"), measures)
    assert "--backbone" not in reports.verdict(config(backbone="tiny_resnet", drawn=True), measures)
    table = cli._measures_table(measures).splitlines()
    assert [line.startswith("accuracy") for line in table] == [line.endswith("  no better") for line in table]


def test_a_baseline_that_is_always_right_cannot_be_beaten():
    measures = {**GOOD, "accuracy": 1.0, "baseline": {**BASELINE, "accuracy": 1.0}}
    assert reports.verdict(config(), measures) == ""
    assert "no better" not in cli._measures_table(measures)
    assert "(accuracy 0.900, without looking 1.000)" in reports.verdict(config(), {**measures, "accuracy": 0.9})


def test_poses_are_judged_by_pck():
    measures = {"pck_20": 0.04, "pck_10": 0.2, "pcp_strict": 0.3, "num_examples": 9}
    told = reports.verdict(config("pose"), {**measures, "baseline": measures | {"pck_10": 0.3}})
    assert "(pck_20 0.040, without looking 0.040)" in told


def test_boxes_are_in_order_of_their_iou_behind_all_others_where_the_class_is_wrong():
    widths = np.array([0.5, 1.0, 0.25, 0.75])
    found = np.stack([np.zeros(4), np.zeros(4), widths, np.ones(4)], axis=1)
    predictions = {"label": np.array([0, 1, 0, 0]), "true_label": np.zeros(4, int), "box": found}
    predictions["true_box"] = np.tile([0.0, 0.0, 1.0, 1.0], (4, 1))
    assert reports.in_order_of_quality(predictions).tolist() == [3, 0, 2, 1]


@pytest.mark.parametrize(("torsos", "order"), [([1, 1, 0, 1], [3, 1, 0]), ([0, 0, 0, 0], [0, 1, 2, 3])])
def test_people_are_in_order_of_their_error_without_those_that_have_no_torso(torsos, order):
    true = np.random.default_rng(0).uniform(0.2, 0.8, (4, 14, 2))
    found = true + np.array([0.3, 0.2, 0.1, 0.0])[:, None, None]
    weight = np.ones((4, 14))
    weight[np.array(torsos) == 0, 2] = 0  # a hip
    true[:, 2], true[:, 9] = (0.3, 0.7), (0.6, 0.3)
    predictions = {"true_joints": true, "joints": found, "weight": weight}
    assert reports.in_order_of_quality(predictions).tolist() == order
