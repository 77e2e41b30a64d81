"""Places for the drawn objects to be in, from the sky to a room, and things that may stand in front of them."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops

from clsloc_utils.datasets.drawing.sketch import Colour, Sketch, choose, mix, shade, vary

# One tile of noise serves all images, each takes its own window of it. A fixed seed: the same bytes on every run.
_CHANCE = np.random.default_rng(20)
_NOISE = Image.fromarray(
    (_CHANCE.normal(128, 24, (512, 640, 1)) + _CHANCE.normal(0, 7, (512, 640, 3))).clip(0, 255).astype(np.uint8)
)

SKIES = [(150, 195, 235), (120, 170, 220), (200, 215, 230), (235, 205, 180), (175, 185, 200), (95, 125, 175)]
GREENS = [(110, 150, 70), (90, 135, 75), (140, 160, 80), (165, 160, 95), (75, 115, 65)]
EARTHS = [(150, 125, 95), (195, 175, 135), (120, 100, 80), (215, 205, 185)]
STONES = [(120, 120, 122), (150, 148, 145), (95, 95, 100), (170, 160, 150)]
WATERS = [(70, 120, 160), (60, 135, 150), (95, 140, 170), (110, 150, 150), (50, 90, 125)]
WALLS = [
    (225, 215, 195),
    (195, 210, 215),
    (210, 195, 185),
    (180, 200, 180),
    (235, 235, 230),
    (160, 170, 190),
    (200, 160, 140),
]
FLOORS = [(160, 120, 85), (190, 155, 115), (125, 95, 70), (165, 160, 155), (150, 110, 110)]
BRICKS = [(170, 110, 90), (195, 180, 160), (150, 140, 135), (205, 190, 150), (130, 100, 95), (160, 165, 175)]


def noise_window(rng: np.random.Generator, width: int, height: int, grain: int = 1) -> Image.Image:
    """An RGB image of noise around level 128, its specks `grain` pixels wide."""
    columns, rows = -(-width // grain), -(-height // grain)
    left, top = int(rng.integers(640 - min(columns, 639))), int(rng.integers(512 - min(rows, 511)))
    window = _NOISE.crop((left, top, left + columns, top + rows))
    return window if grain == 1 else window.resize((width, height), Image.Resampling.BICUBIC)


def _gradient(image: Image.Image, top: float, bottom: float, first: Colour, last: Colour) -> None:
    """Fills the rows from `top` to `bottom` (pixels) with a colour that changes from `first` to `last`."""
    start, stop = round(top), round(bottom)
    if stop <= start:
        return
    ramp = np.linspace(first[:3], last[:3], stop - start).round().astype(np.uint8)[:, None, :]
    image.paste(Image.fromarray(ramp).resize((image.width, stop - start)), (0, start))


def _mottle(image: Image.Image, rng: np.random.Generator, top: float) -> None:
    """Lays coarse, soft patches over everything below row `top`."""
    start = min(round(top), image.height - 2)
    area = image.crop((0, start, image.width, image.height))
    grain, strength = int(rng.integers(3, 12)), rng.uniform(0.15, 0.5)
    patches = noise_window(rng, area.width, area.height, grain).point(lambda level: strength * (level - 128) + 128)
    image.paste(ImageChops.add(area, patches, 1, -128), (0, start))


def _clouds(sketch: Sketch, rng: np.random.Generator, width: int, bottom: float) -> None:
    for _ in range(int(rng.integers(0, 4))):
        x, y, size = rng.uniform(0, width), rng.uniform(0.05, 0.8) * bottom, rng.uniform(0.06, 0.16) * width
        colour = (250, 250, 252, int(rng.integers(110, 200)))
        for offset in (-0.9, -0.2, 0.5, 1.1):
            sketch.ellipse(
                x + offset * size, y - rng.uniform(0, 0.3) * size, size * rng.uniform(0.6, 0.9), size * 0.35, colour
            )


def _hills(sketch: Sketch, rng: np.random.Generator, width: int, horizon: float, colour: Colour) -> None:
    xs = np.linspace(-0.1, 1.1, 9) * width
    for level in range(int(rng.integers(1, 3))):
        ys = horizon - rng.uniform(0.01, 0.16, 9) * horizon * (2 - level)
        tone = mix(colour, (170, 190, 210), 0.5 - 0.3 * level)
        sketch.polygon([*zip(xs, ys, strict=True), (1.1 * width, horizon + 2), (-0.1 * width, horizon + 2)], tone)


def _trees(sketch: Sketch, rng: np.random.Generator, width: int, horizon: float, count: int) -> None:
    for _ in range(count):
        x, base = rng.uniform(0, width), horizon + rng.uniform(-2, 6)
        size, leaf = rng.uniform(0.08, 0.22) * width, shade(choose(rng, GREENS), rng.uniform(0.6, 0.95))
        sketch.limb((x, base), (x, base - size), size * 0.12, size * 0.08, (95, 75, 60))
        if rng.random() < 0.5:
            for tier in range(3):
                y, half = base - size * (0.35 + 0.35 * tier), size * (0.42 - 0.1 * tier)
                sketch.polygon([(x - half, y), (x + half, y), (x, y - size * 0.6)], shade(leaf, 0.9 + 0.1 * tier))
        else:
            for dx, dy in ((-0.28, -0.9), (0.28, -0.95), (0, -1.25), (0.02, -0.85)):
                sketch.ellipse(x + dx * size, base + dy * size, size * 0.36, size * 0.34, vary(rng, leaf, 8))


def _houses(sketch: Sketch, rng: np.random.Generator, width: int, horizon: float) -> None:
    x = -rng.uniform(0, 0.2) * width
    while x < width:
        house_width, top = rng.uniform(0.12, 0.34) * width, horizon * rng.uniform(0.05, 0.6)
        if rng.random() < 0.2:
            x += house_width
            continue
        wall = choose(rng, BRICKS)
        sketch.rectangle(x, top, x + house_width, horizon, wall)
        if rng.random() < 0.5:
            sketch.polygon(
                [(x - 3, top), (x + house_width + 3, top), (x + house_width / 2, top - 0.14 * width)], shade(wall, 0.6)
            )
        pane = mix(shade(wall, 0.45), (150, 180, 205), rng.uniform(0, 1))
        columns, rows = (
            max(1, int(house_width / rng.uniform(22, 34))),
            max(1, int((horizon - top) / rng.uniform(26, 38))),
        )
        for column in range(columns):
            for row in range(rows):
                left, upper = x + (column + 0.28) * house_width / columns, top + (row + 0.25) * (horizon - top) / rows
                sketch.rectangle(
                    left, upper, left + 0.45 * house_width / columns, upper + 0.5 * (horizon - top) / rows, pane
                )
        x += house_width + rng.uniform(-2, 10)


def _sky(image: Image.Image, rng: np.random.Generator) -> float:
    top = choose(rng, SKIES)
    _gradient(image, 0, image.height, top, mix(top, (240, 240, 240), rng.uniform(0.2, 0.8)))
    sketch = Sketch()
    _clouds(sketch, rng, image.width, image.height)
    _clouds(sketch, rng, image.width, image.height)
    sketch.paint(image)
    return 1.0


def _meadow(image: Image.Image, rng: np.random.Generator) -> float:
    width, height = image.size
    horizon = rng.uniform(0.2, 0.6) * height
    sky, grass = (
        choose(rng, SKIES),
        choose(rng, GREENS + EARTHS[:2] if rng.random() < 0.8 else [(235, 238, 242), *EARTHS]),
    )
    _gradient(image, 0, horizon, sky, mix(sky, (245, 245, 240), 0.6))
    _gradient(image, horizon, height, mix(grass, (200, 205, 190), 0.25), shade(grass, 0.8))
    _mottle(image, rng, horizon)
    sketch = Sketch()
    _clouds(sketch, rng, width, horizon)
    _hills(sketch, rng, width, horizon, grass)
    _trees(sketch, rng, width, horizon, int(rng.integers(0, 6)))
    if rng.random() < 0.3:
        rail = shade(choose(rng, EARTHS), rng.uniform(0.6, 1.2))
        for y in (-16, -7):
            sketch.rectangle(0, horizon + y + 8, width, horizon + y + 11, rail)
        for x in np.arange(rng.uniform(0, 30), width, rng.uniform(26, 45)):
            sketch.rectangle(x, horizon - 14, x + 4, horizon + 8, shade(rail, 0.85))
    for _ in range(int(rng.integers(8, 22))):
        x, y = rng.uniform(0, width), rng.uniform(horizon + 4, height)
        blade = vary(rng, shade(grass, rng.choice([0.75, 1.2])), 8)
        sketch.polygon(
            [(x, y), (x + 2, y - rng.uniform(4, 10)), (x + 4, y), (x + 8, y - rng.uniform(3, 8)), (x + 8, y)], blade
        )
    sketch.paint(image)
    return horizon / height


def _road(image: Image.Image, rng: np.random.Generator) -> float:
    width, height = image.size
    horizon = rng.uniform(0.35, 0.62) * height
    sky, tar, kerb = choose(rng, SKIES), choose(rng, STONES), choose(rng, [*STONES, *GREENS, *EARTHS])
    _gradient(image, 0, horizon, sky, mix(sky, (245, 245, 240), 0.6))
    verge = horizon + rng.uniform(0.04, 0.16) * height
    _gradient(image, horizon, verge, kerb, shade(kerb, 0.9))
    _gradient(image, verge, height, shade(tar, 1.1), shade(tar, 0.8))
    _mottle(image, rng, horizon)
    sketch = Sketch()
    _clouds(sketch, rng, width, horizon)
    if rng.random() < 0.75:
        _houses(sketch, rng, width, horizon)
    _trees(sketch, rng, width, horizon + 3, int(rng.integers(0, 4)))
    sketch.rectangle(0, verge, width, verge + 3, shade(kerb, 1.3))
    if rng.random() < 0.6:
        y, paint = rng.uniform(verge + 12, height), choose(rng, [(235, 235, 225), (235, 205, 90)])
        for x in np.arange(-rng.uniform(0, 50), width, rng.uniform(45, 80)):
            sketch.polygon([(x, y), (x + 28, y), (x + 24, y + 5), (x - 5, y + 5)], paint)
    for _ in range(int(rng.integers(0, 3))):
        x = rng.uniform(0, width)
        sketch.rectangle(x, horizon * rng.uniform(0.1, 0.5), x + 3, verge, (80, 82, 85))
        sketch.ellipse(x + 1.5, horizon * 0.3, 5, 5, choose(rng, [(250, 240, 190), (200, 60, 50), (60, 100, 170)]))
    sketch.paint(image)
    return verge / height


def _rails(image: Image.Image, rng: np.random.Generator) -> float:
    ground = _meadow(image, rng) * image.height if rng.random() < 0.6 else _road(image, rng) * image.height
    width, height = image.size
    sketch = Sketch()
    top = rng.uniform(max(0.7 * height, ground + 4), 0.88 * height)
    gravel = choose(rng, STONES)
    sketch.rectangle(0, top - 5, width, top + 0.12 * height, gravel)
    for x in np.arange(-5, width, rng.uniform(12, 18)):
        sketch.rectangle(x, top, x + 6, top + 0.1 * height, shade(gravel, 0.6))
    for y in (top + 2, top + 0.08 * height):
        sketch.rectangle(0, y, width, y + 2.5, (190, 190, 195))
    sketch.paint(image)
    return top / height


def _water(image: Image.Image, rng: np.random.Generator) -> float:
    width, height = image.size
    horizon = rng.uniform(0.25, 0.55) * height
    sky, water = choose(rng, SKIES), choose(rng, WATERS)
    _gradient(image, 0, horizon, sky, mix(sky, (250, 245, 235), 0.6))
    _gradient(image, horizon, height, mix(water, sky, 0.4), shade(water, 0.85))
    sketch = Sketch()
    _clouds(sketch, rng, width, horizon)
    if rng.random() < 0.6:
        _hills(sketch, rng, width, horizon, choose(rng, GREENS))
    if rng.random() < 0.3:
        _houses(sketch, rng, width, horizon)
    for _ in range(int(rng.integers(20, 50))):
        x, y = rng.uniform(0, width), horizon + (height - horizon) * rng.random() ** 1.4
        length = 4 + 26 * (y - horizon) / (height - horizon)
        tone = (*shade(water, rng.choice([0.8, 1.25, 1.45])), 150)
        sketch.polygon([(x - length, y), (x, y - 1.5), (x + length, y), (x, y + 1.5)], tone)
    sketch.paint(image)
    return horizon / height


def _room(image: Image.Image, rng: np.random.Generator) -> float:
    width, height = image.size
    skirting = rng.uniform(0.5, 0.8) * height
    wall, floor = choose(rng, WALLS), choose(rng, FLOORS)
    _gradient(image, 0, skirting, shade(wall, 1.05), shade(wall, rng.uniform(0.8, 0.95)))
    _gradient(image, skirting, height, shade(floor, 0.85), shade(floor, 1.1))
    sketch = Sketch()
    if rng.random() < 0.35:
        stripe, step = shade(wall, rng.choice([0.93, 1.2])), rng.uniform(18, 40)
        for x in np.arange(rng.uniform(0, step), width, step):
            sketch.rectangle(x, 0, x + step * 0.4, skirting, stripe)
    _wall_things(sketch, rng, width, skirting)
    sketch.rectangle(0, skirting - 6, width, skirting, shade(wall, rng.choice([0.7, 1.5])))
    for _ in range(int(rng.integers(2, 5))):
        y = rng.uniform(skirting, height)
        sketch.rectangle(0, y, width, y + 1.2, shade(floor, 0.75))
    if rng.random() < 0.35:
        x, y = rng.uniform(0.2, 0.8) * width, (skirting + height) / 2
        sketch.ellipse(x, y, 0.35 * width, 0.3 * (height - skirting), choose(rng, WALLS + BRICKS, 30))
    sketch.paint(image)
    return skirting / height


def _wall_things(sketch: Sketch, rng: np.random.Generator, width: int, skirting: float) -> None:
    """Windows, shelves with books, curtains, doors: what hangs or stands at a wall and is none of the classes."""
    for _ in range(int(rng.integers(0, 3))):
        x, y, w, h = rng.uniform(0, width), rng.uniform(0.05, 0.3) * skirting, rng.uniform(30, 80), rng.uniform(30, 60)
        kind = rng.integers(3)
        if kind == 0:
            sketch.rectangle(x - 3, y - 3, x + w + 3, y + h + 3, (240, 238, 232)).rectangle(
                x, y, x + w, y + h, choose(rng, SKIES)
            )
            sketch.rectangle(x + w / 2 - 1, y, x + w / 2 + 1, y + h, (240, 238, 232))
        elif kind == 1:
            sketch.rectangle(x, y + 32, x + w, y + 36, shade(choose(rng, FLOORS), 0.8))
            for left in np.arange(x + 2, x + w - 8, 7):
                sketch.rectangle(
                    left, y + 32 - rng.uniform(16, 28), left + 6, y + 32, choose(rng, WALLS + BRICKS + GREENS, 40)
                )
        else:
            sketch.rectangle(x, y, x + 0.45 * w, skirting, shade(choose(rng, FLOORS + WALLS), 0.9))
            sketch.ellipse(x + 0.38 * w, (y + skirting) / 2, 2.2, 2.2, (210, 190, 110))


def _plain(image: Image.Image, rng: np.random.Generator) -> float:
    """A wall or a cloth in two tones: as plain as a studio, though never quite."""
    first = choose(rng, SKIES + WALLS + STONES + GREENS + EARTHS, 30)
    _gradient(image, 0, image.height, first, mix(first, choose(rng, WALLS + STONES, 40), rng.uniform(0.2, 0.9)))
    _mottle(image, rng, 0)
    return 0.5


PLACES: dict[str, Callable[[Image.Image, np.random.Generator], float]] = {
    "sky": _sky,
    "meadow": _meadow,
    "road": _road,
    "rails": _rails,
    "water": _water,
    "room": _room,
    "plain": _plain,
}
"""Each paints its place onto an RGB image and returns where the ground begins, as a fraction of the height."""


def occluder(rng: np.random.Generator, place: str, width: float, height: float) -> Sketch:
    """Something to stand in front of an object: a crate, a post, a rock or a bush.

    Args:
        rng: Where all chance comes from.
        place: One of `PLACES`; indoors it is always a crate.
        width: About how wide it becomes, in pixels.
        height: About how high.

    Returns:
        A sketch whose base is centred on (0, 0).
    """
    sketch = Sketch()
    kind = rng.integers(4)
    if place == "room" or kind == 0:
        card = choose(rng, EARTHS + FLOORS + WALLS)
        sketch.rectangle(-width / 2, -height, width / 2, 0, card).rectangle(
            -width / 2, -height, width / 2, -0.8 * height, shade(card, 1.15)
        )
        return sketch.rectangle(-0.06 * width, -height, 0.06 * width, 0, shade(card, 0.8))
    if kind == 1:
        post = choose(rng, STONES + EARTHS + BRICKS)
        return sketch.rectangle(-0.18 * width, -1.6 * height, 0.12 * width, 0, post).rectangle(
            0.02 * width, -1.6 * height, 0.12 * width, 0, shade(post, 0.8)
        )
    if kind == 2:
        stone = choose(rng, STONES)
        outline = [(-0.5, 0), (-0.45, -0.5), (-0.2, -0.85), (0.15, -0.95), (0.42, -0.6), (0.5, 0)]
        sketch.blob([(x * width, y * height * rng.uniform(0.85, 1)) for x, y in outline], stone)
        return sketch.blob(
            [(x * 0.6 * width - 0.08 * width, y * 0.6 * height - 0.25 * height) for x, y in outline], shade(stone, 1.12)
        )
    leaf = choose(rng, GREENS)
    for _ in range(10):
        x, y = rng.uniform(-0.4, 0.4) * width, -rng.uniform(0.15, 0.85) * height
        sketch.ellipse(
            x,
            y,
            rng.uniform(0.14, 0.26) * width,
            rng.uniform(0.12, 0.22) * height,
            vary(rng, shade(leaf, rng.uniform(0.75, 1.1)), 8),
        )
    return sketch
