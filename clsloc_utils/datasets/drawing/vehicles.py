"""Drawn vehicles: aeroplane, bicycle, boat, bus, car, motorbike and train, each in a few kinds and views.

Lengths are roughly centimetres. Land vehicles stand on y = 0 and face right when seen from the side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from clsloc_utils.datasets.drawing.sketch import Colour, Point, Sketch, choose, mix, rotation, shade, smooth, vary

_PAINTS: list[Colour] = [
    (196, 40, 38),
    (32, 84, 160),
    (236, 236, 232),
    (62, 66, 74),
    (168, 174, 180),
    (236, 186, 40),
    (34, 116, 80),
    (94, 168, 206),
    (222, 112, 36),
    (122, 34, 56),
    (214, 200, 168),
    (26, 34, 66),
]
_BRIGHT: list[Colour] = [(200, 36, 40), (28, 92, 176), (24, 128, 88), (240, 178, 32), (226, 104, 34), (106, 48, 128)]
_LIVERIES: list[Colour] = [(240, 240, 238), (206, 212, 216), (236, 228, 208)]
_WOODS: list[Colour] = [(150, 96, 52), (178, 124, 72), (116, 72, 42)]
_GLASS: list[Colour] = [(78, 104, 124), (104, 140, 162), (58, 74, 90), (140, 176, 194)]
_TYRE: Colour = (34, 34, 38)
_UNDERBODY: Colour = (46, 46, 52)
_CHROME: Colour = (196, 202, 208)
_LAMP: Colour = (255, 246, 206)
_TAIL_LAMP: Colour = (190, 26, 30)
_AMBER: Colour = (246, 158, 38)
_PLATE: Colour = (244, 240, 214)
_LIGHT: Colour = (255, 255, 255, 70)
_DARK: Colour = (0, 0, 0, 48)
_MIRROR = np.array([[-1.0, 0, 0], [0, 1.0, 0]])


# --- shared helpers -------------------------------------------------------------------------------------------------


def _corners(points: Iterable[Sequence[float]], radius: float = 0) -> np.ndarray:
    """The polygon with rounded corners; a point's third number, if any, is its own radius."""
    given = [(*point[:2], point[2] if len(point) > 2 else radius) for point in points]
    curve: list[Point] = []
    for i, (x, y, bend) in enumerate(given):
        if bend <= 0:
            curve.append((x, y))
            continue
        ends = []
        for other_x, other_y, _ in (given[i - 1], given[(i + 1) % len(given)]):
            share = min(bend / max(math.hypot(other_x - x, other_y - y), 1e-6), 0.48)
            ends.append((x + share * (other_x - x), y + share * (other_y - y)))
        for t in (0, 0.25, 0.5, 0.75, 1):
            before, at, after = (1 - t) ** 2, 2 * t * (1 - t), t**2
            curve.append(
                tuple(before * a + at * b + after * c for a, b, c in zip(ends[0], (x, y), ends[1], strict=True))
            )
    return np.array(curve, dtype=np.float64)


def _clip(points: np.ndarray, normal: Point, limit: float) -> np.ndarray:
    """The part of the polygon where x * normal[0] + y * normal[1] is at most `limit`."""
    corners = points.tolist()
    beyond = [x * normal[0] + y * normal[1] - limit for x, y in corners]
    kept: list[Point] = []
    for i, (x, y) in enumerate(corners):
        last = beyond[i - 1]
        if last * beyond[i] < 0:
            share = last / (last - beyond[i])
            last_x, last_y = corners[i - 1]
            kept.append((last_x + share * (x - last_x), last_y + share * (y - last_y)))
        if beyond[i] <= 0:
            kept.append((x, y))
    return np.array(kept, dtype=np.float64).reshape(-1, 2)


def _band(sketch: Sketch, outline: np.ndarray, top: float, bottom: float, colour: Colour) -> None:
    """Paints the part of the outline between two heights."""
    part = _clip(_clip(outline, (0, -1), -top), (0, 1), bottom)
    if len(part) > 2:
        sketch.polygon(part, colour)


def _stroke(sketch: Sketch, points: Iterable[Point], width: float, colour: Colour, closed: bool = False) -> None:
    """A line of even width as one single polygon."""
    path = np.asarray(list(points), dtype=np.float64)
    if closed:
        path = np.concatenate([path, path[:1]])
    steps = np.diff(path, axis=0)
    sides = np.column_stack([-steps[:, 1], steps[:, 0]]) / np.maximum(np.hypot(*steps.T), 1e-6)[:, None]
    before, after = np.concatenate([sides[:1], sides]), np.concatenate([sides, sides[-1:]])
    if closed:
        before[0], after[-1] = sides[-1], sides[0]
    normals = before + after
    # A joint sticks out further the sharper it is; the limit keeps hairpins from growing spikes.
    normals /= np.maximum((normals * before).sum(axis=1), 0.6)[:, None]
    sketch.polygon(np.concatenate([path + normals * width / 2, (path - normals * width / 2)[::-1]]), colour)


def _glass(sketch: Sketch, outline: np.ndarray, colour: Colour, glint: bool = True) -> None:
    """A pane: darker towards the bottom, with a slanted reflection."""
    sketch.polygon(outline, colour)
    (x0, y0), (x1, y1) = outline.min(axis=0), outline.max(axis=0)
    _band(sketch, outline, y0 + 0.6 * (y1 - y0), y1, _DARK)
    if glint:
        start, width = x0 + 0.45 * (x1 - x0), max(0.16 * (x1 - x0), 0.2 * (y1 - y0))
        part = _clip(_clip(outline, (-1, -0.6), -(start + 0.6 * y0)), (1, 0.6), start + 0.6 * y0 + width)
        if len(part) > 2:
            sketch.polygon(part, _LIGHT)


def _panes(sketch: Sketch, x0: float, x1: float, y0: float, y1: float, count: int, gap: float, colour: Colour) -> None:
    """A row of equal upright windows, their upper part lit by the sky."""
    pitch = (x1 - x0 + gap) / count
    for i in range(count):
        left, right = x0 + i * pitch, x0 + (i + 1) * pitch - gap
        sketch.rectangle(left, y0, right, y1, colour, 0.12 * (y1 - y0))
        middle = left + 0.35 * (right - left)
        slant = 0.3 * (right - left)
        sketch.polygon(
            [(middle + slant, y0 + 2), (right - 2, y0 + 2), (middle + slant, y1 - 2), (middle, y1 - 2)], _LIGHT
        )


def _body(sketch: Sketch, outline: np.ndarray, colour: Colour, light: float = 0.25, dark: float = 0.3) -> None:
    """A painted body with a dark rim, a lit top and a shaded bottom (shares of its height)."""
    sketch.polygon(outline, colour)
    y0, y1 = outline[:, 1].min(), outline[:, 1].max()
    _band(sketch, outline, y0, y0 + light * (y1 - y0), _LIGHT)
    _band(sketch, outline, y1 - dark * (y1 - y0), y1, _DARK)
    _stroke(sketch, outline, 0.012 * (y1 - y0) + 1.2, shade(colour, 0.6), closed=True)


def _wheel(sketch: Sketch, x: float, y: float, radius: float, rim: float, colour: Colour, spokes: int) -> None:
    """A car-like wheel: tyre, rim of `rim` times the radius, and spokes or, with none, a hub cap."""
    sketch.ellipse(x, y, radius, radius, _TYRE)
    sketch.ring(x, y, 0.94 * radius, 0.05 * radius, (70, 70, 76), 24)
    inner = rim * radius
    if spokes:
        sketch.ellipse(x, y, inner, inner, shade(colour, 0.4))
        for angle in np.linspace(0, 2 * np.pi, spokes, endpoint=False):
            tip = (x + 0.9 * inner * np.sin(angle), y - 0.9 * inner * np.cos(angle))
            sketch.limb((x, y), tip, 0.38 * inner, 0.22 * inner, colour)
        sketch.ring(x, y, inner, 0.14 * inner, shade(colour, 1.2), 24)
    else:
        sketch.ellipse(x, y, inner, inner, shade(colour, 0.8))
        sketch.ellipse(x, y, 0.82 * inner, 0.82 * inner, colour)
        sketch.ellipse(x, y, 0.5 * inner, 0.5 * inner, shade(colour, 0.75))
    sketch.ellipse(x, y, 0.22 * inner, 0.22 * inner, shade(colour, 0.55))


def _both_sides(sketch: Sketch, half: Sketch) -> None:
    """Adds a half and its mirror image about x = 0."""
    sketch.add(half)
    sketch.add(half, _MIRROR)


def _pick(rng: np.random.Generator, *options: str) -> str:
    """One of the options."""
    return options[rng.integers(len(options))]


# --- car ------------------------------------------------------------------------------------------------------------


class _CarShape(NamedTuple):
    """Side view of a car; the x places are shares of the length from the tail."""

    length: float
    height: float
    belt: float
    rear_base: float
    rear_roof: float
    front_roof: float
    front_base: float
    pillars: tuple[float, ...]
    glass_from: float = 0.0


_CARS = {
    "saloon": _CarShape(440, 142, 92, 0.17, 0.31, 0.54, 0.73, (0.47,)),
    "hatchback": _CarShape(370, 150, 94, 0.02, 0.13, 0.55, 0.77, (0.24, 0.5)),
    "estate": _CarShape(450, 150, 94, 0.01, 0.07, 0.55, 0.74, (0.23, 0.47)),
    "offroad": _CarShape(420, 182, 112, 0.02, 0.06, 0.6, 0.72, (0.26, 0.48)),
    "pickup": _CarShape(490, 168, 104, 0.42, 0.45, 0.61, 0.74, (0.59,)),
    "van": _CarShape(470, 205, 116, 0.01, 0.03, 0.72, 0.88, (0.72,), 0.6),
    "coupe": _CarShape(430, 126, 84, 0.08, 0.33, 0.48, 0.68, (0.44,)),
}


def draw_car(rng: np.random.Generator, view: str) -> Sketch:
    """A saloon, hatchback, estate, off-roader, pickup, van or coupe."""
    if view == "side":
        return _car_side(rng)
    return _car_end(rng, front=view == "frontal")


def _car_side(rng: np.random.Generator) -> Sketch:
    """A car that faces right."""
    kind = list(_CARS)[rng.integers(len(_CARS))]
    shape = _CARS[kind]
    shape = shape._replace(length=shape.length * rng.uniform(0.94, 1.06), height=shape.height * rng.uniform(0.97, 1.05))
    paint, length = choose(rng, _PAINTS), shape.length
    sketch = Sketch()
    radius = (38 if kind in ("offroad", "pickup") else 33) * rng.uniform(0.95, 1.05)
    wheels = (length * rng.uniform(0.18, 0.21), length * rng.uniform(0.79, 0.82))
    if kind in ("estate", "offroad", "van") and rng.random() < 0.6:
        _roof_rack(sketch, shape)
    sketch.rectangle(0.08 * length, -34, 0.92 * length, -16, _UNDERBODY)
    outline = _car_outline(shape)
    _body(sketch, outline, paint, 0.1, 0.18)
    if rng.random() < 0.3:
        _band(sketch, outline, -0.58 * shape.belt, -0.46 * shape.belt, choose(rng, _LIVERIES + [_UNDERBODY]))
    if kind == "pickup":
        sketch.rectangle(0.03 * length, -shape.belt, 0.4 * length, -shape.belt + 7, shade(paint, 0.55), 3)
    _car_windows(sketch, shape, paint, choose(rng, _GLASS, 6))
    _car_fittings(sketch, shape, paint)
    spokes, rim = int(rng.choice([0, 5, 6, 8])), rng.uniform(0.58, 0.7)
    for x in wheels:
        sketch.ellipse(x, -radius, 1.2 * radius, 1.2 * radius, shade(paint, 0.6), start=180, stop=360)
        sketch.ellipse(x, -radius + 2, 1.12 * radius, 1.14 * radius, (24, 24, 28), start=170, stop=370)
        _wheel(sketch, x, -radius, radius, rim, _CHROME, spokes)
    return sketch


def _roof_rack(sketch: Sketch, shape: _CarShape) -> None:
    """Rails on the roof."""
    start, stop, top = (shape.rear_roof + 0.06) * shape.length, (shape.front_roof - 0.05) * shape.length, -shape.height
    for x in np.linspace(start + 8, stop - 8, 3):
        sketch.rectangle(x - 3, top - 9, x + 3, top + 4, (70, 72, 78))
    sketch.rectangle(start, top - 12, stop, top - 7, (70, 72, 78), 2)


def _car_outline(shape: _CarShape) -> np.ndarray:
    """The painted body seen from the side."""
    length, height, belt = shape.length, shape.height, shape.belt
    points: list[tuple[float, ...]] = [(2, -24, 10)]
    if shape.rear_base > 0.05:
        points.append((4, -belt + 1, 14))
    else:
        points.append((0, -0.6 * belt, 10))
    points += [
        (shape.rear_base * length, -belt, 14),
        (shape.rear_roof * length, -height, 26),
        (shape.front_roof * length, -height, 46),
        (shape.front_base * length, -belt, 26),
        (0.965 * length, -0.84 * belt, 26),
        (length, -0.56 * belt, 14),
        (length, -26, 10),
        (0.93 * length, -20, 8),
        (0.06 * length, -20, 8),
    ]
    return _corners(points)


def _car_windows(sketch: Sketch, shape: _CarShape, paint: Colour, glass: Colour) -> None:
    """The side windows with their pillars, and the lines of the doors below."""
    length, bottom, top = shape.length, -shape.belt - 1, -shape.height + 10
    share = (-top - shape.belt) / (shape.height - shape.belt)
    left = (shape.rear_base + 0.02, shape.rear_base + share * (shape.rear_roof - shape.rear_base) + 0.02)
    right = (shape.front_base - 0.035, shape.front_base + share * (shape.front_roof - shape.front_base) - 0.015)
    left = (max(left[0], shape.glass_from), max(left[1], shape.glass_from))
    corners = [
        (left[0] * length, bottom),
        (left[1] * length, top),
        (right[1] * length, top),
        (right[0] * length, bottom),
    ]
    pane = _corners(corners, 9)
    _stroke(sketch, pane, 4, shade(paint, 0.5), closed=True)
    _glass(sketch, pane, glass)
    for pillar in shape.pillars:
        x = pillar * length
        sketch.polygon(
            [(x - 5, bottom + 1), (x - 1, top - 1), (x + 6, top - 1), (x + 4, bottom + 1)], shade(paint, 0.75)
        )
        sketch.rectangle(x - 1, bottom, x + 1, -26, shade(paint, 0.6))
        sketch.rectangle(x - 22, bottom + 12, x - 7, bottom + 16, shade(paint, 0.5), 2)
    x = shape.front_base * length - 12
    sketch.line([(x, bottom + 2), (x + 4, -60), (x - 4, -26)], 2, shade(paint, 0.6))
    sketch.rectangle(x - 14, bottom - 12, x + 2, bottom + 1, shade(paint, 0.7), 5)


def _car_fittings(sketch: Sketch, shape: _CarShape, paint: Colour) -> None:
    """Lamps, bumpers and the seam of the bonnet."""
    length, belt = shape.length, shape.belt
    sketch.polygon(
        _corners([(length - 30, -0.74 * belt), (length - 4, -0.66 * belt), (length - 1, -0.52 * belt)], 4), _LAMP
    )
    sketch.rectangle(1, -0.86 * belt, 11, -0.56 * belt, _TAIL_LAMP, 4)
    bumper = mix(shade(paint, 0.7), (60, 60, 66), 0.5)
    sketch.rectangle(length - 34, -42, length + 5, -24, bumper, 8)
    sketch.rectangle(-5, -42, 34, -24, bumper, 8)
    sketch.rectangle(0.27 * length, -26, 0.73 * length, -18, shade(paint, 0.45))
    start = (shape.front_base * length + 6, -belt + 7)
    sketch.line([start, (length - 30, -0.79 * belt)], 1.6, shade(paint, 0.65))


def _car_end(rng: np.random.Generator, front: bool) -> Sketch:
    """A car seen from the front or from behind."""
    kind = _pick(rng, "low", "low", "low", "tall", "van")
    half_width = rng.uniform(84, 94)
    height = {"low": rng.uniform(132, 150), "tall": rng.uniform(172, 186), "van": rng.uniform(196, 212)}[kind]
    belt = {"low": 90, "tall": 108, "van": 112}[kind] * rng.uniform(0.96, 1.04)
    paint, glass = choose(rng, _PAINTS), choose(rng, _GLASS, 6)
    roof = half_width * (0.86 if kind == "van" else rng.uniform(0.62, 0.72))
    sketch = Sketch()
    half = Sketch().rectangle(half_width - 34, -50, half_width - 6, 0, _TYRE, 7)
    half.limb((half_width - 16, -belt + 2), (half_width + 8, -belt - 4), 7, 6, shade(paint, 0.5))
    half.rectangle(half_width - 3, -belt - 16, half_width + 16, -belt + 2, shade(paint, 0.7), 6)
    _both_sides(sketch, half)
    sketch.rectangle(-half_width + 14, -40, half_width - 14, -17, _UNDERBODY)
    cabin = [(-half_width + 8, -belt + 8), (-roof, -height, 26), (roof, -height, 26), (half_width - 8, -belt + 8)]
    _body(sketch, _corners(cabin, 4), shade(paint, 0.95), 0.12, 0)
    inset = 0.06 * half_width + 4
    lower = half_width - 8 - 2.2 * inset
    pane = _corners(
        [(-lower, -belt - 3), (-roof + inset, -height + 12), (roof - inset, -height + 12), (lower, -belt - 3)], 9
    )
    _stroke(sketch, pane, 4, shade(paint, 0.5), closed=True)
    _glass(sketch, pane, glass)
    bonnet = [(-half_width + 14, -belt + 2, 14), (half_width - 14, -belt + 2, 14), (half_width, -0.62 * belt, 14)]
    bonnet += [(half_width, -24, 10), (-half_width, -24, 10), (-half_width, -0.62 * belt, 14)]
    _body(sketch, _corners(bonnet), paint, 0.2, 0.3)
    (_car_face if front else _car_back)(rng, sketch, half_width, belt, paint)
    return sketch


def _car_face(rng: np.random.Generator, sketch: Sketch, half_width: float, belt: float, paint: Colour) -> None:
    """Grille, headlamps, bumper, number plate and wipers."""
    middle, dark = -0.6 * belt, (36, 38, 44)
    grille = rng.uniform(0.34, 0.5) * half_width
    sketch.rectangle(-grille, middle - 11, grille, middle + 10, dark, 6)
    for y in (middle - 5, middle + 2):
        sketch.rectangle(-grille + 4, y, grille - 4, y + 3, _CHROME)
    half = Sketch()
    if rng.random() < 0.5:
        half.ellipse(0.74 * half_width, middle, 15, 15, shade(_CHROME, 0.7)).ellipse(
            0.74 * half_width, middle, 12, 12, _LAMP
        )
    else:
        lamp = [(0.56 * half_width, middle - 4), (0.94 * half_width, middle - 16), (0.97 * half_width, middle + 6)]
        lamp.append((0.58 * half_width, middle + 10))
        half.polygon(_corners(lamp, 6), shade(_CHROME, 0.8))
        half.ellipse(0.78 * half_width, middle - 1, 9, 9, _LAMP)
    half.line([(0.52 * half_width, -belt + 5), (grille, middle - 14)], 1.6, shade(paint, 0.65))
    half.rectangle(0.62 * half_width, -34, 0.8 * half_width, -27, _AMBER, 3)
    bumper = shade(paint, 0.55) if rng.random() < 0.6 else (84, 86, 92)
    sketch.rectangle(-half_width - 2, -44, half_width + 2, -24, bumper, 8)
    _both_sides(sketch, half)
    sketch.rectangle(-25, -41, 25, -29, _PLATE, 2)
    for x in (-0.5 * half_width, 0.08 * half_width):
        sketch.limb((x, -belt), (x + 0.4 * half_width, -belt - 7), 3, 2, dark)


def _car_back(rng: np.random.Generator, sketch: Sketch, half_width: float, belt: float, paint: Colour) -> None:
    """Tail lamps, boot lid, bumper, number plate and exhaust."""
    half, top = Sketch(), -0.86 * belt
    if rng.random() < 0.5:
        half.rectangle(0.6 * half_width, top + 6, 0.98 * half_width, top + 28, _TAIL_LAMP, 6)
        half.rectangle(0.64 * half_width, top + 16, 0.8 * half_width, top + 24, (250, 226, 214), 3)
    else:
        half.rectangle(0.82 * half_width, top - 2, 0.98 * half_width, top + 40, _TAIL_LAMP, 6)
        half.rectangle(0.84 * half_width, top + 12, 0.96 * half_width, top + 22, _AMBER, 3)
    half.line([(0.58 * half_width, -belt + 5), (0.56 * half_width, -46)], 1.8, shade(paint, 0.6))
    bumper = shade(paint, 0.55) if rng.random() < 0.6 else (84, 86, 92)
    sketch.rectangle(-half_width - 2, -46, half_width + 2, -24, bumper, 8)
    _both_sides(sketch, half)
    sketch.rectangle(-27, top + 12, 27, top + 25, _PLATE, 2)
    sketch.rectangle(-14, top + 3, 14, top + 7, _CHROME, 2)
    sketch.rectangle(-0.62 * half_width, -25, -0.4 * half_width, -18, shade(_CHROME, 0.75), 3)
    sketch.limb((-8, -belt - 2), (28, -belt - 9), 3, 2, (36, 38, 44))


# --- bus ------------------------------------------------------------------------------------------------------------


def draw_bus(rng: np.random.Generator, view: str) -> Sketch:
    """A city bus, coach, double-decker or school bus."""
    if view == "side":
        return _school_bus_side(rng) if rng.random() < 0.2 else _bus_side(rng)
    return _bus_end(rng, front=view == "frontal")


def _bus_side(rng: np.random.Generator) -> Sketch:
    """A city bus, coach or double-decker that faces right."""
    kind = _pick(rng, "city", "coach", "double")
    paint, second = choose(rng, _BRIGHT + _LIVERIES), choose(rng, _BRIGHT + _LIVERIES)
    glass = choose(rng, _GLASS, 6)
    length, height = rng.uniform(760, 980), rng.uniform(285, 315)
    if kind == "double":
        length, height = rng.uniform(740, 860), rng.uniform(420, 445)
    sketch = Sketch()
    if kind != "double" and rng.random() < 0.6:
        sketch.rectangle(0.2 * length, -height - 14, 0.5 * length, -height + 6, shade(paint, 0.75), 8)
    sketch.rectangle(30, -50, length - 30, -24, _UNDERBODY)
    slope = rng.uniform(4, 36)
    outline = [
        (0, -34, 12),
        (4, -height, 26),
        (length - slope, -height, 34),
        (length, -0.4 * height, 40),
        (length, -34, 14),
    ]
    body = _corners(outline)
    _body(sketch, body, paint, 0.1, 0.12)
    _band(sketch, body, -108, -92 + rng.uniform(0, 34), second)
    if kind == "double":
        _band(sketch, body, -262, -240, second)
    _bus_windows(rng, sketch, kind, body, glass)
    _bus_fittings(rng, sketch, length)
    return sketch


def _bus_windows(rng: np.random.Generator, sketch: Sketch, kind: str, body: np.ndarray, glass: Colour) -> None:
    """The rows of windows, the end of the windscreen, and the doors."""
    length, height = body[:, 0].max(), -body[:, 1].min()
    rows = [(-height + 34, -130 if kind == "city" else -150)]
    if kind == "double":
        rows = [(-height + 34, -276), (-228, -128)]
    for top, bottom in rows:
        _panes(sketch, 24, length - 62, top, bottom, int(rng.integers(5, 8)), 9, glass)
        screen = _clip(_clip(_clip(body, (-1, 0), -(length - 46)), (0, -1), -top), (0, 1), bottom + 12)
        _glass(sketch, screen, shade(glass, 1.25), glint=False)
    places = [length - 128] if kind == "coach" else [length - 128, 0.42 * length]
    for x in places:
        top = rows[-1][0] - 6
        sketch.rectangle(x, top, x + 76, -38, (52, 56, 64), 5)
        for left in (x + 5, x + 41):
            pane = _corners([(left, top + 7), (left + 30, top + 7), (left + 30, -48), (left, -48)], 4)
            _glass(sketch, pane, shade(glass, 1.2))


def _bus_fittings(rng: np.random.Generator, sketch: Sketch, length: float) -> None:
    """Lamps, mirror, hatches and wheels."""
    sketch.rectangle(length - 26, -84, length - 2, -64, _LAMP, 8)
    sketch.rectangle(1, -100, 10, -62, _TAIL_LAMP, 3)
    sketch.rectangle(-5, -52, 22, -32, (60, 62, 68), 5).rectangle(length - 24, -52, length + 6, -32, (60, 62, 68), 5)
    sketch.line([(length - 14, -236), (length + 16, -232), (length + 16, -210)], 6, (40, 42, 48))
    sketch.rectangle(length + 8, -216, length + 24, -176, (40, 42, 48), 5)
    for share in (0.05, 0.31, 0.56):
        sketch.rectangle(share * length, -84, (share + 0.08) * length, -44, (0, 0, 0, 34), 4)
    colour = _CHROME if rng.random() < 0.6 else (226, 222, 210)
    places = [0.23, 0.79] if rng.random() < 0.7 else [0.15, 0.26, 0.78]
    for share in places:
        x = share * length
        sketch.ellipse(x, -46, 58, 60, (28, 28, 32), start=170, stop=370)
        _wheel(sketch, x, -46, 46, 0.6, colour, 0)


def _school_bus_side(rng: np.random.Generator) -> Sketch:
    """A bonneted bus with black rub rails."""
    length, height = rng.uniform(720, 860), rng.uniform(280, 300)
    paint = vary(rng, (244, 178, 28)) if rng.random() < 0.75 else choose(rng, _BRIGHT)
    glass, dark, front = choose(rng, _GLASS, 6), (36, 36, 40), length - 140
    sketch = Sketch()
    sketch.rectangle(20, -56, length - 20, -30, _UNDERBODY)
    bonnet = _corners(
        [(front - 20, -44), (front - 20, -166), (length - 20, -150, 26), (length, -60, 14), (length, -44, 8)]
    )
    _body(sketch, bonnet, paint, 0.15, 0.2)
    body = _corners(
        [(0, -44, 8), (2, -height, 30), (front + 6, -height, 30), (front + 24, -170, 6), (front + 24, -44, 4)]
    )
    _body(sketch, body, paint, 0.1, 0.15)
    _panes(sketch, 22, front - 96, -height + 40, -180, int(rng.integers(6, 9)), 8, glass)
    _glass(
        sketch,
        _corners([(front - 4, -178), (front - 4, -height + 40), (front + 6, -height + 40), (front + 18, -178)], 4),
        glass,
    )
    for y in (-164, -130, -92):
        sketch.rectangle(2, y, front - 92, y + 6, dark)
    sketch.rectangle(front - 84, -height + 34, front - 16, -50, dark, 5)
    for left in (front - 78, front - 47):
        _glass(
            sketch, _corners([(left, -height + 42), (left + 26, -height + 42), (left + 26, -60), (left, -60)], 4), glass
        )
    sketch.ellipse(length - 14, -112, 12, 16, _LAMP).rectangle(length - 8, -66, length + 12, -40, dark, 5)
    sketch.rectangle(-10, -66, 10, -42, dark, 5).rectangle(0, -118, 8, -84, _TAIL_LAMP, 2)
    for x in (front - 2, 16):
        sketch.ellipse(x, -height + 18, 9, 9, _TAIL_LAMP)
    for x in (0.24 * length, length - 84):
        sketch.ellipse(x, -46, 60, 60, (28, 28, 32), start=170, stop=370)
        _wheel(sketch, x, -46, 46, 0.58, (206, 204, 200), 0)
    return sketch


def _bus_end(rng: np.random.Generator, front: bool) -> Sketch:
    """A bus seen from the front or from behind."""
    double = rng.random() < 0.3
    half_width, height = rng.uniform(122, 132), rng.uniform(415, 440) if double else rng.uniform(296, 325)
    paint, second = choose(rng, _BRIGHT + _LIVERIES), choose(rng, _BRIGHT + _LIVERIES)
    glass = choose(rng, _GLASS, 6)
    sketch = Sketch()
    half = Sketch().rectangle(half_width - 48, -60, half_width - 10, 0, _TYRE, 8)
    if front:
        half.line([(half_width - 20, -height + 22), (half_width + 20, -height + 30)], 7, (40, 42, 48))
        half.rectangle(half_width + 8, -height + 26, half_width + 30, -height + 88, (40, 42, 48), 7)
    _both_sides(sketch, half)
    sketch.rectangle(-half_width + 20, -50, half_width - 20, -24, _UNDERBODY)
    outline = [
        (-half_width, -30, 14),
        (-half_width + 5, -height, 36),
        (half_width - 5, -height, 36),
        (half_width, -30, 14),
    ]
    body = _corners(outline)
    _body(sketch, body, paint, 0.08, 0.2)
    _band(sketch, body, -124, -104 + rng.uniform(0, 20), second)
    inner = half_width - 14
    if double:
        _split_pane(sketch, inner, -height + 34, -height + 130, glass, 2)
        _band(sketch, body, -262, -250, second)
    if front:
        _bus_face(rng, sketch, half_width, -248 if double else -height + 16, glass)
    else:
        _bus_back(rng, sketch, half_width, -236 if double else -height + 30, glass)
    return sketch


def _split_pane(sketch: Sketch, inner: float, top: float, bottom: float, glass: Colour, parts: int) -> None:
    """A wide window in one or two parts."""
    sketch.rectangle(-inner - 4, top - 4, inner + 4, bottom + 4, (40, 42, 48), 16)
    width = 2 * inner / parts
    for i in range(parts):
        x0, x1 = -inner + i * width + 2, -inner + (i + 1) * width - 2
        _glass(sketch, _corners([(x0, bottom), (x0, top), (x1, top), (x1, bottom)], 13), glass)


def _bus_face(rng: np.random.Generator, sketch: Sketch, half_width: float, top: float, glass: Colour) -> None:
    """Destination board, windscreen, lamps, grille, bumper and number plate."""
    dark, inner = (34, 36, 42), half_width - 14
    sketch.rectangle(-inner + 16, top, inner - 16, top + 32, dark, 6)
    for x0, x1 in ((-0.6, -0.36), (-0.24, 0.66)):
        sketch.rectangle(x0 * inner, top + 8, x1 * inner, top + 24, (240, 170, 48), 2)
    _split_pane(sketch, inner, top + 40, -138, glass, int(rng.integers(1, 3)))
    half = Sketch().limb((20, -138), (78, -160), 4, 3, dark)
    for x in (half_width - 26, half_width - 56)[: int(rng.integers(1, 3))]:
        half.ellipse(x, -82, 15, 15, shade(_CHROME, 0.7)).ellipse(x, -82, 12, 12, _LAMP)
    half.rectangle(half_width - 9, -96, half_width - 2, -70, _AMBER, 3)
    sketch.rectangle(-52, -100, 52, -68, dark, 6)
    for y in (-93, -85, -77):
        sketch.rectangle(-46, y, 46, y + 3, shade(_CHROME, 0.8))
    sketch.rectangle(-half_width - 3, -58, half_width + 3, -30, (72, 74, 80), 9)
    _both_sides(sketch, half)
    sketch.rectangle(-30, -52, 30, -37, _PLATE, 2)


def _bus_back(rng: np.random.Generator, sketch: Sketch, half_width: float, top: float, glass: Colour) -> None:
    """Rear window, engine grille, lamps, bumper and number plate."""
    dark = (34, 36, 42)
    _split_pane(sketch, half_width - 26, top, -176 if top > -250 else -0.66 * -top, glass, int(rng.integers(1, 3)))
    sketch.rectangle(-0.62 * half_width, -128, 0.62 * half_width, -66, dark, 6)
    for y in range(-122, -68, 10):
        sketch.rectangle(-0.58 * half_width, y, 0.58 * half_width, y + 4, (92, 94, 100))
    half = Sketch()
    for y, colour in ((-132, _AMBER), (-108, _TAIL_LAMP), (-84, _TAIL_LAMP)):
        half.rectangle(half_width - 30, y, half_width - 8, y + 20, colour, 7)
    half.rectangle(half_width - 22, -170, half_width - 8, -150, _TAIL_LAMP, 4)
    sketch.rectangle(-half_width - 3, -58, half_width + 3, -30, (72, 74, 80), 9)
    _both_sides(sketch, half)
    sketch.rectangle(-34, -54, 34, -37, _PLATE, 2)
    sketch.rectangle(-half_width + 34, -31, -half_width + 60, -20, (110, 112, 118), 4)


# --- train ----------------------------------------------------------------------------------------------------------


def draw_train(rng: np.random.Generator, view: str) -> Sketch:
    """An express, electric or diesel locomotive with a coach, or a tram."""
    if view == "frontal":
        return _train_front(rng)
    sketch, paint, second = Sketch(), choose(rng, _BRIGHT + _LIVERIES[:2]), choose(rng, _BRIGHT + _LIVERIES)
    glass, kind = choose(rng, _GLASS, 6), _pick(rng, "express", "electric", "diesel", "tram")
    if kind == "tram":
        return _tram_side(rng, sketch, paint, second, glass)
    length = rng.uniform(700, 800)
    _coach(rng, sketch, -rng.uniform(480, 580), -18, paint, second, glass)
    sketch.rectangle(-24, -330, 6, -90, (50, 50, 56)).rectangle(-26, -100, 24, -84, (50, 50, 56))
    if kind == "diesel":
        _diesel(rng, sketch, length, paint, second, glass)
    else:
        _locomotive(rng, sketch, length, kind == "express", paint, second, glass)
    return sketch


def _bogie(sketch: Sketch, x: float, wheels: int = 2, radius: float = 44) -> None:
    """Railway wheels in their frame."""
    pitch = 2.35 * radius
    start = x - pitch * (wheels - 1) / 2
    for i in range(wheels):
        sketch.ellipse(start + i * pitch, -radius, radius, radius, (64, 62, 64))
        sketch.ellipse(start + i * pitch, -radius, 0.78 * radius, 0.78 * radius, (112, 108, 106))
    # The frame covers the hubs.
    end = pitch * (wheels - 1) / 2 + 0.7 * radius
    frame = [
        (x - end, -1.25 * radius),
        (x + end, -1.25 * radius),
        (x + end - 14, -0.95 * radius),
        (x - end + 14, -0.95 * radius),
    ]
    sketch.polygon(_corners(frame, 6), (44, 44, 50)).rectangle(
        x - 22, -1.4 * radius, x + 22, -0.5 * radius, (44, 44, 50), 5
    )


def _coach(
    rng: np.random.Generator, sketch: Sketch, x0: float, x1: float, paint: Colour, second: Colour, glass: Colour
) -> None:
    """A passenger coach between two places."""
    sketch.rectangle(x0 + 20, -104, x1 - 20, -62, _UNDERBODY, 6)
    body = _corners([(x0, -88, 6), (x0, -356, 26), (x1, -356, 26), (x1, -88, 6)])
    _body(sketch, body, paint, 0.12, 0.14)
    _band(sketch, body, -178, -150, second)
    _panes(sketch, x0 + 84, x1 - 84, -296, -206, int(rng.integers(4, 6)), 22, glass)
    for left in (x0 + 20, x1 - 70):
        sketch.rectangle(left, -306, left + 50, -96, shade(second, 0.85), 5).rectangle(
            left + 11, -292, left + 39, -214, glass, 5
        )
    _bogie(sketch, x0 + 108)
    _bogie(sketch, x1 - 108)


def _pantograph(sketch: Sketch, x: float, roof: float) -> None:
    """The current collector on the roof."""
    colour = (84, 80, 84)
    sketch.rectangle(x - 60, roof - 12, x + 60, roof - 4, colour).rectangle(x - 44, roof - 6, x - 34, roof + 4, colour)
    sketch.rectangle(x + 34, roof - 6, x + 44, roof + 4, colour)
    sketch.line([(x + 44, roof - 10), (x - 40, roof - 48), (x + 14, roof - 88)], 6, colour)
    sketch.rectangle(x - 28, roof - 95, x + 56, roof - 86, colour, 4)


def _locomotive(
    rng: np.random.Generator, sketch: Sketch, length: float, express: bool, paint: Colour, second: Colour, glass: Colour
) -> None:
    """A streamlined power car or a box-shaped electric locomotive that faces right."""
    _pantograph(sketch, rng.uniform(0.2, 0.4) * length, -366)
    sketch.rectangle(30, -104, length - (150 if express else 30), -60, _UNDERBODY, 6)
    nose = [(length - 40, -356, 20), (length, -240, 20), (length, -88, 6)]
    if express:
        nose = [(length - 250, -362, 150), (length - 60, -190, 90), (length + 20, -120, 40), (length - 10, -66, 20)]
    body = _corners([(0, -88, 6), (0, -362, 24), *nose])
    _body(sketch, body, paint, 0.1, 0.14)
    _band(sketch, body, -170, -170 + rng.uniform(16, 44), second)
    if express:
        screen = [(length - 222, -318), (length - 192, -322), (length - 92, -232), (length - 186, -232)]
        _panes(sketch, 60, length - 340, -292, -222, 4, 20, glass)
        sketch.ellipse(length - 36, -146, 24, 10, _LAMP, angle=30)
    else:
        screen = [(length - 92, -318), (length - 44, -318), (length - 16, -236), (length - 92, -236)]
        for left in np.linspace(90, length - 290, 3):
            sketch.rectangle(left, -300, left + 84, -226, shade(paint, 0.5), 6)
            for y in (-288, -268, -248):
                sketch.rectangle(left + 8, y, left + 76, y + 5, shade(paint, 0.75))
        sketch.ellipse(length - 10, -124, 10, 14, _LAMP).rectangle(length, -114, length + 26, -98, (60, 60, 66), 4)
        sketch.rectangle(length + 22, -126, length + 30, -86, (60, 60, 66), 3)
    _glass(sketch, _corners(screen, 9), glass)
    door = length - (310 if express else 166)
    sketch.rectangle(door, -310, door + 52, -96, shade(paint, 0.82), 6).rectangle(
        door + 10, -296, door + 42, -236, glass, 5
    )
    _bogie(sketch, 150)
    _bogie(sketch, length - (230 if express else 160))


def _diesel(
    rng: np.random.Generator, sketch: Sketch, length: float, paint: Colour, second: Colour, glass: Colour
) -> None:
    """An old hood diesel: a cab between a long and a short bonnet, with hand rails."""
    cab = rng.uniform(0.6, 0.72) * length
    dark = (44, 44, 50)
    sketch.rectangle(0.3 * length, -96, 0.7 * length, -44, dark, 12)
    sketch.rectangle(0.16 * length, -344, 0.16 * length + 36, -300, dark, 4)
    hood = _corners([(24, -118), (24, -310, 22), (cab + 10, -310, 6), (cab + 10, -118)])
    _body(sketch, hood, paint, 0.12, 0.15)
    nose = _corners([(cab + 120, -118), (cab + 120, -262, 6), (length - 24, -262, 26), (length - 24, -118)])
    _body(sketch, nose, paint, 0.12, 0.15)
    for left in np.linspace(50, cab - 90, 4):
        sketch.rectangle(left, -284, left + 52, -206, shade(paint, 0.6), 4)
        for y in (-272, -249, -226):
            sketch.rectangle(left + 6, y, left + 46, y + 6, shade(paint, 0.85))
    house = _corners([(cab, -118), (cab, -362, 14), (cab + 134, -362, 14), (cab + 134, -118)])
    _body(sketch, house, second, 0.1, 0.15)
    for left in (cab + 16, cab + 74):
        _glass(sketch, _corners([(left, -326), (left + 44, -326), (left + 44, -258), (left, -258)], 6), glass)
    sketch.rectangle(cab - 12, -370, cab + 146, -354, shade(second, 0.6), 6)
    for body in (hood, nose):
        _band(sketch, body, -178, -152, second)
    sketch.rectangle(-4, -124, length + 4, -92, dark, 4)
    for x in np.linspace(6, length - 6, 8):
        sketch.rectangle(x - 2, -190, x + 2, -120, (226, 222, 200))
    sketch.rectangle(4, -194, length - 4, -189, (226, 222, 200))
    sketch.rectangle(length - 32, -246, length - 18, -216, _LAMP, 5)
    sketch.rectangle(length, -112, length + 26, -98, dark, 4).rectangle(length + 22, -126, length + 30, -84, dark, 3)
    _bogie(sketch, 150)
    _bogie(sketch, length - 150)


def _tram_side(rng: np.random.Generator, sketch: Sketch, paint: Colour, second: Colour, glass: Colour) -> Sketch:
    """A jointed tram with three sections."""
    part = rng.uniform(390, 460)
    total = 3 * part
    _pantograph(sketch, 1.5 * part, -338)
    sketch.rectangle(part - 30, -322, 2 * part + 30, -80, (58, 58, 64))
    for i in range(3):
        x0, x1 = i * part + 8, (i + 1) * part - 8
        tail = [(x0 + 70, -330, 50), (x0, -150, 60)] if i == 0 else [(x0, -330, 14)]
        head = [(x1 - 70, -330, 50), (x1, -150, 60)] if i == 2 else [(x1, -330, 14)]
        body = _corners([(x0 + 6 * (i == 0), -40, 12), *tail[::-1], *head, (x1 - 6 * (i == 2), -40, 12)])
        _bogie(sketch, (x0 + x1) / 2, 2, 38)
        _body(sketch, body, paint, 0.12, 0.12)
        _band(sketch, body, -82, -40, second)
        _tram_windows(sketch, body, i, glass)
        if i != 1:
            sketch.rectangle((x0 + x1) / 2 - 100, -44, (x0 + x1) / 2 + 100, -39, shade(second, 0.6))
    sketch.ellipse(total - 26, -112, 13, 11, _LAMP).ellipse(28, -112, 10, 9, _TAIL_LAMP)
    return sketch


def _tram_windows(sketch: Sketch, body: np.ndarray, section: int, glass: Colour) -> None:
    """Window band, cab window and door of one tram section."""
    x0, x1 = body[:, 0].min(), body[:, 0].max()
    _band(sketch, body, -290, -166, (46, 50, 58))
    left, right = x0 + (96 if section == 0 else 12), x1 - (96 if section == 2 else 12)
    _panes(sketch, left, right, -284, -172, 4, 8, glass)
    end = {0: (1, 0, x0 + 84), 2: (-1, 0, -(x1 - 84))}.get(section)
    if end:
        _glass(
            sketch,
            _clip(_clip(_clip(body, end[:2], end[2]), (0, -1), 284), (0, 1), -160),
            shade(glass, 1.2),
            glint=False,
        )
    middle = (x0 + x1) / 2
    sketch.rectangle(middle - 46, -298, middle + 46, -56, (46, 50, 58), 6)
    for x in (middle - 41, middle + 3):
        _glass(sketch, _corners([(x, -290), (x + 38, -290), (x + 38, -66), (x, -66)], 5), shade(glass, 1.15))


def _train_front(rng: np.random.Generator) -> Sketch:
    """A train that comes towards the viewer, as a rule with its flank receding to the left."""
    paint, second = choose(rng, _BRIGHT + _LIVERIES[:2]), choose(rng, _BRIGHT + _LIVERIES)
    glass, dark, half_width = choose(rng, _GLASS, 6), (44, 44, 50), 150.0
    sketch = Sketch()
    if rng.random() < 0.85:
        _train_flank(sketch, half_width, rng.uniform(300, 560), paint, second, glass)
    half = Sketch().rectangle(76, -90, 104, 0, (70, 68, 70), 4).rectangle(92, -90, 116, -6, (96, 92, 92), 4)
    _both_sides(sketch, half)
    sketch.rectangle(-128, -100, 128, -52, dark, 8)
    if rng.random() < 0.5:
        sketch.rectangle(-4, -430, 4, -366, dark).rectangle(-80, -440, 80, -430, dark, 4)
        sketch.line([(-46, -366), (0, -426), (46, -366)], 5, dark)
    top = rng.uniform(40, 100)
    outline = [
        (-half_width, -70, 8),
        (-half_width, -300, 40),
        (-half_width + 40, -372, top),
        (half_width - 40, -372, top),
    ]
    body = _corners([*outline, (half_width, -300, 40), (half_width, -70, 8)])
    _body(sketch, body, paint, 0.1, 0.16)
    face = second if rng.random() < 0.5 else vary(rng, (248, 200, 32))
    _band(sketch, body, -214, -112 + rng.uniform(-20, 30), face)
    _train_face(rng, sketch, half_width, glass)
    return sketch


def _train_face(rng: np.random.Generator, sketch: Sketch, half_width: float, glass: Colour) -> None:
    """Cab windows, gangway door or middle post, lamps, buffers and coupling."""
    dark, inner = (44, 44, 50), half_width - 22
    half = Sketch()
    if rng.random() < 0.5:
        sketch.rectangle(-34, -336, 34, -84, (0, 0, 0, 60), 6).rectangle(-24, -322, 24, -232, glass, 6)
        pane = _corners([(44, -226), (44, -324), (inner - 18, -324), (inner, -226)], 9)
    else:
        pane = _corners([(4, -226), (4, -326), (inner - 20, -326), (inner, -226)], 12)
    _stroke(half, pane, 7, dark, closed=True)
    sketch.add(half).add(half, _MIRROR)
    _glass(sketch, pane, glass)
    _glass(sketch, pane * (-1, 1), glass)
    half = Sketch().limb((0.35 * inner, -226), (0.6 * inner, -268), 4, 3, dark)
    half.ellipse(98, -160, 20, 20, dark).ellipse(98, -160, 15, 15, _LAMP)
    half.ellipse(60, -160, 13, 13, dark).ellipse(60, -160, 9, 9, _TAIL_LAMP)
    half.rectangle(78, -112, 98, -84, dark).ellipse(88, -96, 27, 27, (70, 70, 76)).ellipse(
        88, -98, 21, 21, (128, 128, 134)
    )
    sketch.rectangle(-half_width - 2, -80, half_width + 2, -64, (60, 60, 66), 4)
    _both_sides(sketch, half)
    sketch.ellipse(0, -350, 12, 10, _LAMP)
    plough = [(-118, -66), (118, -66), (96, -22), (-96, -22)]
    sketch.polygon(_corners(plough, 8), (74, 72, 76)).rectangle(-12, -104, 12, -44, dark, 5)


def _train_flank(sketch: Sketch, half_width: float, reach: float, paint: Colour, second: Colour, glass: Colour) -> None:
    """The side of the train, smaller the further it is from the viewer."""

    def place(depth: float, height: float) -> Point:
        share = depth / (1 + depth)
        return -half_width - reach * share, -190 + (height + 190) * (1 - 0.9 * share)

    def quad(start: float, end: float, top: float, bottom: float, colour: Colour) -> None:
        sketch.polygon([place(start, top), place(end, top), place(end, bottom), place(start, bottom)], colour)

    side = shade(paint, 0.82)
    sketch.polygon([place(0, -80), (0, -80), (0, -368), place(0, -330)], side)
    quad(0, 6, -80, -20, (50, 50, 56))
    # The roof rises behind the face, so no gap shows between its rounded corner and the flank.
    sketch.polygon(
        [(0, -371), (-half_width + 40, -371), place(6, -372), place(6, -320), place(0, -318), (0, -318)],
        shade(paint, 0.68),
    )
    quad(0, 6, -326, -72, side)
    quad(0, 6, -170, -140, second)
    quad(0, 6, -110, -72, _DARK)
    start = 0.1
    for _ in range(12):
        end = start + 0.13 + 0.1 * start
        quad(start, end, -290, -200, glass)
        start = end + 0.05 + 0.06 * start
    for joint in (1.1, 3.2):
        quad(joint, joint + 0.09, -330, -60, (50, 50, 56))
    for depth in (0.15, 0.5, 0.9, 1.5):
        x, y = place(depth, -46)
        size = 40 * (1 - 0.9 * depth / (1 + depth))
        sketch.ellipse(x, y, 0.5 * size, size, (84, 80, 82))


# --- aeroplane ------------------------------------------------------------------------------------------------------


def draw_aeroplane(rng: np.random.Generator, view: str) -> Sketch:
    """An airliner, a light aeroplane or, seen obliquely, also a jet fighter."""
    if view == "other":
        return _plane_oblique(rng)
    sketch = _light_plane(rng) if rng.random() < 0.4 else _airliner(rng)
    return sketch


def _airliner(rng: np.random.Generator) -> Sketch:
    """A jet from the side, on its wheels or climbing."""
    length, half = rng.uniform(760, 960), rng.uniform(54, 68)
    paint, second = choose(rng, _LIVERIES, 6), choose(rng, _BRIGHT)
    flying, rear_engine = rng.random() < 0.5, rng.random() < 0.3
    wing = choose(rng, [(178, 184, 192), (206, 210, 214)], 6)
    sketch = Sketch()
    far = [(0.56 * length, -10), (0.45 * length, -30), (0.3 * length, -half - 74), (0.36 * length, -half - 74)]
    sketch.polygon(_corners(far, 6), shade(wing, 0.8))
    if not flying:
        for x in (0.42 * length, 0.85 * length):
            sketch.rectangle(x - 5, 0, x + 5, half + 60, (120, 124, 130))
            _wheel(sketch, x + (14 if x < 0.6 * length else 0), half + 66, 24, 0.5, _CHROME, 0)
    fin = [
        (0.03 * length, -half + 14),
        (-0.05 * length, -half - 150),
        (0.03 * length, -half - 150, 12),
        (0.2 * length, -half + 6),
    ]
    _body(sketch, _corners(fin, 5), second, 0.3, 0.1)
    points = [
        (0, -half + 16),
        (0.2 * length, -half),
        (0.82 * length, -half),
        (0.92 * length, -0.78 * half),
        (0.985 * length, -0.1 * half),
    ]
    points += [
        (0.985 * length, 0.4 * half),
        (0.9 * length, 0.92 * half),
        (0.78 * length, half),
        (0.3 * length, half),
        (0.12 * length, 0.2 * half),
    ]
    body = smooth([*points, (-0.02 * length, -half + 26)])
    _body(sketch, body, paint, 0.3, 0.26)
    if rng.random() < 0.7:
        _band(sketch, body, 0.12 * half, 0.34 * half, second)
    _airliner_openings(sketch, length, half, int(rng.integers(13, 19)), shade(paint, 0.8))
    _airliner_wings(sketch, length, half, wing, second, rear_engine)
    return sketch.transformed(rotation(-rng.uniform(4, 18))) if flying else sketch


def _airliner_openings(sketch: Sketch, length: float, half: float, count: int, door: Colour) -> None:
    """Cabin windows, doors and the cockpit's window."""
    for x in np.linspace(0.2 * length, 0.78 * length, count):
        sketch.rectangle(x, -0.36 * half, x + 0.018 * length, -0.36 * half + 17, (62, 84, 108), 6)
    for x in (0.14, 0.83):
        sketch.rectangle(x * length, -0.5 * half, (x + 0.027) * length, 0.3 * half, door, 5)
    cockpit = [
        (0.895 * length, -0.66 * half),
        (0.925 * length, -0.68 * half),
        (0.962 * length, -0.3 * half),
        (0.9 * length, -0.3 * half),
    ]
    _glass(sketch, _corners(cockpit, 5), (52, 70, 92), glint=False)


def _airliner_wings(
    sketch: Sketch, length: float, half: float, wing: Colour, second: Colour, rear_engine: bool
) -> None:
    """The near wing and tailplane, and an engine under the wing or at the tail."""
    tail = [
        (0.15 * length, -0.5 * half),
        (0.05 * length, -0.5 * half),
        (-0.06 * length, 0.1 * half),
        (-0.01 * length, 0.14 * half),
    ]
    _body(sketch, _corners(tail, 5), wing, 0.4, 0)
    engine = (0.14 * length, -0.42 * half) if rear_engine else (0.47 * length, 1.02 * half)
    x, y = engine
    if not rear_engine:
        sketch.polygon([(x + 20, y), (x + 70, y - 30), (x + 110, y - 22), (x + 90, y + 4)], shade(wing, 0.7))
    pod = _corners([(x, y - 16, 10), (x + 110, y - 26, 12), (x + 128, y, 20), (x + 110, y + 26, 12), (x, y + 16, 10)])
    sketch.polygon([(x - 22, y - 8), (x + 4, y - 14), (x + 4, y + 14), (x - 22, y + 8)], (96, 98, 104))
    _body(sketch, pod, second, 0.35, 0.3)
    sketch.ellipse(x + 112, y, 10, 25, (70, 74, 82))
    near = [
        (0.6 * length, 0.42 * half),
        (0.36 * length, 0.42 * half),
        (0.17 * length, half + 84, 4),
        (0.24 * length, half + 90, 8),
    ]
    outline = _corners(near, 4)
    _body(sketch, outline, wing, 0.3, 0.2)
    start, end = (0.38 * length, 0.62 * half), (0.205 * length, half + 74)
    sketch.line([start, end], 2, shade(wing, 0.7))


def _light_plane(rng: np.random.Generator) -> Sketch:
    """A propeller aeroplane from the side: high wing, low wing or biplane."""
    kind = _pick(rng, "high", "low", "biplane")
    paint, second = choose(rng, _LIVERIES + _BRIGHT), choose(rng, _BRIGHT)
    glass, dark, wing = choose(rng, _GLASS, 6), (58, 60, 66), shade(paint, 0.92)
    sketch = Sketch()
    for x, y in ((560, 112), (420, 112)) if kind == "high" else ((470, 112),):
        sketch.limb((x - 14, 44), (x, y), 12, 9, (130, 134, 140))
        _wheel(sketch, x, y, 27, 0.5, _CHROME, 0)
    if kind != "high":
        sketch.limb((30, 4), (20, 36), 6, 5, dark).ellipse(20, 38, 10, 10, _TYRE)
    fin = [(8, -16), (-34, -120, 16), (30, -128, 22), (120, -26)]
    _body(sketch, _corners(fin), second, 0.2, 0.1)
    outline = [
        (-14, -18),
        (130, -30),
        (300, -52),
        (470, -50),
        (600, -38),
        (634, -6),
        (620, 40),
        (540, 62),
        (340, 60),
        (120, 20),
        (-8, 2),
    ]
    body = smooth(outline)
    _body(sketch, body, paint, 0.3, 0.3)
    _band(sketch, body, -6, 14 + rng.uniform(0, 12), second)
    sketch.line([(566, -36), (566, 54)], 2, shade(paint, 0.6))
    _light_plane_wings(sketch, kind, wing, paint, glass)
    tail = _corners([(-40, -24), (96, -30, 8), (96, -16, 6), (-36, -10, 6)], 6)
    _body(sketch, tail, wing, 0.4, 0.2)
    sketch.polygon(_corners([(626, -22), (668, -2, 8), (626, 18)], 4), second)
    sketch.ellipse(646, -60, 7, 52, dark, angle=3).ellipse(646, 56, 7, 52, dark, angle=3)
    return sketch.transformed(rotation(-rng.uniform(0, 14))) if rng.random() < 0.5 else sketch


def _light_plane_wings(sketch: Sketch, kind: str, wing: Colour, paint: Colour, glass: Colour) -> None:
    """Cabin and wings of a propeller aeroplane, from its side."""
    if kind == "biplane":
        sketch.polygon(_corners([(366, -44), (378, -80), (392, -80, 4), (410, -44)], 4), glass)
        sketch.ellipse(330, -48, 34, 10, (50, 44, 42))
        for x in (380, 500):
            sketch.line([(x - 16, 44), (x + 14, -126)], 7, shade(paint, 0.55))
        for x0, y in ((356, -136), (330, 40)):
            _body(
                sketch,
                _corners([(x0, y), (x0 + 170, y - 14, 14), (x0 + 204, y + 4, 8), (x0, y + 14, 6)], 6),
                wing,
                0.4,
                0.3,
            )
        return
    canopy = [(250, -46), (330, -108, 26), (440, -108, 20), (500, -46)]
    _body(sketch, _corners(canopy), paint, 0.15, 0)
    pane = _corners([(300, -50), (344, -98), (432, -98), (478, -50)], 9)
    _glass(sketch, pane, glass)
    sketch.rectangle(382, -100, 391, -48, paint).rectangle(391, -48, 393, 46, shade(paint, 0.6))
    if kind == "high":
        sketch.limb((430, 40), (400, -106), 8, 7, shade(wing, 0.75))
        top = _corners([(280, -112), (310, -126, 10), (470, -130, 14), (490, -114, 8), (470, -102, 8)], 6)
        _body(sketch, top, wing, 0.4, 0.3)
    else:
        near = _corners([(270, 26), (492, 32, 14), (400, 88, 10), (300, 88, 8)], 6)
        _body(sketch, near, wing, 0.3, 0.2)


def _plane_oblique(rng: np.random.Generator) -> Sketch:
    """An aeroplane in a turn, seen from below or above: its plan, turned and foreshortened."""
    kind = _pick(rng, "airliner", "airliner", "light", "fighter")
    paint, second = choose(rng, _LIVERIES, 6), choose(rng, _BRIGHT)
    if kind == "fighter":
        paint = choose(rng, [(128, 138, 148), (150, 156, 160), (112, 120, 104)])
        second = shade(paint, 0.8)
    plan = {"airliner": _airliner_plan, "light": _light_plan, "fighter": _fighter_plan}[kind](rng, paint, second)
    squash, heading, bank = rng.uniform(0.5, 0.85), rng.uniform(15, 105), rng.uniform(-25, 20)
    flat = np.diag([1.0, squash]) @ rotation(heading)[:, :2]
    sketch = plan.transformed(np.column_stack([flat, np.zeros(2)]))
    # The fin stands upright on the plan, so it is seen the longer the flatter the view is.
    rise = np.array([0, -(150 if kind == "airliner" else 110) * np.sqrt(1 - squash**2)])
    base = [flat @ np.array(point) for point in ((0, 290), (0, 420))]
    tops = [flat @ np.array((0, 400)) + rise, flat @ np.array((0, 450)) + rise]
    sketch.polygon([base[0], tops[0], tops[1], base[1]], shade(second, 0.9))
    return sketch.transformed(rotation(bank))


def _airliner_plan(rng: np.random.Generator, paint: Colour, second: Colour) -> Sketch:
    """An airliner from above, its nose up the page."""
    sweep, span = rng.uniform(130, 210), rng.uniform(400, 480)
    wing = choose(rng, [(178, 184, 192), (206, 210, 214)], 6)
    half, engines = Sketch(), Sketch()
    outline = [(30, -130), (span, sweep - 40, 14), (span + 12, sweep + 14, 10), (150, 90, 30), (30, 96)]
    half.polygon(_corners(outline), wing)
    half.polygon(
        [(30, 60), (150, 62), (span, sweep - 4), (span + 8, sweep + 14), (150, 90), (30, 96)], shade(wing, 0.82)
    )
    half.polygon(_corners([(14, 330), (160, 410, 10), (164, 444, 8), (14, 400)]), wing)
    for x in (150,) if rng.random() < 0.7 else (130, 270):
        y = -130 + (x - 30) * (sweep + 90) / (span - 30)
        engines.rectangle(x - 22, y - 56, x + 22, y + 40, second, 16).rectangle(
            x - 20, y - 58, x + 20, y - 44, (74, 78, 86), 8
        )
    half.rectangle(span - 4, sweep - 30, span + 12, sweep + 14, second, 5)
    sketch = Sketch()
    _both_sides(sketch, engines)
    _both_sides(sketch, half)
    body = smooth(
        [
            (0, -480),
            (34, -430),
            (50, -340),
            (50, 180),
            (34, 330),
            (8, 460),
            (-8, 460),
            (-34, 330),
            (-50, 180),
            (-50, -340),
            (-34, -430),
        ]
    )
    sketch.polygon(body, paint).polygon(_clip(body, (1, 0), -18), shade(paint, 0.82))
    sketch.polygon(_clip(_clip(body, (-1, 0), 0), (1, 0), 20), shade(paint, 1.6))
    _stroke(sketch, body, 4, shade(paint, 0.62), closed=True)
    sketch.polygon(_corners([(-30, -420), (-18, -444), (18, -444), (30, -420), (0, -412)], 4), (52, 70, 92))
    return sketch


def _light_plan(rng: np.random.Generator, paint: Colour, second: Colour) -> Sketch:
    """A propeller aeroplane with straight wings from above, its nose up the page."""
    paint, span = choose(rng, _LIVERIES + _BRIGHT), rng.uniform(380, 460)
    half = Sketch().polygon(_corners([(0, -190), (span, -160, 30), (span, -50, 30), (0, -30)]), paint)
    half.polygon([(120, -70), (span - 16, -76), (span - 18, -52), (120, -40)], shade(paint, 0.82))
    half.polygon(_corners([(span - 70, -166), (span, -160, 30), (span, -50, 30), (span - 70, -46)]), second)
    half.polygon(_corners([(0, 330), (150, 346, 20), (150, 404, 14), (0, 412)]), paint)
    sketch = Sketch()
    sketch.ellipse(0, -352, 96, 9, (58, 60, 66))
    _both_sides(sketch, half)
    body = smooth(
        [
            (0, -350),
            (40, -330),
            (52, -220),
            (50, -60),
            (24, 200),
            (8, 420),
            (-8, 420),
            (-24, 200),
            (-50, -60),
            (-52, -220),
            (-40, -330),
        ]
    )
    sketch.polygon(body, shade(paint, 0.92)).polygon(_clip(body, (1, 0), -12), shade(paint, 0.76))
    _stroke(sketch, body, 4, shade(paint, 0.55), closed=True)
    sketch.polygon(_corners([(-36, -204), (36, -204), (40, -150), (-40, -150)], 10), (70, 92, 112))
    sketch.ellipse(0, -350, 18, 20, second)
    return sketch


def _fighter_plan(rng: np.random.Generator, paint: Colour, second: Colour) -> Sketch:
    """A jet fighter with swept or delta wings from above, its nose up the page."""
    span = rng.uniform(270, 320)
    half = Sketch().polygon([(30, -180), (span, 170), (span, 230), (40, 250)], paint)
    half.polygon([(40, 200), (span, 200), (span, 230), (40, 250)], second)
    half.polygon([(30, 290), (150, 400), (150, 440), (30, 420)], shade(paint, 0.92))
    half.rectangle(span - 8, 120, span + 5, 246, shade(paint, 0.7), 6)
    half.polygon([(20, -160), (64, -130), (60, 300), (20, 320)], shade(paint, 0.86))
    sketch = Sketch()
    _both_sides(sketch, half)
    body = smooth(
        [(0, -470), (20, -380), (40, -240), (46, 100), (36, 440), (-36, 440), (-46, 100), (-40, -240), (-20, -380)]
    )
    sketch.polygon(body, paint).polygon(_clip(body, (1, 0), -14), shade(paint, 0.82))
    _stroke(sketch, body, 4, shade(paint, 0.6), closed=True)
    sketch.ellipse(0, 448, 32, 18, (60, 60, 66))
    sketch.polygon(smooth([(0, -360), (20, -290), (16, -200), (-16, -200), (-20, -290)]), (64, 84, 98))
    return sketch.polygon(smooth([(4, -344), (12, -290), (8, -230), (2, -290)]), (150, 170, 180))


# --- boat -----------------------------------------------------------------------------------------------------------


def draw_boat(rng: np.random.Generator, view: str) -> Sketch:
    """A sailing boat, motor boat, rowing boat or fishing vessel; the bow is on the right."""
    del view
    kind = _pick(rng, "sail", "sail", "motor", "rowing", "fishing")
    drawer = {"sail": _sailing_boat, "motor": _motor_boat, "rowing": _rowing_boat, "fishing": _fishing_boat}[kind]
    return drawer(rng)


def _hull(sketch: Sketch, points: Iterable[Sequence[float]], paint: Colour, bottom: Colour, line: float) -> np.ndarray:
    """A hull with its bottom paint below the height `line`."""
    outline = _corners(points)
    sketch.polygon(outline, paint)
    deepest = outline[:, 1].max()
    _band(sketch, outline, line, deepest, bottom)
    _band(sketch, outline, line - 7, line, (240, 240, 236))
    _band(sketch, outline, line + 0.5 * (deepest - line), deepest, _DARK)
    _stroke(sketch, outline, 3.4, shade(paint, 0.55), closed=True)
    return outline


def _sailing_boat(rng: np.random.Generator) -> Sketch:
    """A yacht or dinghy with a mainsail and a jib."""
    length, mast = rng.uniform(440, 560), rng.uniform(560, 700)
    paint, bottom = choose(rng, _LIVERIES + _PAINTS), choose(rng, _BRIGHT)
    sail = choose(rng, [(250, 248, 242), (250, 248, 242), (238, 222, 190), *_BRIGHT])
    second = choose(rng, [(250, 248, 242), *_BRIGHT])
    foot, timber = 0.54 * length, (120, 84, 54) if rng.random() < 0.5 else (170, 174, 180)
    sketch = Sketch()
    sketch.line([(foot, -mast), (length - 4, -76)], 2.5, (90, 92, 98)).line(
        [(foot, -mast), (10, -66)], 2.5, (90, 92, 98)
    )
    cabin = _corners(
        [(0.34 * length, -60), (0.36 * length, -106, 12), (0.66 * length, -98, 20), (0.76 * length, -60)], 2
    )
    _body(sketch, cabin, (238, 234, 224), 0.3, 0.2)
    for share in (0.42, 0.51, 0.6):
        sketch.rectangle(share * length, -90, (share + 0.055) * length, -76, (66, 88, 108), 6)
    points = [
        (0, -66, 4),
        (0.5 * length, -58, 60),
        (length + 10, -78, 4),
        (0.86 * length, 2, 50),
        (0.08 * length, 2, 24),
    ]
    _hull(sketch, points, paint, bottom, -20)
    sketch.limb((foot, -60), (foot, -mast - 12), 11, 7, timber)
    _sails(rng, sketch, length, mast, sail, second)
    sketch.limb((foot + 4, -124), (0.04 * length, -118), 9, 7, timber)
    flag = [(foot, -mast - 12), (foot - 46, -mast - 2), (foot, -mast + 10)]
    return sketch.polygon(flag, choose(rng, _BRIGHT))


def _sails(rng: np.random.Generator, sketch: Sketch, length: float, mast: float, sail: Colour, second: Colour) -> None:
    """A bellied mainsail with battens, and a jib before the mast."""
    foot = 0.54 * length
    belly = rng.uniform(0.1, 0.2)
    leech = [(foot - 8, -mast + 14), (foot - (0.16 + belly) * length, -0.6 * mast), (0.05 * length, -134)]
    main = np.concatenate([smooth(leech, closed=False), [(foot - 8, -134)]])
    sketch.polygon(main, sail)
    part = _clip(main, (-1, 0), -(foot - 0.14 * length))
    sketch.polygon(part, shade(sail, 0.92))
    if rng.random() < 0.5:
        _band(sketch, main, -0.5 * mast, -0.38 * mast, second)
    for share in (0.75, 0.56, 0.38):
        row = _clip(_clip(main, (0, -1), share * mast + 1.5), (0, 1), -share * mast + 1.5)
        sketch.polygon(row, shade(sail, 0.78))
    _stroke(sketch, main, 2.4, shade(sail, 0.68), closed=True)
    high = rng.uniform(0.7, 0.94) * mast
    luff = [(foot + 10, -high), (foot + 0.26 * length, -0.46 * high), (length - 14, -92)]
    leech = [(length - 14, -92), (foot + 0.2 * length, -104), (foot + 12, -112), (foot + 0.06 * length, -0.5 * high)]
    jib = np.concatenate([smooth(luff, closed=False), smooth([*leech, (foot + 10, -high)], closed=False)])
    sketch.polygon(jib, shade(second, 1.1))
    sketch.polygon(_clip(jib, (1, 0), foot + 0.1 * length), shade(second, 0.92))
    _stroke(sketch, jib, 2.4, shade(second, 0.66), closed=True)


def _motor_boat(rng: np.random.Generator) -> Sketch:
    """A speedboat with an outboard engine, or a cabin cruiser."""
    length, cruiser = rng.uniform(520, 640), rng.random() < 0.5
    paint, bottom, glass = choose(rng, _LIVERIES + _PAINTS), choose(rng, _BRIGHT), choose(rng, _GLASS, 6)
    sketch, white = Sketch(), (242, 242, 238)
    if cruiser:
        cabin = [(0.16 * length, -100), (0.18 * length, -190, 14), (0.5 * length, -190, 20), (0.66 * length, -100)]
        _body(sketch, _corners(cabin, 2), white, 0.2, 0.1)
        _panes(sketch, 0.2 * length, 0.46 * length, -172, -128, 3, 10, glass)
        _glass(
            sketch,
            _corners([(0.49 * length, -128), (0.49 * length, -172), (0.53 * length, -172), (0.6 * length, -128)], 4),
            glass,
        )
        sketch.rectangle(0.14 * length, -200, 0.54 * length, -188, shade(white, 0.85), 5)
        sketch.limb((0.3 * length, -198), (0.28 * length, -268), 6, 4, (120, 124, 130))
        sketch.rectangle(0.25 * length, -256, 0.32 * length, -246, white, 4)
        sketch.line(
            [(0.68 * length, -108), (0.7 * length, -140), (0.95 * length, -144), (0.99 * length, -116)], 4, _CHROME
        )
        sketch.line([(0.82 * length, -142), (0.82 * length, -108)], 3.5, _CHROME)
    else:
        screen = _corners(
            [(0.42 * length, -96), (0.46 * length, -150, 6), (0.52 * length, -148, 6), (0.64 * length, -92)], 3
        )
        _glass(sketch, screen, (*glass[:3], 215))
        _stroke(sketch, screen, 4, (90, 94, 100), closed=True)
        for x in (0.2, 0.34):
            sketch.rectangle(x * length, -132, (x + 0.05) * length, -80, shade(bottom, 0.9), 9)
    sketch.rectangle(-44, -140, 8, -78, (54, 56, 62), 14).rectangle(-30, -84, -12, 10, (54, 56, 62), 4)
    sketch.rectangle(-44, -122, 8, -112, bottom)
    points = [
        (0, -86, 6),
        (0.4 * length, -94, 60),
        (length + 24, -122, 5),
        (0.8 * length, -4, 90),
        (0.02 * length, 2, 12),
    ]
    outline = _hull(sketch, points, paint, bottom, -26)
    _band(sketch, outline, -72, -56, bottom)
    return sketch


def _rowing_boat(rng: np.random.Generator) -> Sketch:
    """An open boat seen a little from above: the inside, the thwarts and two oars."""
    length, paint = rng.uniform(460, 540), choose(rng, _WOODS + _PAINTS)
    inside = choose(rng, _WOODS)
    rim = shade(paint, 0.65)
    sketch, oar = Sketch(), (206, 166, 110)
    sketch.limb((0.62 * length, -84), (0.44 * length, -168), 7, 7, shade(oar, 0.85))
    sketch.limb((0.44 * length, -168), (0.36 * length, -206), 9, 20, shade(oar, 0.85))
    deck = smooth(
        [(0, -92), (0.16 * length, -118), (0.5 * length, -122), (0.82 * length, -116), (length, -106)], closed=False
    )
    near = smooth(
        [(length, -106), (0.8 * length, -76), (0.5 * length, -62), (0.16 * length, -66), (0, -92)], closed=False
    )
    keel = smooth(
        [(0, -92), (0.05 * length, -34), (0.2 * length, -2), (0.76 * length, 0), (0.92 * length, -42), (length, -106)],
        closed=False,
    )
    hull = np.concatenate([keel, near])
    sketch.polygon(np.concatenate([deck, near]), shade(inside, 0.62))
    for share in (0.22, 0.5, 0.76):
        x = share * length
        sketch.polygon([(x - 6, -120), (x + 32, -120), (x + 24, -62), (x - 14, -62)], shade(inside, 1.15))
        sketch.polygon([(x + 24, -62), (x + 32, -120), (x + 38, -116), (x + 31, -62)], shade(inside, 0.45))
    _stroke(sketch, deck, 8, shade(rim, 1.1))
    sketch.polygon(hull, paint)
    for level in (0.36, 0.7):
        plank = (
            near * (1, 1 - level)
            + (0, -0.02 * level)
            + np.column_stack([0.5 * level * 0.12 * (0.5 * length - near[:, 0]), 0 * near[:, 0]])
        )
        _stroke(sketch, plank[4:-4], 3, shade(paint, 0.7))
    _band(sketch, hull, -26, 4, _DARK)
    _stroke(sketch, near, 9, rim)
    sketch.limb((0.52 * length, -118), (0.4 * length, -54), 8, 8, oar).limb(
        (0.4 * length, -54), (0.3 * length, 14), 8, 8, oar
    )
    sketch.limb((0.3 * length, 12), (0.265 * length, 36), 12, 24, oar)
    return sketch.ellipse(0.405 * length, -64, 8, 9, (70, 72, 78))


def _fishing_boat(rng: np.random.Generator) -> Sketch:
    """A small trawler: high bow, wheelhouse, mast with derrick, and a rail."""
    length, paint = rng.uniform(520, 620), choose(rng, _BRIGHT + _PAINTS)
    bottom, glass, steel = (
        choose(rng, [(150, 44, 40), (40, 44, 52), (36, 92, 70)]),
        choose(rng, _GLASS, 6),
        (112, 96, 80),
    )
    forward = rng.random() < 0.5
    house = (0.5 if forward else 0.14) * length
    mast = (0.3 if forward else 0.6) * length
    sketch = Sketch()
    sketch.line([(mast, -360), (length - 8, -150)], 2.5, (80, 82, 88)).line([(mast, -360), (8, -96)], 2.5, (80, 82, 88))
    sketch.limb((mast, -90), (mast, -376), 11, 7, steel)
    tip = mast - 0.24 * length if forward else mast + 0.24 * length
    sketch.limb((mast, -140), (tip, -280), 8, 6, steel).line(
        [(mast, -350), (tip, -280), (tip, -120)], 2.5, (80, 82, 88)
    )
    width = 0.24 * length
    wall = _corners([(house, -86), (house + 4, -222, 8), (house + width, -222, 8), (house + width + 8, -86)], 2)
    _body(sketch, wall, (240, 238, 230), 0.12, 0.2)
    _panes(sketch, house + 14, house + width - 8, -204, -158, 3, 9, glass)
    sketch.rectangle(house - 10, -236, house + width + 14, -220, choose(rng, _BRIGHT), 5)
    sketch.rectangle(house + 16, -146, house + 48, -86, shade(paint, 0.8), 4)
    sketch.rectangle(house + 20, -272, house + 48, -232, shade(paint, 0.9), 3).rectangle(
        house + 18, -276, house + 50, -264, (44, 44, 48)
    )
    other = house + width + 60 if not forward else 0.12 * length
    for i in range(3):
        colour = choose(rng, [(214, 140, 60), (70, 120, 160), (180, 64, 54)])
        sketch.rectangle(other - 40 + 38 * i, -124, other - 6 + 38 * i, -80, colour, 3)
    points = [
        (0, -104, 6),
        (0.4 * length, -84, 120),
        (0.74 * length, -100, 90),
        (length + 14, -162, 4),
        (0.9 * length, 0, 60),
        (0.06 * length, 2, 40),
    ]
    outline = _hull(sketch, points, paint, bottom, -30)
    _stroke(sketch, outline[5:16] + (0, 4), 9, (238, 234, 222))
    for share in (0.3, 0.5, 0.7):
        sketch.ring(share * length, -58, 15, 6, (40, 40, 44))
    return sketch


# --- bicycle --------------------------------------------------------------------------------------------------------


class _BicycleShape(NamedTuple):
    """Places of a bicycle's joints; the rear wheel's axle is at x = 0."""

    radius: float
    base: float
    crank: Point
    seat: Point
    head: Point
    steer: Point


def draw_bicycle(rng: np.random.Generator, view: str) -> Sketch:
    """A racing, city, step-through or mountain bicycle without a rider; "other" is seen at a slant."""
    kind = _pick(rng, "race", "city", "step", "mountain")
    radius = rng.uniform(32, 35)
    base = rng.uniform(98, 106) + (8 if kind in ("step", "mountain") else 0)
    height = rng.uniform(50, 56) if kind == "mountain" else rng.uniform(56, 62)
    angle = rng.uniform(0.26, 0.36)
    crank = (0.42 * base, -radius + 5)
    seat = (crank[0] - angle * height, crank[1] - height)
    steer = (base - 0.3 * (height + 8) - 3, crank[1] - height - (8 if kind != "race" else 2))
    head = (steer[0] + 5, steer[1] + 14)
    shape = _BicycleShape(radius, base, crank, seat, head, steer)
    paint = choose(rng, _PAINTS)
    sketch = Sketch()
    _bicycle_wheels(rng, sketch, shape, kind)
    _bicycle_extras(rng, sketch, shape, kind, paint)
    _bicycle_frame(sketch, shape, kind, paint)
    _bicycle_handlebar(sketch, shape, kind)
    _bicycle_drive(rng, sketch, shape)
    if view == "other":
        slant = np.array([[rng.uniform(0.6, 0.78), 0, 0], [rng.uniform(-0.2, 0.2), 1, 0]])
        return sketch.transformed(slant)
    return sketch


def _bicycle_wheels(rng: np.random.Generator, sketch: Sketch, shape: _BicycleShape, kind: str) -> None:
    """Two wheels of tyre, rim, spokes and hub; the ground shows between the spokes."""
    tyre = {"race": 2.4, "city": 3.4, "step": 3.6, "mountain": 5.2}[kind]
    tan_wall = rng.random() < 0.25
    spokes, turn = int(rng.integers(5, 8)), rng.uniform(0, 3)
    for x in (0.0, shape.base):
        for angle in turn + np.linspace(0, np.pi, spokes, endpoint=False):
            side = (shape.radius - 2) * np.array([np.cos(angle), np.sin(angle)])
            _stroke(sketch, [(x, -shape.radius) + side, (x, -shape.radius) - side], 0.7, (150, 154, 160))
        sketch.ring(x, -shape.radius, shape.radius, tyre, (36, 36, 40), 40)
        if tan_wall:
            sketch.ring(x, -shape.radius, shape.radius - 0.6 * tyre, 0.4 * tyre, (196, 160, 110), 40)
        sketch.ring(x, -shape.radius, shape.radius - tyre + 0.3, 1.6, (176, 180, 186), 40)
        sketch.ellipse(x, -shape.radius, 3.2, 3.2, (120, 124, 130))


def _bicycle_frame(sketch: Sketch, shape: _BicycleShape, kind: str, paint: Colour) -> None:
    """The tubes, the fork, the seat post and the saddle."""
    axle, front = (0.0, -shape.radius), (shape.base, -shape.radius)
    dark, width = shade(paint, 0.72), 4.4 if kind == "mountain" else 3.6
    for start, end in ((shape.crank, axle), (shape.seat, axle)):
        sketch.line([start, end], 0.62 * width, dark)
    middle = (
        shape.crank[0] + 0.34 * (shape.seat[0] - shape.crank[0]),
        shape.crank[1] + 0.34 * (shape.seat[1] - shape.crank[1]),
    )
    if kind == "step":
        low = [shape.head, (shape.head[0] - 16, shape.head[1] + 24), (middle[0] + 12, middle[1] + 2), middle]
        _stroke(sketch, smooth(low, closed=False), width, paint)
    else:
        sketch.line([(shape.seat[0] + 1, shape.seat[1] + 6), (shape.head[0] - 4, shape.head[1] - 10)], width, paint)
    sketch.line([(shape.head[0] + 1, shape.head[1]), shape.crank], 1.1 * width, paint)
    sketch.line([shape.crank, shape.seat], width, paint)
    knee = (shape.head[0] + 0.72 * (front[0] - shape.head[0]) - 2, shape.head[1] + 0.75 * (front[1] - shape.head[1]))
    fork = smooth([shape.head, knee, front], closed=False)
    _stroke(sketch, fork, 0.9 * width, (70, 72, 78) if kind == "mountain" else dark)
    sketch.limb(shape.steer, shape.head, 1.3 * width, 1.3 * width, paint)
    post = (shape.seat[0] - 2.6, shape.seat[1] - 9)
    sketch.limb(shape.seat, post, 2.8, 2.8, _CHROME)
    x, y = post
    rise = 1 if kind in ("race", "mountain") else 3
    saddle = [
        (x - 11, y - 4),
        (x - 4, y - 4.5),
        (x + 15, y - 3.4),
        (x + 16, y - 1.4),
        (x + 2, y + 0.5),
        (x - 8, y + rise),
        (x - 12, y),
    ]
    sketch.blob(saddle, (92, 58, 40) if kind in ("city", "step") else (32, 32, 36), 4)


def _bicycle_handlebar(sketch: Sketch, shape: _BicycleShape, kind: str) -> None:
    """Stem, bar and grip, or a racing bicycle's drop bar."""
    x, y = shape.steer
    tape, steel = (34, 34, 38), shade(_CHROME, 0.85)
    if kind == "race":
        _stroke(sketch, [(x, y), (x - 2, y - 4), (x + 10, y - 6)], 2.6, steel)
        bar = [(x + 9, y - 6), (x + 18, y - 6), (x + 22, y + 1), (x + 16, y + 9), (x + 7, y + 10)]
        _stroke(sketch, smooth(bar, closed=False), 3, tape)
        sketch.limb((x + 20, y - 5), (x + 23, y + 6), 2.6, 1.4, steel)
    elif kind == "mountain":
        _stroke(sketch, [(x, y), (x - 2, y - 6), (x + 9, y - 10)], 3.2, steel)
        sketch.limb((x + 10, y - 10), (x - 3, y - 11.5), 3.4, 3.8, tape)
    else:
        _stroke(
            sketch,
            smooth([(x, y), (x - 3, y - 14), (x + 6, y - 18), (x + 1, y - 20), (x - 10, y - 17)], closed=False),
            2.6,
            steel,
        )
        sketch.limb((x - 6, y - 18), (x - 15, y - 15), 3.6, 4, tape)


def _bicycle_drive(rng: np.random.Generator, sketch: Sketch, shape: _BicycleShape) -> None:
    """Chain, chain ring, cranks and pedals."""
    x, y = shape.crank
    dark, turn = (58, 60, 66), rng.uniform(-0.6, 0.9)
    for level, start in ((-1, -3), (1, 3)):
        _stroke(sketch, [(x, y + 8 * level), (0, -shape.radius + start)], 1.1, dark)
    sketch.ring(x, y, 9, 2.2, (96, 98, 104), 24).ellipse(x, y, 3.4, 3.4, dark)
    for side in (1, -1):
        tip = (x + 16 * side * np.cos(turn), y + 16 * side * np.sin(turn))
        sketch.limb((x, y), tip, 3, 2.4, _CHROME if side > 0 else dark)
        sketch.rectangle(tip[0] - 5, tip[1] - 1.6, tip[0] + 5, tip[1] + 1.8, (30, 30, 34), 1.2)


def _bicycle_extras(rng: np.random.Generator, sketch: Sketch, shape: _BicycleShape, kind: str, paint: Colour) -> None:
    """Mudguards, carrier, lamp and basket of a city bicycle; a bottle on the others."""
    if kind in ("race", "mountain"):
        if rng.random() < 0.5:
            x, y = shape.crank[0] + 14, shape.crank[1] - 24
            sketch.limb((x, y), (x + 9, y - 13), 6, 6, choose(rng, _BRIGHT))
        return
    guard = shade(paint, 0.8) if rng.random() < 0.6 else (60, 62, 68)
    for x, first, last in ((0.0, 170, 310), (shape.base, 190, 300)):
        angles = np.radians(np.linspace(first, last, 16))
        arc = np.column_stack([np.cos(angles), np.sin(angles)]) * (shape.radius + 2.6) + (x, -shape.radius)
        _stroke(sketch, arc, 2.4, guard)
    y = -2 * shape.radius - 7
    if rng.random() < 0.7:
        sketch.line([(-26, y), (shape.seat[0] + 4, y)], 2.2, (66, 68, 74)).line(
            [(-18, y), (0, -shape.radius)], 1.5, (66, 68, 74)
        )
    sketch.rectangle(-34, y + 14, -29, y + 20, _TAIL_LAMP, 1.5)
    x, y = shape.steer
    if rng.random() < 0.5:
        basket = [(x + 6, y - 16), (x + 34, y - 16), (x + 30, y + 6), (x + 9, y + 6)]
        sketch.polygon(_corners(basket, 2), (166, 122, 72))
        for level in (-11, -5, 1):
            sketch.rectangle(x + 9, y + level, x + 31, y + level + 1.4, (118, 82, 46))
    else:
        sketch.limb((x + 2, y + 6), (x + 10, y + 4), 2, 2, (66, 68, 74)).ellipse(x + 12, y + 3, 4, 4.6, _LAMP)


# --- motorbike ------------------------------------------------------------------------------------------------------


def draw_motorbike(rng: np.random.Generator, view: str) -> Sketch:
    """A classic, sports or off-road motorbike or a scooter."""
    if view == "frontal":
        return _motorbike_front(rng)
    kind = _pick(rng, "classic", "sport", "dirt", "scooter")
    paint = choose(rng, _BRIGHT + _PAINTS)
    if kind == "scooter":
        return _scooter_side(rng, paint)
    sketch, base = Sketch(), rng.uniform(140, 152)
    radius = 33.0 if kind != "dirt" else 36.0
    steer = (base - 40 if kind != "classic" else base - 50, -94.0)
    front = (base, -radius)
    for x in (0.0, base):
        _motorbike_wheel(sketch, x, radius, kind, shade(paint, 0.9) if kind == "sport" else _CHROME)
    sketch.limb((46, -36), (0, -radius), 10, 7, (82, 84, 90))
    _motorbike_engine(sketch, base)
    sketch.line([steer, (0.5 * base + 8, -28)], 7, (60, 62, 68)).line([steer, (46, -68), (46, -34)], 6, (60, 62, 68))
    sketch.limb(steer, front, 6.5, 8.5, _CHROME if kind == "classic" else (200, 168, 92))
    sketch.limb((44, -64), (16, -radius + 2), 6, 6, (150, 152, 158))
    {"classic": _classic_body, "sport": _sport_body, "dirt": _dirt_body}[kind](rng, sketch, base, steer, paint)
    return sketch


def _motorbike_wheel(sketch: Sketch, x: float, radius: float, kind: str, rim: Colour) -> None:
    """A wide tyre on a spoked or cast wheel, with a brake disc."""
    sketch.ring(x, -radius, radius, 9.5, _TYRE, 40)
    sketch.ring(x, -radius, radius - 9, 3, rim, 36)
    if kind == "sport":
        for angle in np.linspace(0.3, 0.3 + 2 * np.pi, 5, endpoint=False):
            tip = (x + (radius - 10) * np.cos(angle), -radius + (radius - 10) * np.sin(angle))
            sketch.limb((x, -radius), tip, 6, 4, shade(rim, 0.85))
    else:
        for angle in np.linspace(0, np.pi, 6, endpoint=False):
            side = (radius - 10) * np.array([np.cos(angle), np.sin(angle)])
            _stroke(sketch, [(x, -radius) + side, (x, -radius) - side], 1.2, (168, 170, 176))
    sketch.ring(x, -radius, 13, 4, (138, 140, 146), 24).ellipse(x, -radius, 5, 5, (70, 72, 78))


def _motorbike_engine(sketch: Sketch, base: float) -> None:
    """Crankcase, finned cylinder and exhaust."""
    x = 0.5 * base
    sketch.blob(
        [(x - 24, -24), (x - 22, -46), (x + 8, -50), (x + 22, -40), (x + 20, -20), (x - 4, -16)], (92, 94, 100), 4
    )
    sketch.polygon(_corners([(x - 10, -46), (x - 4, -72), (x + 22, -68), (x + 18, -42)], 4), (116, 118, 124))
    for share in (0.2, 0.4, 0.6, 0.8):
        y = -46 - 24 * share
        sketch.limb((x - 11 + 6 * share, y), (x + 21 + 3 * share, y + 4), 2.2, 2.2, (66, 68, 74))
    sketch.ellipse(x - 8, -32, 12, 12, (150, 152, 158)).ellipse(x - 8, -32, 7, 7, (110, 112, 118))
    pipe = smooth([(x + 20, -60), (x + 34, -44), (x + 24, -20), (x - 10, -15), (x - 30, -16)], closed=False)
    _stroke(sketch, pipe, 5.5, (176, 178, 184))
    sketch.limb((x - 28, -16), (-14, -24), 8, 11, (196, 198, 204)).limb(
        (x - 28, -18), (-12, -26), 2, 3, (236, 238, 240)
    )


def _guard(sketch: Sketch, x: float, radius: float, first: float, last: float, colour: Colour) -> None:
    """A mudguard: an arc around the wheel, from angle to angle in degrees."""
    angles = np.radians(np.linspace(first, last, 14))
    _stroke(sketch, np.column_stack([np.cos(angles), np.sin(angles)]) * (radius + 3) + (x, -radius), 5, colour)


def _classic_body(rng: np.random.Generator, sketch: Sketch, base: float, steer: Point, paint: Colour) -> None:
    """Drop-shaped tank, flat seat, round headlamp and wide handlebar."""
    x, y = steer
    guard = paint if rng.random() < 0.5 else _CHROME
    _guard(sketch, 0, 33, 190, 310, guard)
    _guard(sketch, base, 33, 205, 300, guard)
    tank = smooth([(46, -72), (56, -90), (78, -97), (x - 3, -92), (x + 1, -82), (x - 14, -72)])
    _body(sketch, tank, paint, 0.4, 0.3)
    _stroke(sketch, [(60, -80), (x - 10, -82)], 2.4, shade(paint, 1.6))
    seat = [(-6, -84), (-10, -78), (14, -72), (50, -71), (54, -79), (40, -82), (16, -84)]
    sketch.blob(seat, (62, 42, 34) if rng.random() < 0.5 else (34, 34, 38), 4)
    sketch.polygon(_corners([(18, -70), (48, -70), (44, -50), (26, -50)], 6), shade(paint, 0.8))
    bar = [(x, y), (x + 1, y - 16), (x - 6, y - 22), (x - 16, y - 20)]
    _stroke(sketch, smooth(bar, closed=False), 3.8, (112, 114, 120))
    sketch.limb((x - 12, y - 21), (x - 22, y - 18), 5, 5, (30, 30, 34))
    sketch.limb((x, y - 16), (x + 2, y - 30), 2.6, 2.6, (96, 98, 104)).ellipse(x + 1, y - 32, 6, 5, (60, 62, 68))
    sketch.ellipse(x + 12, y + 2, 11, 10, (60, 62, 68)).ellipse(x + 17, y + 2, 6, 9, _LAMP)
    sketch.rectangle(-24, -80, -14, -72, _TAIL_LAMP, 2)


def _sport_body(rng: np.random.Generator, sketch: Sketch, base: float, steer: Point, paint: Colour) -> None:
    """Full fairing with a small screen, humped tank and a high pointed tail."""
    x, y = steer
    second = choose(rng, _LIVERIES + _BRIGHT)
    _guard(sketch, base, 33, 200, 290, paint)
    tank = smooth([(52, -76), (62, -98), (82, -102), (x - 6, -90), (x - 12, -74)])
    _body(sketch, tank, paint, 0.35, 0.2)
    tail = _corners([(-30, -106, 4), (8, -98, 10), (58, -80, 6), (44, -66, 10), (4, -84, 20)], 3)
    _body(sketch, tail, paint, 0.2, 0.3)
    sketch.blob([(8, -99), (30, -91), (58, -80), (54, -75), (28, -84)], (34, 34, 38), 4)
    fairing = [
        (x + 34, y - 4, 10),
        (x + 12, y - 20, 10),
        (x - 12, y - 6, 8),
        (x - 20, y + 24, 12),
        (52, -40, 10),
        (60, -16, 10),
    ]
    fairing += [(x + 2, -22, 16), (x + 12, -56, 14)]
    stripe = [(x + 18, y + 4), (x - 6, y + 12), (64, -32), (66, -20), (x + 4, y + 30)]
    if rng.random() < 0.5:
        # A half fairing leaves the engine in view.
        fairing = [*fairing[:3], (x - 22, y + 12, 8), (x - 18, y + 36, 10), (x + 8, y + 34, 12)]
        stripe = [(x + 20, y + 2), (x - 10, y + 10), (x - 14, y + 22), (x + 10, y + 18)]
    _body(sketch, _corners(fairing), paint, 0.2, 0.2)
    sketch.polygon(_corners(stripe, 6), second)
    screen = _corners([(x - 10, y - 8), (x - 4, y - 30, 10), (x + 4, y - 30, 10), (x + 22, y - 13)], 3)
    sketch.polygon(screen, (84, 108, 128)).polygon(
        [(x - 4, y - 12), (x, y - 26), (x + 4, y - 26), (x + 6, y - 14)], _LIGHT
    )
    sketch.polygon(_corners([(x + 30, y - 3), (x + 18, y - 10), (x + 12, y - 2), (x + 24, y + 4)], 3), _LAMP)
    sketch.limb((x - 4, y - 8), (x - 18, y - 6), 5, 5, (30, 30, 34))
    sketch.rectangle(-31, -107, -22, -100, _TAIL_LAMP, 2)


def _dirt_body(rng: np.random.Generator, sketch: Sketch, base: float, steer: Point, paint: Colour) -> None:
    """High mudguards, a slim long seat and a number board at the front."""
    x, y = steer
    white = choose(rng, _LIVERIES + _BRIGHT)
    sketch.polygon(
        _corners(
            [(x + 2, y + 14), (x + 16, y + 6, 10), (base + 24, -76, 4), (base + 20, -71, 3), (x + 16, y + 22, 12)], 3
        ),
        paint,
    )
    sketch.polygon(
        _corners([(-32, -99, 3), (-30, -104, 3), (8, -96, 12), (48, -82), (40, -70), (2, -87, 12)], 3), paint
    )
    tank = _corners([(58, -78), (76, -98, 10), (x - 4, -96, 6), (x - 2, -58, 8), (72, -66, 8)], 4)
    _body(sketch, tank, paint, 0.3, 0.3)
    sketch.polygon(_corners([(14, -84), (50, -78), (46, -56), (24, -62)], 6), white)
    sketch.blob([(0, -100), (30, -94), (60, -90), (80, -98), (74, -88), (52, -80), (20, -86)], (34, 34, 38), 4)
    sketch.polygon(_corners([(x + 4, y - 12), (x + 14, y - 14), (x + 22, y + 8), (x + 10, y + 10)], 4), white)
    _stroke(
        sketch, smooth([(x, y), (x + 2, y - 14), (x - 4, y - 19), (x - 14, y - 19)], closed=False), 3.4, (60, 62, 68)
    )
    sketch.limb((x - 8, y - 19), (x - 20, y - 18), 5, 5, (30, 30, 34))


def _scooter_side(rng: np.random.Generator, paint: Colour) -> Sketch:
    """A scooter: leg shield, flat floor, round rear body and small wheels."""
    sketch, base, radius = Sketch(), rng.uniform(116, 126), 23.0
    for x in (0.0, base):
        _wheel(sketch, x, -radius, radius, 0.56, _CHROME, 5 if rng.random() < 0.5 else 0)
    x, y = base - 20, -104.0
    sketch.limb((x + 2, y + 10), (base, -radius), 7, 7, (150, 152, 158))
    sketch.limb((4, -20), (-26, -24), 8, 10, (170, 172, 178))
    guard = _corners(
        [(base - 27, -34), (base - 20, -54, 14), (base + 12, -56, 16), (base + 27, -30, 8), (base, -46, 16)], 3
    )
    rear = smooth(
        [
            (-32, -42),
            (-30, -58),
            (-8, -72),
            (30, -72),
            (42, -58),
            (44, -22),
            (26, -18),
            (16, -36),
            (-6, -42),
            (-20, -36),
        ]
    )
    _body(sketch, rear, paint, 0.3, 0.3)
    floor = _corners([(36, -32), (x - 18, -32, 10), (x - 6, -44), (x + 6, -40), (x - 4, -18, 12), (36, -18)], 4)
    _body(sketch, floor, shade(paint, 0.8), 0, 0.3)
    shield = _corners(
        [
            (x - 10, y + 6, 6),
            (x + 4, y, 8),
            (x + 14, y + 30, 20),
            (x + 12, -44, 10),
            (x - 10, -24, 8),
            (x - 14, -40, 8),
        ],
        3,
    )
    _body(sketch, shield, paint, 0.2, 0.2)
    _body(sketch, guard, paint, 0.3, 0.1)
    _scooter_top(rng, sketch, x, y, paint)
    return sketch


def _scooter_top(rng: np.random.Generator, sketch: Sketch, x: float, y: float, paint: Colour) -> None:
    """Seat, handlebar, lamps and mirror of a scooter whose steering head is at (x, y)."""
    dark, cream = (44, 46, 52), (232, 224, 204)
    seat = [(-28, -66), (-24, -76), (4, -80), (26, -77), (42, -78), (46, -70), (30, -67), (-4, -68)]
    sketch.blob(seat, (58, 40, 34) if rng.random() < 0.5 else dark, 4)
    head = _corners([(x - 12, y + 8), (x - 10, y - 10, 8), (x + 8, y - 12, 8), (x + 14, y + 4, 6)], 3)
    _body(sketch, head, paint, 0.3, 0.2)
    sketch.ellipse(x + 12, y - 3, 5, 8, _LAMP).limb((x - 6, y - 8), (x - 20, y - 11), 4, 5, dark)
    sketch.limb((x - 4, y - 10), (x - 8, y - 30), 2.6, 2.6, (96, 98, 104)).ellipse(x - 8, y - 33, 7, 6, dark)
    sketch.rectangle(-35, -58, -28, -48, _TAIL_LAMP, 2)
    _stroke(sketch, smooth([(-6, -54), (10, -62), (34, -60)], closed=False), 2.6, cream)


def _motorbike_front(rng: np.random.Generator) -> Sketch:
    """A motorbike seen from the front: narrow wheel, fork, lamp, handlebar and mirrors."""
    paint, dark, sport = choose(rng, _BRIGHT + _PAINTS), (50, 52, 58), rng.random() < 0.5
    steel = _CHROME if not sport else (200, 168, 92)
    sketch, half = Sketch(), Sketch()
    half.limb((0, -50), (24, -46), 14, 14, (98, 100, 106)).limb((22, -26), (34, -26), 5, 6, dark)
    half.limb((12, -38), (24, -26), 8, 10, (180, 182, 188))
    half.blob([(0, -94), (16, -92), (24, -78), (20, -60), (0, -58)], shade(paint, 0.8), 4)
    _both_sides(sketch, half)
    sketch.rectangle(-9, -66, 9, 0, _TYRE, 8).rectangle(-3, -64, 3, -2, (58, 58, 64), 3)
    half = Sketch().rectangle(11, -36, 15, -30, (150, 152, 158))
    half.limb((12, -30), (14, -100), 6.5, 6.5, steel).limb((14, -66), (14, -100), 8, 8, dark)
    bar = [(8, -104), (22, -110), (38, -112 if not sport else -104)]
    _stroke(half, bar, 4, dark if sport else _CHROME)
    half.limb((36, bar[2][1]), (48, bar[2][1] + 3), 6, 6, (30, 30, 34))
    half.limb((30, -110), (38, -130), 2.4, 2.4, dark).ellipse(40, -134, 10, 7, dark).ellipse(
        40, -134, 8, 5, (170, 190, 204)
    )
    half.limb((14, -88), (28, -88), 3, 3, dark).ellipse(30, -88, 5, 5, _AMBER)
    _both_sides(sketch, half)
    sketch.polygon(_corners([(-13, -42), (-12, -70, 10), (12, -70, 10), (13, -42)], 3), paint)
    sketch.polygon(_corners([(-4, -44), (-4, -69), (3, -69), (3, -44)], 3), _LIGHT)
    if sport:
        screen = _corners([(-20, -104), (-12, -132, 12), (12, -132, 12), (20, -104)], 3)
        _glass(sketch, screen, (84, 108, 128))
        cowl = [(-22, -108, 8), (22, -108, 8), (29, -92, 8), (16, -66, 12), (-16, -66, 12), (-29, -92, 8)]
        _body(sketch, _corners(cowl), paint, 0.25, 0.25)
        lamp = Sketch().polygon(_corners([(3, -86), (20, -96), (22, -88), (6, -78)], 4), _LAMP)
        _both_sides(sketch, lamp)
    else:
        sketch.ellipse(0, -94, 17, 17, _CHROME).ellipse(0, -94, 14, 14, _LAMP).ellipse(-4, -98, 5, 5, (255, 255, 255))
        sketch.rectangle(-12, -120, 12, -110, dark, 5)
    return sketch


DRAWERS: dict[str, Callable[[np.random.Generator, str], Sketch]] = {
    "aeroplane": draw_aeroplane,
    "bicycle": draw_bicycle,
    "boat": draw_boat,
    "bus": draw_bus,
    "car": draw_car,
    "motorbike": draw_motorbike,
    "train": draw_train,
}

VIEWS: dict[str, tuple[str, ...]] = {
    "aeroplane": ("side", "other"),
    "bicycle": ("side", "other"),
    "boat": ("side",),
    "bus": ("side", "frontal", "rear"),
    "car": ("side", "frontal", "rear"),
    "motorbike": ("side", "frontal"),
    "train": ("side", "frontal"),
}
