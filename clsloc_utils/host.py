"""A notebook opened alone, on Colab or another host that knows nothing of the course: what its first cell calls.

That cell installs this package, without its dependencies, where it is missing. `prepare` does the rest: it installs
what the host lacks and touches nothing that the host has, above all not its TensorFlow, which was built for its GPU.
"""

import importlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from clsloc_utils import checkup, quiet


def prepare(environment: MutableMapping[str, str] = os.environ) -> None:
    """Makes a host ready whose copy of this package came from the first cell of a notebook; elsewhere it does nothing.

    Missing packages are installed. What is installed but too old or too new for the course is named and left alone. If
    the host has a GPU and nobody chose a profile, the full one is chosen.

    Args:
        environment: Where `CLSLOC_PROFILE` is looked up, and set.

    Raises:
        RuntimeError: pip could not install what is missing; the message is pip's.
    """
    if not came_from_an_address():
        return
    install_missing()
    for finding in checkup.check_environment():
        if not finding.ok:
            print(finding)
    if not environment.get("CLSLOC_PROFILE") and has_gpu():
        environment["CLSLOC_PROFILE"] = "full"
        print("There is a GPU, so this is the full profile: PASCAL VOC and ResNet-50. For the drawn pictures and the")
        print("small network restart the kernel, and run %env CLSLOC_PROFILE=fast before this cell.")


def came_from_an_address() -> bool:
    """Whether pip fetched this package from a repository or as an archive, not from a folder that somebody works in.

    pip writes down where a package came from: PEP 610, `direct_url.json`.
    """
    for distribution in importlib.metadata.distributions(name=checkup.DISTRIBUTION):
        origin = distribution.read_text("direct_url.json")
        return origin is not None and "dir_info" not in json.loads(origin)
    return False


def install_missing() -> None:
    """Installs the packages that the course needs and the host lacks; no version that is installed already changes.

    Raises:
        RuntimeError: pip could not; the message is pip's.
    """
    installed = installed_versions()
    # A host brings a notebook of its own, but not always what the widgets are made of.
    widgets = [each for each in checkup.requirements("notebooks") if each.name == "anywidget"]
    needed = [*checkup.requirements(), *widgets]
    missing = [f"{each.name}{each.specifier}" for each in needed if canonicalize_name(each.name) not in installed]
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "installed.txt"
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in installed.items()), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(constraints), *missing]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"The course needs {', '.join(missing)}, and pip could not install that beside what is here: "
            f"{done.stderr.strip()}"
        )
    importlib.invalidate_caches()


def installed_versions() -> dict[str, str]:
    """Every installed package, its name as pip normalizes it, with its version; left out are those that pip rejects."""
    versions = {}
    for distribution in importlib.metadata.distributions():
        try:
            version = str(Version(distribution.version))
        # Debian's own packages, or a folder of metadata that was left behind, of which the backport of
        # importlib.metadata, once somebody has imported it, says otherwise than the standard library.
        except (InvalidVersion, TypeError, KeyError):
            continue
        # As in an import, the first one on the path is the one that counts.
        versions.setdefault(canonicalize_name(distribution.name), version)
    return versions


def has_gpu() -> bool:
    """Whether TensorFlow finds a GPU on this machine."""
    quiet.start_tensorflow()
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
