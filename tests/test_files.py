"""Files that are complete or not there."""

import numpy as np
import pytest

from clsloc_utils.files import arrays_in, replacing


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    file = tmp_path / "table.npz"
    with replacing(file) as unfinished:
        np.savez(unfinished, numbers=np.arange(3))
        assert not file.exists()

    def stop_in_between():
        with replacing(file) as unfinished:
            unfinished.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_in_between()
    assert [path.name for path in tmp_path.iterdir()] == ["table.npz"]
    assert arrays_in(file)["numbers"].tolist() == [0, 1, 2]
    file.write_bytes(b"half")
    with pytest.raises(ValueError, match=r"not an \.npz file, or damaged"):
        arrays_in(file)
