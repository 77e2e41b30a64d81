"""`clsloc train`: what a run holds, that an interrupted one ends as an unbroken one, and what it refuses."""

import csv
import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from helpers.folders import needs_sigkill
from helpers.runs import OPTIONS, POSE_OPTIONS, assert_same_run, visible_files, weights_of, with_one_other_byte

from clsloc_utils import cli, datasets, exporting, models, pipelines, predicting, runs, training


def train(source, run, *options):
    return ["train", source, "--out", run, *options]


# --- what a run holds -------------------------------------------------------------------------------------------------


def test_a_run_holds_all_that_is_promised(finished, voc_folder):
    files = {"model.keras", "model.tflite", "config.json", "metrics.json", "history.csv", "report.html"}
    assert visible_files(finished) == files
    options = json.loads((finished / "config.json").read_text())["options"]
    assert (options["source"], options["fine_tune"], options["seed"]) == (str(voc_folder), "last", 5)
    with open(finished / "history.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    epochs = [f"{row['stage']} {row['epoch']}" for row in rows]
    assert epochs == ["heads 1", "heads 2", "heads 3", "last layers 1", "last layers 2", "last layers 3"]
    assert all(float(row["loss"]) > 0 for row in rows)


def test_metrics_are_those_of_the_saved_model_and_of_the_training_images_baselines(finished, voc_folder):
    metrics = json.loads((finished / "metrics.json").read_text())
    source = datasets.info(voc_folder)
    train_targets, test_targets = (
        [targets for _, targets in pipelines.batches(voc_folder, split, image_size=64, batch_size=100)]
        for split in (source.train_split, source.test_split)
    )
    model = keras.saving.load_model(finished / "model.keras", compile=False)
    batches = pipelines.batches(voc_folder, source.test_split, image_size=64, batch_size=8)
    baseline = metrics.pop("baseline")
    assert metrics == training.evaluate(model, batches)
    assert set(baseline) == set(metrics) > {"accuracy", "mean_iou", "clsloc_accuracy_50"}
    commonest = np.bincount(train_targets[0]["label"]).argmax()
    assert baseline["accuracy"] == pytest.approx(np.mean(test_targets[0]["label"] == commonest))
    mean_box = json.loads((finished / "config.json").read_text())["baseline"]["box"]
    np.testing.assert_allclose(mean_box, np.mean(train_targets[0]["box"], axis=0), atol=1e-6)


def test_report_stands_alone_says_the_measures_and_tells_nothing_of_the_machine(finished, voc_folder, backbone_file):
    page = (finished / "report.html").read_text(encoding="utf-8")
    metrics = json.loads((finished / "metrics.json").read_text())
    images = re.findall(r"<img ([^>]*)>", page)
    assert len(images) == 6, "curves of two stages, best, worst, histogram, confusion matrix"
    assert all(re.search(r'alt="[^"]{20,}"', image) for image in images)
    assert all('src="data:image/png;base64,' in image for image in images)
    assert not re.search(r"(src|href)=[\"'](?!data:)|url\(|<script|<link|@import|None|\[\]", page)
    for value in (metrics["mean_iou"], metrics["baseline"]["mean_iou"]):
        assert f">{value:.4f}<" in page
    for path in (backbone_file, voc_folder):
        assert str(path) not in page
        assert os.path.relpath(path, finished.resolve()) in page
    for which in ("best", "worst"):
        (shown,) = re.findall(rf'alt="The {which} predictions[^"]*Class and IoU: ([^"]*)"', page)
        assert len(shown.split(", ")) == min(8, (metrics["num_examples"] + 1) // 2), "few images are not shown twice"


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


@pytest.mark.slow
@needs_sigkill
@pytest.mark.parametrize(
    ("kind", "stages"), [("boxes", ["heads", "last_layers"]), ("pose", ["all_layers"])], ids=["boxes", "pose"]
)
def test_killed_and_resumed_a_run_ends_bit_for_bit_as_an_unbroken_one(kind, stages, request, tmp_path, clsloc):
    """Killed in each of the stages, each time resumed, and resumed a last time."""
    if kind == "boxes":
        source, options, unbroken = request.getfixturevalue("voc_folder"), OPTIONS, "finished"
    else:
        source, options, unbroken = request.getfixturevalue("people").folder, POSE_OPTIONS, "finished_pose"
    unbroken, run = request.getfixturevalue(unbroken), tmp_path / "killed"
    arguments = [str(each) for each in train(source, run, "--resume", *options)]
    for stage in stages:
        command = [sys.executable, "-c", KILLED, stage, *arguments]
        killed = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert (run / f"{stage}.checkpoint.npz").exists()
        assert not (run / "metrics.json").exists()
    assert training.Checkpoint(run / "heads.checkpoint.npz").epochs_done == 3
    assert training.Checkpoint(run / f"{stages[-1]}.checkpoint.npz").epochs_done == 1
    assert list(run.glob("*.part-*")), "the killed process left a half-written file"
    clsloc(*arguments)
    assert_same_run(unbroken, run)
    assert visible_files(run) == visible_files(unbroken)


def test_ctrl_c_keeps_the_best_model_so_far_and_can_be_resumed(finished, voc_folder, tmp_path, monkeypatch, clsloc):
    run = tmp_path / "stopped"
    arguments = train(voc_folder, run, *OPTIONS)

    def interrupt_second_epoch_of_fine_tuning(self, batch, logs=None):
        if "last_layers" in self.file.name and self.epochs_done == 1 and batch == 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training.Checkpoint, "on_train_batch_end", interrupt_second_epoch_of_fine_tuning)
        assert "best model so far" in clsloc(*arguments, code=130).err
    with np.load(run / "last_layers.checkpoint.npz") as stored:
        for index, weight in enumerate(weights_of(run)):
            np.testing.assert_array_equal(weight, stored[f"best/{index}"])
    assert "stopped early" in (run / "report.html").read_text(encoding="utf-8")
    assert len((run / "history.csv").read_text().splitlines()) == 1 + 3 + 1
    clsloc(*arguments, "--resume")
    assert_same_run(finished, run)
    assert "stopped early" not in (run / "report.html").read_text(encoding="utf-8")


def test_ctrl_c_before_anything_is_learned(voc_folder, tmp_path, monkeypatch, clsloc):
    monkeypatch.setattr(training.Checkpoint, "on_train_batch_end", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    said = clsloc(*train(voc_folder, tmp_path, *OPTIONS), code=130).err
    assert "nothing is learned yet" in said
    assert said.count("splits from ImageSets/Main/train.txt, val.txt") == 1, "how the folder was read"
    assert not {"model.keras", "metrics.json"} & visible_files(tmp_path)


def test_a_training_that_diverged_says_so_and_writes_no_measures(voc_folder, tmp_path, monkeypatch, clsloc):
    def diverge(self):
        heads = self.model.get_layer("heads")
        heads.set_weights([np.full_like(weight, np.nan) for weight in heads.get_weights()])

    monkeypatch.setattr(runs.training._Training, "_fine_tune", diverge)
    said = clsloc(*train(voc_folder, tmp_path, "--box-head", "pooled", *OPTIONS), code=2).err
    assert "the training diverged" in said.splitlines()[-1]
    assert not {"model.keras", "metrics.json"} & visible_files(tmp_path)


def test_a_training_whose_model_litert_cannot_hold_says_so(voc_folder, tmp_path, monkeypatch, clsloc):
    def lacking(*_, **__):
        raise exporting.LiteError("LiteRT lacks operations of this model")

    monkeypatch.setattr(exporting, "export_lite", lacking)
    said = clsloc(*train(voc_folder, tmp_path, *OPTIONS[:4], "--epochs", "1", "--box-head", "pooled")).err
    assert "clsloc: No model.tflite: LiteRT lacks operations of this model." in said
    assert (tmp_path / "metrics.json").is_file()
    with pytest.raises(predicting.NoLiteError, match=r"has no model\.tflite"):
        predicting.lite_predictor(tmp_path)


def test_a_complete_run_is_not_trained_again(finished, voc_folder, monkeypatch, clsloc):
    before = {file.name: file.stat().st_mtime_ns for file in finished.iterdir()}
    monkeypatch.setattr(training, "train_heads", lambda *_, **__: pytest.fail("trained again"))
    assert "complete" in clsloc(*train(voc_folder, finished, "--resume")).err
    assert {file.name: file.stat().st_mtime_ns for file in finished.iterdir()} == before


# --- what is refused --------------------------------------------------------------------------------------------------


def altered(change):
    def change_json(content):
        values = json.loads(content)
        change(values)
        return json.dumps(values).encode()

    return change_json


def test_resuming_otherwise_is_refused(finished, voc_folder, make_voc_folder, tmp_path, refused):
    assert "--resume" in refused(*train(voc_folder, finished))
    resume = train(voc_folder, finished, "--resume")
    line = refused(*resume, "--epochs", "4", "--seed", "5", "--box-head", "pooled")
    assert "epochs is 4 now and 3 there" in line
    assert "box_head is 'pooled' now and 'spatial' there" in line
    assert "seed" not in line
    assert "source is" in refused(*train(make_voc_folder(tmp_path / "shapes"), finished, "--resume"))
    photo = next((voc_folder / "JPEGImages").glob("*.jpg"))
    status = photo.stat()
    os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    try:
        assert "the images are" in refused(*resume)
    finally:
        os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_backbone_with_other_weights_is_refused(changed_run, voc_folder, clsloc):
    run = changed_run("config.json", altered(lambda config: config.update(backbone="other weights")))
    (run / "metrics.json").unlink()
    assert "its weights are not those that" in clsloc(*train(voc_folder, run, "--resume"), code=2).err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--joint-head", "direct"], "--joint-head is for pose"),
        (["--fine-tune-epochs", "2"], "add --fine-tune"),
        (["--backbone", "tiny_resnet", "--image-size", "63"], "multiple of"),
        (["--image-size", "32"], "its images have a side of 64, not of 32; leave --image-size out"),
        (["--backbone", "resnet5000"], "no such name"),
        (["--backbone", "nowhere.keras"], "no such file"),
        (["--train-split", "trian"], "no split 'trian'"),
        (["--test-split", "validation[:0]"], "empty"),
        (["--train-split", "train[5:2]"], "empty"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_written(options, words, voc_folder, tmp_path, refused):
    run = tmp_path / "new" / "run"
    assert words in refused(*train(voc_folder, run, *options))
    assert not run.exists()


def test_folders_of_others_are_left_alone(voc_folder, tmp_path, refused):
    (tmp_path / "letters.txt").write_text("dear")
    assert "is no run" in refused(*train(voc_folder, tmp_path))
    assert visible_files(tmp_path) == {"letters.txt"}
    with runs.folder.locked(tmp_path / "busy"):
        assert "another process" in refused(*train(voc_folder, tmp_path / "busy", *OPTIONS))


def zip_of_something_else(_):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("letter.txt", "dear")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("config.json", lambda _: b"{}", "altered, it has no 'options'"),
        ("config.json", lambda _: b"[]", "altered"),
        ("config.json", lambda _: b"\xff{", "not JSON"),
        ("config.json", altered(lambda config: config["options"].clear()), "altered, it has no 'source'"),
        ("config.json", altered(lambda config: config["options"].pop("box_head")), "altered, it has no 'box_head'"),
        ("config.json", altered(lambda config: config.update(task="cooking")), "altered, its task is 'cooking'"),
        ("model.keras", lambda content: content[:-1000], "cannot be loaded"),
        ("model.keras", with_one_other_byte, "cannot be loaded"),
        ("model.keras", zip_of_something_else, "cannot be loaded"),
        ("metrics.json", lambda _: b"{", "not JSON"),
    ],
)
def test_damaged_files_of_a_run_are_named(name, change, words, changed_run, voc_folder, photos, tmp_path, refused):
    run = changed_run(name, change)
    if name == "model.keras":
        lines = [
            refused("predict", run, photos[0], "--json"),
            refused(*train(voc_folder, tmp_path / "new", "--backbone", run / name)),
        ]
    else:
        lines = [refused(*train(voc_folder, run, "--resume"))]
    if name == "config.json":
        lines.append(refused("predict", run, photos[0], "--json"))
    assert all(name in line and words in line for line in lines), lines


def test_a_damaged_checkpoint_is_refused(finished, voc_folder, tmp_path, clsloc):
    (tmp_path / "config.json").write_text((finished / "config.json").read_text())
    (tmp_path / "heads.checkpoint.npz").write_bytes(b"PK but no more")
    last = clsloc(*train(voc_folder, tmp_path, "--resume"), code=2).err.splitlines()[-1]
    assert "heads.checkpoint.npz: unreadable" in last
    assert "delete it" in last


def test_results_that_cannot_be_written_are_refused_before_the_work(
    finished, voc_folder, photos, tmp_path, monkeypatch, refused
):
    file = tmp_path / "file"
    file.touch()
    for command in (["predict", finished, photos[0]], ["train", voc_folder], ["sweep", voc_folder]):
        words = refused(*command, "--out", file / "in_it")
        assert str(file) in words
        assert "in the way; take another folder (--out" in words or "name another folder with --out" in words

    def no_right(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "a/folder")

    monkeypatch.setattr(runs.studies.tempfile, "TemporaryFile", no_right)
    monkeypatch.setattr(runs.studies.sweeps, "run_sweep", lambda *_, **__: pytest.fail("the work began"))
    assert "a/folder: Permission denied; take a folder" in refused("sweep", voc_folder, "--out", tmp_path / "sweep")
    monkeypatch.setattr(predicting, "replacing", no_right)
    assert "a/folder: Permission denied" in refused("predict", finished, photos[0], "--out", tmp_path / "drawn")


def test_a_faulty_folder_is_told_in_one_line_and_in_full_by_prepare(make_voc_folder, tmp_path, finished, clsloc):
    folder = make_voc_folder(tmp_path / "shapes")
    (folder / "Annotations" / "shape_03.xml").write_text("<annotation>")
    said = clsloc("evaluate", finished, folder, "--json").err
    assert said.count(f"Folder {folder}: 1 problem.") == said.count("clsloc prepare lists them") == 1
    assert "shape_03.xml" not in said
    assert clsloc("prepare", folder).err.count("shape_03.xml") == 1


def test_command_line_offers_the_heads_that_exist():
    actions = {action.dest: action for action in cli.parser()._subparsers._group_actions[0].choices["train"]._actions}
    assert set(actions["box_head"].choices) == set(models.BOX_HEADS)
    assert set(actions["joint_head"].choices) == set(models.JOINT_HEADS)
