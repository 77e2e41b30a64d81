"""Run folders: what they hold, that an interrupted run ends as an unbroken one, and what their models say of photos."""

import csv
import dataclasses
import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.folders import Drawn, LspWriter, needs_sigkill
from helpers.models import small_backbone
from PIL import Image

from clsloc_utils import cli, datasets, exporting, models, pipelines, predicting, profiles, recipes, runs, training

OPTIONS = ["--image-size", "64", "--batch-size", "8", "--epochs", "3"]
OPTIONS += ["--fine-tune", "last", "--fine-tune-epochs", "3", "--seed", "5"]
OPTIONS += ["--train-split", "train[:85%]"]  # which leaves images to choose the best epoch on
POSE_OPTIONS = ["--image-size", "64", "--batch-size", "4", "--epochs", "3"]
POSE_OPTIONS += ["--fine-tune", "all", "--fine-tune-epochs", "2", "--seed", "5"]


@pytest.fixture(scope="module", autouse=True)
def backbone_file(data_dir, tmp_path_factory):
    """All commands of this module keep their data with the tests', and begin with this small backbone."""
    file = tmp_path_factory.mktemp("backbones") / "small.keras"
    keras.utils.set_random_seed(0)
    small_backbone(64).save(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLSLOC_DATA_DIR", str(data_dir))
        patch.setenv("CLSLOC_BACKBONE", str(file))
        for variable in ("CLSLOC_PROFILE", "CLSLOC_DATA"):
            patch.delenv(variable, raising=False)
        yield file


@pytest.fixture(scope="module")
def finished(voc_folder, tmp_path_factory):
    """An unbroken run."""
    run = tmp_path_factory.mktemp("runs") / "unbroken"
    assert cli.main(["train", str(voc_folder), *OPTIONS, "--out", str(run)]) == 0
    return run


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A folder in LSP layout, for reading only."""
    writer = LspWriter(tmp_path_factory.mktemp("lsp") / "people", extended=False)
    writer.write(12)
    return writer


@pytest.fixture(scope="module")
def finished_pose(people, tmp_path_factory):
    """An unbroken run of poses, in the folder that is taken when none is named."""
    folder = tmp_path_factory.mktemp("here")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert cli.main(["train", str(people.folder), *POSE_OPTIONS]) == 0
    return folder / "runs" / "people"


def weights_of(run):
    return keras.saving.load_model(run / predicting.MODEL, compile=False).get_weights()


def assert_same_run(first, second):
    """Same measures, same history, same weights, bit for bit."""
    for name in (runs.METRICS, runs.HISTORY):
        assert (first / name).read_text() == (second / name).read_text(), name
    for one, other in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_array_equal(one, other)


# --- what a run holds -------------------------------------------------------------------------------------------------


def test_a_run_holds_all_that_is_promised(finished, voc_folder):
    visible = {file.name for file in finished.iterdir() if not file.name.startswith(".")}
    assert visible == {"model.keras", "model.tflite", "config.json", "metrics.json", "history.csv", "report.html"}
    config = json.loads((finished / "config.json").read_text())
    assert config["options"]["source"] == str(voc_folder)
    assert (config["options"]["fine_tune"], config["options"]["seed"]) == ("last", 5)
    with open(finished / "history.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["stage"], row["epoch"]) for row in rows] == [
        *(("heads", str(epoch)) for epoch in (1, 2, 3)),
        *(("last layers", str(epoch)) for epoch in (1, 2, 3)),
    ]
    assert all(float(row["loss"]) > 0 for row in rows)


def test_metrics_are_those_of_the_saved_model_and_of_the_training_images_baselines(finished, voc_folder):
    metrics = json.loads((finished / "metrics.json").read_text())
    measures = {"accuracy", "mean_iou", "box_accuracy_50", "clsloc_accuracy_50", "num_examples"}
    assert set(metrics) == measures | {"baseline"}
    assert set(metrics["baseline"]) == measures
    model = keras.saving.load_model(finished / "model.keras", compile=False)
    source = datasets.info(voc_folder)
    batches = pipelines.batches(voc_folder, source.test_split, image_size=64, batch_size=8)
    expected = training.evaluate(model, batches)
    assert {name: metrics[name] for name in measures} == expected
    train_labels, train_boxes = [], []
    for _, targets in pipelines.batches(voc_folder, source.train_split, image_size=64, batch_size=8):
        train_labels += targets["label"].numpy().tolist()
        train_boxes += targets["box"].numpy().tolist()
    test_labels = np.concatenate([targets["label"] for _, targets in batches])
    commonest = np.bincount(train_labels).argmax()
    assert metrics["baseline"]["accuracy"] == pytest.approx(np.mean(test_labels == commonest))
    config = json.loads((finished / "config.json").read_text())
    np.testing.assert_allclose(config["baseline"]["box"], np.mean(train_boxes, axis=0), atol=1e-6)


def test_report_stands_alone_and_says_the_measures(finished, backbone_file):
    page = (finished / "report.html").read_text(encoding="utf-8")
    images = re.findall(r"<img ([^>]*)>", page)
    assert len(images) == 6, "curves of two stages, best, worst, histogram, confusion matrix"
    assert all(re.search(r'alt="[^"]{20,}"', image) for image in images)
    assert all('src="data:image/png;base64,' in image for image in images)
    assert not re.search(r"(src|href)=[\"'](?!data:)|url\(|<script|<link|@import", page)
    metrics = json.loads((finished / "metrics.json").read_text())
    for value in (metrics["mean_iou"], metrics["baseline"]["mean_iou"]):
        assert f">{value:.4f}<" in page
    assert str(backbone_file) in page
    assert "None" not in page
    assert "[]" not in page


def test_a_report_shows_few_images_once(finished):
    page = (finished / "report.html").read_text(encoding="utf-8")
    count = json.loads((finished / "metrics.json").read_text())["num_examples"]
    best, worst = (
        re.findall(rf'alt="The {which} predictions[^"]*Class and IoU: ([^"]*)"', page) for which in ("best", "worst")
    )
    assert len(best[0].split(", ")) == len(worst[0].split(", ")) == min(8, (count + 1) // 2)


# --- interruptions ----------------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from clsloc_utils import cli, quiet
quiet.start_tensorflow()
from clsloc_utils import training

stage, *arguments = sys.argv[1:]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
replace = os.replace

def in_the_third_epoch(self, batch, logs=None):  # The weights have changed, and no checkpoint knows of it.
    if self.epochs_done == 2:
        die()

def half_way_through_writing_a_checkpoint(source, target):
    if stage in str(target) and training.Checkpoint(target).epochs_done == 1:
        os.truncate(source, os.path.getsize(source) // 2)
        die()
    replace(source, target)

if stage == "heads":
    training.Checkpoint.on_train_batch_end = in_the_third_epoch
else:
    os.replace = lambda source, target: (
        half_way_through_writing_a_checkpoint(source, target) if os.path.exists(target) else replace(source, target)
    )
sys.exit(cli.main(arguments))
"""


def assert_killed_it_ends_the_same(unbroken, run, arguments, *stages):
    """Kills a training in each of the stages, each time resumed, and resumes it a last time."""
    arguments = ["train", *arguments, "--out", str(run), "--resume"]
    for stage in stages:
        command = [sys.executable, "-c", KILLED, stage, *arguments]
        killed = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert (run / f"{stage}.checkpoint.npz").exists()
        assert not (run / "metrics.json").exists()
    assert training.Checkpoint(run / "heads.checkpoint.npz").epochs_done == 3
    assert training.Checkpoint(run / f"{stages[-1]}.checkpoint.npz").epochs_done == 1
    assert list(run.glob("*.part-*")), "the killed process left a half-written file"
    assert cli.main(arguments) == 0
    assert_same_run(unbroken, run)
    visible = {file.name for file in run.iterdir() if not file.name.startswith(".")}
    assert visible == {file.name for file in unbroken.iterdir() if not file.name.startswith(".")}


@pytest.mark.slow
@needs_sigkill
def test_killed_twice_a_run_ends_bit_for_bit_as_an_unbroken_one(finished, voc_folder, tmp_path):
    arguments = [str(voc_folder), *OPTIONS]
    assert_killed_it_ends_the_same(finished, tmp_path / "killed", arguments, "heads", "last_layers")


@pytest.mark.slow
@needs_sigkill
def test_killed_a_run_of_poses_ends_bit_for_bit_as_an_unbroken_one(finished_pose, people, tmp_path):
    """Killed in its last stage, which the run of boxes does not have."""
    arguments = [str(people.folder), *POSE_OPTIONS]
    assert_killed_it_ends_the_same(finished_pose, tmp_path / "killed", arguments, "all_layers")


@pytest.mark.slow
def test_a_resumed_run_remembers_its_best_epoch(voc_folder, tmp_path, monkeypatch):
    """The second epoch, before the interruption, is the best; of those after it none comes near."""
    train = ["train", str(voc_folder), "--box-head", "pooled", "--image-size", "64", "--batch-size", "8"]
    train += ["--epochs", "5", "--train-split", "train[:85%]", "--out"]

    def fail_in_the_third_epoch(self, batch, logs=None):
        if self.epochs_done == 2:
            raise RuntimeError("a power cut")

    def give_scores():
        scores = iter([0.2, 0.9, 0.3, 0.8, 0.5])
        monkeypatch.setattr(training.BestEpoch, "get_monitor_value", lambda *_: next(scores))
        return scores

    scores = give_scores()
    assert cli.main([*train, str(tmp_path / "unbroken")]) == 0
    assert not list(scores), "all of them were asked for"
    give_scores()
    with monkeypatch.context() as patch:
        patch.setattr(training.Checkpoint, "on_train_batch_begin", fail_in_the_third_epoch)
        with pytest.raises(RuntimeError, match="a power cut"):
            cli.main([*train, str(tmp_path / "broken")])
    assert cli.main([*train, str(tmp_path / "broken"), "--resume"]) == 0
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")


def test_ctrl_c_keeps_the_best_model_so_far_and_can_be_resumed(finished, voc_folder, tmp_path, monkeypatch, capsys):
    run = tmp_path / "stopped"
    arguments = ["train", str(voc_folder), *OPTIONS, "--out", str(run)]

    def interrupt_second_epoch_of_fine_tuning(self, batch, logs=None):
        if "last_layers" in self.file.name and self.epochs_done == 1 and batch == 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training.Checkpoint, "on_train_batch_end", interrupt_second_epoch_of_fine_tuning)
        assert cli.main(arguments) == 130
    assert "best model so far" in capsys.readouterr().err
    with np.load(run / "last_layers.checkpoint.npz") as stored:
        best = [stored[f"best/{index}"] for index in range(len(weights_of(run)))]
    for one, other in zip(weights_of(run), best, strict=True):
        np.testing.assert_array_equal(one, other)
    assert "stopped early" in (run / "report.html").read_text(encoding="utf-8")
    assert len((run / "history.csv").read_text().splitlines()) == 1 + 3 + 1
    assert cli.main([*arguments, "--resume"]) == 0
    assert_same_run(finished, run)
    assert "stopped early" not in (run / "report.html").read_text(encoding="utf-8")


def test_ctrl_c_before_anything_is_learned(voc_folder, tmp_path, monkeypatch, capsys):
    run = tmp_path / "stopped"

    def interrupt(self, batch, logs=None):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(training.Checkpoint, "on_train_batch_end", interrupt)
    assert cli.main(["train", str(voc_folder), *OPTIONS, "--out", str(run)]) == 130
    said = capsys.readouterr().err
    assert "nothing is learned yet" in said
    assert said.count("splits from ImageSets/Main/train.txt, val.txt") == 1, "how the folder was read"
    assert not (run / "model.keras").exists()
    assert not (run / "metrics.json").exists()


def test_a_training_that_diverged_says_so_and_writes_no_measures(voc_folder, tmp_path, monkeypatch, capsys):
    def diverge(self):
        heads = self.model.get_layer("heads")
        heads.set_weights([np.full_like(weight, np.nan) for weight in heads.get_weights()])

    monkeypatch.setattr(runs.training._Training, "_fine_tune", diverge)
    run = tmp_path / "diverged"
    assert cli.main(["train", str(voc_folder), "--box-head", "pooled", *OPTIONS, "--out", str(run)]) == 2
    assert "the training diverged" in capsys.readouterr().err.splitlines()[-1]
    assert not (run / "metrics.json").exists()
    assert not (run / "model.keras").exists()


def test_a_remark_is_made_once_however_often_a_folder_is_read(finished, make_voc_folder, tmp_path, capsys):
    folder = make_voc_folder(tmp_path / "shapes")
    (folder / "Annotations" / "shape_03.xml").write_text("<annotation>")
    assert cli.main(["evaluate", str(finished), str(folder), "--json"]) == 0
    assert capsys.readouterr().err.count("shape_03.xml") == 1


def test_names_that_a_terminal_cannot_show_end_no_command(finished, voc_folder, tmp_path, monkeypatch):
    photo = tmp_path / "犬.jpg"
    photo.write_bytes((voc_folder / "JPEGImages" / "shape_16.jpg").read_bytes())
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert cli.main(["predict", str(finished), str(photo), "--out", str(tmp_path)]) == 0
    assert b"\\u72ac.jpg: " in written.getvalue()
    assert (tmp_path / "犬.png").is_file()


def test_a_complete_run_is_not_trained_again(finished, voc_folder, monkeypatch, capsys):
    before = {file.name: file.stat().st_mtime_ns for file in finished.iterdir()}
    monkeypatch.setattr(training, "train_heads", lambda *_, **__: pytest.fail("trained again"))
    assert cli.main(["train", str(voc_folder), "--out", str(finished), "--resume"]) == 0
    assert "complete" in capsys.readouterr().err
    assert {file.name: file.stat().st_mtime_ns for file in finished.iterdir()} == before


def refused(arguments, capsys):
    """The one line that a command ends with."""
    assert cli.main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("clsloc: ")
    return lines[0]


def test_resuming_otherwise_is_refused(finished, voc_folder, make_voc_folder, tmp_path, capsys):
    train = ["train", voc_folder, "--out", finished]
    assert "--resume" in refused(train, capsys)
    line = refused([*train, "--resume", "--epochs", "4", "--seed", "5", "--box-head", "pooled"], capsys)
    assert "epochs is 4 now and 3 there" in line
    assert "box_head is 'pooled' now and 'spatial' there" in line
    assert "seed" not in line
    other = make_voc_folder(tmp_path / "shapes")
    assert "source is" in refused(["train", other, "--out", finished, "--resume"], capsys)


def test_changed_photos_are_refused(finished, voc_folder, capsys):
    photo = next((voc_folder / "JPEGImages").glob("*.jpg"))
    status = photo.stat()
    os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    try:
        line = refused(["train", voc_folder, "--out", finished, "--resume"], capsys)
    finally:
        os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "the images are" in line


def test_a_folder_of_something_else_is_refused(voc_folder, tmp_path, capsys):
    (tmp_path / "letters.txt").write_text("dear")
    assert "is no run" in refused(["train", voc_folder, "--out", tmp_path, *OPTIONS], capsys)
    assert [file.name for file in tmp_path.iterdir()] == ["letters.txt"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--joint-head", "direct"], "--joint-head is for pose"),
        (["--fine-tune-epochs", "2"], "add --fine-tune"),
        (["--backbone", "tiny_resnet", "--image-size", "63"], "multiple of"),
        (["--backbone", "resnet5000"], "no such name"),
        (["--backbone", "nowhere.keras"], "no such file"),
        (["--train-split", "trian"], "no split 'trian'"),
        (["--test-split", "validation[:0]"], "empty"),
        (["--train-split", "train[5:2]"], "empty"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_written(options, words, voc_folder, tmp_path, capsys):
    run = tmp_path / "new" / "run"
    assert words in refused(["train", voc_folder, "--out", run, *options], capsys)
    assert not run.exists()


def test_a_damaged_checkpoint_is_refused(finished, voc_folder, tmp_path, capsys):
    run = tmp_path / "damaged"
    run.mkdir()
    (run / "config.json").write_text((finished / "config.json").read_text())
    (run / "heads.checkpoint.npz").write_bytes(b"PK but no more")
    assert cli.main(["train", str(voc_folder), "--out", str(run), "--resume"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "heads.checkpoint.npz: unreadable" in last
    assert "delete it" in last


def test_damaged_files_of_a_run_are_named(finished, voc_folder, tmp_path, capsys):
    def spoiled(name, change):
        run = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        shutil.copytree(finished, run)
        (run / name).write_bytes(change((run / name).read_bytes()))
        return run

    photo = next((voc_folder / "JPEGImages").glob("*.jpg"))
    for content, words in ((b"{}", "altered, it has no 'options'"), (b"[]", "altered"), (b"\xff{", "not JSON")):
        run = spoiled("config.json", lambda _, content=content: content)
        assert f"config.json: {words}" in refused(["predict", run, photo, "--json"], capsys)
        assert f"config.json: {words}" in refused(["train", voc_folder, "--out", run, "--resume"], capsys)
    for change, words in (
        (lambda config: config["options"].clear(), "altered, it has no 'source'"),
        (lambda config: config["options"].pop("box_head"), "altered, it has no 'box_head'"),
        (lambda config: config.update(task="cooking"), "altered, its task is 'cooking', not boxes or pose"),
    ):
        run = spoiled("config.json", lambda content, change=change: changed_json(content, change))
        assert f"config.json: {words}" in refused(["predict", run, photo, "--json"], capsys)
    run = spoiled("metrics.json", lambda _: b"{")
    assert cli.main(["train", str(voc_folder), "--out", str(run), "--resume"]) == 2
    assert "metrics.json: not JSON" in capsys.readouterr().err
    for change, words in (
        (lambda data: data[:-1000], "no zip archive, or a damaged one"),
        (with_one_other_byte, "is damaged"),
        (lambda _: empty_zip(tmp_path), "no model of Keras"),
    ):
        run = spoiled("model.keras", change)
        line = refused(["predict", run, photo, "--json"], capsys)
        assert "model.keras " in line
        assert words in line
        line = refused(["train", voc_folder, "--backbone", run / "model.keras", "--out", tmp_path / "new"], capsys)
        assert "model.keras': cannot be loaded" in line


def with_one_other_byte(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]


def changed_json(content, change):
    values = json.loads(content)
    change(values)
    return json.dumps(values).encode()


def empty_zip(folder):
    with zipfile.ZipFile(folder / "empty.zip", "w") as archive:
        archive.writestr("letter.txt", "dear")
    return (folder / "empty.zip").read_bytes()


def test_folders_that_are_called_as_options_are_do_not_matter(finished, voc_folder, tmp_path, monkeypatch, capsys):
    """Names of splits, backbones and heads are no paths, whatever lies in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("validation", "tiny_resnet", "spatial", "last"):
        (tmp_path / name).mkdir()
    given = {"backbone": "tiny_resnet", "test_split": "validation", "box_head": "spatial", "fine_tune": "last"}
    of_the_run = [name for name in given if name != "backbone"]
    options = [word for name in of_the_run for word in (f"--{name.replace('_', '-')}", given[name])]
    assert cli.main(["train", str(voc_folder), "--out", str(finished), "--resume", *options]) == 0
    assert "complete" in capsys.readouterr().err
    chosen = runs.resolve_options(given, datasets.info(voc_folder), profiles.FAST)
    assert {name: chosen[name] for name in given} == given


def test_results_that_cannot_be_written_are_refused_before_the_work(
    finished, voc_folder, tmp_path, monkeypatch, capsys
):
    photo = next((voc_folder / "JPEGImages").glob("*.jpg"))
    file = tmp_path / "file"
    file.touch()
    size = ["--image-size", 64]
    for command in (["predict", finished, photo], ["train", voc_folder, *size], ["sweep", voc_folder, *size]):
        words = refused([*command, "--out", file / "in_it"], capsys)
        assert str(file) in words
        assert "in the way; take another folder (--out" in words or "name another folder with --out" in words

    def no_right(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "a/folder")

    monkeypatch.setattr(runs.studies.tempfile, "TemporaryFile", no_right)
    monkeypatch.setattr(runs.studies.sweeps, "run_sweep", lambda *_, **__: pytest.fail("the work began"))
    sweep = ["sweep", voc_folder, "--image-size", 64, "--out", tmp_path / "sweep"]
    assert "a/folder: Permission denied; take a folder" in refused(sweep, capsys)
    monkeypatch.setattr(predicting, "replacing", no_right)
    assert "a/folder: Permission denied" in refused(["predict", finished, photo, "--out", tmp_path / "drawn"], capsys)


def test_a_run_under_way_is_left_alone(finished, voc_folder, tmp_path, capsys):
    run = tmp_path / "busy"
    with runs.folder.locked(run):
        assert "another process" in refused(["train", voc_folder, *OPTIONS, "--out", run], capsys)


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def source():
    return datasets.SourceInfo(
        "some", ("a", "b"), {"train": 100, "test": 50}, "train[:85%]", "train[85%:]", "test", "x"
    )


def test_what_is_not_given_comes_from_profile_and_source(source):
    options = runs.resolve_options({"epochs": 7, "box_head": None}, source, profiles.FULL)
    assert options["epochs"] == 7
    assert options["box_head"] == "spatial"
    assert options["backbone"] == "resnet50"
    assert options["image_size"] == 224
    assert (options["fine_tune"], options["fine_tune_epochs"]) == ("all", 5)
    assert options["fine_tune_stages"] == [["last", 3e-4], ["all", 1e-4]]
    assert (options["train_split"], options["test_split"]) == ("train", "test")
    assert runs.resolve_options({}, source, profiles.FAST)["fine_tune"] == "none"
    last = runs.resolve_options({"fine_tune": "last"}, source, profiles.FAST)
    assert (last["fine_tune_epochs"], last["fine_tune_stages"]) == (30, [["last", 3e-4]])
    assert last["precision"] is None, "in this profile"
    assert runs.resolve_options({"backbone": "alexnet"}, source, profiles.FAST)["image_size"] == 0, "its own"


def test_files_of_backbones_are_kept_with_their_whole_paths(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in ("mine.keras", "mine.h5"):
        (tmp_path / file).touch()
    for given, kept in (
        ("mine.keras", str(tmp_path / "mine.keras")),
        ("resnet50:mine.h5", f"resnet50:{tmp_path / 'mine.h5'}"),
        ("resnet50", "resnet50"),
    ):
        assert runs.resolve_options({"backbone": given}, source, profiles.FAST)["backbone"] == kept


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
    size = source.splits["train"]
    for used in (size, size - 3):
        runs.sources.tell_how_many(source, "train[:50%]+train[50%:]", used, remarks.append)
    words = (
        f"{size - 3} of {size} images of 'train[:50%]+train[50%:]' have exactly one object; the others are left out."
    )
    assert remarks == [words]


def test_command_line_offers_the_heads_that_exist():
    actions = {action.dest: action for action in cli.parser()._subparsers._group_actions[0].choices["train"]._actions}
    assert set(actions["box_head"].choices) == set(models.BOX_HEADS)
    assert set(actions["joint_head"].choices) == set(models.JOINT_HEADS)


# --- evaluate and predict ---------------------------------------------------------------------------------------------


def test_evaluate_prints_json_alone_and_the_metrics_of_the_run(finished, voc_folder):
    command = [sys.executable, "-m", "clsloc_utils", "evaluate", str(finished), str(voc_folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    assert json.loads(done.stdout) == json.loads((finished / "metrics.json").read_text())
    assert "Evaluation" in done.stderr, "the bar is elsewhere"
    assert done.stderr.count("splits from ImageSets/Main/train.txt, val.txt") == 1, "how the folder was read"


def test_evaluate_on_fewer_classes_uses_the_numbers_of_the_run(finished, voc_writer, capsys):
    voc_writer.add("one", [Drawn("triangle", (10, 10, 40, 44))])
    voc_writer.list("train.txt", ["one"])
    assert cli.main(["evaluate", str(finished), str(voc_writer.folder), "--test-split", "train", "--json"]) == 0
    run = runs.open_run(finished)
    (found,) = runs.predict(run, [voc_writer.image_path("one")])
    assert json.loads(capsys.readouterr().out)["accuracy"] == float(found["label"] == "triangle")
    voc_writer.add("two", [Drawn("giraffe", (10, 10, 40, 44))])
    voc_writer.list("train.txt", ["one", "two"])
    assert "giraffe" in refused(["evaluate", finished, voc_writer.folder, "--test-split", "train"], capsys)


def test_predict_says_what_the_model_says(finished, voc_folder, tmp_path, capsys):
    source = datasets.info(voc_folder)
    model = keras.saving.load_model(finished / "model.keras", compile=False)
    batches = pipelines.batches(voc_folder, source.test_split, image_size=64, batch_size=8)
    expected = training.predict(model, batches)
    (example,) = pipelines.single_object(datasets.load(voc_folder, source.test_split)).take(1)
    # Pillow and TensorFlow round differently as they decode a JPEG; a PNG holds the very pixels of training.
    photo = tmp_path / "photo.png"
    pixels = tf.io.decode_jpeg(example["image"], channels=3).numpy()
    Image.fromarray(pixels).save(photo)
    assert cli.main(["predict", str(finished), str(photo), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert set(found) == {"file", "label", "probability", "box"}
    height, width = pixels.shape[:2]
    assert found["file"] == str(photo)
    assert found["label"] == source.class_names[expected["label"][0]]
    assert found["probability"] == pytest.approx(expected["score"][0], abs=1e-5)
    np.testing.assert_allclose(found["box"], expected["box"][0] * [width, height, width, height], atol=1e-3)


def test_photos_of_every_kind_are_read_as_one_sees_them(voc_folder, tmp_path):
    upright = Image.open(voc_folder / "JPEGImages" / "shape_16.jpg").convert("RGB")
    pixels = np.asarray(upright, "float32")

    def difference(name, image, reference=pixels, **options):
        image.save(tmp_path / name, **options)
        read = predicting.read_photo(tmp_path / name)
        assert read.dtype == np.uint8
        assert read.shape == pixels.shape
        return np.abs(read - reference).mean()

    exif = Image.Exif()
    exif[0x0112] = 6  # Stored turned to the left: turn it to the right to see it.
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    assert difference("turned.jpg", turned, exif=exif, quality=95) < 2
    assert difference("colours.png", upright) == 0
    assert difference("palette.gif", upright.quantize(64)) < 4
    assert difference("print.jpg", upright.convert("CMYK"), quality=95) < 4
    grey = np.asarray(upright.convert("L"), "float32")[..., None]
    assert difference("grey.png", upright.convert("L"), grey) == 0
    assert difference("deep.png", Image.fromarray((grey[..., 0] * 257).astype("uint16")), grey) <= 1
    half = upright.convert("RGBA")
    half.putalpha(0)
    assert difference("unseen.png", half, 255.0) == 0


def test_predict_draws_into_a_folder_without_losing_a_picture(finished, voc_folder, tmp_path, monkeypatch, capsys):
    first = voc_folder / "JPEGImages" / "shape_16.jpg"
    second = tmp_path / "other" / "shape_16.png"
    second.parent.mkdir()
    Image.open(first).save(second)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["predict", str(finished), str(first), str(second)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert sorted(file.name for file in (tmp_path / "predictions").iterdir()) == ["shape_16-2.png", "shape_16.png"]
    drawn = np.asarray(Image.open(tmp_path / "predictions" / "shape_16.png").convert("RGB"), "float32")
    orange = (np.abs(drawn - (0xE6, 0x9F, 0x00)).max(axis=-1) < 8).sum()
    assert orange > 500, "the colour of predicted boxes, which the photo has not"


def test_a_drawing_never_takes_the_place_of_a_photo(finished, voc_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("shape_16", "shape_17"):
        Image.open(voc_folder / "JPEGImages" / f"{name}.jpg").save(f"{name}.png")
    photos = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert cli.main(["predict", str(finished), "shape_16.png", str(tmp_path / "shape_17.png"), "--out", "."]) == 0
    assert "drawn in shape_16-2.png" in capsys.readouterr().out
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*photos, "shape_16-2.png", "shape_17-2.png"])
    assert {name: (tmp_path / name).read_bytes() for name in photos} == photos


def test_good_photos_are_done_and_bad_ones_named(finished, voc_folder, tmp_path, monkeypatch, capsys):
    text = tmp_path / "letter.jpg"
    text.write_text("dear")
    photo = voc_folder / "JPEGImages" / "shape_16.jpg"
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(photo.read_bytes()[:700])
    Image.new("F", (9, 9)).save(tmp_path / "fractions.tif")
    (tmp_path / "empty").mkdir()
    given = [text, photo, cut, tmp_path / "none.jpg", tmp_path / "fractions.tif", tmp_path / "empty", photo]
    assert cli.main(["predict", str(finished), *map(str, given), "--json"]) == 2
    captured = capsys.readouterr()
    assert [found["file"] for found in json.loads(captured.out)] == [str(photo)] * 2
    words = ["letter.jpg: not an image", "cut.jpg: cannot be read", "none.jpg: no such file"]
    words += ["its pixels are fractions", "empty: a folder without photos", "5 of 7 photos have no answer"]
    for line, word in zip(captured.err.splitlines(), words, strict=True):
        assert line.startswith("clsloc: ")
        assert word in line
    assert cli.main(["predict", str(finished), str(text), "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == []
    monkeypatch.chdir(tmp_path)
    assert cli.main(["predict", str(finished), str(text), str(photo)]) == 2
    assert capsys.readouterr().out.startswith(f"{photo}: ")


def test_folders_and_patterns_stand_for_their_photos(finished, make_voc_folder, tmp_path, capsys):
    folder = make_voc_folder(tmp_path / "shapes")
    (folder / "JPEGImages" / "._shape_00.jpg").write_bytes(b"what a Mac leaves behind")
    photos = sorted(str(file) for file in (folder / "JPEGImages").glob("shape*"))
    assert cli.main(["predict", str(finished), photos[3], str(folder), str(folder / "**" / "*_1?.jpg"), "--json"]) == 0
    captured = capsys.readouterr()
    found = [each["file"] for each in json.loads(captured.out)]
    assert found == [photos[3], *photos, *photos[10:20]]
    assert captured.err.splitlines() == [
        f"clsloc: {folder}: 27 files left out, as their names are not those of photos: .jpg 1, .txt 2, .xml 24."
    ]


def test_each_answer_is_written_before_the_next_photo_is_read(finished, voc_folder, tmp_path, monkeypatch, capsys):
    photos = [str(voc_folder / "JPEGImages" / f"shape_{number}.jpg") for number in (16, 17, 18)]
    read, seen = predicting.read_photo, []

    def noted(file):
        seen.append(capsys.readouterr().out)
        return read(file)

    monkeypatch.setattr(predicting, "read_photo", noted)
    for options, first in (["--out", str(tmp_path)], f"{photos[0]}: "), (["--json"], '[\n {\n  "file": '):
        seen.clear()
        capsys.readouterr()
        assert cli.main(["predict", str(finished), *photos, *options]) == 0
        assert seen[0] == ""
        assert seen[1].startswith(first)
        assert photos[1] in seen[2]
        assert photos[0] not in seen[2]


def test_a_bar_is_shown_from_20_photos_on_to_whoever_watches(finished, voc_folder, monkeypatch, capsys):
    photos = [str(file) for file in sorted((voc_folder / "JPEGImages").iterdir())]
    for count, watched, shown in (20, True, True), (19, True, False), (20, False, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda watched=watched: watched)
        assert cli.main(["predict", str(finished), *photos[:count], "--json"]) == 0
        captured = capsys.readouterr()
        assert len(json.loads(captured.out)) == count
        assert ("Photos: " in captured.err) == shown


def test_an_answer_that_is_no_number_is_an_error_of_its_photo(finished, voc_folder, monkeypatch, capsys):
    first, second = (str(voc_folder / "JPEGImages" / f"shape_{number}.jpg") for number in (16, 17))
    answers = iter([np.nan, 0.5])
    model = predicting.Predictor(
        "boxes",
        runs.open_run(finished).config["class_names"],
        64,
        lambda images: {"label": np.array([[0.0, next(answers), 0.0]]), "box": np.full((1, 4), 0.5)},
    )
    monkeypatch.setattr(predicting, "lite_predictor", lambda _: model)
    assert cli.main(["predict", str(finished), first, second, "--json"]) == 2
    captured = capsys.readouterr()
    assert [found["file"] for found in json.loads(captured.out)] == [second]
    assert f"{first}: the model's answer is no number" in captured.err


def test_a_folder_that_is_no_run_is_refused(finished, voc_folder, tmp_path, capsys):
    photo = voc_folder / "JPEGImages" / "shape_16.jpg"
    assert "no such folder" in refused(["predict", tmp_path / "none", photo], capsys)
    assert "no run" in refused(["predict", tmp_path, photo], capsys)
    (tmp_path / "config.json").write_text((finished / "config.json").read_text())
    assert "has no model.keras yet" in refused(["predict", tmp_path, photo, "--json"], capsys)
    assert "neither a known source" in refused(["evaluate", finished, "voc/2077"], capsys)


PREDICT = """
import sys
from clsloc_utils import cli
code = cli.main(["predict", *sys.argv[1:]])
print([name for name in ("tensorflow", "keras", "tensorflow_datasets") if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


def test_predicting_and_drawing_import_no_tensorflow_and_answer_as_keras(finished, voc_folder, tmp_path):
    photos = sorted(str(file) for file in (voc_folder / "JPEGImages").iterdir())
    command = [sys.executable, "-c", PREDICT, str(finished), *photos, "--json", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert done.stderr == "[]\n"
    assert len(list(tmp_path.iterdir())) == len(photos)
    assert_same_answers(json.loads(done.stdout), runs.predict(runs.open_run(finished), photos))


def assert_same_answers(found, expected):
    assert [each["label"] for each in found] == [each["label"] for each in expected]
    for name, tolerance in (("probability", 1e-4), ("box", 1e-2)):
        values, reference = ([each[name] for each in answers] for answers in (found, expected))
        np.testing.assert_allclose(values, reference, atol=tolerance)


def test_without_its_own_lite_file_tensorflow_answers_and_says_so(finished, voc_folder, tmp_path, capsys):
    photo = str(voc_folder / "JPEGImages" / "shape_16.jpg")
    expected = runs.predict(runs.open_run(finished), [photo])

    def lacking(name, change):
        run = tmp_path / name
        shutil.copytree(finished, run)
        change(run)
        assert cli.main(["predict", str(run), photo, "--json"]) == 0
        captured = capsys.readouterr()
        assert_same_answers(json.loads(captured.out), expected)
        (line,) = captured.err.splitlines()
        assert "TensorFlow answers, which takes longer to start" in line
        return line

    def of_another_time(run):
        config = json.loads((run / "config.json").read_text())
        del config["digests"]
        (run / "config.json").write_text(json.dumps(config))

    def damage(run):
        (run / "model.tflite").write_bytes(with_one_other_byte((run / "model.tflite").read_bytes()))

    def replace(run):
        keras.saving.load_model(run / "model.keras", compile=False).save(run / "model.keras")

    assert "has no model.tflite" in lacking("gone", lambda run: (run / "model.tflite").unlink())
    assert "has no model.tflite" in lacking("old", of_another_time)
    assert "is another one than the training wrote" in lacking("damaged", damage)
    assert "is another one than the training wrote" in lacking("replaced", replace)


def test_a_copied_run_keeps_its_lite_file(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy", copy_function=shutil.copyfile)  # with other times
    assert predicting.lite_predictor(tmp_path / "copy").image_size == 64


def test_a_training_whose_model_litert_cannot_hold_says_so(voc_folder, tmp_path, monkeypatch, capsys):
    def lacking(*_, **__):
        raise exporting.LiteError("LiteRT lacks operations of this model")

    run = tmp_path / "run"
    monkeypatch.setattr(exporting, "export_lite", lacking)
    train = ["train", str(voc_folder), *OPTIONS[:4], "--epochs", "1", "--box-head", "pooled", "--out", str(run)]
    assert cli.main(train) == 0
    assert "clsloc: No model.tflite: LiteRT lacks operations of this model." in capsys.readouterr().err
    assert (run / "metrics.json").is_file()
    with pytest.raises(predicting.NoLiteError, match=r"has no model\.tflite"):
        predicting.lite_predictor(run)


# --- poses and sweeps -------------------------------------------------------------------------------------------------


def test_poses_from_training_to_prediction(finished_pose, people, tmp_path, capsys):
    assert "--box-head is for boxes" in refused(["train", people.folder, "--box-head", "pooled"], capsys)
    metrics = json.loads((finished_pose / "metrics.json").read_text())
    measures = {"pck_20", "pck_10", "pcp_strict", "num_examples"}
    assert set(metrics) == measures | {"baseline"}
    assert set(metrics["baseline"]) == measures
    with open(finished_pose / "history.csv", newline="") as stream:
        stages = [row["stage"] for row in csv.DictReader(stream)]
    assert stages == ["heads"] * 3 + ["last layers"] * 2 + ["all layers"] * 2
    assert cli.main(["evaluate", str(finished_pose), str(people.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == metrics
    photo = people.image_path(12)
    drawn = tmp_path / "drawn"
    assert cli.main(["predict", str(finished_pose), str(photo), "--json", "--out", str(drawn)]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert np.shape(found["joints"]) == (14, 2)
    assert (drawn / f"{photo.stem}.png").is_file()
    # The photo is 96 x 128: padded to a square, its middle stays its middle, and a side of the square is 128 pixels.
    run = runs.open_run(finished_pose)
    square = predicting.as_input(predicting.read_photo(photo), 64, "pose")
    joints = training.predict(run.model, square[None])["joints"][0]
    np.testing.assert_allclose(found["joints"], joints * 128 - [16, 0], atol=1e-3)
    assert np.ptp(square[:, :7]) == 0, "what is beside the photo is grey"


def test_sweep_writes_table_and_figures_and_says_the_choice(voc_folder, tmp_path, capsys):
    sweep = ["sweep", str(voc_folder), "--image-size", "64", "--copies", "2", "--epochs", "1"]
    sweep += ["--ratios", "2", "--seeds", "2", "--out", str(tmp_path / "sweep")]
    assert cli.main(sweep) == 0
    written = {file.name for file in (tmp_path / "sweep").iterdir()}
    assert written == {"sweep.csv", "sweep.json", "sweep.png", "front.png"}
    rows = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    assert len(rows) == (2 + 2 + 1) * 2
    printed = capsys.readouterr().out
    best = max({row["setting"] for row in rows}, key=lambda name: mean_of(rows, name))
    assert "class only" in printed
    assert mean_of(rows, chosen_in(printed)) == mean_of(rows, best)
    assert "holds a sweep already" in refused(sweep, capsys)


def mean_of(rows, setting):
    return np.mean([row["clsloc_accuracy_50"] for row in rows if row["setting"] == setting])


def chosen_in(printed):
    return re.search(r"Chosen: (.+?)\. On the test", printed).group(1)


@pytest.mark.parametrize(
    ("train", "validation", "learned"),
    [
        ("train[:85%]", "train[85%:]", "train"),
        ("train[:70%]", "train[70%:85%]", "train[:85%]"),
        ("train", "validation", "train"),
    ],
)
def test_all_photos_that_are_not_for_the_evaluation_are_learned_from(train, validation, learned):
    source = datasets.SourceInfo("mine", ("a",), {"train": 9}, train, validation, "test", "")
    assert runs.resolve_options({}, source, profiles.FAST)["train_split"] == learned
