"""`clsloc evaluate` and `clsloc predict`: what a run says of photos of every kind, and where it is drawn."""

import io
import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.folders import Drawn
from helpers.runs import visible_files, with_one_other_byte
from PIL import Image

from clsloc_utils import datasets, exporting, pipelines, predicting, runs, training


def answers_of(run, photos):
    """What Keras says of photos."""
    run = runs.open_run(run)
    model = exporting.predictor(run.model, run.config["class_names"])
    return [model.predict(photo) for photo in photos]


# --- evaluate ---------------------------------------------------------------------------------------------------------


def test_evaluate_prints_json_alone_and_the_metrics_of_the_run(finished, voc_folder):
    command = [sys.executable, "-m", "clsloc_utils", "evaluate", str(finished), str(voc_folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    assert json.loads(done.stdout) == json.loads((finished / "metrics.json").read_text())
    assert "Evaluation" in done.stderr, "the bar is elsewhere"
    assert done.stderr.count("splits from ImageSets/Main/train.txt, val.txt") == 1, "how the folder was read"


def test_evaluate_judges_on_what_the_run_was_judged_on(changed_run, voc_folder, clsloc):
    def change(content):
        config = json.loads(content)
        config["options"]["test_split"] = "train[:5]"
        return json.dumps(config).encode()

    run = changed_run("config.json", change)
    assert json.loads(clsloc("evaluate", run, voc_folder, "--json").out)["num_examples"] <= 5
    given = clsloc("evaluate", run, voc_folder, "--json", "--test-split", "validation").out
    assert json.loads(given)["num_examples"] == 6


def test_evaluate_on_fewer_classes_uses_the_numbers_of_the_run(finished, voc_writer, clsloc, refused):
    evaluate = ["evaluate", finished, voc_writer.folder, "--test-split", "train"]
    voc_writer.add("one", [Drawn("triangle", (10, 10, 40, 44))])
    voc_writer.list("train.txt", ["one"])
    (found,) = answers_of(finished, [voc_writer.image_path("one")])
    assert json.loads(clsloc(*evaluate, "--json").out)["accuracy"] == float(found["label"] == "triangle")
    voc_writer.add("two", [Drawn("giraffe", (10, 10, 40, 44))])
    voc_writer.list("train.txt", ["one", "two"])
    assert "giraffe" in refused(*evaluate)


# --- predict: which photos --------------------------------------------------------------------------------------------


def test_photos_of_every_kind_are_read_as_one_sees_them(photos, tmp_path):
    upright = Image.open(photos[16]).convert("RGB")
    pixels = np.asarray(upright, "float32")
    grey = np.asarray(upright.convert("L"), "float32")[..., None]
    unseen = upright.convert("RGBA")
    unseen.putalpha(0)
    exif = Image.Exif()
    exif[0x0112] = 6  # Stored turned to the left: turn it to the right to see it.
    for name, image, expected, most, options in (
        ("turned.jpg", upright.transpose(Image.Transpose.ROTATE_90), pixels, 2, {"exif": exif, "quality": 95}),
        ("colours.png", upright, pixels, 0, {}),
        ("palette.gif", upright.quantize(64), pixels, 4, {}),
        ("print.jpg", upright.convert("CMYK"), pixels, 4, {"quality": 95}),
        ("grey.png", upright.convert("L"), grey, 0, {}),
        ("deep.png", Image.fromarray((grey[..., 0] * 257).astype("uint16")), grey, 1, {}),
        ("unseen.png", unseen, 255.0, 0, {}),
    ):
        image.save(tmp_path / name, **options)
        read = predicting.read_photo(tmp_path / name)
        assert (read.dtype, read.shape) == (np.uint8, pixels.shape)
        assert np.abs(read - expected).mean() <= most, name


def test_folders_and_patterns_stand_for_their_photos(finished, make_voc_folder, tmp_path, clsloc):
    folder = make_voc_folder(tmp_path / "shapes")
    (folder / "JPEGImages" / "._shape_00.jpg").write_bytes(b"what a Mac leaves behind")
    (folder / "JPEGImages" / "shape_24.PNG").write_bytes((folder / "JPEGImages" / "shape_00.jpg").read_bytes())
    photos = sorted(str(file) for file in (folder / "JPEGImages").glob("shape*"))
    written = clsloc("predict", finished, photos[3], folder, folder / "**" / "*_1?.jpg", "--json")
    assert [each["file"] for each in json.loads(written.out)] == [photos[3], *photos, *photos[10:20]]
    assert written.err.splitlines() == [
        f"clsloc: {folder}: 27 files left out, as their names are not those of photos: .jpg 1, .txt 2, .xml 24."
    ]


def test_good_photos_are_done_and_bad_ones_named(finished, photos, tmp_path, monkeypatch, clsloc):
    photo = photos[16]
    (tmp_path / "letter.jpg").write_text("dear")
    with open(photo, "rb") as stream:
        (tmp_path / "cut.jpg").write_bytes(stream.read(700))
    Image.new("F", (9, 9)).save(tmp_path / "fractions.tif")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    bad = {
        "letter.jpg": "letter.jpg: not an image",
        "cut.jpg": "cut.jpg: cannot be read",
        "none.jpg": "none.jpg: no such file",
        "fractions.tif": "its pixels are fractions",
        "empty": "empty: a folder without photos",
        "*.webp": "*.webp: no file matches this pattern",
    }
    written = clsloc("predict", finished, photo, *bad, photo, "--json", code=2)
    assert [found["file"] for found in json.loads(written.out)] == [photo] * 2
    words = [*bad.values(), "6 of 8 photos have no answer"]
    for line, word in zip(written.err.splitlines(), words, strict=True):
        assert line.startswith("clsloc: ")
        assert word in line
    assert json.loads(clsloc("predict", finished, "letter.jpg", "--json", code=2).out) == []
    assert clsloc("predict", finished, "letter.jpg", photo, code=2).out.startswith(f"{photo}: ")


def test_a_folder_that_is_no_run_is_refused(finished, photos, tmp_path, refused):
    assert "no such folder" in refused("predict", tmp_path / "none", photos[0])
    assert "no run" in refused("predict", tmp_path, photos[0])
    (tmp_path / "config.json").write_text((finished / "config.json").read_text())
    assert "has no model.keras yet" in refused("predict", tmp_path, photos[0], "--json")
    assert "neither a known source" in refused("evaluate", finished, "voc/2077")


# --- predict: the answers ---------------------------------------------------------------------------------------------


def test_predict_says_what_the_model_says(finished, voc_folder, tmp_path, clsloc):
    source = datasets.info(voc_folder)
    model = keras.saving.load_model(finished / "model.keras", compile=False)
    batches = pipelines.batches(voc_folder, source.test_split, image_size=64, batch_size=8)
    expected = training.predict(model, batches)
    (example,) = pipelines.single_object(datasets.load(voc_folder, source.test_split)).take(1)
    # Pillow and TensorFlow round differently as they decode a JPEG; a PNG holds the very pixels of training.
    photo = tmp_path / "photo.png"
    pixels = tf.io.decode_jpeg(example["image"], channels=3).numpy()
    Image.fromarray(pixels).save(photo)
    (found,) = json.loads(clsloc("predict", finished, photo, "--json").out)
    height, width = pixels.shape[:2]
    assert found == {
        "file": str(photo),
        "label": source.class_names[expected["label"][0]],
        "probability": pytest.approx(expected["score"][0], abs=1e-5),
        "box": pytest.approx(expected["box"][0] * [width, height, width, height], abs=1e-3),
    }


def test_poses_from_training_to_prediction(finished_pose, people, tmp_path, clsloc, refused):
    assert "--box-head is for boxes" in refused("train", people.folder, "--box-head", "pooled")
    metrics = json.loads((finished_pose / "metrics.json").read_text())
    measures = {"pck_20", "pck_10", "pcp_strict", "num_examples"}
    assert set(metrics) == measures | {"baseline"}
    assert set(metrics["baseline"]) == measures
    stages = [line.split(",")[0] for line in (finished_pose / "history.csv").read_text().splitlines()[1:]]
    assert stages == ["heads"] * 3 + ["last layers"] * 2 + ["all layers"] * 2
    assert json.loads(clsloc("evaluate", finished_pose, people.folder, "--json").out) == metrics
    photo = people.image_path(12)
    (found,) = json.loads(clsloc("predict", finished_pose, photo, "--json", "--out", tmp_path).out)
    assert visible_files(tmp_path) == {f"{photo.stem}.png"}
    # The photo is 96 x 128: padded to a square, its middle stays its middle, and a side of the square is 128 pixels.
    square = predicting.as_input(predicting.read_photo(photo), 64, "pose")
    joints = training.predict(runs.open_run(finished_pose).model, square[None])["joints"][0]
    np.testing.assert_allclose(found["joints"], joints * 128 - [16, 0], atol=1e-3)
    assert np.ptp(square[:, :7]) == 0, "what is beside the photo is grey"


def test_each_answer_is_written_before_the_next_photo_is_read(finished, photos, tmp_path, monkeypatch, capsys, clsloc):
    read, seen = predicting.read_photo, []
    monkeypatch.setattr(predicting, "read_photo", lambda file: seen.append(capsys.readouterr().out) or read(file))
    for options, first in (["--out", tmp_path], f"{photos[0]}: "), (["--json"], '[\n {\n  "file": '):
        seen.clear()
        clsloc("predict", finished, *photos[:3], *options)
        assert seen[0] == ""
        assert seen[1].startswith(first)
        assert photos[1] in seen[2]
        assert photos[0] not in seen[2]


@pytest.mark.parametrize(("count", "watched", "shown"), [(20, True, True), (19, True, False), (20, False, False)])
def test_a_bar_is_shown_from_20_photos_on_to_whoever_watches(
    count, watched, shown, finished, photos, monkeypatch, clsloc
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: watched)
    written = clsloc("predict", finished, *photos[:count], "--json")
    assert len(json.loads(written.out)) == count
    assert ("Photos: " in written.err) == shown


def test_an_answer_that_is_no_number_is_an_error_of_its_photo(finished, photos, monkeypatch, clsloc):
    answers = iter([np.nan, 0.5])
    model = predicting.Predictor(
        "boxes", "abc", 64, lambda _: {"label": np.array([[0.0, next(answers), 0.0]]), "box": np.full((1, 4), 0.5)}
    )
    monkeypatch.setattr(predicting, "lite_predictor", lambda _: model)
    written = clsloc("predict", finished, *photos[:2], "--json", code=2)
    assert [found["file"] for found in json.loads(written.out)] == photos[1:2]
    assert f"{photos[0]}: the model's answer is no number" in written.err


# --- predict: the drawings --------------------------------------------------------------------------------------------


def test_predict_draws_into_a_folder_without_losing_a_picture(finished, photos, tmp_path, monkeypatch, clsloc):
    second = tmp_path / "other" / "shape_16.png"
    second.parent.mkdir()
    Image.open(photos[16]).save(second)
    monkeypatch.chdir(tmp_path)
    assert len(clsloc("predict", finished, photos[16], second).out.splitlines()) == 2
    assert visible_files(tmp_path / "predictions") == {"shape_16-2.png", "shape_16.png"}
    drawn = np.asarray(Image.open(tmp_path / "predictions" / "shape_16.png").convert("RGB"), "float32")
    orange = (np.abs(drawn - (0xE6, 0x9F, 0x00)).max(axis=-1) < 8).sum()
    assert orange > 500, "the colour of predicted boxes, which the photo has not"


def test_a_drawing_never_takes_the_place_of_a_photo(finished, photos, tmp_path, monkeypatch, clsloc):
    monkeypatch.chdir(tmp_path)
    for number in (16, 17):
        Image.open(photos[number]).save(f"shape_{number}.png")
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    written = clsloc("predict", finished, "shape_16.png", tmp_path / "shape_17.png", "--out", ".")
    assert "drawn in shape_16-2.png" in written.out
    assert visible_files(tmp_path) == {*(file.name for file in before), "shape_16-2.png", "shape_17-2.png"}
    assert {file: file.read_bytes() for file in before} == before


def test_names_that_a_terminal_cannot_show_end_no_command(finished, photos, tmp_path, monkeypatch, clsloc):
    photo = tmp_path / "犬.jpg"
    shutil.copy(photos[16], photo)
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    clsloc("predict", finished, photo, "--out", tmp_path)
    assert b"\\u72ac.jpg: " in written.getvalue()
    assert (tmp_path / "犬.png").is_file()


# --- predict: without TensorFlow --------------------------------------------------------------------------------------

PREDICT = """
import sys
from clsloc_utils import cli
code = cli.main(["predict", *sys.argv[1:]])
print([name for name in ("tensorflow", "keras", "tensorflow_datasets") if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


def assert_same_answers(found, expected):
    assert [each["label"] for each in found] == [each["label"] for each in expected]
    for name, tolerance in (("probability", 1e-4), ("box", 1e-2)):
        values, reference = ([each[name] for each in answers] for answers in (found, expected))
        np.testing.assert_allclose(values, reference, atol=tolerance)


def test_predicting_and_drawing_import_no_tensorflow_and_answer_as_keras(finished, photos, tmp_path):
    command = [sys.executable, "-c", PREDICT, str(finished), *photos, "--json", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert done.stderr == "[]\n"
    assert len(list(tmp_path.iterdir())) == len(photos)
    assert_same_answers(json.loads(done.stdout), answers_of(finished, photos))


def gone(run):
    (run / "model.tflite").unlink()


def of_another_time(run):
    config = json.loads((run / "config.json").read_text())
    del config["digests"]
    (run / "config.json").write_text(json.dumps(config))


def damaged(run):
    (run / "model.tflite").write_bytes(with_one_other_byte((run / "model.tflite").read_bytes()))


def replaced(run):
    keras.saving.load_model(run / "model.keras", compile=False).save(run / "model.keras")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (gone, "has no model.tflite"),
        (of_another_time, "has no model.tflite"),
        (damaged, "is another one than the training wrote"),
        (replaced, "is another one than the training wrote"),
    ],
)
def test_without_its_own_lite_file_tensorflow_answers_and_says_so(change, words, finished, photos, tmp_path, clsloc):
    run = tmp_path / "run"
    shutil.copytree(finished, run, copy_function=shutil.copyfile)  # with other times
    assert predicting.lite_predictor(run).image_size == 64
    change(run)
    written = clsloc("predict", run, photos[16], "--json")
    assert_same_answers(json.loads(written.out), answers_of(finished, photos[16:17]))
    (line,) = written.err.splitlines()
    assert words in line
    assert "TensorFlow answers, which takes longer to start" in line
