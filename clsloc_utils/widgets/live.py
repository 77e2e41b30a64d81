"""What all widgets share: whether anybody can move them, what stands in for them, and a control for choosing."""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def can_show_widgets(package: str = "ipywidgets") -> bool:
    """Whether this code runs in a notebook's kernel, where somebody may move something, and the means are installed.

    Args:
        package: What the widget is made of, beside IPython: `"ipywidgets"`, or `"anywidget"`, which needs the former.
    """
    if any(importlib.util.find_spec(name) is None for name in (package, "IPython")):
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


class Touchable:
    """A widget together with what stands for it wherever a notebook is only read: on the web, on paper.

    Both go into the same output of a cell. JupyterLab shows the widget as long as its kernel lives.

    Attributes:
        widget: The widget; `None` where nothing can move.
        page: The still picture as HTML, each image with its alternative text.
        text: The same for readers of plain text.
    """

    def __init__(self, make_widget: Callable[[], Any], package: str, page: str, text: str, still: bool | None):
        """Makes the widget unless it is not wanted.

        Args:
            make_widget: Makes it.
            package: What it is made of, as for `can_show_widgets`.
            page: As the attribute.
            text: As the attribute.
            still: Whether to do without the widget; `None` asks `can_show_widgets`.
        """
        if still is None:
            still = not can_show_widgets(package)
        self.widget = None if still else make_widget()
        self.page, self.text = page, text

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        still = {"text/plain": self.text, "text/html": self.page}
        if self.widget is None:
            return still, {}
        data, metadata = live_bundle(self.widget)
        return {**data, **still}, metadata


def live_bundle(widget: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a notebook needs to show a widget: data and metadata by MIME type.

    Args:
        widget: Of ipywidgets, of version 7 (as on Colab) or newer, or of anywidget.
    """
    if not hasattr(widget, "_repr_mimebundle_"):  # Version 7 displays itself, and cannot be shown with anything else.
        return {WIDGET_VIEW: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}, {}
    live = widget._repr_mimebundle_()
    return live if isinstance(live, tuple) else (live, {})


def shrunk_to_fit(page: str) -> str:
    """The same HTML with images that are never wider than what is around them; within a widget nobody else sees to it.

    Args:
        page: HTML with images of `clsloc_utils.plotting.image_element`.
    """
    return page.replace("<img ", '<img style="max-width: 100%; height: auto" ')


def stepper(options: Sequence[tuple[str, Any]], value: Any, name: str) -> tuple[Any, Any]:
    """A slider over some options, and a button on each side of it for one step back and one forward.

    The buttons are for the keyboard as well: Tab and Space work in every notebook, while some keep the arrow keys to
    themselves.

    Args:
        options: What is said of each and its value, in their order.
        value: The one to begin with.
        name: Of what is chosen, beside the slider.

    Returns:
        The `ipywidgets.HBox` that holds all three, and the slider in it, which has the chosen `value` and its `index`.
    """
    import ipywidgets

    slider = ipywidgets.SelectionSlider(
        options=options,
        value=value,
        description=name,
        continuous_update=False,
        layout=ipywidgets.Layout(flex="1 1 12rem", width="auto"),
    )

    def button(icon: str, words: str, step: int) -> Any:
        made = ipywidgets.Button(
            description=words, icon=icon, tooltip=f"{words} one of {name}", layout=ipywidgets.Layout(width="auto")
        )

        def go(_: Any) -> None:
            slider.index = min(max(slider.index + step, 0), len(options) - 1)

        def grey_out_at_the_end(_: Any = None) -> None:
            made.disabled = not 0 <= slider.index + step < len(options)

        made.on_click(go)
        slider.observe(grey_out_at_the_end, names="index")
        grey_out_at_the_end()
        return made

    row = [button("chevron-left", "Back", -1), slider, button("chevron-right", "Forward", 1)]
    return ipywidgets.HBox(row, layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center")), slider
