"""Tries a notebook on a bare host: a new virtual environment with TensorFlow and a kernel, an empty folder, no course.

    python tools/try_bare_host.py --versions oldest                      # the oldest TensorFlow and Keras supported
    python tools/try_bare_host.py --versions newest notebooks/01_problem_framing.ipynb

The notebook's first cell installs the course from a stand-in of its address: this repository, as it was last committed.
Then nbval runs all cells and compares their outputs with the saved ones. At the end nothing that the host had may have
another version. Takes minutes and some gigabytes, so it is no part of `make test`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import oldest_versions

REPOSITORY = Path(__file__).resolve().parent.parent
KERNEL = "bare_host"


def make_host(folder: Path, requirements: list[str]) -> Path:
    """A new virtual environment that holds a kernel, these packages and what they need; returns its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "ipykernel", *requirements], check=True)
    subprocess.run([interpreter, "-m", "ipykernel", "install", f"--prefix={folder}", f"--name={KERNEL}"], check=True)
    return interpreter


def copy_alone(notebook: Path, folder: Path) -> Path:
    """Copies a notebook into a new folder; its first cell does not ask for the address. Returns the copy."""
    content = nbformat.read(notebook, as_version=4)
    (cell,) = [cell for cell in content.cells if cell.id == "set-up-host"]
    cell.source, count = re.subn(r"input\(.*\)", repr(REPOSITORY.as_uri()), cell.source)
    assert count == 1, cell.source
    # What pip says as it installs, if only that the kernel may have to be restarted, is not in the saved notebook.
    cell.metadata["tags"] = [*cell.metadata.get("tags", []), "nbval-ignore-output"]
    folder.mkdir()
    nbformat.write(content, folder / notebook.name)
    return folder / notebook.name


def run_strictly(notebook: Path, host: Path) -> None:
    """Runs a notebook on the host and compares every output with the saved one; raises when pytest finds a fault."""
    command = [sys.executable, "-m", "pytest", "-q", f"--rootdir={notebook.parent}", "--nbval", str(notebook)]
    command += [f"--nbval-kernel-name={KERNEL}", "--nbval-cell-timeout=900"]
    command += [f"--nbval-sanitize-with={REPOSITORY / 'tests' / 'nbval_sanitize.cfg'}"]
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and "CLSLOC" not in name}
    own = {"JUPYTER_PATH": str(host / "share" / "jupyter"), "CLSLOC_DATA_DIR": str(host / "data")}
    subprocess.run(command, cwd=notebook.parent, env=inherited | own, check=True)


def installed(interpreter: Path) -> dict[str, str]:
    """Name and version of every package of an environment."""
    command = [interpreter, "-m", "pip", "list", "--format=json"]
    listed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {package["name"]: package["version"] for package in listed}


def main() -> int:
    """Makes the host, runs the notebook, compares the packages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", nargs="?", type=Path, default=REPOSITORY / "notebooks" / "00_start.ipynb")
    parser.add_argument("--versions", choices=["oldest", "newest"], default="newest", help="of TensorFlow and Keras")
    arguments = parser.parse_args()
    requirements = ["tensorflow", "keras"]
    if arguments.versions == "oldest":
        oldest = {each.name: oldest_versions.oldest_version(each) for each in oldest_versions.requirements()}
        requirements = [f"{name}=={oldest[name]}" for name in requirements]
    with tempfile.TemporaryDirectory(prefix="bare_host_") as name:
        host = Path(name) / "host"
        interpreter = make_host(host, requirements)
        before = installed(interpreter)
        run_strictly(copy_alone(arguments.notebook, Path(name) / "alone"), host)
        after = installed(interpreter)
    print(f"Added: {', '.join(sorted(set(after) - set(before)))}")
    changed = [package for package in before if after.get(package) != before[package]]
    for package in changed:
        print(f"{package} was {before[package]} and is {after.get(package)}: the first cell must not change the host.")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
