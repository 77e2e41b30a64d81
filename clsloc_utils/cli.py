"""The command `clsloc`: the course's jobs without a notebook, for long runs and for machines without a browser.

What a command found goes to standard output, and with `--json` nothing but JSON; progress and remarks go to standard
error. Exit codes: 0 done; 2 wrong usage or input, or no room or no right to write, with one line on standard error (for
each photo that `predict` cannot use; the others are done); 1 a fault of ours, with a traceback; 130 stopped by Ctrl-C.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

from clsloc_utils import __version__, checkup, options, paths, quiet
from clsloc_utils.paths import InputError

DONE, WRONG_INPUT, STOPPED = 0, 2, 130
PHOTOS_WITH_PROGRESS = 20  # from so many on, whoever watches sees a bar


# --- the command line -------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")


_adders: list[Callable] = []


def _command(summary: str, description: str, *arguments: Callable, needs_tensorflow: bool = True) -> Callable:
    """Makes a command of a function `_NAME` of the parsed arguments and the stream for results; it returns the code.

    Args:
        summary: What it does, in the list of commands.
        description: What it does, in its own help.
        *arguments: Functions that add to its parser, see `_argument`.
        needs_tensorflow: Whether TensorFlow is started first.
    """

    def register(function: Callable[[argparse.Namespace, TextIO], int]) -> Callable:
        def add(commands) -> None:
            command = commands.add_parser(function.__name__[1:], help=summary, description=description)
            command.set_defaults(command=function, needs_tensorflow=needs_tensorflow)
            for argument in arguments:
                argument(command)

        _adders.append(add)
        return function

    return register


def _argument(*names: str, **settings: Any) -> Callable[[argparse.ArgumentParser], Any]:
    return lambda command: command.add_argument(*names, **settings)


def _number(name: str, default: int, help_text: str, low: int = 1) -> Callable[[argparse.ArgumentParser], Any]:
    help_text = f"{help_text} (default: {default})"
    return _argument(name, type=options.whole_number(low), default=default, metavar="N", help=help_text)


def _options_of_sweep(command: argparse.ArgumentParser) -> None:
    options.add_arguments(command, ("backbone", "image_size", "batch_size"))


def _options_of_curve(command: argparse.ArgumentParser) -> None:
    options.add_arguments(command, ("backbone", "image_size", "copies", "batch_size"))


_RUN = _argument("run", metavar="RUN", help="folder that clsloc train made")
_SOURCE = _argument(
    "source",
    metavar="SOURCE",
    help="toy_voc, toy_pose, wildlife, voc/2007, voc/2012, voc/2007+2012, lsp, lspet, tfds:NAME for a data set of TFDS "
    "with boxes, or a folder in the layout of PASCAL VOC, YOLO, COCO or Leeds Sports Pose; boxes or poses follows from "
    "it",
)


def parser() -> argparse.ArgumentParser:
    """The command line that `clsloc` understands.

    Returns:
        An `argparse.ArgumentParser`. What it parses has `command`, a function of the parsed arguments and of the stream
        for results, that returns the exit code; or no `command`, when none was given.
    """
    command_line = _Parser(
        prog="clsloc",
        description="Image classification and localization with Keras: train, judge and use models without a notebook.",
        epilog="The course itself lives in its notebooks: `make course` runs them all, `make lab` opens them. Exit "
        "codes: 0 done, 2 wrong usage or input, 1 a fault of ours, 130 stopped by Ctrl-C.",
    )
    command_line.add_argument("--version", action="version", version=f"clsloc {__version__}")
    commands = command_line.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    for add in _adders:
        add(commands)
    return command_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: What follows `clsloc` on the command line; `None` takes it from there.

    Returns:
        The exit code, see the module.

    Raises:
        SystemExit: After `--version` and `--help` (status 0), and for arguments it does not know (status 2).
    """
    command_line = parser()
    parsed = command_line.parse_args(arguments)
    if not hasattr(parsed, "command"):
        command_line.print_help()
        return DONE
    results = sys.stdout
    if hasattr(results, "reconfigure"):  # A name of a file may have characters that the terminal has not.
        results.reconfigure(errors="backslashreplace")
    # Bars and remarks of the package go to standard output; here that is for results alone.
    with contextlib.redirect_stdout(sys.stderr), _plain_warnings(in_full=parsed.command is _prepare):
        try:
            if parsed.needs_tensorflow:
                _start_tensorflow()
            code = parsed.command(parsed, results)
            results.flush()
            return code
        except KeyboardInterrupt:
            return _say_and_return("stopped", STOPPED)
        except BrokenPipeError:
            # Whoever reads the results, such as `head`, wants no more. At its end Python would write the rest again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), results.fileno())
            return DONE
        except InputError as error:
            return _say_and_return(error, WRONG_INPUT)
        except OSError as error:
            refused = paths.refusal(error)
            if refused is None:
                raise
            return _say_and_return(refused, WRONG_INPUT)


def _say(message: Any) -> None:
    """A remark, in one line."""
    print(f"clsloc: {' '.join(str(message).split())}", file=sys.stderr)


def _say_and_return(message: Any, code: int) -> int:
    _say(message)
    return code


@contextlib.contextmanager
def _plain_warnings(in_full: bool) -> Iterator[None]:
    """Warnings as remarks, each once, without the line of code they come from.

    A folder's report has many lines. The one on how it was read is left out, commands say that whatever is wrong with
    the folder; the list of what is wrong is only shown `in_full`, by the command that looks at the folder.
    """
    shown = set()

    def show(message: Warning | str, *_, **__) -> None:
        if str(message) not in shown:
            shown.add(str(message))
            first, *others = re.sub(r"\n  Understood as: .*", "", str(message)).splitlines()
            if others and not in_full:
                first, others = f"{first} clsloc prepare lists them.", []
            print("clsloc: warning:", "\n".join([first, *others]), file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _start_tensorflow() -> None:
    try:
        quiet.start_tensorflow()
    except ImportError as error:
        raise InputError(f"TensorFlow does not start: {error}; see clsloc doctor.") from error


# --- the commands -----------------------------------------------------------------------------------------------------


@_command(
    "check this machine",
    "Looks at versions, GPU, memory, disk, data and weights, and says what to do about each problem. Exit code 2 when "
    "something must be mended.",
    needs_tensorflow=False,
)
def _doctor(_parsed: argparse.Namespace, results: TextIO) -> int:
    findings = checkup.check_machine()
    for finding in findings:
        print(finding, file=results)
    problems = sum(not finding.ok for finding in findings)
    if problems:
        return _say_and_return(f"{problems} of {len(findings)} need mending; the lines above say how.", WRONG_INPUT)
    return DONE


@_command(
    "download and prepare data",
    "Prepares a data source, once; later commands find it. Lists what is wrong with a folder. Data go to "
    "CLSLOC_DATA_DIR or to the user's cache.",
    _SOURCE,
    _argument("--from", dest="from_folder", metavar="DIR", help="folder of files that were fetched by hand"),
)
def _prepare(parsed: argparse.Namespace, results: TextIO) -> int:
    from clsloc_utils import datasets

    with paths.input_errors():
        source = datasets.prepare(parsed.source, from_folder=parsed.from_folder)
    if source.understood:
        _say(f"{source.name}: {source.understood}.")
    counts = ", ".join(f"{name} {count}" for name, count in source.splits.items())
    classes = f"; {source.num_classes} classes: {', '.join(source.class_names)}" if source.class_names else ""
    print(f"{source.name}: {source.task}; images: {counts}{classes}", file=results)
    return DONE


@_command(
    "train a model into a run folder",
    "Trains heads on cached features of a frozen backbone and then, if asked, fine-tunes the backbone too. Without an "
    "option, the profile's value (CLSLOC_PROFILE) counts, and with --resume that of the run. Ctrl-C keeps the best "
    "model so far.",
    _SOURCE,
    options.add_arguments,
    _argument("--out", metavar="RUN", help="run folder (default: runs/SOURCE)"),
    _argument("--resume", action="store_true", help="go on with an interrupted run; begin it if there is none"),
)
def _train(parsed: argparse.Namespace, results: TextIO) -> int:
    from clsloc_utils import runs

    folder = Path(parsed.out or Path("runs") / _file_name(parsed.source))
    # Listens to SIGINT, also where a shell has told its background jobs not to.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = runs.train(parsed.source, folder, _options_in(parsed), resume=parsed.resume, log=_say)
    finally:
        signal.signal(signal.SIGINT, before)
    if result.metrics is not None:
        print(_measures_table(result.metrics), file=results)
        if result.verdict:
            print(f"{result.verdict}.", file=results)
        print(f"{folder / runs.REPORT} shows curves and examples.", file=results)
    return STOPPED if result.interrupted else DONE


def _options_in(parsed: argparse.Namespace) -> dict[str, Any]:
    """What was parsed, but for what every command has or handles by itself."""
    kept_apart = ("command", "needs_tensorflow", "source", "out", "resume")
    return {name: value for name, value in vars(parsed).items() if name not in kept_apart}


@_command(
    "measure a trained model",
    "Measures the model of a run, beside baselines that never look at the image.",
    _RUN,
    _SOURCE,
    _argument("--test-split", metavar="SPLIT", help="(default: the run's, or else the source's test images)"),
    _argument("--json", action="store_true", help="print the measures as JSON"),
)
def _evaluate(parsed: argparse.Namespace, results: TextIO) -> int:
    from clsloc_utils import runs

    metrics = runs.evaluate(runs.open_run(parsed.run), parsed.source, parsed.test_split, log=_say)
    print(json.dumps(metrics, indent=1) if parsed.json else _measures_table(metrics), file=results)
    return DONE


@_command(
    "say what is in photos, and where",
    "Names and boxes the object in each photo, or finds the joints of the person who fills it, and draws it. Pixels "
    "count from the upper left corner of the photo as one sees it, turned by its EXIF tag. A photo that cannot be used "
    "is named, the others are done, and the exit code is 2.",
    _RUN,
    _argument("images", metavar="IMAGE", nargs="+", help="photo of any format that Pillow reads, folder, or pattern"),
    _argument("--json", action="store_true", help="print JSON; draw only with --out"),
    _argument("--out", metavar="DIR", help="folder for the drawn photos (default: predictions)"),
    needs_tensorflow=False,
)
def _predict(parsed: argparse.Namespace, results: TextIO) -> int:
    from clsloc_utils import predicting
    from clsloc_utils.progress import progress

    files = predicting.find_photos(parsed.images, log=_say)
    predictor = _predictor(parsed.run)
    drawings = None
    if parsed.out or not parsed.json:
        drawings = predicting.DrawingFolder(parsed.out or "predictions", files)
    watched = len(files) >= PHOTOS_WITH_PROGRESS and sys.stderr.isatty()
    bar = progress(files, description="Photos") if watched else contextlib.nullcontext(files)
    writer = _json_array(results) if parsed.json else contextlib.nullcontext(_line_writer(results))
    failed = 0
    with writer as write, bar as photos:
        for file in photos:
            try:
                prediction, remark = predictor.predict(file), None
            except InputError as error:
                failed, remark = failed + 1, error
            if watched:
                photos.clear()  # Or else the line would follow it.
            if remark:
                _say(remark)
            else:
                write(prediction, drawings.write(prediction) if drawings else None)
    if failed and len(files) > 1:
        _say(f"{failed} of {len(files)} photos have no answer; the lines above say why.")
    return WRONG_INPUT if failed else DONE


def _predictor(run: str):
    """The model of a run, from its LiteRT file, or else by TensorFlow."""
    from clsloc_utils import predicting

    try:
        return predicting.lite_predictor(run)
    except predicting.NoLiteError as error:
        _start_tensorflow()
        from clsloc_utils import exporting, runs

        opened = runs.open_run(run)
        _say(f"{error}: TensorFlow answers, which takes longer to start.")
        return exporting.predictor(opened.model, opened.config["class_names"])


def _line_writer(results: TextIO) -> Callable[[Mapping[str, Any], Path], None]:
    """Writes predictions as lines for people."""

    def write(prediction: Mapping[str, Any], drawing: Path) -> None:
        if "joints" in prediction:
            found = f"{len(prediction['joints'])} joints"
        else:
            corners = ", ".join(f"{value:.0f}" for value in prediction["box"])
            found = f"{prediction['label']} ({prediction['probability']:.2f}) at [{corners}]"
        print(f"{prediction['file']}: {found}, drawn in {drawing}", file=results, flush=True)

    return write


@contextlib.contextmanager
def _json_array(results: TextIO) -> Iterator[Callable[[Mapping[str, Any], Path | None], None]]:
    """Writes predictions as one array of JSON, each when it is known; the array is closed whatever happens."""
    is_empty = True

    def write(prediction: Mapping[str, Any], _drawing: Path | None) -> None:
        nonlocal is_empty
        element = json.dumps([prediction], indent=1, allow_nan=False).removeprefix("[").removesuffix("\n]")
        print("[" if is_empty else ",", element, sep="", end="", file=results, flush=True)
        is_empty = False

    try:
        yield write
    finally:
        print("[]" if is_empty else "\n]", file=results)


def _study(study: str, parsed: argparse.Namespace, results: TextIO) -> int:
    """Many trainings with one table at the end."""
    from clsloc_utils import runs

    folder = Path(parsed.out or Path("runs") / f"{_file_name(parsed.source)}-{study}")
    for text in getattr(runs, study)(parsed.source, folder, log=_say, **_options_in(parsed)):
        print(text, file=results)
    return DONE


@_command(
    "find the weight of the box loss",
    "Trains a small model for each weight of a logarithmic grid, for both single-task ends and for learned weights, "
    "each with several seeds, and says which weight to take.",
    _SOURCE,
    _options_of_sweep,
    _argument("--box-loss", default="giou+l1", metavar="LOSS", help="such as l1, giou, ciou (default: giou+l1)"),
    _number("--ratios", 9, "weights", low=2),
    _number("--seeds", 3, "models of each"),
    _argument("--epochs", type=options.whole_number(1), metavar="N", help="passes of each model"),
    _argument("--out", metavar="DIR", help="folder of table and figure (default: runs/SOURCE-sweep)"),
)
def _sweep(parsed: argparse.Namespace, results: TextIO) -> int:
    return _study("sweep", parsed, results)


@_command(
    "say whether more photos would help",
    "Trains heads on 1/16, 1/8, 1/4, 1/2 and all of the training photos, several draws of each, and shows their scores "
    "beside that of an answer without looking. By default with 3 copies, in batches of 16.",
    _SOURCE,
    _options_of_curve,
    _number("--epochs", 6, "passes over a part"),
    _number("--draws", 3, "draws of a part"),
    _argument("--out", metavar="DIR", help="folder of table and figure (default: runs/SOURCE-curve)"),
)
def _curve(parsed: argparse.Namespace, results: TextIO) -> int:
    return _study("curve", parsed, results)


@_command(
    "show which exercises are solved",
    "Shows what you have solved in the notebooks: the exercises and the questions at their ends.",
    _argument("notebook", nargs="?", metavar="NOTEBOOK", help="its number, such as 03 (default: all)"),
    needs_tensorflow=False,
)
def _progress(parsed: argparse.Namespace, results: TextIO) -> int:
    from clsloc_utils import exercises

    with paths.input_errors(), contextlib.redirect_stdout(results):
        exercises.progress(parsed.notebook)
    print(f"\nDelete {exercises.progress_file()} to start over.", file=results)
    return DONE


# --- words ------------------------------------------------------------------------------------------------------------


def _file_name(source: str) -> str:
    """A source's name as the name of a folder."""
    return re.sub(r"[^\w.+-]+", "_", os.path.basename(os.path.abspath(source)) if os.path.isdir(source) else source)


def _measures_table(metrics: Mapping[str, Any]) -> str:
    """The measures of the model and of the baselines, side by side."""
    from clsloc_utils.reports import no_better

    def cell(value: float | None) -> str:
        return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.4f}"

    lines = [f"{'':20}{'model':>10}{'baseline':>10}"]
    for name, baseline in metrics["baseline"].items():
        missed = name != "num_examples" and no_better(metrics[name], baseline)
        lines.append(f"{name:20}{cell(metrics[name]):>10}{cell(baseline):>10}{'  no better' if missed else ''}")
    return "\n".join(lines)
