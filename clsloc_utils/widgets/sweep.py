"""A slider over the settings of a sweep."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clsloc_utils import plotting
from clsloc_utils.sweeps import Setting, SweepResult
from clsloc_utils.widgets.live import Touchable, shrunk_to_fit, stepper

_STILL_ROWS = 4
_STILL_IMAGES = 6
_COLUMNS = 4


def sweep_slider(
    result: SweepResult, images: Any, class_names: Sequence[str], *, still: bool | None = None
) -> Touchable:
    """A slider over the settings of a finished sweep, and what the model of each says about some images.

    Where nothing can move, the first images stand under some of the settings, a row for each.

    Args:
        result: The sweep; models of its first seed answer.
        images: The first validation images, in the order of the cache: RGB 0..255, `[N, S, S, 3]`.
        class_names: Names of the classes.
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
    names = {setting: result.name_of(setting) for setting in result.settings}
    found = {names[setting]: result.predictions(setting) for setting in _ends_and_between(result.settings)}
    alt = (
        "True and predicted boxes and classes of the same images, a row for each setting of the weights: "
        f"{', '.join(found)}."
    )
    figure = plotting.predictions_by_setting(images[:_STILL_IMAGES], found, class_names)
    page = plotting.image_element(figure, alt)
    return Touchable(lambda: _widget(result, images, class_names), "ipywidgets", page, alt, still)


def _widget(result: SweepResult, images: Any, class_names: Sequence[str]) -> Any:
    import ipywidgets

    names = {setting: result.name_of(setting) for setting in result.settings}
    controls, slider = stepper([(name, setting) for setting, name in names.items()], result.best(), "weights")
    picture = ipywidgets.HTML()

    def draw(_: Any = None) -> None:
        found = {name: values[: len(images)] for name, values in result.predictions(slider.value).items()}
        shown = {"which": "first", "count": len(images), "columns": min(_COLUMNS, len(images))}
        figure = plotting.prediction_gallery(images, found, class_names, **shown)
        alt = f"True and predicted boxes on {len(images)} images; weights: {names[slider.value]}."
        picture.value = shrunk_to_fit(plotting.image_element(figure, alt))

    slider.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([controls, picture])


def _ends_and_between(settings: Sequence[Setting]) -> list[Setting]:
    """The first setting, the last, and two between them, none of learned weights where there are others."""
    fixed = [setting for setting in settings if not setting.learned] or list(settings)
    return [fixed[index] for index in np.unique(np.linspace(0, len(fixed) - 1, _STILL_ROWS).astype(int))]
