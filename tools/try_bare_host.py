"""Tries a notebook on a bare host: a new virtual environment with TensorFlow and a kernel, an empty folder, no course.

    python tools/try_bare_host.py --versions oldest                    # the oldest TensorFlow and Keras supported
    python tools/try_bare_host.py --versions newest --python python3.12
    python tools/try_bare_host.py --with "numpy==2.0.2" --with "ipywidgets==7.7.1"

The notebook's first cell installs the course from a stand-in of its address: this repository, as it was last committed.
Then nbval runs all cells and compares their outputs with the saved ones. At the end nothing that the host had may have
another version. Takes minutes and some gigabytes, so it is no part of `make test`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import oldest_versions
from repository_address import REPOSITORY, SETUP_ID, setup_source

KERNEL = "bare_host"


def host_requirements(versions: str) -> list[str]:
    """TensorFlow and Keras as a host would have them.

    Args:
        versions: `"oldest"`, what pyproject.toml allows, or `"newest"`, what pip finds today.

    Returns:
        Requirements for pip.
    """
    if versions == "newest":
        return ["tensorflow", "keras"]
    bounds = {each.name: oldest_versions.oldest_version(each) for each in oldest_versions.direct_requirements()}
    return [f"{name}=={bounds[name]}" for name in ("tensorflow", "keras")]


def make_host(folder: Path, python: str, requirements: list[str]) -> Path:
    """A new virtual environment that holds a kernel, these packages and what they need.

    Args:
        folder: For it; made.
        python: The interpreter it is made of.
        requirements: For pip.

    Returns:
        Its interpreter.
    """
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "ipykernel", *requirements], check=True)
    return interpreter


def copy_alone(notebook: Path, folder: Path, address: str) -> Path:
    """Copies a notebook into a new folder and lets its first cell install from an address.

    Args:
        notebook: Of the course.
        folder: Made; nothing else is in it.
        address: What pip is to install.

    Returns:
        The copy.

    Raises:
        ValueError: The notebook has no set-up cell.
    """
    content = nbformat.read(notebook, as_version=4)
    cells = [cell for cell in content.cells if cell.id == SETUP_ID]
    if not cells:
        raise ValueError(f"{notebook}: it has no cell {SETUP_ID!r}; run tools/repository_address.py.")
    cells[0].source = setup_source(address)
    # What pip says as it installs, if only that the kernel may have to be restarted, is not in the saved notebook.
    cells[0].metadata["tags"] = [*cells[0].metadata.get("tags", []), "nbval-ignore-output"]
    folder.mkdir()
    nbformat.write(content, folder / notebook.name)
    return folder / notebook.name


def run_strictly(notebook: Path, interpreter: Path, data: Path) -> None:
    """Runs a notebook in an environment's kernel and compares all outputs with the saved ones.

    Args:
        notebook: The copy.
        interpreter: Of the environment.
        data: Folder for the course's data, `CLSLOC_DATA_DIR`.

    Raises:
        subprocess.CalledProcessError: A cell failed, or its output differs; pytest has said which.
    """
    kernels = notebook.parent.parent / "jupyter"
    specification = kernels / "kernels" / KERNEL / "kernel.json"
    specification.parent.mkdir(parents=True)
    arguments = [str(interpreter), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    text = json.dumps({"argv": arguments, "display_name": KERNEL, "language": "python"})
    specification.write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        os.devnull,
        "-p",
        "no:cacheprovider",
        f"--rootdir={notebook.parent}",
    ]
    command += ["--nbval", f"--nbval-kernel-name={KERNEL}", "--nbval-cell-timeout=900"]
    command += [f"--nbval-sanitize-with={REPOSITORY / 'tests' / 'nbval_sanitize.cfg'}", str(notebook)]
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and "CLSLOC" not in name}
    environment = inherited | {"JUPYTER_PATH": str(kernels), "CLSLOC_DATA_DIR": str(data)}
    subprocess.run(command, cwd=notebook.parent, env=environment, check=True)


def installed(interpreter: Path) -> dict[str, str]:
    """Name and version of every package of an environment."""
    command = [interpreter, "-m", "pip", "list", "--format=json"]
    listed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {package["name"]: package["version"] for package in listed}


def gigabytes(folder: Path) -> float:
    """Size of a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 10**9


def main() -> int:
    """Makes the host, runs the notebook, compares the packages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", nargs="?", type=Path, default=REPOSITORY / "notebooks" / "00_start.ipynb")
    parser.add_argument("--versions", choices=["oldest", "newest"], default="newest", help="of TensorFlow and Keras")
    parser.add_argument("--with", dest="more", action="append", default=[], help="a package more that the host has")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the host")
    parser.add_argument("--address", default=f"git+{REPOSITORY.as_uri()}", help="what the first cell installs")
    parser.add_argument("--data-dir", type=Path, help="keep the course's data there (default: begin without any)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bare_host_") as name:
        folder = Path(name)
        begin = time.perf_counter()
        requirements = [*host_requirements(arguments.versions), *arguments.more]
        interpreter = make_host(folder / "host", arguments.python, requirements)
        before, size = installed(interpreter), gigabytes(folder / "host")
        made = time.perf_counter()
        versions = ", ".join(f"{package} {before[package]}" for package in ("tensorflow", "keras", "numpy"))
        print(f"Host: {versions}; {made - begin:.0f} s", flush=True)
        notebook = copy_alone(arguments.notebook, folder / "alone", arguments.address)
        run_strictly(notebook, interpreter, arguments.data_dir or folder / "data")
        after = installed(interpreter)
        changed = {name: (version, after.get(name)) for name, version in before.items() if after.get(name) != version}
        added = sorted(set(after) - set(before))
        print(f"Notebook: {time.perf_counter() - made:.0f} s, the installation of {len(added)} packages included.")
        print(f"Added: {', '.join(added)}; {gigabytes(folder / 'host') - size:.2f} GB beside {size:.2f} GB")
        for package, (old, new) in changed.items():
            print(f"{package} was {old} and is {new}: the first cell must not change what the host has.")
        return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
