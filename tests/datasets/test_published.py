"""PASCAL VOC and Leeds Sports Pose from archives in the official layout: downloaded from 127.0.0.1, and by hand."""

import dataclasses
import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from http import HTTPStatus
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import tensorflow as tf
from helpers.folders import Drawn, LspWriter, VocWriter
from helpers.mirrors import Served
from PIL import Image

from clsloc_utils import datasets, pipelines
from clsloc_utils.datasets import published
from clsloc_utils.datasets.split_names import split_by_hash

COUNTS = {
    "voc/2007": {"train": 3, "validation": 2, "test": 4},
    "voc/2012": {"train": 2, "validation": 2, "test": 1},
}
LIST_OF = {"train": "train", "validation": "val", "test": "test"}
ARCHIVES = {
    "voc/2007": {"VOCtrainval_06-Nov-2007.tar": ("train", "validation"), "VOCtest_06-Nov-2007.tar": ("test",)},
    "voc/2012": {"VOCtrainval_11-May-2012.tar": ("train", "validation"), "VOC2012test.tar": ("test",)},
}
TRAINVAL, TEST = ARCHIVES["voc/2007"]


def write_devkit(folder, source, splits):
    """The part of a tiny `VOCdevkit` that one archive holds, other things than images and boxes included."""
    year = source.removeprefix("voc/")
    writer = VocWriter(folder / "VOCdevkit" / f"VOC{year}")
    for split in splits:
        names = [f"{year}_{split}_{number}" for number in range(COUNTS[source][split])]
        writer.list(f"{LIST_OF[split]}.txt", names)
        for number, name in enumerate(names):
            dog = Drawn("dog", (3 + number, 5, 50, 41 + number), is_truncated=number == 1, pose="Left")
            cat = Drawn("cat", (1, 2, 96, 64), is_difficult=True)
            writer.add(name, [dog, cat] if number == 1 else [dog])
            if (source, split) == ("voc/2012", "test"):
                writer.annotation_path(name).unlink()
    (writer.folder / "SegmentationClass").mkdir()
    (writer.folder / "SegmentationClass" / f"{splits[0]}.png").write_bytes(np.random.default_rng(1).bytes(300_000))


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """A folder with the four archives of PASCAL VOC, in small."""
    folder = tmp_path_factory.mktemp("official")
    for source, archives in ARCHIVES.items():
        for name, splits in archives.items():
            content = tmp_path_factory.mktemp("content")
            write_devkit(content, source, splits)
            with tarfile.open(folder / name, "w") as archive:
                archive.add(content / "VOCdevkit", "VOCdevkit")
    return folder


def described(path, urls=()):
    data = path.read_bytes()
    return datasets.Archive(path.name, tuple(urls), len(data), hashlib.sha256(data).hexdigest())


@pytest.fixture
def register(official, mirrors, monkeypatch):
    """Registers the small archives in place of the real ones, to be had from both mirrors."""

    def release_of(source):
        urls = {name: [mirror.url(f"/{name}") for mirror in mirrors] for name in ARCHIVES[source]}
        archives = tuple(described(official / name, urls[name]) for name in ARCHIVES[source])
        return datasets.Release(archives, COUNTS[source], "http://127.0.0.1/voc/")

    for source in ARCHIVES:
        monkeypatch.setitem(datasets.registry(), source, release_of(source))


def serve(mirror, official, *names, faults=()):
    for name in names:
        mirror.files[f"/{name}"] = Served((official / name).read_bytes(), faults=list(faults))


def examples_of(source, data_dir):
    return {
        split: list(datasets.load(source, split, data_dir=data_dir).as_numpy_iterator())
        for split in ("train", "validation", "test")
    }


@pytest.fixture(scope="module")
def expected(official, tmp_path_factory):
    """All examples of voc/2007, as the folder builder makes them of the same files."""
    root = tmp_path_factory.mktemp("expected")
    folder = extracted(official, root) / "VOCdevkit" / "VOC2007"
    options = {"data_dir": root / "data", "class_names": datasets.VOC_CLASS_NAMES, "strict": True}
    return {
        split: list(datasets.load(folder, split, **options).as_numpy_iterator())
        for split in ("train", "validation", "test")
    }


def assert_same_examples(found, expected):
    assert {split: len(examples) for split, examples in found.items()} == COUNTS["voc/2007"]
    tf.nest.map_structure(np.testing.assert_array_equal, found, expected)


def extracted(official, folder, names=(TRAINVAL, TEST)):
    for name in names:
        with tarfile.open(official / name) as archive:
            archive.extractall(folder, filter="data")
    return folder


def assert_nothing_is_prepared(data_dir):
    assert not [path for path in Path(data_dir).rglob("*") if path.name in ("dataset_info.json", "features.json")]
    assert not list(Path(data_dir).rglob("extracting*"))


# What is registered.


def test_the_real_archives_have_tfds_checksums_and_several_addresses():
    archives = {archive.name: archive for year in ARCHIVES for archive in datasets.registry()[year].archives}
    assert {name: archive.size for name, archive in archives.items()} == {
        "VOCtrainval_06-Nov-2007.tar": 460_032_000,
        "VOCtest_06-Nov-2007.tar": 451_020_800,
        "VOCtrainval_11-May-2012.tar": 1_999_639_040,
        "VOC2012test.tar": 1_850_626_560,
    }
    for name, archive in archives.items():
        assert len(archive.sha256) == 64
        assert len(archive.urls) >= 2
        assert all(url.endswith(f"/{name}") for url in archive.urls)
        assert "tensorflow" not in archive.urls[0]
    assert [archive.sha256 for source in ("lsp", "lspet") for archive in datasets.registry()[source].archives] == [
        None,
        None,
    ]


# PASCAL VOC from mirrors.


def test_voc_2007_from_the_second_mirror(register, mirrors, official, tmp_path, expected, capsys):
    serve(mirrors[1], official, TRAINVAL, TEST, faults=[HTTPStatus.SERVICE_UNAVAILABLE])
    info = datasets.prepare("voc/2007", data_dir=tmp_path)
    assert (info.name, info.splits, info.class_names) == ("voc/2007", COUNTS["voc/2007"], datasets.VOC_CLASS_NAMES)
    assert_same_examples(examples_of("voc/2007", tmp_path), expected)
    assert [len(mirror.asked[f"/{TEST}"]) for mirror in mirrors] == [1, 2]
    printed = capsys.readouterr()
    assert printed.err == ""
    for bar in (f"{TEST}: 100%", f"Extracting {TEST}: 100%", "Preparing 2007, validation: 100%"):
        assert bar in printed.out
    assert "Downloading and preparing" not in printed.out
    # Once is enough, and what was extracted is gone.
    datasets.prepare("voc/2007", data_dir=tmp_path)
    assert [len(mirror.asked[f"/{TEST}"]) for mirror in mirrors] == [1, 2]
    assert sorted(path.name for path in (tmp_path / "downloads").iterdir() if any(path.iterdir())) == ["manual"]


def test_both_years_are_prepared_by_loading_them(register, mirrors, official, tmp_path):
    serve(mirrors[0], official, *ARCHIVES["voc/2007"], *ARCHIVES["voc/2012"])
    names = [
        example["image/filename"].decode()
        for example in datasets.load("voc/2007+2012", "train", data_dir=tmp_path).as_numpy_iterator()
    ]
    assert sorted(names) == [f"2007_train_{n}.jpg" for n in range(3)] + [f"2012_train_{n}.jpg" for n in range(2)]
    assert len(list(datasets.load("voc/2012", "test", data_dir=tmp_path))) == 1


def test_when_no_mirror_has_it_the_message_tells_the_way_by_hand(register, mirrors, official, tmp_path):
    serve(mirrors[0], official, TRAINVAL)
    with pytest.raises(datasets.DownloadError) as raised:
        datasets.load("voc/2007", "train", data_dir=tmp_path / "data")
    lines = str(raised.value).splitlines()
    assert lines[0] == f"{TEST} could not be downloaded from any mirror:"
    assert lines[1:3] == [f"  {mirror.url(f'/{TEST}')}: HTTP 404 Not Found" for mirror in mirrors]
    # What has arrived need not be brought by hand, too.
    assert lines[3:] == [
        f"By hand: put {TEST}, from http://127.0.0.1/voc/ or wherever you find it, into a folder DIR;",
        "then run: clsloc prepare voc/2007 --from DIR",
    ]
    assert_nothing_is_prepared(tmp_path / "data")
    (tmp_path / "by_hand").mkdir()
    shutil.copy(official / TEST, tmp_path / "by_hand")
    datasets.prepare("voc/2007", from_folder=tmp_path / "by_hand", data_dir=tmp_path / "data")


# PASCAL VOC by hand.


def by_hand_archives(official, folder):
    for name, place in ((TRAINVAL, folder / "from_a_friend"), (TEST, folder)):
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(official / name, place)
    return folder


def by_hand_devkit(official, folder):
    return extracted(official, folder)


def by_hand_inside_devkit(official, folder):
    return extracted(official, folder) / "VOCdevkit"


def by_hand_year(official, folder):
    return extracted(official, folder) / "VOCdevkit" / "VOC2007"


def by_hand_two_devkits(official, folder):
    extracted(official, folder / "first", [TRAINVAL])
    extracted(official, folder / "second", [TEST])
    return folder


@pytest.mark.parametrize(
    "bring", [by_hand_archives, by_hand_devkit, by_hand_inside_devkit, by_hand_year, by_hand_two_devkits]
)
def test_by_hand_gives_the_same_examples(register, mirrors, official, tmp_path, expected, bring):
    folder = bring(official, tmp_path / "by_hand")
    before = sorted(folder.rglob("*"))
    info = datasets.prepare("voc/2007", from_folder=str(folder), data_dir=tmp_path / "data")
    assert info.splits == COUNTS["voc/2007"]
    assert_same_examples(examples_of("voc/2007", tmp_path / "data"), expected)
    assert sorted(folder.rglob("*")) == before
    assert all(mirror.asked == {} for mirror in mirrors)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def alter(path):
    data = bytearray(path.read_bytes())
    data[-2000] ^= 1
    path.write_bytes(bytes(data))


FAULTS = {
    "missing archive": (by_hand_archives, lambda f: (f / TEST).unlink(), r"VOCtrainval.*, found; VOCtest.*, missing"),
    "short archive": (by_hand_archives, lambda f: cut(f / TEST), r"VOCtest\S+ is short: it has [\d,]+ of [\d,]+ bytes"),
    "altered archive": (by_hand_archives, lambda f: alter(f / TEST), r"its sha256 is \w{64}, expected \w{64}"),
    "empty folder": (by_hand_archives, lambda f: shutil.rmtree(f) or f.mkdir(), r"VOCdevkit/VOC2007.*: missing"),
    "no folder": (by_hand_archives, shutil.rmtree, "There is no folder"),
    "a file": (by_hand_archives, lambda f: shutil.rmtree(f) or f.touch(), "is a file; name the folder that holds it"),
    "renamed": (
        by_hand_devkit,
        lambda f: (f / "VOCdevkit/VOC2007").rename(f / "photos"),
        r"CLSLOC_DATA=\S+photos",
    ),
    "no test list": (
        by_hand_devkit,
        lambda f: (f / "VOCdevkit/VOC2007/ImageSets/Main/test.txt").unlink(),
        r"test\.txt, which are in VOCtest_06-Nov-2007\.tar.*CLSLOC_DATA=\S+VOC2007",
    ),
    "short list": (
        by_hand_devkit,
        lambda f: (f / "VOCdevkit/VOC2007/ImageSets/Main/val.txt").write_text("2007_validation_0\n"),
        r"val\.txt is altered: it names 1 images, expected 2",
    ),
    "missing image": (
        by_hand_devkit,
        lambda f: (f / "VOCdevkit/VOC2007/JPEGImages/2007_test_2.jpg").unlink(),
        r"1 of 4 images in test\.txt.*2007_test_2\.jpg, missing.*CLSLOC_DATA=",
    ),
    "damaged image": (
        by_hand_devkit,
        lambda f: (f / "VOCdevkit/VOC2007/JPEGImages/2007_train_2.jpg").write_bytes(b""),
        r"1 of 3 images.*2007_train_2\.jpg, unreadable photo",
    ),
    "damaged annotation": (
        by_hand_devkit,
        lambda f: (f / "VOCdevkit/VOC2007/Annotations/2007_train_1.xml").write_text("<annotation>"),
        r"1 of 3 images.*2007_train_1\.xml, malformed XML",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_by_hand_says_what_is_wrong(register, mirrors, official, tmp_path, fault):
    bring, spoil, message = FAULTS[fault]
    folder = bring(official, tmp_path / "by_hand")
    spoil(folder)
    with pytest.raises(ValueError, match=message) as raised:
        datasets.prepare("voc/2007", from_folder=folder, data_dir=tmp_path / "data")
    assert "\n" not in str(raised.value)
    assert str(folder) in str(raised.value)
    assert_nothing_is_prepared(tmp_path / "data")
    assert all(mirror.asked == {} for mirror in mirrors)


def test_by_hand_is_for_published_data(voc_folder, tmp_path):
    for source in ("toy_voc", voc_folder):
        with pytest.raises(ValueError, match=r"from_folder .* is for voc/2007, .*lspet and tfds:NAME\. Leave it out"):
            datasets.prepare(source, from_folder=tmp_path, data_dir=tmp_path)
    assert datasets.prepare(voc_folder, data_dir=tmp_path).splits == {"train": 16, "validation": 8}


# Nothing half prepared.


@pytest.mark.parametrize("limit", [200_000, 3_000], ids=["extracting", "writing"])
def test_a_full_disk_leaves_nothing_prepared(register, official, tmp_path, limit, expected):
    resource = pytest.importorskip("resource", reason="Windows has no limit on the size of files")
    by_hand = by_hand_devkit(official, tmp_path / "by_hand") if limit == 3_000 else official
    (tmp_path / "data").mkdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            datasets.prepare("voc/2007", from_folder=by_hand, data_dir=tmp_path / "data")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert_nothing_is_prepared(tmp_path / "data")
    datasets.prepare("voc/2007", from_folder=by_hand, data_dir=tmp_path / "data")
    assert_same_examples(examples_of("voc/2007", tmp_path / "data"), expected)


OTHER_PROCESS = """
import json, sys
from clsloc_utils import datasets
release = json.loads(sys.argv[2])
release["archives"] = tuple(datasets.Archive(**archive) for archive in release["archives"])
datasets.registry()["voc/2007"] = datasets.Release(**release)
print("ready", flush=True)
print(datasets.prepare("voc/2007", data_dir=sys.argv[1]).splits)
"""


def other_process(data_dir):
    release = json.dumps(dataclasses.asdict(datasets.registry()["voc/2007"]))
    return subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(data_dir), release],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(datasets.__file__).parents[2],
    )


def test_killed_in_a_download_then_two_processes_at_once(register, mirrors, official, tmp_path, expected, capsys):
    serve(mirrors[0], official, TRAINVAL, TEST)
    size = (official / TRAINVAL).stat().st_size
    mirrors[0].files[f"/{TRAINVAL}"].faults = [("stall", size // 2)]
    with other_process(tmp_path) as process:
        part = tmp_path / "downloads" / "manual" / f"{TRAINVAL}.part"
        while process.poll() is None and not (part.is_file() and part.stat().st_size > size // 4):
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    kept = part.stat().st_size
    assert_nothing_is_prepared(tmp_path)
    # What a process that was killed while extracting leaves behind.
    (tmp_path / "downloads" / "extracting_voc_2007" / "VOCdevkit").mkdir(parents=True)

    capsys.readouterr()
    with other_process(tmp_path) as process:
        assert process.stdout.readline() == "ready\n"
        datasets.prepare("voc/2007", data_dir=tmp_path)
        output = process.stdout.read()
    assert process.returncode == 0
    assert output.splitlines()[-1] == str(dict(sorted(COUNTS["voc/2007"].items())))
    # One did the work, the other one waited for it.
    assert ("Extracting" in output) != ("Extracting" in capsys.readouterr().out)
    assert_same_examples(examples_of("voc/2007", tmp_path), expected)
    assert mirrors[0].asked == {f"/{TRAINVAL}": [None, f"bytes={kept}-"], f"/{TEST}": [None]}
    assert mirrors[0].sent[f"/{TRAINVAL}"] == [size // 2, size - kept]
    assert_nothing_is_left(tmp_path)


def assert_nothing_is_left(data_dir):
    marks = (".part", "incomplete", "extracting")
    assert not [path for path in data_dir.rglob("*") if any(mark in path.name for mark in marks)]


# Leeds Sports Pose and African wildlife, each published as one zip archive.


@dataclasses.dataclass
class Tiny:
    """A small data set as it is published, registered: its files, and the photos that each split must have."""

    name: str
    folder: Path
    photos: dict[str, list[bytes]]
    writer: LspWriter | None = None

    @property
    def counts(self):
        return {split: len(photos) for split, photos in self.photos.items()}

    def assert_is_prepared(self, data_dir):
        for split, photos in self.photos.items():
            found = datasets.load(self.name, split, data_dir=data_dir).as_numpy_iterator()
            assert sorted(example["image"] for example in found) == sorted(photos)
        assert_nothing_is_left(data_dir)

    def zipped(self, path, above=""):
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{above}README.txt", "photos")
            for file in sorted(path for path in self.folder.rglob("*") if path.is_file()):
                archive.write(file, f"{above}{file.relative_to(self.folder)}")
        return path


def tiny_poses(name, folder):
    counts = {"train": 20, "test": 4} if name == "lsp" else {"train": 20}
    writer = LspWriter(folder, extended=name == "lspet")
    writer.write(sum(counts.values()), size=(24, 32))
    photos = [writer.image_path(number).read_bytes() for number in range(1, sum(counts.values()) + 1)]
    return Tiny(name, folder, dict(zip(counts, (photos[:20], photos[20:]), strict=False)), writer), counts


ANIMALS = ("buffalo", "elephant", "rhino", "zebra")


def tiny_wildlife(folder):
    """20 photos of each animal, some there twice."""
    for number, animal in enumerate(ANIMALS):
        (folder / animal).mkdir(parents=True)
        for photo in range(20):
            shade = 10 * (photo if photo < 15 else 0)  # the last five are copies of the first
            image = Image.new("RGB", (48, 32), (shade, 50 * number, 90))
            image.save(folder / animal / f"{photo + 2:03d}.{'JPG' if photo == 3 else 'jpg'}")
            second = f"{number} 0.75 0.5 0.1 0.2\n" if photo == 4 else ""
            (folder / animal / f"{photo + 2:03d}.txt").write_text(f"{number} 0.5 0.5 0.25 0.5\n{second}".rstrip())
    photos = [path.read_bytes() for path in folder.rglob("*") if path.suffix.lower() == ".jpg"]
    # A copy is in the split of its original.
    sums = split_by_hash({hashlib.sha256(photo).hexdigest() for photo in photos})
    splits = {
        split: [photo for photo in photos if hashlib.sha256(photo).hexdigest() in names]
        for split, names in sums.items()
    }
    return Tiny("wildlife", folder, splits), dict.fromkeys(ANIMALS, 20)


@pytest.fixture
def make_tiny(tmp_path, mirrors, monkeypatch):
    """Makes and registers the small data set of a name, to be had as `/photos.zip` from both mirrors."""

    def make(name):
        folder = tmp_path / "official" / name
        tiny, counts = tiny_wildlife(folder) if name == "wildlife" else tiny_poses(name, folder)
        archive = datasets.Archive("photos.zip", tuple(mirror.url("/photos.zip") for mirror in mirrors))
        shape = tiny.writer.array().shape if tiny.writer else None
        release = datasets.Release((archive,), counts, "http://127.0.0.1/photos/", shape)
        monkeypatch.setitem(datasets.registry(), name, release)
        return tiny

    return make


@pytest.fixture(params=["lsp", "lspet", "wildlife"])
def tiny(request, make_tiny):
    return make_tiny(request.param)


def test_photos_from_a_mirror(tiny, mirrors, tmp_path):
    data = tiny.zipped(tmp_path / "zip" / "photos.zip", above="photos-HEAD/").read_bytes()
    mirrors[0].files["/photos.zip"] = Served(b"<html>moved</html>")
    mirrors[1].files["/photos.zip"] = Served(data, faults=[HTTPStatus.SERVICE_UNAVAILABLE])
    info = datasets.info(tiny.name, data_dir=tmp_path / "data")
    assert (info.name, info.splits, info.drawn) == (tiny.name, tiny.counts, False)
    assert info.task == ("boxes" if tiny.name == "wildlife" else "pose")
    tiny.assert_is_prepared(tmp_path / "data")
    assert [len(mirror.asked["/photos.zip"]) for mirror in mirrors] == [1, 2]
    origin = json.loads((tmp_path / "data" / "photos" / tiny.name / "origin.json").read_text())
    assert origin == {"file": "photos.zip", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert not list((tmp_path / "data" / "downloads" / "manual").iterdir())


def test_a_full_disk_does_not_cost_the_download(tiny, mirrors, tmp_path, monkeypatch):
    mirrors[0].files["/photos.zip"] = Served(tiny.zipped(tmp_path / "zip" / "photos.zip").read_bytes())

    def no_room(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(published, "extract", no_room)
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            datasets.prepare(tiny.name, data_dir=tmp_path / "data")
    assert datasets.prepare(tiny.name, data_dir=tmp_path / "data").splits == tiny.counts
    assert len(mirrors[0].asked["/photos.zip"]) == 1
    assert not list((tmp_path / "data" / "downloads" / "manual").iterdir())


@pytest.mark.parametrize("way", ["zip", "zip of another name", "extracted", "extracted below"])
def test_photos_by_hand(tiny, mirrors, tmp_path, way):
    if way == "extracted below":
        LspWriter(tiny.folder.parent / "another", extended=True).write(2)
    if way.startswith("zip"):
        tiny.zipped(tmp_path / "by_hand" / ("photos.zip" if way == "zip" else "archive.zip"))
    folder = {"extracted": tiny.folder, "extracted below": tiny.folder.parent}.get(way, tmp_path / "by_hand")
    info = datasets.prepare(tiny.name, from_folder=folder, data_dir=tmp_path / "data")
    assert info.splits == tiny.counts
    shutil.rmtree(folder)
    tiny.assert_is_prepared(tmp_path / "data")
    assert all(mirror.asked == {} for mirror in mirrors)


def fewer_joints(tiny):
    scipy.io.savemat(tiny.folder / "joints.mat", {"joints": tiny.writer.array()[..., :-1]})


INCOMPLETE = {
    "shape": (("lsp", "lspet"), fewer_joints, r"the joints in joints\.mat have the shape \[.*\], expected \["),
    "photo of 20": (
        ("lsp", "lspet"),
        lambda tiny: tiny.writer.image_path(7).unlink(),
        r"is short: it has \d+ of \d+ photos, .* is 7",
    ),
    "joints": (
        ("lsp", "lspet"),
        lambda tiny: (tiny.folder / "joints.mat").unlink(),
        "images beside joints.mat",
    ),
    "photo": (
        ("wildlife",),
        lambda tiny: (tiny.folder / "rhino" / "007.jpg").unlink(),
        "rhino has 19 .* expected 20, first rhino/007 has no photo",
    ),
    "labels": (
        ("wildlife",),
        lambda tiny: (tiny.folder / "zebra" / "003.txt").unlink(),
        "zebra has 19 .* expected 20, first zebra/003 no labels",
    ),
    "animal": (
        ("wildlife",),
        lambda tiny: shutil.rmtree(tiny.folder / "elephant"),
        "buffalo beside elephant beside rhino beside zebra",
    ),
}


@pytest.mark.parametrize(("name", "lack"), [(name, lack) for lack in INCOMPLETE for name in INCOMPLETE[lack][0]])
def test_photos_that_are_not_complete(name, lack, make_tiny, mirrors, tmp_path):
    tiny, (_, spoil, message) = make_tiny(name), INCOMPLETE[lack]
    spoil(tiny)
    path = tiny.zipped(tmp_path / "by_hand" / "photos.zip")
    for folder in (path.parent, tiny.folder):
        with pytest.raises(ValueError, match=message) as raised:
            datasets.prepare(name, from_folder=folder, data_dir=tmp_path / "data")
        assert str(folder) in str(raised.value)
    mirrors[0].files["/photos.zip"] = Served(path.read_bytes())
    with pytest.raises(datasets.DownloadError, match=message) as raised:
        datasets.prepare(name, data_dir=tmp_path / "data")
    assert str(raised.value).splitlines()[-2:] == [
        "By hand: put photos.zip, from http://127.0.0.1/photos/ or wherever you find it, into a folder DIR;",
        f"then run: clsloc prepare {name} --from DIR",
    ]
    assert not list((tmp_path / "data").glob("photos/*"))
    assert not list((tmp_path / "data").glob("downloads/manual/*"))


def test_a_damaged_zip_by_hand(make_tiny, tmp_path):
    path = make_tiny("lsp").zipped(tmp_path / "by_hand" / "photos.zip")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match=r"photos\.zip is damaged: the checksum of \S+ in it is wrong"):
        datasets.prepare("lsp", from_folder=path.parent, data_dir=tmp_path / "data")


def numbers(examples):
    return [int(example["image/filename"].decode()[2:-4]) for example in examples.as_numpy_iterator()]


def test_roles_and_order_of_poses(make_tiny, tmp_path):
    for name, roles, expected in (
        ("lsp", ("train[:85%]", "train[85%:]", "test"), [range(1, 18), range(18, 21), range(21, 25)]),
        ("lspet", ("train[:70%]", "train[70%:85%]", "train[85%:]"), [range(1, 15), range(15, 18), range(18, 21)]),
    ):
        info = datasets.prepare(name, from_folder=make_tiny(name).folder, data_dir=tmp_path / "data")
        assert (info.train_split, info.validation_split, info.test_split) == roles
        found = [numbers(datasets.load(name, role, data_dir=tmp_path / "data")) for role in roles]
        assert found == [list(part) for part in expected]


@pytest.mark.parametrize("name", ["lsp", "lspet"])
def test_a_bad_photo_does_not_move_the_border_between_the_splits(name, make_tiny, tmp_path):
    tiny = make_tiny(name)
    tiny.writer.image_path(2).write_bytes(b"no photo")
    with pytest.warns(UserWarning, match="unreadable photo") as caught:
        datasets.prepare(name, from_folder=tiny.folder, data_dir=tmp_path / "data")
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(UserWarning, match="unreadable photo"):
        found = [numbers(datasets.load(name, split, data_dir=tmp_path / "data")) for split in tiny.photos]
    assert found[0] == [1, *range(3, 21)]
    assert found[1:] == [[21, 22, 23, 24]] * (name == "lsp")
    with pytest.raises(ValueError, match="unreadable photo"):
        datasets.load(name, "train", data_dir=tmp_path / "data", strict=True)


def test_wildlife_as_registered():
    release = datasets.registry()["wildlife"]
    assert release.counts == dict.fromkeys(ANIMALS, 376)
    assert len(release.archives[0].urls) == 2


def test_wildlife_is_taken_up_again_where_the_connection_ended(make_tiny, mirrors, tmp_path):
    data = make_tiny("wildlife").zipped(tmp_path / "zip" / "photos.zip").read_bytes()
    mirrors[0].files["/photos.zip"] = Served(data, faults=[("cut", 66_000)], etag='"one"')
    info = datasets.prepare("wildlife", data_dir=tmp_path / "data")
    assert mirrors[0].asked["/photos.zip"] == [None, "bytes=65536-"]  # in pieces of 64 KiB
    assert info.class_names == ANIMALS
    assert info.understood.startswith("YOLO layout, names of the classes from classes.txt; splits from ")
    assert (info.train_split, info.validation_split, info.test_split) == ("train", "validation", "test")
    examples = datasets.load("wildlife", "train+validation+test", data_dir=tmp_path / "data")
    assert {tuple(each["objects"]["bbox"][0]) for each in examples.as_numpy_iterator()} == {(0.25, 0.375, 0.75, 0.625)}
    assert len(list(pipelines.single_object(examples))) == 76


def test_a_bad_photo_of_wildlife_is_left_out(make_tiny, tmp_path):
    folder = make_tiny("wildlife").folder
    (folder / "rhino" / "004.jpg").write_bytes(b"no photo")
    with pytest.warns(UserWarning, match=r"rhino/004\.jpg: .*no image"):
        info = datasets.prepare("wildlife", from_folder=folder, data_dir=tmp_path / "data")
    assert sum(info.splits.values()) == 79
