"""README, CONTRIBUTING and docs/: links that lead somewhere, commands, options and defaults as they are in the code."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import keras
import nbformat
import pytest

from clsloc_utils import cli
from clsloc_utils.profiles import PROFILES

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
PAGES = [README, REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def prose(file: Path) -> str:
    """The text of a page or a notebook, without what is code."""
    if file.suffix == ".ipynb":
        cells = nbformat.read(file, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = file.read_text(encoding="utf-8")
    return FENCE.sub("", text)


def anchors(file: Path) -> set[str]:
    """What a link can name in a file: its headings, as GitHub and Sphinx write them."""
    headings = re.findall(r"^#+ (.+)$", prose(file), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(page: Path) -> list[str]:
    """The relative links of a page that lead to no file, or to no heading of it."""
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        address = urlsplit(link)
        file = page.parent / address.path if address.path else page
        if not address.scheme and not (file.exists() and (not address.fragment or address.fragment in anchors(file))):
            dead.append(link)
    return dead


def section(page: Path, title: str) -> str:
    """What stands below a heading of the second level."""
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return found


def rows(text: str) -> list[list[str]]:
    """The cells of all tables in a text, without the lines below their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


# --- What a stranger reads --------------------------------------------------------------------------------------------


def test_readme_is_short():
    assert len(README.read_text(encoding="utf-8").split()) <= 1000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    assert dead_links(page) == []


def test_dead_links_are_found(tmp_path):
    page = tmp_path / "page.md"
    links = "[a](page.md#what-is-it-and-where) [b](page.md#gone) [c](gone.md) [d](#what-is-it-and-where) [e](#gone)"
    page.write_text(f"# What is it, and where?\n\n{links} [f](https://example.org/x#y)\n", encoding="utf-8")
    assert dead_links(page) == ["page.md#gone", "gone.md", "#gone"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_placeholder_meets_a_reader(page):
    assert not re.search(r"OWNER|REPOSITORY|TODO|will be here", page.read_text(encoding="utf-8"))


def test_python_example_of_the_readme_runs(voc_folder, monkeypatch, tmp_path, capsys):
    """On photos of shapes and for one epoch, so that it takes seconds."""
    (example,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for long, short in (('"toy_voc"', repr(str(voc_folder))), ("epochs=12", "epochs=1")):
        assert example.count(long) == 1
        example = example.replace(long, short)
    monkeypatch.setenv("CLSLOC_DATA_DIR", str(tmp_path))
    keras.utils.set_random_seed(0)
    exec(compile(example, "README.md", "exec"), {})
    assert re.search(r"^\{'accuracy': [\d.]+, 'mean_iou': [\d.]+", capsys.readouterr().out, re.MULTILINE)


# --- The command line -------------------------------------------------------------------------------------------------


def options_in_help(command: str, capsys) -> dict[str, str]:
    """What `--help` says of each option of a command, but of `--help` itself."""
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    text = capsys.readouterr().out.partition("\noptions:\n")[2]
    options = re.findall(r"^  (?:-h, )?(--[\w-]+)(.*?)(?=^  -|\Z)", text, re.MULTILINE | re.DOTALL)
    return {name: " ".join(rest.replace("SOURCE-\n", "SOURCE-").split()) for name, rest in options if name != "--help"}


@pytest.mark.parametrize("command", ["prepare", "train", "evaluate", "predict", "sweep", "curve"])
def test_page_names_the_options_of_a_command_and_their_defaults(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    in_help = options_in_help(command, capsys)
    on_page = {
        name: default.replace("`", "")
        for names, default, _ in rows(section(DOCS / "command_line.md", command.capitalize()).partition("###")[0])
        for name in re.findall(r"`(--[\w-]+)", names)
    }
    assert set(on_page) == set(in_help)
    for name, text in in_help.items():
        default = re.search(r"\(default: (.*)\)", text)
        if default and on_page[name] != "as of train":
            assert on_page[name] == default[1], name


def test_options_without_a_table_do_not_exist(capsys):
    assert options_in_help("doctor", capsys) == options_in_help("progress", capsys) == {}


def test_page_lists_the_commands(capsys):
    cli.main([])
    commands = re.findall(r"^    ([a-z]+) ", capsys.readouterr().out, flags=re.MULTILINE)
    listed = [
        re.match(r"`clsloc (\w+)", row[0]) for row in rows((DOCS / "command_line.md").read_text(encoding="utf-8"))
    ]
    assert sorted(found[1] for found in listed if found) == sorted(commands)


# --- Setting up -------------------------------------------------------------------------------------------------------

FIELDS = [
    ("boxes", ("backbone", "image_size", "copies", "epochs")),
    ("pose", ("pose_backbone", "pose_image_size", "pose_copies", "pose_epochs")),
]


def test_page_says_what_the_profiles_hold():
    head, *table = rows(section(DOCS / "set_up.md", "Profiles"))
    columns = [(name, drawn) for name in ("fast", "full") for drawn in (True, False)]
    assert head[1:] == [f"{name}, {'drawings' if drawn else 'photographs'}" for name, drawn in columns]
    expected = [
        [str(getattr(PROFILES[name].on(drawn=drawn, task=task), field)) for name, drawn in columns]
        for task, fields in FIELDS
        for field in fields
    ]
    assert [[cell.strip("`") for cell in row[1:]] for row in table] == expected


def test_page_lists_the_variables_that_the_package_reads():
    listed = {row[0].strip("`") for row in rows(section(DOCS / "set_up.md", "Variables"))} - {"variable"}
    sources = "\n".join(file.read_text(encoding="utf-8") for file in (REPOSITORY / "clsloc_utils").rglob("*.py"))
    assert {name for name in listed if name.startswith("CLSLOC_")} == set(re.findall(r"\"(CLSLOC_\w+)\"", sources))
