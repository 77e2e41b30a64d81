"""What a learner has solved, kept in one small JSON file on the learner's own machine."""

import json
import os
from pathlib import Path

import filelock
import platformdirs

from clsloc_utils.files import replacing

_FILE_NAME = "progress.json"


def progress_file() -> Path:
    """Where the record lies: in the folder `CLSLOC_PROGRESS_DIR`, or else among the user's own data.

    Returns:
        Its path, whether or not it exists. Delete the file to start over.
    """
    folder = os.environ.get("CLSLOC_PROGRESS_DIR") or platformdirs.user_data_dir("clsloc")
    return Path(folder).expanduser() / _FILE_NAME


def read() -> tuple[set[str], str]:
    """Reads the record.

    Returns:
        The keys of all that is solved, and a notice: empty, or what was wrong with the file and where it lies now.
    """
    file = progress_file()
    try:
        return _solved_in(file.read_text(encoding="utf-8")), ""
    except FileNotFoundError:
        return set(), ""
    except OSError as error:
        return set(), f"The record of your progress cannot be read ({error.strerror}): {file.name} is left as it is."
    except ValueError as error:
        return set(), _set_aside(file, str(error))


def add(key: str) -> str:
    """Writes down that something is solved.

    Args:
        key: Of an exercise, such as `"01.iou"`, or of a question, such as `"01.quiz.3"`.

    Returns:
        A notice: empty when all went well, or why nothing could be written, or what was wrong with the file before.
    """
    file = progress_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Two notebooks may check an answer at the same moment.
        with filelock.FileLock(file.with_suffix(".lock")):
            solved, notice = read()
            if key not in solved:
                _write(file, solved | {key})
    except OSError as error:
        return f"This could not be written down ({error.strerror}): is the folder of {file.name} yours to write to?"
    return notice


def _solved_in(text: str) -> set[str]:
    """The keys in the text of a record; `ValueError` says what is wrong with it."""
    content = json.loads(text)
    solved = content.get("solved") if isinstance(content, dict) else None
    if not isinstance(solved, list) or not all(isinstance(key, str) for key in solved):
        raise ValueError('it has no list of texts under "solved"')
    return set(solved)


def _write(file: Path, solved: set[str]) -> None:
    """Replaces the file as a whole: whoever reads it meanwhile sees the old or the new one."""
    with replacing(file) as unfinished:
        unfinished.write_text(json.dumps({"solved": sorted(solved)}, indent=1), encoding="utf-8")


def _set_aside(file: Path, reason: str) -> str:
    """Renames a file that cannot be understood, so that nothing in it is lost; returns a notice."""
    number = 1
    while (kept := file.with_name(f"{file.stem}-broken-{number}.json")).exists():
        number += 1
    os.replace(file, kept)
    return f"{file.name} could not be understood ({reason}). It is kept as {kept.name}, and counting begins anew."
