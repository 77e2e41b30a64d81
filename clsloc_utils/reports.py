"""The report of a run: one HTML file with curves, examples, measures and configuration, and nothing outside of it."""

import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from clsloc_utils import metrics, paths, plotting
from clsloc_utils.backbones import pretrained_on
from clsloc_utils.boxes import iou

_NAMES = {
    "accuracy": "class right",
    "mean_iou": "mean IoU of the boxes",
    "box_accuracy_50": "box right (IoU 0.5 or more)",
    "clsloc_accuracy_50": "class and box right",
    "pck_20": "PCK@0.2: joints within 0.2 torsos",
    "pck_10": "PCK@0.1: joints within 0.1 torsos",
    "pcp_strict": "PCP, strict: limbs right",
    "num_examples": "images",
}
_BASELINE = {"boxes": "majority class and mean box", "pose": "mean pose"}
# A model that looks should beat the baselines in each of these; the last one is the headline.
_JUDGED_BY = {"boxes": ("accuracy", "mean_iou", "clsloc_accuracy_50"), "pose": ("pck_20",)}
_CURVES = {
    "boxes": ("loss", "label_accuracy", "box_mean_iou", "clsloc_accuracy_50"),
    "pose": ("loss", "pck_20", "mean_error"),
}

_STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 62rem; color: #1d2329; background: #fff;
  font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1, h2, h3 { line-height: 1.25; margin: 1.8em 0 0.5em; }
h1 { margin-top: 0.5em; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: 0.35rem 0.9rem; border-bottom: 1px solid #d5dae0; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
thead th, p.note { color: #57606a; }
p.warning { border-left: 0.3rem solid #b35900; padding-left: 0.8rem; }
"""


def in_order_of_quality(predictions: Mapping[str, np.ndarray]) -> np.ndarray:
    """Indices of images from the best prediction to the worst.

    Args:
        predictions: As `clsloc_utils.training.predict` returns them, with the truth. Boxes are judged by their IoU, and
            come behind all others where the class is wrong; poses by the mean error in torsos. People without a torso
            to measure with are left out, unless there are no others.

    Returns:
        int `[N]`.
    """
    if "joints" in predictions:
        errors = metrics.errors_in_torsos(predictions["true_joints"], predictions["joints"], predictions["weight"])
        order = np.argsort(errors, kind="stable")  # NaN goes to the end.
        return order[: np.count_nonzero(~np.isnan(errors))] if not np.isnan(errors).all() else order
    ious = np.asarray(iou(predictions["true_box"], predictions["box"]))
    right = predictions["label"] == predictions["true_label"]
    return np.argsort(-(ious + right), kind="stable")


def no_better(value: float | None, of_baseline: float | None) -> bool:
    """Whether a measure of a model is no better than the baseline's; all right is, however easy it was."""
    return None not in (value, of_baseline) and value <= of_baseline and value < 1


def verdict(config: Mapping[str, Any], measures: Mapping[str, Any]) -> str:
    """What to say of a model that does not beat the baselines, which never look; empty for one that does.

    Args:
        config: The content of `config.json`.
        measures: The content of `metrics.json`.
    """
    baseline = measures["baseline"]
    missed = [
        f"{name} {measures[name]:.3f}, without looking {baseline[name]:.3f}"
        for name in _JUDGED_BY[config["task"]]
        if no_better(measures[name], baseline[name])
    ]
    if not missed:
        return ""
    remedies = [
        "look at the worst examples in report.html, whether their labels are right",
        "train longer (--epochs) or the backbone too (--fine-tune all)",
        "add photos (clsloc curve shows what more of them would bring)",
    ]
    if pretrained_on(config["options"]["backbone"]) == "drawings" and not config.get("drawn", False):
        remedies.insert(0, "take a backbone that knows photographs (--backbone efficientnet_lite0)")
    return f"This model is no better than an answer without looking ({'; '.join(missed)}). Remedies: " + "; ".join(
        remedies
    )


def report_page(
    folder: Path,
    config: Mapping[str, Any],
    measures: Mapping[str, Any],
    histories: Mapping[str, Mapping[str, Sequence[float]]],
    examples: Mapping[str, tuple[np.ndarray, Mapping[str, np.ndarray]]],
    predictions: Mapping[str, np.ndarray],
    interrupted: bool = False,
) -> str:
    """The report of a run.

    Args:
        folder: The run's. Paths are shown as they lead there from it: the page is passed on, the machine is not.
        config: The content of `config.json`.
        measures: The content of `metrics.json`.
        histories: Losses and metrics by epoch, of each stage.
        examples: `"best"` and `"worst"`: images float32 0..255 `[N, S, S, 3]`, and their predictions.
        predictions: Of all images, as `clsloc_utils.training.predict` returns them, with the truth.
        interrupted: Whether the training was stopped early.

    Returns:
        HTML.
    """
    task, options = config["task"], config["options"]
    headline = _JUDGED_BY[task][-1]
    note = "<p class='note'>The training was stopped early; these are the results of the best epoch until then.</p>"
    poor = verdict(config, measures)
    sections = [
        f"<h1>{_text(folder.name)}</h1>",
        f"<p>{_text(_NAMES[headline])}: <strong>{_share(measures[headline])}</strong> of {measures['num_examples']} "
        f"images ({_text(_from(folder, options['source']))}, {_text(options['test_split'])}); "
        f"{_BASELINE[task]} without looking: {_share(measures['baseline'][headline])}.</p>",
        note if interrupted else "",
        f"<p class='warning'>{_text(poor)}.</p>" if poor else "",
        "<h2>Measures</h2>",
        _measures_table(task, measures),
        "<h2>Epoch by epoch</h2>",
        *(_curves(stage, history, _CURVES[task]) for stage, history in histories.items() if history),
        "<h2>Where it did best</h2>",
        _example_gallery("best", *examples["best"], config["class_names"]),
        "<h2>Where it did worst</h2>",
        _example_gallery("worst", *examples["worst"], config["class_names"]),
        "<h2>All images</h2>",
        _overview(predictions, config["class_names"]),
        "<h2>Configuration</h2>",
        _configuration_table(folder, config),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{_text(folder.name)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n" + "\n".join(sections) + "\n</main>\n</body>\n</html>\n"
    )


def _text(value: Any) -> str:
    return html.escape(str(value))


def _share(value: float | None) -> str:
    return "not measurable" if value is None else f"{100 * value:.1f} %"


def _measures_table(task: str, measures: Mapping[str, Any]) -> str:
    def cell(name: str, value: float | None) -> str:
        shown = "–" if value is None else str(value) if name == "num_examples" else f"{value:.4f}"
        return f"<td class='number'>{shown}</td>"

    baseline = measures["baseline"]
    rows = "".join(
        f"<tr><th scope='row'>{_text(_NAMES[name])}</th>{cell(name, value)}{cell(name, baseline[name])}</tr>"
        for name, value in measures.items()
        if name != "baseline"
    )
    return (
        "<table><thead><tr><th scope='col'>measure</th><th scope='col' class='number'>model</th>"
        f"<th scope='col' class='number'>{_BASELINE[task]}</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _curves(stage: str, history: Mapping[str, Sequence[float]], names: Sequence[str]) -> str:
    available = {name.removeprefix("val_") for name in history}
    shown = [name for name in names if name in available]
    last = "; ".join(
        f"{name} {values[-1]:.3f}" for name, values in history.items() if name.removeprefix("val_") in shown
    )
    count = len(next(iter(history.values())))
    figure = plotting.loss_curves(history, shown, columns=4)
    picture = _image(figure, f"Curves of the {stage} over {count} epochs. After the last one: {last}.")
    return f"<h3>{_text(stage.capitalize())}</h3>\n{picture}"


def _example_gallery(
    which: str, images: np.ndarray, predictions: Mapping[str, np.ndarray], class_names: Sequence[str]
) -> str:
    if "joints" in predictions:
        truth, weight = predictions["true_joints"], predictions["weight"]
        errors = metrics.errors_in_torsos(truth, predictions["joints"], weight)
        listed = ", ".join("no torso" if np.isnan(error) else f"{error:.2f}" for error in errors)
        figure = plotting.pose_gallery(images, truth, weight, predicted_joints=predictions["joints"])
        return _image(figure, f"The {which} predictions, skeletons over the truth. Mean errors in torsos: {listed}.")
    ious = np.asarray(iou(predictions["true_box"], predictions["box"]))
    listed = ", ".join(
        class_names[label] + ("" if label == truth else f" instead of {class_names[truth]}") + f" {value:.2f}"
        for label, truth, value in zip(predictions["label"], predictions["true_label"], ious, strict=True)
    )
    figure = plotting.prediction_gallery(images, predictions, class_names, which="first")
    return _image(figure, f"The {which} predictions, dashed boxes beside the true ones. Class and IoU: {listed}.")


def _overview(predictions: Mapping[str, np.ndarray], class_names: Sequence[str]) -> str:
    if "joints" in predictions:
        truth, weight = predictions["true_joints"], predictions["weight"]
        figure = plotting.pck_curve(truth, {"model": predictions["joints"]}, weight)
        return _image(figure, "Share of joints found, over the distance in torsos that counts as found.")
    ious = np.asarray(iou(predictions["true_box"], predictions["box"]))
    histogram = _image(
        plotting.iou_histogram(ious),
        f"Histogram of the IoU of all boxes; median {np.median(ious):.2f}, {np.mean(ious >= 0.5):.0%} at 0.5 or more.",
    )
    wrong = int(np.count_nonzero(predictions["label"] != predictions["true_label"]))
    confusion = plotting.confusion_matrix(predictions["true_label"], predictions["label"], class_names)
    return histogram + _image(
        confusion, f"Confusion matrix of the classes: {wrong} of {len(ious)} images are off the diagonal."
    )


def _image(figure: Figure, alt: str) -> str:
    return f"<p>{plotting.image_element(figure, alt)}</p>"


def _configuration_table(folder: Path, config: Mapping[str, Any]) -> str:
    rows = {
        **{name: _in_words(folder, value) for name, value in config["options"].items()},
        "best epoch chosen on": config["validation_split"] or "nothing: the last one counts",
        "classes": ", ".join(config["class_names"]) or "14 joints",
        "images": config["data"],
        "weights of the backbone (SHA-256)": config["backbone"],
        "versions": ", ".join(f"{name} {version}" for name, version in config["versions"].items()),
    }
    cells = "".join(
        f"<tr><th scope='row'>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows.items()
    )
    return f"<table><tbody>{cells}</tbody></table>"


def _in_words(folder: Path, value: Any) -> Any:
    """An option without Python's brackets and `None`."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "default" if value is None else _from(folder, value)


def _from(folder: Path, value: Any) -> Any:
    """A path, also in `NAME:FILE`, relative to a folder; any other option as it is."""
    name, file = paths.name_and_file(str(value))
    if not os.path.isabs(file):
        return value
    relative = os.path.relpath(file, folder.resolve())
    return f"{name}:{relative}" if name else relative
