"""A slider over the settings of a sweep."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from clsloc_utils import plotting
from clsloc_utils.sweeps import Setting, SweepResult
from clsloc_utils.widgets.live import Touchable, shrunk_to_fit, stepper

_STILL_ROWS = 4
_STILL_IMAGES = 6


def sweep_slider(
    result: SweepResult,
    images: Any,
    class_names: Sequence[str],
    *,
    seed: int | None = None,
    columns: int = 4,
    still: bool | None = None,
) -> Touchable:
    """A slider over the settings of a finished sweep, and what the model of each says about some images.

    Where nothing can move, the first images stand under some of the settings, a row for each.

    Args:
        result: The sweep.
        images: The first validation images, in the order of the cache: RGB 0..255, `[N, S, S, 3]`.
        class_names: Names of the classes.
        seed: Which of the sweep's seeds; `None` for the first.
        columns: Images in a row.
        still: Whether to do without the widget; `None` asks `can_show_widgets`.

    Returns:
        What a notebook shows as a widget, or as a still picture. The widget is an `ipywidgets.VBox` of the slider with
        its buttons and the picture.

    Raises:
        ValueError: There are no images, or more than the sweep has validated on.
    """
    count = len(result.predictions(result.settings[0])["true_label"])
    if not 0 < len(images) <= count:
        raise ValueError(f"sweep_slider: {len(images)} images; take the first validation images, 1 to {count}.")
    chosen = _ends_and_between(result.settings)
    names = _names(result.settings)
    alt = (
        "True and predicted boxes and classes of the same images, a row for each setting of the weights: "
        f"{', '.join(names[setting] for setting in chosen)}."
    )
    figure = still_settings(result, images, class_names, settings=chosen, seed=seed)
    return Touchable(
        lambda: _widget(result, images, class_names, seed, columns),
        "ipywidgets",
        plotting.image_element(figure, alt),
        alt,
        still,
    )


def _widget(result: SweepResult, images: Any, class_names: Sequence[str], seed: int | None, columns: int) -> Any:
    import ipywidgets

    names = _names(result.settings)
    options = [(name, setting) for setting, name in names.items()]
    controls, slider = stepper(options, result.best(), "weights")
    picture = ipywidgets.HTML()

    def draw(_: Any = None) -> None:
        figure = _gallery(result, slider.value, seed, images, class_names, columns)
        alt = f"True and predicted boxes on {len(images)} images; weights: {names[slider.value]}."
        picture.value = shrunk_to_fit(plotting.image_element(figure, alt))

    slider.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([controls, picture])


def still_settings(
    result: SweepResult,
    images: Any,
    class_names: Sequence[str],
    *,
    settings: Sequence[Setting] | None = None,
    seed: int | None = None,
) -> Figure:
    """The first images under some settings of a sweep, a row for each.

    Args:
        result: The sweep.
        images: As for `sweep_slider`; six of them are drawn at most.
        class_names: Names of the classes.
        settings: Which settings; `None` for the first, the last, and two between them, none of learned weights.
        seed: Which of the sweep's seeds; `None` for the first.

    Returns:
        The figure.
    """
    names = _names(result.settings)
    chosen = _ends_and_between(result.settings) if settings is None else settings
    predictions = {names[setting]: result.predictions(setting, seed) for setting in chosen}
    return plotting.predictions_by_setting(images[:_STILL_IMAGES], predictions, class_names)


def _ends_and_between(settings: Sequence[Setting]) -> list[Setting]:
    """The first setting, the last, and two between them, none of learned weights where there are others."""
    fixed = [setting for setting in settings if not setting.learned] or list(settings)
    return [fixed[index] for index in np.unique(np.linspace(0, len(fixed) - 1, _STILL_ROWS).astype(int))]


def _names(settings: Sequence[Setting]) -> dict[Setting, str]:
    """The name of each setting, with the box loss where there are several."""
    several = len({setting.loss_name for setting in settings}) > 1
    return {setting: f"{setting.loss_name}, {setting.name}" if several else setting.name for setting in settings}


def _gallery(result: SweepResult, setting: Setting, seed: int | None, images: Any, class_names, columns: int) -> Figure:
    found = {name: values[: len(images)] for name, values in result.predictions(setting, seed).items()}
    return plotting.prediction_gallery(
        images, found, class_names, which="first", count=len(images), columns=min(columns, len(images))
    )
