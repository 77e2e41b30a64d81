"""A photo of the learner's own, and what a model says about it."""

import html
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from clsloc_utils import plotting
from clsloc_utils.widgets.live import can_show_widgets, shrunk_to_fit


def photo_upload(draw: Callable[[Path], Figure], example: Path, *, still: bool | None = None) -> Any:
    """A button that takes a photo from the learner's own disk, and what a model says about it.

    Args:
        draw: Draws the answer to the photo in a file; a `ValueError` of it is shown instead, in words.
        example: A photo to begin with.
        still: Whether to return the figure of the example instead; `None` asks `can_show_widgets`.

    Returns:
        An `ipywidgets.VBox` of the button and the picture; or, where nothing can be uploaded, the example's figure.
    """
    if still or (still is None and not can_show_widgets()):
        return draw(example)
    import ipywidgets

    button = ipywidgets.FileUpload(accept="image/*", multiple=False, description="Choose a photo")
    picture = ipywidgets.HTML(_answer(draw(example), example.name))

    def answer(_: Any = None) -> None:
        if not button.value:
            return
        (photo,) = button.value
        name = Path(photo["name"]).name
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / name
            file.write_bytes(photo["content"])
            try:
                picture.value = _answer(draw(file), name)
            except ValueError as error:
                picture.value = f'<p role="alert">{html.escape(str(error).replace(str(file), name))}</p>'

    button.observe(answer, names="value")
    return ipywidgets.VBox([button, picture])


def _answer(figure: Figure, name: str) -> str:
    return shrunk_to_fit(plotting.image_element(figure, alt=f"What the model says about {name}."))
