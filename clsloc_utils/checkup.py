"""Is this machine ready for the course? Each line of the answer says what was found and, if needed, what to do."""

import dataclasses
import importlib.metadata
import os
import shutil
import sys
from pathlib import Path

import platformdirs
from packaging.requirements import Requirement

DISTRIBUTION = "clsloc_utils"
OLDEST_PYTHON = (3, 11)
FREE_DISK = 2 * 10**9
"""Bytes that the embedded data and the cached features of the fast profile need at most."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the check-up.

    Attributes:
        subject: What was looked at.
        found: What was found there.
        remedy: What to do about it; empty when all is well.
    """

    subject: str
    found: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not self.remedy

    def __str__(self) -> str:
        return f"{self.subject}: {self.found}: {self.remedy or 'ok'}"


def check_environment() -> list[Finding]:
    """Looks at Python, at every package that the course depends on, and at the disk.

    Returns:
        A `Finding` for each, in that order.
    """
    return [
        check_python(sys.version_info),
        *(check_package(requirement) for requirement in requirements()),
        check_disk(),
    ]


def requirements() -> list[Requirement]:
    """What the course needs to run, with the versions that will do; what only tests or JupyterLab need is left out."""
    declared = [Requirement(line) for line in importlib.metadata.requires(DISTRIBUTION) or []]
    return [requirement for requirement in declared if not requirement.marker or requirement.marker.evaluate()]


def check_python(version: tuple) -> Finding:
    """Compares a version of Python, such as `sys.version_info`, with the oldest that the course runs on."""
    found = ".".join(str(number) for number in version[:3])
    if tuple(version[:2]) >= OLDEST_PYTHON:
        return Finding("Python", found)
    oldest = ".".join(str(number) for number in OLDEST_PYTHON)
    return Finding("Python", found, f"install Python {oldest} or newer and set the course up again with it")


def check_package(requirement: Requirement) -> Finding:
    """Compares the installed version of a package with a requirement such as `numpy>=2.1`."""
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(requirement.name, "not installed", f'run  pip install "{requirement}"')
    if requirement.specifier.contains(version, prereleases=True):
        return Finding(requirement.name, version)
    return Finding(requirement.name, version, f'run  pip install "{requirement}"')


def check_disk(folder: Path | None = None) -> Finding:
    """Looks for room in the folder of the course's data: `CLSLOC_DATA_DIR` or, when unset, the user's cache folder."""
    folder = folder or Path(os.environ.get("CLSLOC_DATA_DIR") or platformdirs.user_cache_dir("clsloc"))
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / 10**9:.1f} GB free for {folder}"
    if free >= FREE_DISK:
        return Finding("disk", found)
    return Finding("disk", found, f"make room for {FREE_DISK / 10**9:.0f} GB, or set CLSLOC_DATA_DIR to another folder")
