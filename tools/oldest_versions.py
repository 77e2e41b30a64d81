"""Prints the oldest versions that pyproject.toml allows, as constraints for pip: what the oldest supported set-up is.

python tools/oldest_versions.py > oldest.txt
pip install --constraint oldest.txt --editable .[tests]
"""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PROJECT_FILE = Path(__file__).resolve().parent.parent / "pyproject.toml"


def direct_requirements(project_file: Path = PROJECT_FILE) -> list[Requirement]:
    """What the project itself asks for, extras included.

    Args:
        project_file: Its pyproject.toml.

    Returns:
        One requirement for each package, the project's references to its own extras left out.
    """
    project = tomllib.loads(project_file.read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    requirements = [Requirement(line) for line in lines]
    return [requirement for requirement in requirements if requirement.name != project["name"]]


def oldest_version(requirement: Requirement) -> str:
    """The lower bound of a requirement.

    Args:
        requirement: With exactly one `>=`.

    Returns:
        The version after it.

    Raises:
        ValueError: There is no lower bound, or more than one.
    """
    bounds = [specifier.version for specifier in requirement.specifier if specifier.operator == ">="]
    if len(bounds) != 1:
        raise ValueError(f"pyproject.toml: {requirement} needs exactly one lower bound (>=).")
    return bounds[0]


def main() -> None:
    """Prints one line for each package."""
    for requirement in direct_requirements():
        print(f"{requirement.name}=={oldest_version(requirement)}")


if __name__ == "__main__":
    main()
