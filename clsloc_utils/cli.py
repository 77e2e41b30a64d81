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

DONE, WRONG_INPUT, STOPPED = 0, 2, 130
PHOTOS_WITH_PROGRESS = 20  # from so many on, whoever watches sees a bar
SOURCE_HELP = (
    "toy_voc, toy_pose, wildlife, voc/2007, voc/2012, voc/2007+2012, lsp, lspet, tfds:NAME for a data set of TFDS with "
    "boxes, or a folder in the layout of PASCAL VOC, YOLO, COCO or Leeds Sports Pose; boxes or poses follows from it"
)


# --- arguments --------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")


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
    _add_doctor(commands)
    _add_prepare(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    _add_sweep(commands)
    _add_curve(commands)
    _add_progress(commands)
    return command_line


def _add_command(commands, name: str, command: Callable, summary: str, description: str) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=summary, description=description)
    added.set_defaults(command=command)
    return added


def _add_doctor(commands) -> None:
    _add_command(
        commands,
        "doctor",
        _doctor,
        "check this machine",
        "Looks at versions, GPU, memory, disk, data and weights, and says what to do about each problem. Exit code 2 "
        "when something must be mended.",
    )


def _add_prepare(commands) -> None:
    prepare = _add_command(
        commands,
        "prepare",
        _prepare,
        "download and prepare data",
        "Prepares a data source, once; later commands find it. Data go to CLSLOC_DATA_DIR or to the user's cache.",
    )
    prepare.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
    prepare.add_argument("--from", dest="from_folder", metavar="DIR", help="folder of files that were fetched by hand")


def _add_train(commands) -> None:
    train = _add_command(
        commands,
        "train",
        _train,
        "train a model into a run folder",
        "Trains heads on cached features of a frozen backbone and then, if asked, fine-tunes the backbone too. Without "
        "an option, the profile's value (CLSLOC_PROFILE) counts, and with --resume that of the run. Ctrl-C keeps the "
        "best model so far.",
    )
    train.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
    options.add_arguments(train)
    train.add_argument("--out", metavar="RUN", help="run folder (default: runs/SOURCE)")
    train.add_argument("--resume", action="store_true", help="go on with an interrupted run; begin it if there is none")


def _add_evaluate(commands) -> None:
    evaluate = _add_command(
        commands,
        "evaluate",
        _evaluate,
        "measure a trained model",
        "Measures the model of a run, beside baselines that never look at the image.",
    )
    evaluate.add_argument("run", metavar="RUN", help="folder that clsloc train made")
    evaluate.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
    evaluate.add_argument(
        "--test-split", metavar="SPLIT", help="(default: the run's, or else the source's test images)"
    )
    evaluate.add_argument("--json", action="store_true", help="print the measures as JSON")


def _add_predict(commands) -> None:
    predict = _add_command(
        commands,
        "predict",
        _predict,
        "say what is in photos, and where",
        "Names and boxes the object in each photo, or finds the joints of the person who fills it, and draws it. "
        "Pixels count from the upper left corner of the photo as one sees it, turned by its EXIF tag. A photo that "
        "cannot be used is named, the others are done, and the exit code is 2.",
    )
    predict.add_argument("run", metavar="RUN", help="folder that clsloc train made")
    predict.add_argument(
        "images", metavar="IMAGE", nargs="+", help="photo of any format that Pillow reads, folder, or pattern"
    )
    predict.add_argument("--json", action="store_true", help="print JSON; draw only with --out")
    predict.add_argument("--out", metavar="DIR", help="folder for the drawn photos (default: predictions)")


def _add_sweep(commands) -> None:
    sweep = _add_command(
        commands,
        "sweep",
        _study,
        "find the weight of the box loss",
        "Trains a small model for each weight of a logarithmic grid, for both single-task ends and for learned "
        "weights, all side by side with several seeds, and says which weight to take.",
    )
    sweep.set_defaults(study="sweep")
    sweep.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
    options.add_arguments(sweep, ("backbone", "image_size", "copies", "batch_size"))
    sweep.add_argument(
        "--box-loss", default="giou+l1", metavar="LOSS", help="such as l1, giou, ciou (default: giou+l1)"
    )
    sweep.add_argument("--ratios", type=options.whole_number(2), default=9, metavar="N", help="weights (default: 9)")
    sweep.add_argument(
        "--seeds", type=options.whole_number(1), default=3, metavar="N", help="models of each (default: 3)"
    )
    sweep.add_argument("--epochs", type=options.whole_number(1), metavar="N", help="passes of each model")
    sweep.add_argument("--out", metavar="DIR", help="folder of table and figure (default: runs/SOURCE-sweep)")


def _add_curve(commands) -> None:
    curve = _add_command(
        commands,
        "curve",
        _study,
        "say whether more photos would help",
        "Trains heads on 1/16, 1/8, 1/4, 1/2 and all of the training photos, several draws of each, and shows their "
        "scores beside that of an answer without looking. By default with 3 copies, in batches of 16.",
    )
    curve.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
    options.add_arguments(curve, ("backbone", "image_size", "copies", "batch_size"))
    curve.set_defaults(study="curve", copies=3, batch_size=16)
    curve.add_argument(
        "--epochs", type=options.whole_number(1), default=6, metavar="N", help="passes over a part (default: 6)"
    )
    curve.add_argument(
        "--draws", type=options.whole_number(1), default=3, metavar="N", help="draws of a part (default: 3)"
    )
    curve.add_argument("--out", metavar="DIR", help="folder of table and figure (default: runs/SOURCE-curve)")


def _add_progress(commands) -> None:
    progress = _add_command(
        commands,
        "progress",
        _progress,
        "show which exercises are solved",
        "Shows what you have solved in the notebooks: the exercises and the questions at their ends.",
    )
    progress.add_argument("notebook", nargs="?", metavar="NOTEBOOK", help="its number, such as 03 (default: all)")


# --- running ----------------------------------------------------------------------------------------------------------


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
    with contextlib.redirect_stdout(sys.stderr), _plain_warnings():
        try:
            code = parsed.command(parsed, results)
            results.flush()
            return code
        except KeyboardInterrupt:
            return _say_and_return("stopped", STOPPED)
        except BrokenPipeError:
            # Whoever reads the results, such as `head`, wants no more. At its end Python would write the rest again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), results.fileno())
            return DONE
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
def _interruptible() -> Iterator[None]:
    """Listens to SIGINT, also where a shell has told its background jobs not to."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings as remarks, each once, without the line of code they come from.

    A folder's report keeps its lines but the one on how it was read, which commands say whatever is wrong with it.
    """
    shown = set()

    def show(message: Warning | str, *_, **__) -> None:
        if str(message) not in shown:
            shown.add(str(message))
            print("clsloc: warning:", re.sub(r"\n  Understood as: .*", "", str(message)), file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _with_tensorflow(command: Callable[[argparse.Namespace, TextIO], int]) -> Callable:
    """A command that needs TensorFlow; what the user got wrong ends it with one line."""

    def run(parsed: argparse.Namespace, results: TextIO) -> int:
        from clsloc_utils.predicting import InputError

        try:
            _start_tensorflow()
            return command(parsed, results)
        except InputError as error:
            return _say_and_return(error, WRONG_INPUT)

    return run


def _start_tensorflow() -> None:
    from clsloc_utils.predicting import InputError

    try:
        quiet.start_tensorflow()
    except ImportError as error:
        raise InputError(f"TensorFlow does not start: {error}; see clsloc doctor.") from error


def _doctor(_parsed: argparse.Namespace, results: TextIO) -> int:
    findings = checkup.check_machine()
    for finding in findings:
        print(finding, file=results)
    problems = sum(not finding.ok for finding in findings)
    if problems:
        return _say_and_return(f"{problems} of {len(findings)} need mending; the lines above say how.", WRONG_INPUT)
    return DONE


@_with_tensorflow
def _prepare(parsed: argparse.Namespace, results: TextIO) -> int:
    from clsloc_utils import runs

    source = runs.prepare(parsed.source, parsed.from_folder)
    if source.understood:
        _say(f"{source.name}: {source.understood}.")
    counts = ", ".join(f"{name} {count}" for name, count in source.splits.items())
    classes = f"; {source.num_classes} classes: {', '.join(source.class_names)}" if source.class_names else ""
    print(f"{source.name}: {source.task}; images: {counts}{classes}", file=results)
    return DONE


@_with_tensorflow
def _train(parsed: argparse.Namespace, results: TextIO) -> int:
    from clsloc_utils import runs

    run = Path(parsed.out or Path("runs") / _file_name(parsed.source))
    kept_apart = ("command", "source", "out", "resume")
    given = {name: value for name, value in vars(parsed).items() if name not in kept_apart}
    with _interruptible():
        result = runs.train(parsed.source, run, given, resume=parsed.resume, log=_say)
    if result.metrics is not None:
        print(_measures_table(result.metrics), file=results)
        if result.verdict:
            print(f"{result.verdict}.", file=results)
        print(f"{run / runs.REPORT} shows curves and examples.", file=results)
    return STOPPED if result.interrupted else DONE


@_with_tensorflow
def _evaluate(parsed: argparse.Namespace, results: TextIO) -> int:
    from clsloc_utils import runs

    metrics = runs.evaluate(runs.open_run(parsed.run), parsed.source, parsed.test_split, log=_say)
    print(json.dumps(metrics, indent=1) if parsed.json else _measures_table(metrics), file=results)
    return DONE


def _predict(parsed: argparse.Namespace, results: TextIO) -> int:
    from clsloc_utils import predicting

    try:
        files = predicting.find_photos(parsed.images, log=_say)
        predictor = _predictor(parsed.run)
        drawings = None
        if parsed.out or not parsed.json:
            drawings = predicting.DrawingFolder(parsed.out or "predictions", files)
        failed = _predict_each(predictor, files, drawings, _JsonArray(results) if parsed.json else _Lines(results))
    except predicting.InputError as error:
        return _say_and_return(error, WRONG_INPUT)
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
        from clsloc_utils import runs

        predictor = runs.predictor(runs.open_run(run))
        _say(f"{error}: TensorFlow answers, which takes longer to start.")
        return predictor


def _predict_each(predictor, files: Sequence[str], drawings, written: "_Lines | _JsonArray") -> int:
    """Asks, draws and writes photo by photo; returns how many have no answer."""
    from clsloc_utils.predicting import InputError
    from clsloc_utils.progress import progress

    failed = 0
    watched = len(files) >= PHOTOS_WITH_PROGRESS and sys.stderr.isatty()
    with written, progress(files, description="Photos") if watched else contextlib.nullcontext(files) as bar:
        for file in bar:
            try:
                prediction = predictor.predict(file)
            except InputError as error:
                failed, remark = failed + 1, error
            else:
                remark = None
            if watched:
                bar.clear()  # Or else the line would follow it.
            if remark:
                _say(remark)
            else:
                written.add(prediction, drawings.write(prediction) if drawings else None)
    return failed


class _Lines:
    """Predictions as lines for people, each written when it is known."""

    def __init__(self, results: TextIO):
        self.results = results

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def add(self, prediction: Mapping[str, Any], drawing: Path) -> None:
        print(f"{prediction['file']}: {_found(prediction)}, drawn in {drawing}", file=self.results, flush=True)


class _JsonArray(_Lines):
    """Predictions as one array of JSON, each written when it is known; closed whatever happens."""

    empty = True

    def add(self, prediction: Mapping[str, Any], _drawing: Path | None) -> None:
        element = json.dumps([prediction], indent=1, allow_nan=False).removeprefix("[").removesuffix("\n]")
        print("[" if self.empty else ",", element, sep="", end="", file=self.results, flush=True)
        self.empty = False

    def __exit__(self, *_):
        print("[]" if self.empty else "\n]", file=self.results)


@_with_tensorflow
def _study(parsed: argparse.Namespace, results: TextIO) -> int:
    """Many trainings with one table at the end: a sweep, or a learning curve."""
    from clsloc_utils import runs

    folder = Path(parsed.out or Path("runs") / f"{_file_name(parsed.source)}-{parsed.study}")
    kept_apart = ("command", "study", "source", "out")
    options = {name: value for name, value in vars(parsed).items() if name not in kept_apart}
    for text in getattr(runs, parsed.study)(parsed.source, folder, log=_say, **options):
        print(text, file=results)
    return DONE


def _progress(parsed: argparse.Namespace, results: TextIO) -> int:
    from clsloc_utils import exercises

    try:
        with contextlib.redirect_stdout(results):
            exercises.progress(parsed.notebook)
    except ValueError as error:
        return _say_and_return(error, WRONG_INPUT)
    print(f"\nDelete {exercises.progress_file()} to start over.", file=results)
    return DONE


def _file_name(source: str) -> str:
    """A source's name as the name of a folder."""
    return re.sub(r"[^\w.+-]+", "_", os.path.basename(os.path.abspath(source)) if os.path.isdir(source) else source)


def _found(prediction: Mapping[str, Any]) -> str:
    if "joints" in prediction:
        return f"{len(prediction['joints'])} joints"
    corners = ", ".join(f"{value:.0f}" for value in prediction["box"])
    return f"{prediction['label']} ({prediction['probability']:.2f}) at [{corners}]"


def _measures_table(metrics: Mapping[str, Any]) -> str:
    """The measures of the model and of the baselines, side by side."""
    from clsloc_utils.reports import no_better

    lines = [f"{'':20}{'model':>10}{'baseline':>10}"]
    for name, value in metrics.items():
        if name != "baseline":
            baseline = metrics["baseline"][name]
            line = f"{name:20}" + "".join(f"{_cell(each):>10}" for each in (value, baseline))
            missed = name != "num_examples" and no_better(value, baseline)
            lines.append(line + ("  no better" if missed else ""))
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.4f}"
