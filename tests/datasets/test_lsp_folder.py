"""The builder of a folder in LSP layout: both shapes of `joints.mat`, what is reported, the order of the photos."""

import shutil
import warnings

import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds
from helpers.folders import LspWriter
from helpers.layouts import orientation
from PIL import Image

from clsloc_utils import datasets
from clsloc_utils.datasets.lsp_folder import LspFolder, read_joints

COUNT = 6
BAD = 3


@pytest.fixture(params=["lsp", "extended"])
def writer(request, tmp_path):
    """Six good photos in one of the two layouts, of which a test breaks the third."""
    lsp_writer = LspWriter(tmp_path / "photos", extended=request.param == "extended")
    lsp_writer.write(COUNT)
    return lsp_writer


def loaded(folder, tmp_path, split="train", **arguments):
    return list(datasets.load(folder, split, data_dir=tmp_path / "data", **arguments).as_numpy_iterator())


def test_joints_are_what_was_written(writer, tmp_path):
    examples = loaded(writer.folder, tmp_path, strict=True)
    assert len(examples) == COUNT
    for number, example in enumerate(examples, start=1):
        assert example["image/filename"].decode() == writer.image_path(number).name
        assert example["image"] == writer.image_path(number).read_bytes()
        expected = writer.positions[number - 1] / writer.size(number)
        np.testing.assert_allclose(example["joints"], expected, rtol=1e-5)
        assert example["labelled"].all()
        assert example["visible"].all()


# Whether the shape is that of LSP-extended; the flag of all joints; other flags and positions by joint; the joints that
# have no position, and those that are not visible.
FLAGS = {
    "LSP, hidden": (False, 0, {4: 1}, {}, set(), {4}),
    "LSP-extended, not labelled": (True, 1, {4: 0}, {}, {4}, {4}),
    "LSP-extended, no position": (True, 1, {7: 0}, {7: (-4321.0, np.nan)}, {7}, {7}),
    "LSP, at 0, 0": (False, 0, {3: 1}, {7: (0, 0)}, {7}, {3, 7}),
    "LSP's shape, LSP-extended's flags": (False, 1, {7: 0}, {7: (0, 0)}, {7}, {7}),
}


@pytest.mark.parametrize("case", FLAGS)
def test_what_a_flag_means(case, tmp_path):
    extended, flag_of_all, flags, positions, without_position, invisible = FLAGS[case]
    lsp_writer = LspWriter(tmp_path / "photos", extended=extended)
    lsp_writer.write(2)
    lsp_writer.flags[:] = flag_of_all
    for joint, flag in flags.items():
        lsp_writer.flags[0, joint] = flag
    for joint, position in positions.items():
        lsp_writer.positions[0, joint] = position
    lsp_writer.save_joints()
    first, second = loaded(lsp_writer.folder, tmp_path, strict=True)
    assert set(np.flatnonzero(~first["labelled"])) == without_position
    assert set(np.flatnonzero(~first["visible"])) == invisible
    assert not first["joints"][list(without_position)].any()
    assert second["labelled"].all()
    assert second["visible"].all()


def test_a_single_photo_whose_axis_matlab_dropped(writer):
    array = writer.array()[..., :1].squeeze(-1)
    scipy.io.savemat(writer.folder / "joints.mat", {"joints": array})
    positions, labelled, visible = read_joints(writer.folder / "joints.mat")
    np.testing.assert_array_equal(positions, writer.positions[:1])
    assert labelled.shape == visible.shape == (1, 14)


# What can be wrong with a photo.


def cut_jpeg(writer):
    path = writer.image_path(BAD)
    path.write_bytes(path.read_bytes()[:-200])


def add_orientation(writer):
    Image.open(writer.image_path(BAD)).save(writer.image_path(BAD), exif=orientation(6))


def move_joint(position):
    def move(writer):
        writer.positions[BAD - 1, 5] = position
        writer.save_joints()

    return move


FAULTS = {
    "missing image": (lambda w: w.image_path(BAD).unlink(), "missing image"),
    "cut JPEG": (cut_jpeg, "unreadable photo"),
    "two of a number": (
        lambda w: shutil.copy(w.image_path(BAD), w.folder / "images" / "im0000003.jpg"),
        "several images of the same name",
    ),
    "turned": (add_orientation, "unclear orientation"),
    "not a number": (move_joint((np.nan, 10)), "position is not a number"),
    "far right": (move_joint((1000, 10)), "joint far outside the photo"),
    "far above": (move_joint((10, -40)), "joint far outside the photo"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_reported_and_the_rest_is_used(writer, fault):
    break_folder, reason = FAULTS[fault]
    break_folder(writer)
    found = datasets.report(writer.folder)
    (problem,) = found.problems
    assert problem.reason == reason
    assert problem.file.startswith("images/im0")
    assert "3" in problem.file
    assert found.num_examples == {"train": COUNT - 1}


def test_bad_photos_are_left_out_with_a_warning_and_strict_raises_the_same(writer, tmp_path):
    cut_jpeg(writer)
    expected = str(datasets.report(writer.folder))
    assert "Classes" not in expected
    for _ in range(2):  # the second time it is prepared
        with pytest.raises(ValueError, match="unreadable photo") as raised:
            loaded(writer.folder, tmp_path, strict=True)
        assert expected in str(raised.value)
        with pytest.warns(UserWarning, match="unreadable photo") as caught:
            found = loaded(writer.folder, tmp_path)
        assert str(caught[0].message) == expected
        names = [example["image/filename"].decode() for example in found]
        assert names == [writer.image_path(number).name for number in (1, 2, 4, 5, 6)]


def test_a_photo_without_a_single_labelled_joint(tmp_path):
    writer = LspWriter(tmp_path / "photos", extended=True)
    writer.write(3)
    writer.flags[1] = 0
    writer.save_joints()
    found = datasets.report(writer.folder)
    assert [(problem.file, problem.reason) for problem in found.problems] == [
        ("images/im00002.jpg", "no labelled joint")
    ]
    with pytest.warns(UserWarning, match="no labelled joint"):
        assert len(loaded(writer.folder, tmp_path)) == 2


def test_more_photos_than_joints_and_more_joints_than_photos(writer):
    array = writer.array()
    scipy.io.savemat(writer.folder / "joints.mat", {"joints": array[..., :4]})
    found = datasets.report(writer.folder)
    assert found.counts == {"no joints for the photo": 2}
    assert found.num_examples == {"train": 4}
    scipy.io.savemat(writer.folder / "joints.mat", {"joints": np.concatenate([array, array], axis=2)})
    found = datasets.report(writer.folder)
    assert found.counts == {"missing image": 6}
    assert found.num_examples == {"train": 6}
    assert "photo 7 of 12" in found.problems[0].detail


def test_a_photo_without_a_number_is_reported_and_other_files_are_not(writer):
    shutil.copy(writer.image_path(1), writer.folder / "images" / "holiday.jpg")
    (writer.folder / "images" / "README.txt").write_text("photos")
    (writer.folder / "images" / "._im0001.jpg").write_bytes(b"left by macOS")
    found = datasets.report(writer.folder)
    assert [(problem.file, problem.reason) for problem in found.problems] == [
        ("images/holiday.jpg", "no number in the name")
    ]
    assert found.num_examples == {"train": COUNT}


def rename(writer, numbers):
    """Gives the photos other numbers, in their order."""
    for old, new in reversed(list(enumerate(numbers, start=1))):
        writer.image_path(old).rename(writer.image_path(new))


def test_rows_follow_the_order_of_photos_whose_numbers_have_gaps(writer, tmp_path):
    rename(writer, (1, 3, 4, 7, 20, 21))
    examples = loaded(writer.folder, tmp_path, strict=True)
    assert len(examples) == COUNT
    for number, positions, example in zip((1, 3, 4, 7, 20, 21), writer.positions, examples, strict=True):
        assert example["image/filename"].decode() == writer.image_path(number).name
        np.testing.assert_allclose(example["joints"], positions / writer.size(number), rtol=1e-5)
    assert "in their order, since their numbers have gaps" in datasets.report(writer.folder).understood


@pytest.mark.parametrize("count", [4, 7])
def test_rows_that_may_be_anybodys_are_refused(writer, count, tmp_path):
    rename(writer, (1, 3, 4, 7, 20, 21))
    array = np.concatenate([writer.array()] * 2, axis=2)[..., :count]
    scipy.io.savemat(writer.folder / "joints.mat", {"joints": array})
    for read in (datasets.report, lambda folder: loaded(folder, tmp_path)):
        with pytest.raises(ValueError, match=rf"joints of {count} photos, and images has 6, whose numbers have gaps"):
            read(writer.folder)


def test_photos_that_are_missing_among_the_numbers_move_no_other_joints(writer):
    writer.image_path(BAD).unlink()
    found = datasets.report(writer.folder)
    assert found.num_examples == {"train": COUNT - 1}
    assert "by number" in found.understood


def test_a_png_beside_the_joints(writer, tmp_path):
    path = writer.image_path(BAD)
    Image.open(path).save(path.with_suffix(".png"))
    path.unlink()
    example = loaded(writer.folder, tmp_path, strict=True)[BAD - 1]
    assert example["image/filename"].decode() == path.with_suffix(".png").name
    np.testing.assert_allclose(example["joints"], writer.positions[BAD - 1] / (96, 128), rtol=1e-5)


def test_a_joint_may_lie_a_little_outside(writer, tmp_path):
    move_joint((-5, 10))(writer)
    example = loaded(writer.folder, tmp_path, strict=True)[BAD - 1]
    assert example["joints"][5, 0] < 0
    assert example["labelled"][5]


def test_no_usable_photo_at_all(tmp_path):
    writer = LspWriter(tmp_path / "photos", extended=False)
    writer.write(1)
    writer.image_path(1).write_bytes(b"")
    with pytest.raises(ValueError, match=r"No usable image(.|\n)*unreadable photo"):
        loaded(writer.folder, tmp_path)


# What can be wrong with joints.mat.


def test_a_missing_file_of_joints(writer, tmp_path):
    (writer.folder / "joints.mat").unlink()
    for read in (datasets.report, lambda folder: loaded(folder, tmp_path)):
        with pytest.raises(ValueError, match=r"no file joints\.mat.*\[3, 14, N\]"):
            read(writer.folder)
    with pytest.raises(ValueError, match="There is no file"):
        read_joints(writer.folder / "joints.mat")


def test_a_missing_folder_of_images(writer, tmp_path):
    shutil.rmtree(writer.folder / "images")
    for folder, words in ((writer.folder, "has no folder images"), (tmp_path / "nowhere", "There is no folder")):
        with pytest.raises(ValueError, match=words):
            LspFolder(folder, data_dir=tmp_path)


SHAPES = r"of shape \[.*\[3, 14, N\] \(LSP.*\[14, 3, N\]"
# What `joints.mat` holds, as bytes or by the names of its variables, and what is said.
BAD_FILES = {
    "text": (b"this is no MATLAB file" * 20, r"joints\.mat cannot be read as a MATLAB file.*-v7"),
    "MATLAB 7.3": (b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" * 9, r"cannot be read as a MATLAB file.*-v7"),
    "another variable": (
        {"poses": np.zeros((3, 14, 6)), "names": ["a"]},
        r"no variable 'joints'; it has: poses, names\. Save",
    ),
    "another flag": ({"joints": np.full((3, 14, 1), 2.0)}, "flag of 14 joints is neither 0 nor 1, but for example 2"),
    "two numbers": ({"joints": np.zeros((2, 14, 5))}, SHAPES),
    "two numbers, extended": ({"joints": np.zeros((14, 2, 5))}, SHAPES),
    "another order": ({"joints": np.zeros((5, 14, 3))}, SHAPES),
    "16 joints": ({"joints": np.zeros((3, 16, 5))}, SHAPES),
    "text in it": ({"joints": np.array(["three"])}, SHAPES),
}


@pytest.mark.parametrize("fault", BAD_FILES)
def test_a_file_of_joints_that_cannot_be_used_says_why(fault, tmp_path):
    content, words = BAD_FILES[fault]
    file = tmp_path / "joints.mat"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        scipy.io.savemat(file, content)
    with pytest.raises(ValueError, match=words):
        read_joints(file)


@pytest.mark.parametrize("share", [0, 0.1, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_cut_file_of_joints(share, compressed, tmp_path):
    file = tmp_path / "joints.mat"
    scipy.io.savemat(file, {"joints": np.random.default_rng(1).random((3, 14, 6))}, do_compression=compressed)
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(ValueError, match=r"joints\.mat (cannot be read|has no variable)"):
        read_joints(file)


# Order, roles, preparing once.


def test_the_photos_keep_their_order(tmp_path):
    """In numbers of two and three digits, and in more than one file."""
    writer = LspWriter(tmp_path / "photos", extended=True)
    writer.write(120, size=(24, 24))

    def numbers(split):
        return [int(example["image/filename"].decode()[2:7]) for example in loaded(writer.folder, tmp_path, split)]

    assert numbers("train") == list(range(1, 121))
    assert numbers("train[:80]") == list(range(1, 81))
    assert numbers("train[80:]") == list(range(81, 121))
    builder = LspFolder(writer.folder, data_dir=tmp_path / "sharded")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=4))
    assert len(builder.info.splits["train"].filepaths) == 4
    assert [int(item["image/filename"].numpy()[2:7]) for item in builder.as_dataset(split="train")] == numbers("train")


def test_prepared_data_is_used_until_the_joints_change(writer, tmp_path):
    before = loaded(writer.folder, tmp_path)[0]["joints"]
    fingerprint = datasets.info(writer.folder, data_dir=tmp_path / "data").fingerprint
    writer.positions[0] += 1
    writer.save_joints()
    assert (loaded(writer.folder, tmp_path)[0]["joints"] != before).all()
    assert datasets.info(writer.folder, data_dir=tmp_path / "data").fingerprint != fingerprint


def test_class_names_are_not_for_poses(writer, tmp_path):
    for read in (datasets.report, lambda folder, **names: datasets.load(folder, "train", data_dir=tmp_path, **names)):
        with pytest.raises(ValueError, match="class_names is for a folder of boxes"):
            read(writer.folder, class_names=["person"])


def test_real_photos(real_poses, data_dir):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        info = datasets.info(real_poses, data_dir=data_dir, strict=True)
    assert info.splits == {"train": 1000}
    examples = list(datasets.load(real_poses, "train", data_dir=data_dir).as_numpy_iterator())
    assert [example["image/filename"].decode() for example in examples[798:802]] == [
        f"im{number:05d}.jpg" for number in (799, 800, 801, 802)
    ]
    labelled = np.array([example["labelled"] for example in examples])
    joints = np.array([example["joints"] for example in examples])
    assert labelled.mean() == pytest.approx(0.878, abs=0.001)
    assert labelled.all(axis=1).sum() == 392
    inside = ((joints >= 0) & (joints <= 1)).all(axis=-1)
    assert inside[labelled].mean() > 0.999
