"""A photo of the learner's own, and what a model says about it."""

import html
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from clsloc_utils import plotting
from clsloc_utils.widgets.live import Touchable, shrunk_to_fit


def photo_upload(draw: Callable[[Path], Figure], example: Path, *, still: bool | None = None) -> Touchable:
    """A button that takes a photo from the learner's own disk, and what a model says about it.

    Where nothing can be uploaded, the answer to the example stands alone.

    Args:
        draw: Draws the answer to the photo in a file; a `ValueError` of it is shown instead, in words.
        example: A photo to begin with.
        still: Whether to do without the widget; `None` asks `can_show_widgets`.

    Returns:
        What a notebook shows as a widget, or as a still picture. The widget is an `ipywidgets.VBox` of the button and
        the picture.
    """
    alt = _words(example.name)
    page = plotting.image_element(draw(example), alt)
    return Touchable(lambda: _widget(draw, page), "ipywidgets", page, alt, still)


def _widget(draw: Callable[[Path], Figure], page: str) -> Any:
    import ipywidgets

    wide_enough = ipywidgets.Layout(width="auto", align_self="flex-start")
    button = ipywidgets.FileUpload(accept="image/*", description="Choose a photo", layout=wide_enough)
    picture = ipywidgets.HTML(shrunk_to_fit(page))

    def answer(_: Any = None) -> None:
        if not button.value:
            return
        name, content = photo_in(button.value)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / name
            file.write_bytes(content)
            try:
                picture.value = shrunk_to_fit(plotting.image_element(draw(file), _words(name)))
            except ValueError as error:
                picture.value = f'<p role="alert">{html.escape(str(error).replace(str(file), name))}</p>'

    button.observe(answer, names="value")
    return ipywidgets.VBox([button, picture])


def photo_in(value: Any) -> tuple[str, bytes]:
    """Name, without folders, and content of the one file in the value of an `ipywidgets.FileUpload`.

    Args:
        value: A tuple of files; of ipywidgets 7, as on Colab, a dict of files by name.
    """
    (photo,) = value.values() if isinstance(value, dict) else value
    return Path(photo.get("metadata", photo)["name"]).name, photo["content"]


def _words(name: str) -> str:
    return f"{name}, with the class and the box that the model gives it."
