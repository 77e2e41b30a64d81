"""Tries the course's widgets in JupyterLab: in a headless Chromium, with the mouse, a finger and the keyboard.

    python -m pip install playwright
    python tools/try_lab.py --screenshots build/lab

Runs a notebook that holds every widget once, moves things, and compares the numbers shown with those worked out by
hand, in the light and in the dark theme.
"""

import argparse
import contextlib
import io
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import nbformat
from browser import find_browser, launched
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from update_notebooks import KERNEL

from clsloc_utils.exercises import quiz

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
START_SECONDS = 300
RUN_SECONDS = 600
SETTLE_SECONDS = 60
"""How long a number may take to follow a movement; it takes some hundredths of a second."""

# Each widget once. The boxes are round numbers and one joint alone is wrong, so that all results can be worked out by
# hand; the sweep is a real one, of three settings, on a dozen drawings.
CELLS = [
    """
    import os, warnings
    from clsloc_utils import quiet
    quiet.start_tensorflow()
    from clsloc_utils import backbones, datasets, joints, pipelines, recipes, sweeps, widgets
    from clsloc_utils.datasets.drawing import poses
    os.environ["CLSLOC_DATA_DIR"] = os.environ["CLSLOC_PROGRESS_DIR"] = "cache"
    warnings.simplefilter("ignore")  # some of the drawings are broken, on purpose
    folder = datasets.write_drawn_folder("photos", class_names=["cat", "dog"], per_class=10, crowds=2)
    source, examples = datasets.info(folder), datasets.load(folder, "train")
    image, _ = next(iter(pipelines.single_object(examples).map(pipelines.parse(128))))
    """,
    "widgets.two_boxes(image, [0.2, 0.2, 0.6, 0.6], [[0.3, 0.2, 0.7, 0.6]])",
    """
    drawn = poses.draw_pose_annotated(seed=0, index=2)
    relative = (drawn["joints"] / drawn["size"]).astype("float32")
    person = {"image": drawn["image"], "joints": relative, "labelled": drawn["labelled"]}
    picture, targets, weights = pipelines.parse_pose(128)(person)
    predicted = targets["joints"].numpy().round(4)
    wrist = joints.JOINT_NAMES.index("right wrist")
    predicted[wrist, 1] -= 0.2
    widgets.movable_joints(picture, targets["joints"], predicted, weights["joints"])
    """,
    "widgets.walk_through(widgets.pipeline_steps(examples, source.class_names, image_size=64, batch_size=4))",
    """
    backbone = backbones.load_backbone("tiny_resnet", image_size=64)
    caches = [recipes.cache_split(backbone, source, split) for split in ("train", "validation")]
    images, _ = next(iter(pipelines.batches(folder, "validation", image_size=64, batch_size=2)))
    sweep = sweeps.run_sweep(*caches, 2, settings=sweeps.weight_grid(3), seeds=[0], epochs=1, verbose=False)
    """,
    "widgets.sweep_slider(sweep, images.numpy(), source.class_names, columns=2)",
    """
    from pathlib import Path
    import numpy as np
    from PIL import Image
    from clsloc_utils import exercises, plotting

    def look(file):
        try:
            return plotting.gallery([np.asarray(Image.open(file).convert("RGB"))], columns=1)
        except OSError as error:
            raise ValueError(f"{file}: no picture") from error
    """,
    'widgets.photo_upload(look, next(Path("photos/JPEGImages").glob("*.jpg")))',
    'exercises.quiz("01")',
]
SETTINGS_SHOWN = ("class only", "ratio 0.01", "ratio 1", "ratio 100", "box only")


# --- JupyterLab in the browser ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(notebook: Path, browser: str, theme: str) -> Iterator[Any]:
    """Runs JupyterLab, with settings and data of its own, and opens a notebook.

    Args:
        notebook: Its file; the settings lie beside it.
        browser: Path of a Chromium.
        theme: One of `THEMES`.

    Yields:
        The `playwright` page.

    Raises:
        AssertionError: JupyterLab or its kernel did not start.
    """
    own = notebook.parent / ".jupyter"
    (own / "labconfig").mkdir(parents=True)
    settings = {
        "@jupyterlab/apputils-extension:themes": {"theme": THEMES[theme]},
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
        "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # every cell is drawn at once
    }
    (own / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(settings), encoding="utf-8")
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += [
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={notebook.parent}",
    ]
    log = own / "log.txt"
    with log.open("w", encoding="utf-8") as output:
        environment = os.environ | dict.fromkeys(names, str(own))
        server = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: listens(port), lambda: log.read_text(encoding="utf-8"), START_SECONDS)
        with launched(browser) as chromium:
            page = chromium.new_context(viewport={"width": 1280, "height": 1400}, has_touch=True).new_page()
            page.goto(f"http://127.0.0.1:{port}/lab/tree/{notebook.name}?token={token}")
            page.locator(".jp-Notebook").wait_for()
            # Until its kernel answers, JupyterLab forgets what it is told to run, or asks for a kernel.
            wait_for(lambda: is_any_kernel_ready(page, port), lambda: "no kernel", START_SECONDS)
            yield page
    finally:
        server.terminate()
        server.wait(timeout=30)


def listens(port: int) -> bool:
    """Whether a server of this machine listens there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def is_any_kernel_ready(page: Any, port: int) -> bool:
    """Whether a kernel waits for work, and a notebook is connected to it."""
    answer = page.request.get(f"http://127.0.0.1:{port}/api/kernels")
    # While a kernel starts, the server may not know what to say of it.
    return answer.ok and any(each["execution_state"] == "idle" and each["connections"] for each in answer.json())


def wait_for(condition: Callable[[], bool], complaint: Callable[[], str], seconds: float = SETTLE_SECONDS) -> None:
    """Returns as soon as a condition holds.

    Raises:
        AssertionError: It does not in time; with the complaint.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(complaint())
        time.sleep(0.02)


def wait_for_text(element: Any, pattern: str, attribute: str | None = None) -> None:
    """Returns as soon as the text of an element, or an attribute, holds a pattern."""

    def text() -> str:
        return element.get_attribute(attribute) if attribute else element.text_content()

    wait_for(lambda: re.search(pattern, text()), lambda: f"{text()!r} does not hold {pattern!r}")


def run_all_cells(page: Any) -> None:
    """Runs the notebook from top to bottom.

    Raises:
        AssertionError: A cell failed, wrote to standard error, or still runs after `RUN_SECONDS`.
    """
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    wait_for(
        lambda: all(re.fullmatch(r"\[\d+\]:", text.strip()) for text in prompts.all_inner_texts()),
        lambda: f"cells still run: {prompts.all_inner_texts()}",
        RUN_SECONDS,
    )
    errors = page.locator('[data-mime-type$="jupyter.stderr"], [data-mime-type$="jupyter.error"]')
    assert not errors.count(), "\n".join(errors.all_inner_texts())


# --- Touching ---------------------------------------------------------------------------------------------------------


class Handles:
    """A picture with things to move, as somebody sees it."""

    def __init__(self, page: Any, number: int):
        self.page = page
        self.root = page.locator(".clsloc-handles").nth(number)
        self.root.scroll_into_view_if_needed()

    def item(self, name: str) -> Any:
        """What can be moved and has this name."""
        return self.root.locator(f'.item[aria-label^="{name}:"]')

    def numbers(self) -> dict[str, float]:
        """The numbers beside the picture."""
        names, values = (self.root.locator(each).all_inner_texts() for each in ("dt", "dd b"))
        return dict(zip(names, map(float, values), strict=True))

    def expect(self, tolerance: float = 0.0006, **expected: float) -> None:
        """Waits until the numbers are these; `LONG_NAMES` says what `L2` and `PCK_20` stand for."""
        wanted = {LONG_NAMES.get(name, name): value for name, value in expected.items()}
        wait_for(
            lambda: all(abs(self.numbers().get(name, 1e9) - value) <= tolerance for name, value in wanted.items()),
            lambda: f"{self.numbers()} is not {wanted}",
        )

    def drag(self, start: tuple[float, float], shift: tuple[float, float], finger: bool = False) -> None:
        """Moves what lies at a place of the picture, both in shares of its width and height, by mouse or by finger."""
        box = self.root.locator("svg").bounding_box()

        def place(part: float) -> dict[str, float]:
            x, y = (begin + part * way for begin, way in zip(start, shift, strict=True))
            return {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}

        if finger:
            touch = self.page.context.new_cdp_session(self.page)
            for kind, places in (
                ("touchStart", [place(0)]),
                ("touchMove", [place(0.5)]),
                ("touchMove", [place(1)]),
                ("touchEnd", []),
            ):
                touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
        else:
            self.page.mouse.move(**place(0))
            self.page.mouse.down()
            self.page.mouse.move(**place(1), steps=3)
            self.page.mouse.up()

    def press(self, name: str, keys: str, times: int = 1) -> None:
        """Presses keys while something has the focus."""
        self.item(name).focus()
        for _ in range(times):
            self.page.keyboard.press(keys)


LONG_NAMES = {"L2": "L2 loss", "PCK_10": "PCK@0.1", "PCK_20": "PCK@0.2"}


def focused(page: Any) -> str:
    """What a screen reader says of what has the focus."""
    return page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText")


def active_cell(page: Any) -> int:
    """Number of the cell that JupyterLab has chosen."""
    return page.evaluate("[...document.querySelectorAll('.jp-Cell')].findIndex((c) => c.matches('.jp-mod-active'))")


# --- What is tried ----------------------------------------------------------------------------------------------------


def try_boxes(page: Any) -> None:
    """Two boxes of 0.4 by 0.4, the predicted one 0.1 to the right of the true one."""
    handles = Handles(page, 0)
    handles.expect(IoU=0.12 / 0.2, GIoU=0.12 / 0.2, L2=0.02 / 4)
    handles.press("true box", "Tab")
    assert focused(page).startswith("predicted box"), focused(page)
    chosen = active_cell(page)
    handles.press("predicted box", "ArrowLeft", 10)
    handles.expect(IoU=1, GIoU=1, L2=0)
    handles.press("predicted box", "ArrowDown", 20)
    handles.expect(IoU=0.08 / 0.24, GIoU=0.08 / 0.24, L2=0.08 / 4)
    handles.press("predicted box", "ArrowUp", 20)
    handles.press("predicted box", "Shift+ArrowRight", 40)  # 0.8 by 0.4, the right edge at the border
    handles.expect(IoU=0.5, GIoU=0.5, L2=0.16 / 4)
    spoken = "predicted box: left 20 %, top 20 %, right 100 %, bottom 60 %. IoU 0.500, GIoU 0.500"
    wait_for_text(handles.root.get_by_role("status"), re.escape(spoken))
    assert active_cell(page) == chosen, "JupyterLab took the arrow keys for itself"
    handles.root.get_by_role("button", name="Start again").click()
    handles.expect(IoU=0.6)
    handles.drag((0.5, 0.4), (0.3, 0.4))  # the predicted box into the corner: no overlap
    handles.expect(IoU=0, GIoU=-(0.8**2 - 2 * 0.4**2) / 0.8**2, L2=4 * 0.4**2 / 4, tolerance=0.005)
    handles.drag((0.6, 0.6), (-0.2, -0.2))  # its corner, which is also the true one's: the box touched last gives way
    handles.expect(IoU=0.2**2 / (0.4**2 + 0.6**2 - 0.2**2), tolerance=0.005)
    handles.drag((0.9, 0.9), (-0.3, -0.3), finger=True)  # the whole box, by a finger: it holds the true one now
    handles.expect(IoU=0.4**2 / 0.6**2, tolerance=0.005)


def try_joints(page: Any) -> None:
    """A person of whom only the right wrist is wrong, 0.2 of the picture too high."""
    handles = Handles(page, 1)
    count = handles.root.locator(".item").count()
    error = "error of the right wrist"
    handles.expect(PCK_10=(count - 1) / count, PCK_20=(count - 1) / count, tolerance=0.006)
    first = handles.numbers()[error]
    assert first > 0.2, first
    handles.press("right wrist", "Shift+ArrowDown", 2)
    handles.expect(**{error: first / 2}, tolerance=0.011)
    handles.press("right wrist", "ArrowDown", 10)
    handles.expect(PCK_10=1, PCK_20=1, **{error: 0})
    ankle = handles.item("left ankle").get_attribute("aria-label")
    x, y = (float(part) / 100 for part in re.findall(r"(\d+) %", ankle))
    handles.drag((x, y), (0, -0.3))
    handles.expect(PCK_20=(count - 1) / count, tolerance=0.006)
    assert focused(page).startswith("left ankle"), focused(page)


def try_steps(page: Any) -> None:
    """The six steps of the pipeline, there and back, by keyboard alone."""
    title = page.locator('[role="status"] p strong').first
    forward = page.get_by_role("button", name="Forward").first
    forward.scroll_into_view_if_needed()
    wait_for_text(title, r"^1\.")
    for number in range(2, 7):
        forward.press("Space")
        wait_for_text(title, rf"^{number}\.")
    assert forward.is_disabled()
    page.get_by_role("button", name="Back").first.press("Enter")
    wait_for_text(title, r"^5\.")


def try_slider(page: Any) -> None:
    """The slider of the sweep, by its buttons and by the arrow keys."""
    picture = page.locator('.widget-html img[alt^="True and predicted boxes"]')
    picture.scroll_into_view_if_needed()
    back, forward = (page.get_by_role("button", name=name).nth(1) for name in ("Back", "Forward"))
    for _ in SETTINGS_SHOWN:
        if back.is_enabled():
            back.press("Space")

    room = picture.locator("xpath=..").bounding_box()
    assert picture.bounding_box()["width"] <= room["width"], "the picture is cut off"
    for name in SETTINGS_SHOWN:
        wait_for_text(picture, f"weights: {name}[.]$", "alt")
        if name != SETTINGS_SHOWN[-1]:
            forward.press("Space")
    chosen = active_cell(page)
    page.get_by_role("slider").nth(1).press("ArrowLeft")
    wait_for_text(picture, f"weights: {SETTINGS_SHOWN[-2]}[.]$", "alt")
    assert active_cell(page) == chosen, "JupyterLab took the arrow keys for itself"


def try_upload(page: Any) -> None:
    """A photo of one's own, then a file that is none, chosen by keyboard."""
    button = page.get_by_role("button", name="Choose a photo")
    button.scroll_into_view_if_needed()
    photo = io.BytesIO()
    Image.new("RGB", (60, 40), "teal").save(photo, format="PNG")
    for name, content, answer in (
        ("mine.png", photo.getvalue(), page.locator('.widget-html img[alt^="mine.png, with the class"]')),
        ("letter.png", b"Dear reader", page.get_by_role("alert").filter(has_text="letter.png: no picture")),
    ):
        with page.expect_file_chooser() as chooser:
            button.press("Enter")
        chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": content})
        answer.wait_for()


def try_quiz(page: Any) -> None:
    """Every option of the first question, by keyboard; each says why it is right or wrong."""
    question, *_ = quiz("01").questions
    for option in question.options:
        button = page.get_by_role("button", name=option.text, exact=True)
        button.scroll_into_view_if_needed()
        button.press("Space")
        page.get_by_text(option.verdict).first.wait_for()


TRIALS = (run_all_cells, try_boxes, try_joints, try_steps, try_slider, try_upload, try_quiz)


def try_all(folder: Path, browser: str, theme: str = "light", screenshots: Path | None = None) -> None:
    """Runs every trial in a fresh JupyterLab, in an empty folder; with a place for them, takes pictures.

    Raises:
        AssertionError: Something did not move, or shows a wrong number.
    """
    cells = [new_code_cell(dedent(cell).strip()) for cell in CELLS]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), folder / "touch.ipynb")
    with opened(folder / "touch.ipynb", browser, theme) as page:
        for trial in TRIALS:
            try:
                trial(page)
            finally:
                if screenshots is not None:
                    page.screenshot(path=screenshots / f"{trial.__name__}-{theme}.png")


def main() -> int:
    """Tries everything in each theme."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenshots", type=Path, required=True, help="folder for the pictures; look at them")
    arguments = parser.parse_args()
    browser = find_browser()
    if browser is None:
        parser.error("no Chromium is on the PATH; install one")
    arguments.screenshots.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        with tempfile.TemporaryDirectory(prefix="try_lab_") as folder:
            try_all(Path(folder), browser, theme, arguments.screenshots)
        print(f"{theme}: all is well", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
