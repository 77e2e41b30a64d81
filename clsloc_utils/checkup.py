"""Is this machine ready for the course? Each line of the answer says what was found and, if needed, what to do."""

import dataclasses
import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
from packaging.requirements import Requirement

from clsloc_utils import paths, quiet
from clsloc_utils.profiles import PROFILES

DISTRIBUTION = "clsloc_utils"
OLDEST_PYTHON = (3, 11)
FREE_DISK = 2 * 10**9
"""Bytes that the embedded data and the cached features of the fast profile need at most."""
FREE_MEMORY = 2 * 10**9
"""Bytes that TensorFlow and a training of the fast profile need."""
PREPARED_SOURCES = ("toy_voc", "toy_pose", "wildlife", "voc/2007", "voc/2012", "lsp", "lspet")
WEIGHTS_FOLDER = Path(__file__).with_name("weights")
EMBEDDED_WEIGHTS = ("tiny_resnet.npz", "tiny_resnet_people.npz")


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the check-up.

    Attributes:
        subject: What was looked at.
        found: What was found there.
        remedy: What to do about it; empty when all is well.
        advice: What one may do, though all is well.
    """

    subject: str
    found: str
    remedy: str = ""
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not self.remedy

    def __str__(self) -> str:
        advice = f" ({self.advice})" if self.advice else ""
        return f"{self.subject}: {self.found}: {self.remedy or 'ok'}{advice}"


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


def requirements(extra: str = "") -> list[Requirement]:
    """What the course needs to run, with the versions that will do.

    Args:
        extra: An extra of the package to add, such as `"notebooks"`; without one, what only tests or JupyterLab need is
            left out.
    """
    declared = [Requirement(line) for line in importlib.metadata.requires(DISTRIBUTION) or []]
    return [each for each in declared if not each.marker or each.marker.evaluate({"extra": extra})]


def check_machine() -> list[Finding]:
    """Looks at all that `check_environment` looks at, and at GPU, memory, data and weights.

    Returns:
        A `Finding` for each, in that order.
    """
    return [
        *check_environment(),
        check_gpu(),
        check_memory(),
        *(check_data(source) for source in PREPARED_SOURCES),
        check_embedded_weights(),
        check_imagenet_weights(),
        *check_variables(os.environ),
    ]


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


def check_disk() -> Finding:
    """Looks for room in the course's data folder."""
    folder = paths.data_folder()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        reason = "is no folder" if not existing.is_dir() else "is a folder that you may not write to"
        return Finding("disk", f"{existing} {reason}", "set CLSLOC_DATA_DIR to another folder")
    free = shutil.disk_usage(existing).free
    found = f"{free / 10**9:.1f} GB free for {folder}"
    if free >= FREE_DISK:
        return Finding("disk", found)
    return Finding("disk", found, f"make room for {FREE_DISK / 10**9:.0f} GB, or set CLSLOC_DATA_DIR to another folder")


def check_gpu() -> Finding:
    """Asks the driver and TensorFlow for GPUs: one that only the driver sees is not used."""
    names = _gpus_of_driver()
    try:
        quiet.start_tensorflow()
        import tensorflow as tf  # Here, so that the rest of the check-up runs where TensorFlow does not.

        usable = len(tf.config.list_physical_devices("GPU"))
    except ImportError as error:
        return Finding("GPU", f"TensorFlow does not start ({error})", "repair TensorFlow as said above")
    if usable:
        return Finding("GPU", ", ".join(names) or f"{usable} that TensorFlow can use")
    if names:
        remedy = 'run  pip install "tensorflow[and-cuda]", or compare the driver with TensorFlow\'s list of versions'
        return Finding("GPU", f"{', '.join(names)}, which TensorFlow cannot use", remedy)
    return Finding("GPU", "none", advice="the fast profile needs none; take one for the full profile")


def _gpus_of_driver() -> list[str]:
    """Name and memory of each NVIDIA GPU that the driver knows."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def check_memory() -> Finding:
    """Looks at the memory that is free for one more program."""
    memory = psutil.virtual_memory()
    found = f"{memory.available / 10**9:.1f} GB free of {memory.total / 10**9:.1f} GB"
    if memory.available >= FREE_MEMORY:
        return Finding("memory", found)
    return Finding("memory", found, f"close other programs until {FREE_MEMORY / 10**9:.0f} GB are free")


def check_data(source: str) -> Finding:
    """Looks for the prepared data of a source, by name, in the course's data folder."""
    folder = paths.data_folder()
    # TFDS writes this file last, into a folder that it renames when all is complete.
    versions = sorted(folder.glob(f"{source}/*/dataset_info.json"))
    if versions:
        return Finding(f"data {source}", f"prepared, version {versions[-1].parent.name}")
    photos = folder / "photos" / source
    if photos.is_dir():
        return Finding(f"data {source}", f"photos in {photos}")
    return Finding(f"data {source}", "not prepared yet", advice=f"clsloc prepare {source}")


def check_embedded_weights(folder: Path = WEIGHTS_FOLDER) -> Finding:
    """Looks for the weights that come with the package."""
    missing = [name for name in EMBEDDED_WEIGHTS if not (folder / name).is_file()]
    if missing:
        return Finding("weights of tiny_resnet", f"{folder / missing[0]} is missing", "install clsloc_utils again")
    size = sum((folder / name).stat().st_size for name in EMBEDDED_WEIGHTS)
    return Finding("weights of tiny_resnet", f"{size / 10**6:.1f} MB in the package")


def check_imagenet_weights(folder: Path | None = None) -> Finding:
    """Looks for downloaded weights of ResNet50, the full profile's backbone."""
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    found = sorted((folder or keras_home / "models").glob("resnet50_*notop*"))
    if found:
        return Finding("weights of resnet50", str(found[-1]))
    advice = "downloaded at first use; offline, set CLSLOC_BACKBONE to resnet50:FILE.h5 or to a .keras file"
    return Finding("weights of resnet50", "not downloaded yet", advice=advice)


def check_variables(environment: Mapping[str, str]) -> list[Finding]:
    """Looks at what variables name, where they name some: the profile, the data, the backbone."""
    findings = []
    profile = environment.get("CLSLOC_PROFILE", "")
    if profile:
        remedy = "" if profile in PROFILES else f"set it to {' or '.join(PROFILES)}, or unset it"
        findings.append(Finding("CLSLOC_PROFILE", profile, remedy))
    named = {name: environment.get(name, "") for name in ("CLSLOC_BACKBONE", "CLSLOC_DATA", "CLSLOC_POSE_DATA")}
    for variable, value in named.items():
        if variable == "CLSLOC_BACKBONE":
            is_file = value.endswith((*paths.WEIGHTS_SUFFIXES, ".keras"))
        else:
            is_file = value not in ("", *PREPARED_SOURCES, "voc/2007+2012") and not value.startswith("tfds:")
        if is_file:
            file = paths.name_and_file(value)[1]
            missing = "" if Path(file).expanduser().exists() else f"correct {variable} or unset it"
            findings.append(Finding(variable, f"{file} does not exist" if missing else value, missing))
    return findings
