"""Prints the oldest versions that pyproject.toml allows, as constraints for pip: python tools/oldest_versions.py > FILE

uv's `--resolution lowest-direct` does not do: to have the newest protobuf it takes a newer TensorFlow than the oldest.
"""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]


def requirements() -> list[Requirement]:
    """What the project asks for in all its extras, without its references to its own extras."""
    extras = PROJECT["optional-dependencies"].values()
    listed = map(Requirement, [*PROJECT["dependencies"], *(line for extra in extras for line in extra)])
    return [requirement for requirement in listed if requirement.name != PROJECT["name"]]


def oldest_version(requirement: Requirement) -> str:
    """The version after the one `>=` that a requirement must have."""
    (bound,) = [specifier.version for specifier in requirement.specifier if specifier.operator == ">="]
    return bound


if __name__ == "__main__":
    print("\n".join(f"{each.name}=={oldest_version(each)}" for each in requirements()))
