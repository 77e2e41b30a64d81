"""Downloads from mirrors with faults, all of them on 127.0.0.1: what is asked for, what is kept, what is said."""

import dataclasses
import hashlib
import socket
import sys
import zipfile
from http import HTTPStatus

import numpy as np
import pytest
from helpers.mirrors import Mirror, Served

from clsloc_utils.datasets import Archive, DownloadError
from clsloc_utils.datasets.downloads import MAX_REDIRECTS, fetch

DATA = np.random.default_rng(7).bytes(700_000)
NAME = "VOCtest.tar"
PATH = f"/{NAME}"
HALF = 400_000


def archive_of(mirrors, data=DATA, registered=True):
    return Archive(
        NAME,
        tuple(mirror.url(PATH) for mirror in mirrors),
        len(data) if registered else None,
        hashlib.sha256(data).hexdigest() if registered else None,
    )


def fetched(mirrors, folder, data=DATA, registered=True, **options):
    options = {"pause": 0, "timeout": 5, **options}
    return fetch(archive_of(mirrors, data, registered), folder, **options)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once_with_a_bar_in_bytes(mirrors, tmp_path, capsys):
    mirrors[0].files[PATH] = Served(DATA)
    for _ in range(2):
        assert fetched(mirrors, tmp_path / "new").read_bytes() == DATA
    assert mirrors[0].asked == {PATH: [None]}
    assert mirrors[1].asked == {}
    assert names_in(tmp_path / "new") == [NAME]
    printed = capsys.readouterr()
    assert f"{NAME}: 100%" in printed.out
    assert "700k/700k" in printed.out
    assert "B/s" in printed.out
    assert printed.err == ""


def test_a_file_of_that_name_that_is_not_the_right_one_is_replaced(mirrors, tmp_path):
    mirrors[0].files[PATH] = Served(DATA)
    (tmp_path / NAME).write_bytes(DATA[:-1] + b"x")
    assert fetched(mirrors, tmp_path).read_bytes() == DATA


BUSY = HTTPStatus.SERVICE_UNAVAILABLE
# What the first mirror has, and how often each is asked until the file is there.
WAYS = {
    "404 leads to the next mirror at once": (None, [1, 1]),
    "503 is tried again": (Served(DATA, faults=[BUSY] * 2), [3, 0]),
    "a server that ignores ranges starts over": (Served(DATA, faults=[("cut", HALF)], ranges=False), [2, 0]),
    "a redirect loop ends": (Served(DATA, faults=["loop"], always=True), [MAX_REDIRECTS + 1, 1]),
    "wrong bytes lead to the next mirror": (Served(DATA[:-1] + bytes([DATA[-1] ^ 1])), [1, 1]),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_file_arrives_after_all(way, mirrors, tmp_path):
    served, asked = WAYS[way]
    mirrors[1].files[PATH] = Served(DATA)
    if served:
        mirrors[0].files[PATH] = dataclasses.replace(served, faults=list(served.faults))
    assert fetched(mirrors, tmp_path).read_bytes() == DATA
    assert [len(mirror.asked[PATH]) for mirror in mirrors] == asked
    assert names_in(tmp_path) == [NAME]


def test_a_cut_connection_is_resumed_where_it_was_cut(mirrors, tmp_path):
    mirrors[0].files[PATH] = Served(DATA, faults=[("cut", HALF)], etag='"one"')
    assert fetched(mirrors, tmp_path).read_bytes() == DATA
    first, second = mirrors[0].asked[PATH]
    assert first is None
    kept = int(second.removeprefix("bytes=").removesuffix("-"))
    assert HALF - 2**16 < kept <= HALF
    assert mirrors[0].sent[PATH] == [HALF, len(DATA) - kept]
    assert mirrors[1].asked == {}


def test_another_mirror_goes_on_where_the_first_one_broke_down(mirrors, tmp_path):
    mirrors[0].files[PATH] = Served(DATA, faults=[("cut", HALF), HTTPStatus.NOT_FOUND], etag='"one"')
    mirrors[1].files[PATH] = Served(DATA, etag='"another"')
    assert fetched(mirrors, tmp_path).read_bytes() == DATA
    assert mirrors[1].asked[PATH][0].startswith("bytes=")
    assert mirrors[1].sent[PATH][0] < len(DATA) - HALF + 2**16


def test_a_later_run_resumes(mirrors, tmp_path):
    mirrors[0].files[PATH] = Served(DATA, faults=[("cut", HALF), HTTPStatus.NOT_FOUND, None])
    with pytest.raises(DownloadError):
        fetched(mirrors, tmp_path)
    assert names_in(tmp_path) == [f"{NAME}.part", f"{NAME}.part.json"]
    assert fetched(mirrors, tmp_path).read_bytes() == DATA
    assert mirrors[0].asked[PATH][-1].startswith("bytes=")
    assert names_in(tmp_path) == [NAME]


def zip_of(content, tmp_path):
    path = tmp_path / "made.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo", content)
    data = path.read_bytes()
    path.unlink()
    return data


SAME_DATE = "Mon, 01 Mar 2010 10:00:00 GMT"


@pytest.mark.parametrize(
    "etags", [('"same"', '"same"'), (SAME_DATE, SAME_DATE), ('"old"', '"new"'), ("", ""), ('W/"weak"', 'W/"weak"')]
)
def test_without_a_checksum_only_the_same_version_is_continued(mirrors, tmp_path, etags):
    old, new = zip_of(DATA, tmp_path), zip_of(DATA[::-1], tmp_path)
    served = new if etags[0] != etags[1] else old
    mirrors[0].files[PATH] = Served(old, faults=[("cut", HALF), HTTPStatus.NOT_FOUND], etag=etags[0])
    with pytest.raises(DownloadError):
        fetched(mirrors[:1], tmp_path, registered=False)
    mirrors[0].files[PATH] = Served(served, etag=etags[1])
    assert fetched(mirrors[:1], tmp_path, registered=False).read_bytes() == served
    continued = mirrors[0].sent[PATH][-1] < len(served)
    assert continued == (etags[0] == etags[1] and etags[0] in ('"same"', SAME_DATE))
    assert len(mirrors[0].asked[PATH]) == 3


def test_without_a_checksum_a_damaged_zip_is_refused(mirrors, tmp_path):
    data = bytearray(zip_of(DATA, tmp_path))
    data[HALF] ^= 1
    mirrors[0].files[PATH] = Served(bytes(data))
    mirrors[1].files[PATH] = Served(b"<html>not here any more</html>")
    with pytest.raises(DownloadError) as raised:
        fetched(mirrors, tmp_path, registered=False)
    assert "the checksum of photo in it is wrong" in str(raised.value)
    assert "is no zip archive" in str(raised.value)
    assert names_in(tmp_path) == []


def test_wrong_bytes_lead_to_the_next_mirror(mirrors, tmp_path):
    wrong = DATA[:-1] + bytes([DATA[-1] ^ 1])
    mirrors[0].files[PATH] = Served(wrong)
    with pytest.raises(DownloadError) as raised:
        fetched(mirrors, tmp_path)
    sums = [hashlib.sha256(data).hexdigest() for data in (wrong, DATA)]
    assert f"its sha256 is {sums[0]}, expected {sums[1]}" in str(raised.value)
    assert names_in(tmp_path) == []
    mirrors[1].files[PATH] = Served(DATA)
    assert fetched(mirrors, tmp_path).read_bytes() == DATA
    assert mirrors[0].asked[PATH] == [None, None]


def test_a_wrong_beginning_is_thrown_away(mirrors, tmp_path):
    mirrors[0].files[PATH] = Served(bytes(len(DATA)), faults=[("cut", HALF), HTTPStatus.NOT_FOUND])
    mirrors[1].files[PATH] = Served(DATA)
    assert fetched(mirrors, tmp_path).read_bytes() == DATA
    assert [wanted is None for wanted in mirrors[1].asked[PATH]] == [False, True]


def test_a_part_longer_than_the_file_is_thrown_away(mirrors, tmp_path):
    mirrors[0].files[PATH] = Served(DATA)
    (tmp_path / f"{NAME}.part").write_bytes(DATA + b"more")
    assert fetched(mirrors, tmp_path).read_bytes() == DATA
    assert mirrors[0].asked[PATH] == ["bytes=700004-", None]


def test_a_server_that_sends_another_part_starts_over(mirrors, tmp_path):
    mirrors[0].files[PATH] = Served(DATA, faults=[("cut", HALF), "other part"])
    with pytest.raises(DownloadError, match="asked for the rest of the file, it sends another part"):
        fetched(mirrors, tmp_path, attempts=2)
    assert fetched(mirrors, tmp_path).read_bytes() == DATA
    assert [wanted is None for wanted in mirrors[0].asked[PATH]] == [True, False, True]


def test_a_complete_part_needs_no_request(mirrors, tmp_path):
    """A run may be stopped between the last byte and the new name."""
    (tmp_path / f"{NAME}.part").write_bytes(DATA)
    assert fetched(mirrors, tmp_path).read_bytes() == DATA
    assert all(mirror.asked == {} for mirror in mirrors)


@pytest.mark.parametrize("data", [DATA[:-5], DATA + b"12345"], ids=["short", "long"])
def test_another_size_is_refused_before_it_is_read(mirrors, tmp_path, data):
    mirrors[0].files[PATH] = Served(data)
    with pytest.raises(DownloadError, match=f"its file has {len(data):,} bytes, expected 700,000"):
        fetched(mirrors, tmp_path)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("count", [0, HALF])
def test_a_stalled_server_is_left(mirrors, tmp_path, count):
    mirrors[0].files[PATH] = Served(DATA, faults=[("stall", count)], always=True)
    mirrors[1].files[PATH] = Served(DATA)
    # Who waits gets the whole file from the first mirror. The second one must answer in time on a busy machine too.
    assert fetched(mirrors, tmp_path, timeout=1, attempts=1).read_bytes() == DATA
    assert len(mirrors[0].asked[PATH]) <= 2
    assert (mirrors[1].sent[PATH][0] < len(DATA)) == (count > 0)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems answer even when nobody accepts")
def test_a_server_that_does_not_accept_is_left_at_once(mirrors, tmp_path):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, socket.create_connection(deaf.getsockname()):
        address = deaf.getsockname()  # there is no room for a second connection
        url = f"http://127.0.0.1:{address[1]}{PATH}"
        with pytest.raises(DownloadError, match=r"no connection within 0\.2 s$"):
            fetch(Archive(NAME, (url,)), tmp_path, timeout=0.2)


def test_when_all_mirrors_fail_each_is_named_with_its_reason(mirrors, tmp_path):
    mirrors[0].files[PATH] = Served(DATA, faults=[HTTPStatus.SERVICE_UNAVAILABLE], always=True)
    mirrors[1].files[PATH] = Served(DATA, faults=[("stall", 0)], always=True)
    gone, loop, missing = Mirror(), Mirror(), Mirror()
    gone.stop()
    loop.files[PATH] = Served(DATA, faults=["loop"], always=True)
    with pytest.raises(DownloadError) as raised:
        fetched((*mirrors, gone, loop, missing), tmp_path, timeout=1, attempts=2)
    for server in (loop, missing):
        server.stop()
    first, *lines = str(raised.value).splitlines()
    assert first == f"{NAME} could not be downloaded from any mirror:"
    assert lines == [
        f"  {mirrors[0].url(PATH)}: HTTP 503 Service Unavailable (2 attempts)",
        f"  {mirrors[1].url(PATH)}: no answer within 1 s (2 attempts)",
        f"  {gone.url(PATH)}: Connection refused (2 attempts)",
        f"  {loop.url(PATH)}: more than {MAX_REDIRECTS} redirects",
        f"  {missing.url(PATH)}: HTTP 404 Not Found",
    ]
    assert [len(mirror.asked[PATH]) for mirror in mirrors] == [2, 2]


def test_a_full_disk_is_said_and_what_arrived_is_kept(mirrors, tmp_path):
    resource = pytest.importorskip("resource", reason="Windows has no limit on the size of files")
    mirrors[0].files[PATH] = Served(DATA)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"VOCtest\.tar\.part.* 300,000 bytes.* are kept.*CLSLOC_DATA_DIR") as raised:
            fetched(mirrors, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not isinstance(raised.value, DownloadError)
    assert mirrors[1].asked == {}
    assert NAME not in names_in(tmp_path)
    assert fetched(mirrors, tmp_path).read_bytes() == DATA
    assert mirrors[0].asked[PATH] == [None, "bytes=300000-"]
