"""What several test modules share: small folders in VOC and LSP layout, the real photos if any, a place for data."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.folders import VocWriter, write_shapes
from helpers.mirrors import Mirror
from hypothesis import HealthCheck, settings

# How long an example takes, or drawing it, says how busy the machine is, not whether the code is right.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def voc_writer(tmp_path: Path) -> VocWriter:
    """A `VocWriter` on an empty folder of this test."""
    return VocWriter(tmp_path / "photos")


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Mirror, Mirror]]:
    """Two HTTP servers on 127.0.0.1, without files."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = Mirror(), Mirror()
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def make_voc_folder() -> Callable[[Path], Path]:
    """A function that fills a new folder as `write_shapes` says, and returns it."""

    def make(folder: Path) -> Path:
        write_shapes(VocWriter(folder))
        return folder

    return make


@pytest.fixture(scope="session")
def voc_folder(make_voc_folder: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 photos of coloured shapes, for reading only: see `write_shapes`."""
    return make_voc_folder(tmp_path_factory.mktemp("voc") / "shapes")


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests prepare their data: one folder for all workers of this run."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "clsloc_data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real photos and a real backbone; the test is skipped where there is none."""
    folder = Path(os.environ.get("CLSLOC_REAL_DATA") or REPOSITORY.parent / "shared" / "data")
    if not (folder / "wildlife_voc").is_dir():
        pytest.skip("no real photos: set CLSLOC_REAL_DATA to a folder that holds wildlife_voc/ and backbones/")
    return folder


@pytest.fixture(scope="session")
def real_poses(real_data: Path) -> Path:
    """A folder with the first 1,000 photos of LSP-extended; the test is skipped where there is none."""
    if not (real_data / "lspet").is_dir():
        pytest.skip("no real photos of poses: CLSLOC_REAL_DATA has no folder lspet/")
    return real_data / "lspet"
