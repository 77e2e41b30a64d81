"""Where the course's files lie, what a path may stand for, and what a disk that refuses says."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs

WEIGHTS_SUFFIXES = (".h5", ".npz", ".pth")
_MAKE_ROOM = "make room, or take a folder on another disk (--out, CLSLOC_DATA_DIR)"
_GET_RIGHTS = "take a folder that you may write to (--out, CLSLOC_DATA_DIR), or get the right to this one"
_NOT_A_FOLDER = "a file is in the way; take another folder (--out, CLSLOC_DATA_DIR)"
_REMEDIES = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.EFBIG: _MAKE_ROOM,
    errno.EACCES: _GET_RIGHTS,
    errno.EPERM: _GET_RIGHTS,
    errno.EROFS: _GET_RIGHTS,
    errno.EEXIST: _NOT_A_FOLDER,
    errno.ENOTDIR: _NOT_A_FOLDER,
}


def data_folder() -> Path:
    """The folder of the course's data: `CLSLOC_DATA_DIR` or, when unset, in the user's cache folder."""
    return Path(os.environ.get("CLSLOC_DATA_DIR") or platformdirs.user_cache_dir("clsloc")).expanduser()


def name_and_file(backbone: str) -> tuple[str, str]:
    """The parts of `NAME:FILE`, a network and a file of weights, `.h5`, `.npz` or `.pth`.

    Args:
        backbone: As `CLSLOC_BACKBONE` has it; the path may hold further colons.

    Returns:
        The name and the path of the file; an empty name and all of the text where it is no such pair.
    """
    name, colon, file = backbone.partition(":")
    # One letter would be the drive of a path on Windows.
    is_pair = colon and len(name) > 1 and file.endswith(WEIGHTS_SUFFIXES)
    return (name, file) if is_pair else ("", backbone)


def weights_file(file: str | Path, network: str) -> Path:
    """The path of a file of weights that somebody named.

    Args:
        file: The path; `~` is the home folder.
        network: What the weights are of, in words.

    Raises:
        FileNotFoundError: There is no such file.
    """
    file = Path(file).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file of weights for {network}.")
    return file


def refusal(error: OSError) -> str | None:
    """What the machine refuses and what to do about it: no room, no right, a file where a folder should be.

    Args:
        error: What Python says of it.

    Returns:
        A line; `None` for an error of another kind, which may be a fault of the course.
    """
    if error.errno not in _REMEDIES:
        return None
    if error.strerror != os.strerror(error.errno):
        return error.strerror  # Whoever raised it has said what to do.
    return f"{error.filename or 'writing'}: {error.strerror}; {_REMEDIES[error.errno]}"


class InputError(ValueError):
    """Something that the user gave cannot be used; the message says what, where, and the remedy."""


@contextlib.contextmanager
def input_errors() -> Iterator[None]:
    """Turns what the package says about a bad name, file or folder into an `InputError`."""
    try:
        yield
    except OSError as error:
        raise InputError(refusal(error) or str(error)) from error
    except ValueError as error:
        raise InputError(str(error)) from error
