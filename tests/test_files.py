"""Files that are complete or not there."""

import numpy as np
import pytest

from clsloc_utils.files import arrays_in, replacing


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    file = tmp_path / "table.npz"
    with replacing(file) as unfinished:
        np.savez(unfinished, numbers=np.arange(3))
        assert not file.exists()
    with pytest.raises(KeyboardInterrupt), replacing(file) as unfinished:
        unfinished.write_bytes(b"half")
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["table.npz"]
    assert arrays_in(file)["numbers"].tolist() == [0, 1, 2]
    file.write_bytes(b"half")
    with pytest.raises(ValueError, match="not an .npz file, or damaged"):
        arrays_in(file)
