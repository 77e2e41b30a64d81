"""Cached features may be larger than the memory."""

from pathlib import Path

import numpy as np
import pytest

from clsloc_utils import training


def resident_megabytes():
    """What of this process's memory maps is in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell what is in memory")
def test_reading_features_leaves_nothing_of_them_in_memory(tmp_path):
    count, values = 2000, np.ones((8, 8, 512), np.float16)
    arrays = {"coarse": (values.shape, "float16"), "label": ((), "int32"), "box": ((4,), "float32")}
    maps = {}
    for name, (shape, dtype) in arrays.items():
        file = tmp_path / f"{name}.npy"
        np.lib.format.open_memmap(file, "w+", dtype, (count, *shape)).fill(1)
        maps[name] = np.load(file, mmap_mode="r")
    batches = training.FeatureCache(tmp_path, {}, maps, copies=1).batches(32, seed=0)
    before = resident_megabytes()
    for _ in range(2):
        for features, _ in batches:
            assert features["coarse"].dtype == np.float16
    assert maps["coarse"].nbytes > 100 * 2**20
    assert resident_megabytes() - before < 40
