"""Measures what the course reports as its results, and writes the page docs/results.md.

    python tools/measure_results.py                                     # the drawn pictures and people
    python tools/measure_results.py --photos my_photos --poses my_people --backbone my_backbone.keras
    python tools/measure_results.py --parts wildlife --photos my_photos --backbone my_backbone.keras
    python tools/measure_results.py --parts                             # none: only the page again

Every training is one row of docs/results.json, written as soon as it is measured: an interrupted command goes on where
it stopped. Rows that were measured with other settings, or on another machine, are measured again; `--again` does so
with all rows of the parts, as after a change of the code. The page is made of that file alone, and says "not measured
yet" where it holds nothing.
"""

import argparse
import dataclasses
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

import measure_heads
import measure_pose
import measurements
from head_tables import rounded

from clsloc_utils import models, pipelines, profiles

# Words in the commands of the page, for what lies in another place on every machine.
PHOTOS, POSES, BACKBONE = "PHOTOS", "PEOPLE", "BACKBONE.keras"
OPTIONS = {PHOTOS: "--photos", POSES: "--poses", BACKBONE: "--backbone"}


@dataclasses.dataclass(frozen=True)
class Part:
    """One table of the page.

    Attributes:
        title: Its heading.
        text: What the data and the backbone are, in Markdown.
        tool: `measure_heads` or `measure_pose`, which measures it.
        settings: That command's options; what is not named is the profile's.
        profile: Whose defaults these are.
    """

    title: str
    text: str
    tool: ModuleType
    settings: str = ""
    profile: profiles.Profile = profiles.FAST

    def arguments(self, places: dict[str, str] | None = None) -> argparse.Namespace:
        """The settings, all of them.

        Args:
            places: What to put in place of `PHOTOS`, `POSES` and `BACKBONE`; `None` leaves these words.
        """
        words = [(places or {}).get(word, word) for word in shlex.split(self.settings)]
        return self.tool.options(self.profile).parse_args(words)

    @property
    def command(self) -> str:
        """What measures this part alone."""
        variable = "" if self.profile is profiles.FAST else f"CLSLOC_PROFILE={self.profile.name} "
        return f"{variable}python tools/{self.tool.__name__}.py {self.settings}".rstrip()

    @property
    def needs(self) -> list[str]:
        """Which words of `OPTIONS` its settings name."""
        return [word for word in OPTIONS if word in shlex.split(self.settings)]


LITE = f"`{BACKBONE}` is an EfficientNet-Lite0 that was pretrained on ImageNet."
PARTS = {
    "toy_voc": Part(
        "Drawn pictures",
        "`toy_voc`, drawn by the course: twenty classes, pictures with one object.",
        measure_heads,
        "--copies 3 --epochs 7 --learning-rate 4e-3",
    ),
    "wildlife": Part(
        "African wildlife photos",
        "Photographs of buffaloes, elephants, rhinos and zebras, known as African Wildlife; those with one animal, of "
        f"the list `train` to learn from, of `val` to test on. {LITE}",
        measure_heads,
        f"--data {PHOTOS} --backbone {BACKBONE} --train-split train --copies 6 --epochs 10",
    ),
    "voc": Part(
        "PASCAL VOC 2007",
        "Photos with one object, of the splits `train` and `test`; ImageNet weights.",
        measure_heads,
        "",
        profiles.FULL,
    ),
    "toy_pose": Part(
        "Drawn people",
        "`toy_pose`, drawn by the course, each cropped to the person. *Flip-averaged*, or asked twice: image and "
        "mirror image, of the heatmap head the heatmaps averaged before they are read, of the others the joints.",
        measure_pose,
        "--epochs 4 --flip-average",
    ),
    "lspet": Part(
        "LSP-extended, a subset",
        "Photographs of gymnasts: the first 1,000 of LSP-extended, each cropped to the person with a margin of 15 %; "
        "800 to learn from, 200 to test on. This is not a result on LSP. PCK counts those who have both ends of the "
        f"torso, right hip and left shoulder, labelled. {LITE}",
        measure_pose,
        f'--data {POSES} --backbone {BACKBONE} --train-split "train[:800]" --test-split "train[800:]" --copies 10 '
        "--rotation 40 --heatmap-channels 128 --epochs 6 --flip-average",
    ),
}


# --- Measuring --------------------------------------------------------------------------------------------------------


def measure_part(part: Part, places: dict[str, str], file: Path, name: str, again: bool) -> None:
    """Measures what is missing of a part, and saves every row.

    Args:
        part: The part.
        places: As for `Part.arguments`.
        file: Of all measurements.
        name: Of this part in it.
        again: Whether to measure all of it, whatever the file holds.
    """
    versions = {"pipelines": pipelines.VERSION, "models": models.VERSION}
    conditions = {"settings": settings_of(part), "versions": versions, "machine": measurements.machine()}
    found = measurements.load(file).get(name, {})
    is_usable = not again and all(found.get(key) == value for key, value in conditions.items())
    rows = {(row["head"], row["seed"]): row for row in found["rows"]} if is_usable else {}
    if is_finished(part, rows):
        print(f"{name}: measured already", flush=True)
        return
    for row in part.tool.measure(part.arguments(places), done=set(rows)):
        print(f"{name}: {rounded(row)}", flush=True)
        rows[row["head"], row["seed"]] = row
        # Read now: another part may have been measured meanwhile.
        measured = {**measurements.load(file), name: {**conditions, "rows": list(rows.values())}}
        measurements.save(file, measured)
        write_page(measured, file)


def settings_of(part: Part) -> dict:
    """All options of a part, as JSON holds them; what differs from machine to machine is left out."""
    return {name: value for name, value in vars(part.arguments()).items() if name != "out"}


def is_finished(part: Part, rows: Iterable[tuple]) -> bool:
    """Whether there is a row for each seed of each head.

    Args:
        part: The part.
        rows: Pairs of head and seed.
    """
    return set(part.tool.expected_rows(part.arguments())) <= set(rows)


# --- The page ---------------------------------------------------------------------------------------------------------

HEAD = """# Results

What do the heads of the course reach, on drawings and on photographs, and how much does chance have to do with it? Each
head is trained from three starting points and then measured on images that it has never seen; the median and the worst
of the three are given too. The weights of the last epoch count: no epoch is chosen by its score.

`python tools/measure_results.py` measures it and writes this page; all numbers are in `docs/results.json`. In the
commands, `PHOTOS` and `PEOPLE` stand for folders in the layouts of PASCAL VOC and Leeds Sports Pose, `BACKBONE.keras`
for a file of a backbone."""


def page(measured: dict) -> str:
    """The page.

    Args:
        measured: Of each part, by its name, `"settings"`, `"machine"` and `"rows"`.

    Returns:
        Markdown. A part without rows, or with rows of other settings than those of now, is "not measured yet".
    """
    written = [HEAD]
    for name, part in PARTS.items():
        written += [f"## {part.title}", part.text, training_of(part), f"```sh\n{part.command}\n```"]
        found = measured.get(name)
        if found and found["settings"] == settings_of(part):
            written.append(table(part, found))
        else:
            options = "".join(f" {OPTIONS[word]} {word}" for word in part.needs)
            written.append(f"Not measured yet; `python tools/measure_results.py --parts {name}{options}` measures it.")
    return "\n\n".join(written) + "\n"


def training_of(part: Part) -> str:
    """Backbone and training of a part in a sentence."""
    arguments = part.arguments()
    text = (
        f"Backbone `{arguments.backbone}`, frozen; {arguments.epochs} epochs for the heads on cached features, at a "
        f"learning rate of {arguments.learning_rate:g} at first"
    )
    if arguments.fine_tune:
        text += f"; then {arguments.fine_tune} epochs for heads and backbone ({arguments.fine_tune_layers} layers)"
    return f"{text}."


def write_page(measured: dict, file: Path) -> None:
    """Writes the page beside the file of the measurements."""
    measurements.write(file.with_suffix(".md"), page(measured))


def table(part: Part, found: dict) -> str:
    """The table of a part, and what one must know to read it."""
    arguments, rows = part.arguments(), found["rows"]
    text = part.tool.words(rows, arguments.copies).rstrip()
    if not is_finished(part, [(row["head"], row["seed"]) for row in rows]):
        text += " The other rows are not measured yet."
    return f"{text}\n\nMeasured on {found['machine']}."


# --- The command ------------------------------------------------------------------------------------------------------


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), help="by default all drawings, and photos given")
    parser.add_argument("--photos", help="folder of the African wildlife photos, in VOC layout")
    parser.add_argument("--poses", help="folder of the photos of LSP-extended, in LSP layout")
    parser.add_argument("--backbone", help="file of the backbone for photos")
    parser.add_argument("--again", action="store_true", help="measure the parts anew")
    parser.add_argument("--out", type=Path, default=measurements.REPOSITORY / "docs", help="folder of the page")
    options = parser.parse_args(arguments)
    options.places = {PHOTOS: options.photos, POSES: options.poses, BACKBONE: options.backbone}
    if options.parts is None:
        options.parts = [
            name for name, part in PARTS.items() if name != "voc" and all(map(options.places.get, part.needs))
        ]
    for name in options.parts:
        missing = [OPTIONS[word] for word in PARTS[name].needs if not options.places[word]]
        if missing:
            parser.error(f"the part {name} needs {' and '.join(missing)}")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures the parts, one after the other, and writes the page."""
    options = parse_arguments(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "results.json"
    for name in options.parts:
        measure_part(PARTS[name], options.places, file, name, options.again)
    write_page(measurements.load(file), file)
    print(file.with_suffix(".md"))


if __name__ == "__main__":
    main()
