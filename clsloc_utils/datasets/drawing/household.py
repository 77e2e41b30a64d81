"""Household things: bottles, chairs, dining tables, potted plants, sofas and screens.

Furniture is built from boxes in three dimensions (x right, y up, z to the viewer) and seen from slightly above.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from .sketch import Colour, Point, Sketch, choose, mix, shade, smooth, vary

WOODS = ((176, 118, 68), (140, 88, 50), (206, 158, 104), (96, 60, 40), (226, 196, 150), (236, 230, 220))
FABRICS = (
    (176, 62, 58),
    (54, 104, 140),
    (92, 132, 92),
    (214, 160, 70),
    (120, 124, 132),
    (196, 178, 152),
    (112, 78, 118),
    (60, 70, 92),
    (222, 130, 104),
    (64, 136, 132),
)
METALS = ((70, 74, 80), (170, 176, 182), (44, 44, 48))
CHINA = ((246, 246, 242), (214, 228, 236), (244, 224, 196), (150, 190, 206))
LEAVES = ((62, 140, 66), (42, 108, 60), (104, 160, 62), (80, 150, 110), (120, 150, 70))
POTS = ((190, 96, 60), (232, 226, 214), (70, 110, 140), (88, 90, 96), (214, 168, 84), (160, 80, 84), (94, 150, 140))
PETALS = ((224, 70, 90), (244, 196, 70), (240, 240, 244), (200, 110, 190), (244, 130, 70), (120, 120, 210))

Projection = Callable[[Sequence[float]], np.ndarray]
"""From (x, y, z) to (x, y) on the page and the nearness to the viewer."""


# --- Shared tools -----------------------------------------------------------------------------------------------------


def _projection(yaw: float, pitch: float) -> Projection:
    """A parallel view of a thing turned by `yaw` degrees (above 0: to the right), from `pitch` degrees above."""
    yaw, pitch = math.radians(yaw), math.radians(pitch)
    turn = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    tilt = np.array([[1, 0, 0], [0, -math.cos(pitch), math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    matrix = tilt @ turn
    return lambda point: np.asarray(point, dtype=np.float64) @ matrix.T


def _rounded(corners: np.ndarray, radius: float) -> np.ndarray:
    """The polygon with its corners cut to curves that start `radius` before each corner."""
    corners = np.asarray(corners, dtype=np.float64)
    ends = []
    for step in (1, -1):
        reach = np.roll(corners, step, axis=0) - corners
        length = np.maximum(np.hypot(*reach.T), 1e-6)[:, None]
        ends.append(corners + reach * np.minimum(radius / length, 0.45))
    t = np.array([0, 0.33, 0.67, 1])[None, :, None]
    start, corner, end = ends[0][:, None], corners[:, None], ends[1][:, None]
    return ((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end).reshape(-1, 2)


_FACES = (
    ((0, 1, 0), (2, 3, 7, 6), 1.16),
    ((0, 0, 1), (4, 5, 7, 6), 1.0),
    ((1, 0, 0), (1, 3, 7, 5), 0.78),
    ((-1, 0, 0), (0, 2, 6, 4), 0.84),
    ((0, 0, -1), (0, 1, 3, 2), 0.88),
)
"""Outward direction, corners and brightness of a box's faces; bit 0 of a corner's index is x, bit 1 y, bit 2 z."""


class _Boxes:
    """Boxes in space that are painted from the farthest to the nearest."""

    def __init__(self, project: Projection) -> None:
        self.project = project
        self.parts: list[tuple[float, Sketch]] = []

    def box(
        self,
        low: Sequence[float],
        high: Sequence[float],
        colour: Colour,
        radius: float = 0,
        lean: float = 0,
        nearer: float = 0,
    ) -> None:
        """Adds an upright box between two corners; `lean` moves its top back, `nearer` moves it in the order."""
        pairs = list(zip(low, high, strict=True))
        corners = np.array([[pairs[axis][index >> axis & 1] for axis in range(3)] for index in range(8)], dtype=float)
        corners[[2, 3, 6, 7], 2] -= lean
        flat = self.project(corners)
        sketch = Sketch()
        for normal, indices, light in _FACES:
            if self.project(normal)[2] > 0.01:
                face = flat[list(indices), :2]
                # A soft box shows its rounded faces on a darker body, so that seams appear between them.
                sketch.polygon(face if radius <= 0 else _rounded(face, radius), shade(colour, light))
        if radius > 0:
            body = _rounded(_hull(flat[:, :2]), radius)
            sketch.shapes.insert(0, (body, shade(colour, 0.76)))
        self.parts.append((float(flat[:, 2].mean()) + nearer, sketch))

    def add(self, sketch: Sketch, nearness: float) -> None:
        """Adds a finished piece at a nearness of its own."""
        self.parts.append((nearness, sketch))

    def sketch(self) -> Sketch:
        """All boxes in order."""
        whole = Sketch()
        for _, part in sorted(self.parts, key=lambda part: part[0]):
            whole.add(part)
        return whole


_AROUND = np.linspace(0, 2 * math.pi, 72, endpoint=False)
_DIRECTIONS = np.column_stack([np.cos(_AROUND), np.sin(_AROUND)])


def _hull(points: np.ndarray) -> np.ndarray:
    """The corners of the points' convex hull, in order: those that lie farthest in some direction."""
    farthest = np.argmax(_DIRECTIONS @ points.T, axis=1)
    return points[farthest[farthest != np.roll(farthest, 1)]]


def _curve(profile: Sequence[Point], steps: int = 5) -> np.ndarray:
    """A smooth profile of (half width, height) pairs, listed from the top to the bottom."""
    return smooth(profile, closed=False, steps=steps)


def _turned(sketch: Sketch, profile: np.ndarray, colour: Colour, x: float = 0, gloss: int = 90) -> None:
    """A thing as made on a lathe: its profile on both sides of the axis, with a shaded edge and a gloss."""

    def strip(start: float, stop: float, tint: Colour) -> None:
        left = profile * (start, 1) + (x, 0)
        right = profile * (stop, 1) + (x, 0)
        sketch.polygon(np.concatenate([left, right[::-1]]), tint)

    strip(-1, 1, colour)
    strip(0.42, 1, (0, 0, 0, 44))
    strip(0.76, 1, (0, 0, 0, 30))
    if gloss:
        strip(-0.72, -0.46, (255, 255, 255, gloss))


def _cut(profile: np.ndarray, top: float, bottom: float, factor: float = 1) -> np.ndarray:
    """The part of a profile between two heights, its widths times `factor`."""
    inside = profile[(profile[:, 1] > top) & (profile[:, 1] < bottom)]
    ends = [(np.interp(y, profile[:, 1], profile[:, 0]), y) for y in (top, bottom)]
    return np.array([ends[0], *inside, ends[1]]) * (factor, 1)


# --- Bottle -----------------------------------------------------------------------------------------------------------


def _wine(rng: np.random.Generator) -> tuple[list[Point], Colour, Colour, Colour]:
    """Profile, glass, liquid and cap of a wine bottle."""
    shoulder = rng.uniform(32, 44)
    profile = [(4.6, 0), (4.4, 6), (4.4, shoulder - 12), (6, shoulder - 6), (12.4, shoulder + 4), (13.2, shoulder + 12)]
    glass = choose(rng, ((40, 84, 54), (58, 44, 30), (96, 120, 60)))
    return [*profile, (13.2, 94), (12.6, 100)], glass, shade(glass, 0.6), choose(rng, ((128, 28, 44), (30, 30, 34)))


def _beer(rng: np.random.Generator) -> tuple[list[Point], Colour, Colour, Colour]:
    """Profile, glass, liquid and cap of a beer bottle."""
    shoulder = rng.uniform(34, 42)
    profile = [(5, 0), (4.8, 6), (6, shoulder - 10), (8, shoulder - 2), (14.4, shoulder + 10), (15, shoulder + 18)]
    glass = choose(rng, ((126, 70, 26), (44, 110, 58), (150, 96, 40)))
    return [*profile, (15, 94), (14, 100)], glass, shade(glass, 0.68), choose(rng, ((214, 178, 80), (190, 190, 194)))


def _water(rng: np.random.Generator) -> tuple[list[Point], Colour, Colour, Colour]:
    """Profile, plastic, liquid and cap of a water or lemonade bottle with grooves."""
    profile = [
        (5.2, 0),
        (5.2, 7),
        (9, 14),
        (15, 24),
        (15.6, 34),
        (14.2, 48),
        (13.8, 56),
        (15.6, 66),
        (15.4, 94),
        (13.6, 100),
    ]
    liquid = choose(rng, ((150, 210, 236), (240, 150, 50), (120, 60, 36), (226, 220, 110), (160, 218, 232)))
    return (
        profile,
        mix(liquid, (236, 246, 250), 0.62),
        liquid,
        choose(rng, ((40, 110, 190), (220, 60, 60), (240, 240, 240))),
    )


def _squeeze(rng: np.random.Generator) -> tuple[list[Point], Colour, Colour, Colour]:
    """Profile, plastic and cap of a ketchup-like bottle; it shows no liquid."""
    waist = rng.uniform(13, 16.5)
    profile = [(7, 0), (8, 6), (12, 14), (16.6, 26), (17, 38), (waist, 56), (16, 76), (17.4, 94), (16, 100)]
    body = choose(rng, ((206, 44, 38), (240, 190, 50), (236, 232, 216), (70, 140, 90)))
    return profile, body, body, choose(rng, ((246, 246, 244), (70, 120, 70), (200, 50, 44)))


def _label(sketch: Sketch, rng: np.random.Generator, profile: np.ndarray, top: float, bottom: float) -> None:
    """A paper label with bands and an emblem."""
    paper = choose(rng, ((246, 240, 222), (232, 232, 236), (40, 60, 110), (198, 52, 48), (240, 204, 90)))
    band = choose(rng, ((176, 40, 46), (206, 166, 70), (40, 80, 60), (250, 246, 236), (50, 70, 140)))
    _turned(sketch, _cut(profile, top, bottom, 1.01), paper, gloss=50)
    height = bottom - top
    for edge in (0.06, 0.84):
        _turned(sketch, _cut(profile, top + height * edge, top + height * (edge + 0.1), 1.01), band, gloss=0)
    middle = top + height * 0.5
    radius = min(height * 0.24, 7)
    kind = rng.integers(3)
    if kind == 0:
        sketch.ellipse(0, middle, radius, radius, band).ellipse(0, middle, radius * 0.6, radius * 0.6, paper)
    elif kind == 1:
        sketch.polygon([(0, middle - radius), (radius, middle), (0, middle + radius), (-radius, middle)], band)
    else:
        sketch.polygon([(-radius, middle + radius), (-radius * 0.2, middle - radius), (radius, middle + radius)], band)


def draw_bottle(rng: np.random.Generator, view: str) -> Sketch:
    """A bottle of wine, beer, water or sauce, upright; it looks alike from all sides."""
    sketch = Sketch()
    kind = rng.choice(4, p=(0.3, 0.25, 0.27, 0.18))
    knots, glass, liquid, cap = (_wine, _beer, _water, _squeeze)[kind](rng)
    profile = _curve(knots) * (rng.uniform(0.9, 1.12), rng.uniform(0.92, 1.12))
    height = profile[-1, 1]
    neck = float(profile[2, 0])
    if kind == 3:
        nozzle = np.array([(1.6, -15), (2.6, -4), (neck * 1.12, -3), (neck * 1.16, 5)])
        _turned(sketch, profile, glass)
        _turned(sketch, nozzle, cap)
    else:
        _turned(sketch, profile, (*glass[:3], 255), gloss=0)
        level = height * rng.uniform(0.14, 0.4)
        _turned(sketch, _cut(profile, level, height * 0.985, 0.9), liquid, gloss=0)
        surface = np.interp(level, profile[:, 1], profile[:, 0]) * 0.9
        sketch.ellipse(0, level, surface, surface * 0.16, shade(liquid, 1.3))
    low, high = ((0.52, 0.86), (0.55, 0.84), (0.46, 0.68), (0.4, 0.8))[kind]
    _label(sketch, rng, profile, height * low, height * high)
    if kind != 3:
        left = _cut(profile, height * 0.06, height * 0.95)
        sketch.polygon(np.concatenate([left * (-0.76, 1), (left * (-0.58, 1))[::-1]]), (255, 255, 255, 120))
        _bottle_cap(sketch, kind, neck, height, cap)
    return sketch


def _bottle_cap(sketch: Sketch, kind: int, neck: float, height: float, cap: Colour) -> None:
    """A foil and cork, a crown cap or a screw cap with ridges."""
    if kind == 0:
        _turned(sketch, np.array([(neck * 1.12, -2), (neck * 1.08, height * 0.2)]), cap)
        _turned(sketch, np.array([(neck * 1.26, 2.5), (neck * 1.26, 6)]), shade(cap, 0.85))
    elif kind == 1:
        _turned(sketch, np.array([(neck * 0.9, -3), (neck * 1.2, -1.5), (neck * 1.32, 3)]), cap)
        _turned(sketch, np.array([(neck * 1.14, 6), (neck * 1.14, 9)]), (0, 0, 0, 60), gloss=0)
    else:
        _turned(sketch, np.array([(neck * 1.1, -4), (neck * 1.26, -3), (neck * 1.26, 5)]), cap)
        for x in (-0.8, -0.3, 0.2, 0.7):
            sketch.rectangle(x * neck, -2.5, x * neck + 0.8, 5, shade(cap, 0.8))
        _turned(sketch, np.array([(neck * 1.34, 6.4), (neck * 1.34, 8.4)]), shade(cap, 0.85), gloss=0)


# --- Chair ------------------------------------------------------------------------------------------------------------


def _view_angles(rng: np.random.Generator, view: str) -> tuple[float, float]:
    """Yaw and pitch in degrees for a view of furniture."""
    yaw = {"side": 84, "frontal": 0, "rear": 180}.get(view)
    if yaw is None:
        return float(rng.choice([-1, 1]) * rng.uniform(28, 48)), float(rng.uniform(16, 26))
    return yaw + float(rng.uniform(-5, 5)), float(rng.uniform(9, 16))


def _back_slats(rng: np.random.Generator, boxes: _Boxes, width: float, bottom: float, top: float, wood: Colour) -> None:
    """The inside of a wooden back: upright bars, rungs, or a panel."""
    kind, z, lean = rng.integers(4), -20.0, 2.0
    rail = rng.uniform(5, 10)
    boxes.box((-width, top - rail, z - 3.4), (width, top, z - 0.4), wood, 1.2, 0.6, nearer=0.5)
    if kind == 0:
        boxes.box((-width, bottom + 8, z - 2), (width, bottom + 11, z), wood)
        for x in np.linspace(-width, width, int(rng.integers(5, 8)))[1:-1]:
            boxes.box((x - 1.3, bottom + 10, z - 2), (x + 1.3, top - rail, z - 0.4), shade(wood, 0.92), 0, lean)
    elif kind == 1:
        for y in np.linspace(bottom + 10, top - rail, int(rng.integers(3, 5)))[:-1]:
            boxes.box((-width, y, z - 2.4), (width, y + 5, z - 0.6), shade(wood, 0.96))
    elif kind == 2:
        boxes.box((-width * 0.36, bottom, z - 2.4), (width * 0.36, top - rail, z - 0.8), wood, 0, lean)
        boxes.box((-width, bottom + 8, z - 2), (width, bottom + 11, z), shade(wood, 0.95))
    else:
        fabric = choose(rng, FABRICS)
        boxes.box((-width, bottom + 9, z - 2.4), (width, top - rail + 2, z - 0.4), fabric, 3, lean)


def _dining_chair(rng: np.random.Generator, project: Projection) -> Sketch:
    """A wooden or metal chair with four legs and a high back."""
    boxes = _Boxes(project)
    wood = choose(rng, WOODS + METALS[:1])
    half, seat, top = rng.uniform(19, 23), rng.uniform(42, 47), rng.uniform(88, 108)
    post, rungs = rng.uniform(1.6, 2.4), rng.random() < 0.7
    for x in (-half + post, half - post):
        boxes.box((x - post, 0, 18 - post), (x + post, seat - 4, 18 + post), wood, nearer=-2)
        boxes.box((x - post, 0, -20 - post), (x + post, seat, -20 + post), wood, nearer=-2)
        boxes.box((x - post, seat, -20 - post), (x + post, top - 2, -20 + post), wood, 0, 3)
        if rungs:
            boxes.box((x - 1, 16, -18), (x + 1, 19, 16), shade(wood, 0.92), nearer=-3)
    if rungs:
        boxes.box((-half + 3, 16, -1), (half - 3, 19, 1), shade(wood, 0.9), nearer=-4)
    boxes.box((-half, seat - 7, -21), (half, seat - 2, 20), shade(wood, 0.94))
    padded = rng.random() < 0.5
    cover = choose(rng, FABRICS) if padded else shade(wood, 1.06)
    boxes.box((-half - 1, seat - 2, -21), (half + 1, seat + (3.5 if padded else 1), 22), cover, 3, nearer=1)
    _back_slats(rng, boxes, half - 2 * post, seat, top, wood)
    return boxes.sketch()


def _office_chair(rng: np.random.Generator, project: Projection) -> Sketch:
    """A swivel chair on a star of castors."""
    boxes = _Boxes(project)
    metal, cover = choose(rng, METALS, 8), choose(rng, FABRICS + METALS)
    base, turn = Sketch(), rng.uniform(0, 72)
    angles = np.radians(turn + 72 * np.arange(5))
    feet = [project((25 * math.cos(a), 6, 25 * math.sin(a))) for a in angles]
    for foot in sorted(feet, key=lambda foot: foot[2]):
        hub = project((0, 12, 0))
        base.limb(hub[:2], foot[:2], 5, 3.2, shade(metal, 0.9 + 0.004 * foot[2]))
        base.ellipse(foot[0], foot[1] + 3.4, 3.2, 3.4, (38, 38, 42)).ellipse(
            foot[0], foot[1] + 3.4, 1.2, 1.3, (120, 120, 126)
        )
    column, under = project((0, 12, 0))[:2], project((0, 42, 0))[:2]
    base.limb(column, under, 6.4, 5, shade(metal, 0.8)).limb(column, (column + under) / 2, 8, 8, metal)
    boxes.add(base, -1000)
    half, top = rng.uniform(21, 25), rng.uniform(88, 112)
    boxes.box((-half, 42, -22), (half, 50, 23), cover, 6)
    boxes.box((-3, 44, -28), (3, 62, -25), metal)
    boxes.box((-half + 2, 57, -27), (half - 2, top, -20), shade(cover, 0.96), 7, 5, nearer=2)
    if rng.random() < 0.75:
        for side in (-1, 1):
            x = side * (half + 2)
            boxes.box((x - 1.4, 46, -6), (x + 1.4, 64, -1), metal)
            boxes.box((x - 2.6, 63, -15), (x + 2.6, 67, 12), (48, 48, 52), 1.5, nearer=3)
    return boxes.sketch()


def draw_chair(rng: np.random.Generator, view: str) -> Sketch:
    """A dining chair or an office chair."""
    project = _projection(*_view_angles(rng, view))
    return (_dining_chair if rng.random() < 0.68 else _office_chair)(rng, project)


# --- Dining table -----------------------------------------------------------------------------------------------------


def _plate(rng: np.random.Generator, x: float, y: float, radius: float, flat: float, china: Colour) -> Sketch:
    """A plate, mostly with food."""
    sketch = Sketch()
    sketch.ellipse(x, y + 0.9, radius, radius * flat, shade(china, 0.72))
    sketch.ellipse(x, y, radius, radius * flat, china)
    sketch.ellipse(x, y, radius * 0.68, radius * 0.68 * flat, shade(china, 0.92))
    if rng.random() < 0.75:
        food = choose(rng, ((220, 120, 60), (120, 160, 70), (196, 80, 60), (236, 200, 110)))
        sketch.ellipse(x - radius * 0.14, y - 1, radius * 0.36, radius * 0.4 * flat + 1, food)
        sketch.ellipse(x + radius * 0.26, y, radius * 0.22, radius * 0.3 * flat, choose(rng, LEAVES))
    return sketch


def _drink(rng: np.random.Generator, x: float, y: float, height: float) -> Sketch:
    """A wine glass or a tumbler that stands on (x, y)."""
    sketch = Sketch()
    drink = choose(rng, ((150, 30, 50), (240, 170, 60), (226, 214, 140), (150, 206, 230)))
    if rng.random() < 0.6:
        sketch.ellipse(x, y, 3, 1, (226, 240, 244)).limb((x, y), (x, y - height * 0.5), 0.9, 0.9, (226, 240, 244))
        bowl = _curve([(2.9, -1), (3.6, -0.7), (2.8, -0.5), (0.4, -0.42)]) * (1, height) + (0, y)
        wine = _cut(bowl, y - height * 0.78, y - height * 0.45, 0.88)
    else:
        bowl = np.array([(3.2, y - height * 0.62), (2.5, y)])
        wine = _cut(bowl, y - height * 0.42, y - 0.5, 0.86)
    for profile, colour in ((bowl, (224, 240, 244)), (wine, drink)):
        sketch.polygon(np.concatenate([profile, profile[::-1] * (-1, 1)]) + (x, 0), colour)
    # A gloss on the left tells glass from paper.
    return sketch.polygon(np.concatenate([bowl * (-0.8, 1), bowl[::-1] * (-0.45, 1)]) + (x, 0), (255, 255, 255, 120))


def _centrepiece(rng: np.random.Generator, x: float, y: float) -> Sketch:
    """A bowl of fruit or a vase with flowers that stands on (x, y)."""
    sketch = Sketch()
    china = choose(rng, CHINA + POTS[2:3])
    if rng.random() < 0.55:
        for _ in range(6):
            fruit = choose(rng, ((214, 60, 50), (240, 150, 50), (150, 180, 60), (240, 206, 80)))
            sketch.ellipse(x + rng.uniform(-7, 7), y - 8.5 - rng.uniform(0, 3), 3.2, 3.1, fruit)
        _turned(sketch, _curve([(11, -8.6), (9, -4), (4.6, -0.6), (4.6, 0)]) + (0, y), china, x)
        return sketch
    petals = choose(rng, PETALS)
    for shift in (-8, -3.5, 1, 5, 8.5):
        tip = (x + shift, y - rng.uniform(20, 27))
        sketch.line([(x, y - 9), tip], 0.9, LEAVES[1])
        sketch.ellipse(*tip, 3.1, 2.9, vary(rng, petals)).ellipse(*tip, 1.1, 1, (246, 214, 90))
    _turned(sketch, _curve([(2.4, -13), (2.6, -10), (5, -4), (3, 0)]) + (0, y), china, x)
    return sketch


def _setting(rng: np.random.Generator, places: Sequence[Point], centre: Point, flat: float, radius: float) -> Sketch:
    """Plates and glasses at places on the table, and what stands in its middle, from the farthest to the nearest."""
    things = [(centre[1], _centrepiece(rng, *centre))]
    china = choose(rng, CHINA)
    mat = choose(rng, FABRICS) if rng.random() < 0.4 else None
    for x, y in places:
        plate = Sketch()
        if mat is not None:
            plate.ellipse(x, y, radius * 1.7, radius * 1.7 * flat, mat)
        else:
            for side in (-1.3, 1.3):
                knife, reach = x + side * radius, radius * flat * 0.9
                plate.limb((knife, y - reach), (knife, y + reach), 1.1, 1.1, (150, 154, 160))
        things.append((y - 100, plate.add(_plate(rng, x, y, radius, flat, china))))
        # Glasses stand towards the middle of the table.
        inwards = 1 if x < centre[0] else -1
        spot = (x + inwards * radius * 1.75, y + (centre[1] - y) * 0.3 + rng.uniform(-1, 1))
        things.append((spot[1], _drink(rng, *spot, rng.uniform(14, 19))))
    sketch = Sketch()
    for _, thing in sorted(things, key=lambda thing: thing[0]):
        sketch.add(thing)
    return sketch


def _round_table(rng: np.random.Generator, flat: float) -> Sketch:
    """A round table on a pedestal or four legs, with or without a cloth."""
    sketch, wood = Sketch(), choose(rng, WOODS)
    width, height = rng.uniform(56, 68), rng.uniform(50, 62)
    depth = width * flat
    if rng.random() < 0.55:
        for x, y in ((-0.46, -1), (0.46, -1), (0, 5)):
            sketch.limb((0, height - 6), (x * width, height + y + 2), 7, 5, shade(wood, 0.8 + 0.02 * y))
        column = _curve([(9, depth * 0.4), (4.4, depth * 0.4 + 8), (6.8, height * 0.7), (5, height - 2)])
        _turned(sketch, column, shade(wood, 0.94), gloss=40)
    else:
        for x, y, light in ((-0.5, -0.45, 0.66), (0.5, -0.45, 0.66), (-0.66, 0.45, 0.9), (0.66, 0.45, 0.82)):
            foot = height + y * depth
            sketch.limb((x * width, y * depth), (x * width * 1.06, foot), 6.5, 4, shade(wood, light))
    if rng.random() < 0.5:
        cloth, drop = choose(rng, FABRICS + CHINA), rng.uniform(15, 24)
        angles = np.radians(np.linspace(0, 180, 37))
        wave = 1 + 0.1 * np.cos(9 * angles)
        hem = np.column_stack([width * 1.03 * np.cos(angles), depth * np.sin(angles) + drop * wave])
        sketch.polygon([(width, 0), *hem, (-width, 0)], shade(cloth, 0.8))
        for i in range(2, 35, 4):
            a = angles[i]
            top = (width * math.cos(a), depth * math.sin(a))
            sketch.polygon([top, hem[i - 1], hem[i + 1]], shade(cloth, 0.92))
        sketch.ellipse(0, 0, width, depth, cloth).ellipse(0, 0, width * 0.93, depth * 0.92, shade(cloth, 1.14))
    else:
        sketch.ellipse(0, 4.5, width, depth, shade(wood, 0.66)).ellipse(0, 0, width, depth, wood)
        sketch.ellipse(0, 0, width * 0.95, depth * 0.94, shade(wood, 1.1))
    places = [(-width * 0.6, depth * 0.1), (width * 0.6, depth * 0.1), (0, depth * 0.62), (0, -depth * 0.62)]
    return sketch.add(_setting(rng, places, (0, depth * 0.02), flat, 10.5))


def _rectangular_table(rng: np.random.Generator, view: str, pitch: float) -> Sketch:
    """A long table on four legs or two trestles, with grain, or with a cloth or runner."""
    project = _projection(0 if view == "frontal" else rng.choice([-1, 1]) * rng.uniform(14, 30), pitch)
    boxes, wood = _Boxes(project), choose(rng, WOODS)
    half, depth, height = rng.uniform(62, 80), rng.uniform(32, 40), rng.uniform(52, 60)
    thick = rng.uniform(2.4, 3.6)
    for x in (-half + 7, half - 7):
        for z in (-depth + 6, depth - 6):
            boxes.box((x - thick, 0, z - thick), (x + thick, height - 2, z + thick), wood, nearer=-100)
    boxes.box((-half + 8, height - 10, -depth + 8), (half - 8, height - 3, depth - 8), shade(wood, 0.82), nearer=-50)
    boxes.box((-half, height - 4, -depth), (half, height, depth), wood)
    sketch = boxes.sketch()

    def on_top(corners: Sequence[Point], colour: Colour) -> None:
        sketch.polygon([project((x, height, z))[:2] for x, z in corners], colour)

    kind = rng.integers(3)
    if kind == 0:
        cloth, drop = choose(rng, FABRICS + CHINA), rng.uniform(9, 15)
        cover = _Boxes(project)
        cover.box((-half - 1, height - drop, -depth - 1), (half + 1, height + 0.6, depth + 1), cloth)
        sketch.add(cover.sketch())
    else:
        for z in np.linspace(-depth, depth, 6)[1:-1]:
            on_top([(-half, z - 0.4), (half, z - 0.4), (half, z + 0.4), (-half, z + 0.4)], shade(wood, 0.94))
    if kind != 1:
        runner, wide = choose(rng, FABRICS + CHINA), depth * 0.26
        on_top([(-half - 1, -wide), (half + 1, -wide), (half + 1, wide), (-half - 1, wide)], runner)
    spots = [(x * half, z * depth) for z in (-0.6, 0.6) for x in (-0.66, 0, 0.66)]
    places = [tuple(project((x, height, z))[:2]) for x, z in spots]
    flat = math.sin(math.radians(pitch))
    return sketch.add(_setting(rng, places, tuple(project((0, height, 0))[:2]), flat, 11))


def draw_diningtable(rng: np.random.Generator, view: str) -> Sketch:
    """A table that is laid for a meal, seen from slightly above."""
    pitch = rng.uniform(20, 29)
    if rng.random() < 0.42:
        return _round_table(rng, math.sin(math.radians(pitch)) * 1.02)
    return _rectangular_table(rng, view, pitch)


# --- Potted plant -----------------------------------------------------------------------------------------------------


def _pot(sketch: Sketch, rng: np.random.Generator) -> float:
    """A pot whose rim is at height 0, with earth in it; returns half the width of the opening."""
    colour, kind = choose(rng, POTS), rng.integers(4)
    wide, deep = rng.uniform(17, 24), rng.uniform(28, 38)
    sketch.ellipse(0, 0, wide, wide * 0.2, shade(colour, 0.6)).ellipse(0, 1, wide * 0.88, wide * 0.15, (84, 58, 42))
    if kind == 0:
        body = [(wide * 0.94, 0), (wide * 0.66, deep)]
    elif kind == 1:
        body = _curve([(wide, 0), (wide * 1.18, deep * 0.3), (wide * 1.05, deep * 0.7), (wide * 0.7, deep)])
    elif kind == 2:
        body = [(wide, 0), (wide * 0.98, deep)]
    else:
        body = _curve([(wide, 0), (wide * 0.86, deep * 0.24), (wide * 1.06, deep * 0.6), (wide * 0.62, deep)])
    # The near half of the rim lies lower than the far half, so the body starts on a curve.
    body = np.asarray(body, dtype=np.float64)
    arc = [(wide * math.cos(a), wide * 0.2 * math.sin(a)) for a in np.linspace(0, math.pi, 13)]
    sketch.polygon([*arc, *(body * (-1, 1)), *body[::-1]], colour)
    foot = body[-1, 0]
    sketch.ellipse(0, deep, foot, foot * 0.14, colour)
    inner = body * (0.45, 1)
    inner[:, 1] += np.linspace(wide * 0.17, foot * 0.12, len(body))
    sketch.polygon(np.concatenate([body, inner[::-1]]), (0, 0, 0, 46))
    gloss = _cut(body, 5, deep)
    sketch.polygon(np.concatenate([gloss * (-0.74, 1), (gloss * (-0.5, 1))[::-1]]), (255, 255, 255, 60))
    if kind == 0:
        rim = [(x * 1.06, y) for x, y in arc]
        sketch.polygon([*rim, *[(x, y + 7) for x, y in rim[::-1]]], shade(colour, 1.1))
        sketch.polygon([*rim[:5], *[(x, y + 7) for x, y in rim[4::-1]]], shade(colour, 0.84))
    elif rng.random() < 0.6:
        _pot_band(sketch, rng, body, deep)
    return wide * 0.8


def _pot_band(sketch: Sketch, rng: np.random.Generator, body: np.ndarray, deep: float) -> None:
    """A painted band around a pot."""
    band = _cut(body, deep * 0.42, deep * 0.6)
    _turned(sketch, band, choose(rng, POTS + PETALS), gloss=0)


def _leaf(
    sketch: Sketch, base: Point, angle: float, length: float, width: float, colour: Colour, droop: float = 0
) -> None:
    """A leaf that starts at `base` towards `angle` (degrees, 90 is up) and droops, with a darker half along its rib."""
    start = np.asarray(base, dtype=np.float64)
    out = np.array([math.cos(math.radians(angle)), -math.sin(math.radians(angle))])
    tip = start + length * out + (0, droop * length)
    middle = start + 0.55 * length * out
    side = np.array([-out[1], out[0]]) * width / 2
    spine = smooth([start, middle, tip], closed=False, steps=4)
    first = smooth([start, middle + side, tip], closed=False, steps=4)
    second = smooth([start, middle - side, tip], closed=False, steps=4)
    sketch.polygon([*first, *second[::-1]], colour)
    lower = first if first[:, 1].sum() > second[:, 1].sum() else second
    sketch.polygon([*lower, *spine[::-1]], shade(colour, 0.82))


def _broad_plant(sketch: Sketch, rng: np.random.Generator, green: Colour) -> None:
    """A rubber plant or peace lily: large leaves on stalks."""
    count, tall = int(rng.integers(9, 14)), rng.uniform(52, 78)
    stems = []
    for i in range(count):
        angle = 90 + (1 if i % 2 else -1) * (10 + 62 * (i // 2) / (count / 2)) + rng.uniform(-6, 6)
        reach = tall * rng.uniform(0.42, 0.6)
        out = np.array([math.cos(math.radians(angle)), -math.sin(math.radians(angle))])
        stems.append((reach * out * (0.8, 1.1), angle))
    for top, _ in stems:
        sketch.line([(top[0] * 0.1, 2), top], 1.6, shade(green, 0.7))
    for top, angle in stems[::-1]:
        _leaf(
            sketch,
            top,
            angle,
            tall * rng.uniform(0.42, 0.56),
            tall * rng.uniform(0.24, 0.32),
            vary(rng, green, 16),
            0.12,
        )
    _leaf(sketch, (0, -tall * 0.4), 92, tall * 0.62, tall * 0.3, shade(green, 1.12))


def _spiky_plant(sketch: Sketch, rng: np.random.Generator, green: Colour) -> None:
    """A snake plant with stiff leaves, or a dracaena with a tuft on a trunk."""
    edge = (226, 206, 110)
    if rng.random() < 0.5:
        for angle in np.sort(rng.uniform(66, 114, 9))[rng.permutation(9)]:
            base = ((90 - angle) * 0.3, 2)
            length = rng.uniform(50, 92)
            _leaf(sketch, base, angle, length, 13, edge)
            _leaf(sketch, base, angle, length * 0.96, 9, vary(rng, green, 14))
        return
    trunk = rng.uniform(26, 46)
    sketch.limb((0, 3), (rng.uniform(-3, 3), -trunk), 5.5, 4, (140, 106, 76))
    for angle in rng.permutation(np.linspace(-18, 198, 19)):
        _leaf(sketch, (0, -trunk), angle, rng.uniform(36, 50), 7.5, vary(rng, green, 18), 0.32)


def _fern(sketch: Sketch, rng: np.random.Generator, green: Colour) -> None:
    """A fern: fronds that arch over the rim of the pot, with a fringe of leaflets."""
    for angle in rng.permutation(np.linspace(4, 176, int(rng.integers(12, 17)))):
        reach = rng.uniform(46, 58)
        out = np.array([math.cos(math.radians(angle)), -math.sin(math.radians(angle))])
        arch = [(0, 2), out * reach * (0.55, 0.7) + (0, -8), out * reach * (1, 0.8) + (0, reach * 0.2)]
        spine = smooth(arch, closed=False, steps=7)
        along = np.gradient(spine, axis=0)
        normal = np.column_stack([-along[:, 1], along[:, 0]]) / np.hypot(*along.T)[:, None]
        taper = np.sin(np.linspace(0.25, math.pi, len(spine)))[:, None] * 6.5
        # Every second point lies near the rib: the fringe.
        teeth = np.where(np.arange(len(spine))[:, None] % 2, 0.35, 1)
        edges = spine + normal * taper * teeth, spine - normal * taper * teeth
        colour = vary(rng, green, 20)
        sketch.polygon([*edges[0], *edges[1][::-1]], colour)
        sketch.polygon([*spine, *edges[1][::-1]], shade(colour, 0.84))


def _cactus(sketch: Sketch, rng: np.random.Generator, green: Colour) -> None:
    """A column with ribs, arms and perhaps a flower."""
    tall, wide = rng.uniform(50, 74), rng.uniform(18, 24)
    for side in rng.permutation([-1, 1])[: rng.integers(1, 3)]:
        low, arm = -tall * rng.uniform(0.3, 0.5), wide * rng.uniform(0.95, 1.15)
        elbow = (side * arm, low)
        sketch.limb((0, low), elbow, wide * 0.48, wide * 0.5, shade(green, 0.86))
        sketch.limb(elbow, (side * arm, low - rng.uniform(14, 26)), wide * 0.5, wide * 0.44, shade(green, 0.95))
    # The round foot of the column stays within the opening of the pot.
    sketch.limb((0, 2 - wide * 0.45), (0, -tall), wide * 0.9, wide * 0.86, green)
    sketch.limb((wide * 0.28, -wide * 0.34), (wide * 0.28, -tall), wide * 0.26, wide * 0.24, shade(green, 0.8))
    for x in (-0.24, 0.02):
        sketch.limb((x * wide, -2), (x * wide, -tall - 3), 1.2, 0.9, shade(green, 0.74))
    for y in np.arange(-tall + 2, -6, 9):
        for x in (-0.36, -0.11, 0.16):
            sketch.ellipse(x * wide, y, 0.8, 0.8, (246, 242, 214))
    if rng.random() < 0.7:
        petal = choose(rng, PETALS[:1] + PETALS[3:5])
        for angle in (30, 60, 90, 120, 150):
            _leaf(sketch, (0, -tall - wide * 0.36), angle, 10, 6, petal)


def _flowers(sketch: Sketch, rng: np.random.Generator, green: Colour) -> None:
    """A bush of small leaves with round flowers."""
    for angle in rng.permutation(np.linspace(0, 180, 13)):
        _leaf(sketch, (0, 0), angle, rng.uniform(26, 36), 12, vary(rng, green, 18), 0.16)
    petal, count = choose(rng, PETALS), int(rng.integers(5, 8))
    for i, angle in enumerate(np.linspace(22, 158, count)):
        reach = rng.uniform(42, 48) + (12 if i % 2 else 0)
        x, y = reach * 0.8 * math.cos(math.radians(angle)), -reach * math.sin(math.radians(angle)) - 2
        sketch.line([(x * 0.2, 0), (x, y)], 1.5, shade(green, 0.8))
        for turn in range(0, 360, 72):
            a = math.radians(turn + 20 * i)
            sketch.ellipse(
                x + 4.6 * math.cos(a), y + 4.6 * math.sin(a), 4.2, 4.2, shade(petal, 0.9 + 0.1 * (turn > 150))
            )
        sketch.ellipse(x, y, 2.8, 2.8, (246, 206, 80) if petal[2] > 90 else (120, 70, 40))


def draw_pottedplant(rng: np.random.Generator, view: str) -> Sketch:
    """A plant in a pot; it looks alike from all sides."""
    pot, plant = Sketch(), Sketch()
    _pot(pot, rng)
    grow = (_broad_plant, _spiky_plant, _fern, _cactus, _flowers)[rng.choice(5, p=(0.26, 0.22, 0.18, 0.14, 0.2))]
    grow(plant, rng, choose(rng, LEAVES))
    size = rng.uniform(0.9, 1.15)
    return pot.add(plant, np.array([[size, 0, 0], [0, size, 0]]))


# --- Sofa -------------------------------------------------------------------------------------------------------------


def _sofa_cushions(
    rng: np.random.Generator, boxes: _Boxes, half: float, seats: int, seat: float, fabric: Colour
) -> None:
    """Seat and back cushions side by side, and a throw pillow or two."""
    edges = np.linspace(-half, half, seats + 1)
    top = rng.uniform(62, 74)
    for left, right in itertools.pairwise(edges):
        tint = vary(rng, fabric, 3)
        boxes.box((left + 0.5, seat - 12, -14), (right - 0.5, seat, 30), shade(tint, 1.06), 4, nearer=20)
        boxes.box((left + 0.8, seat - 2, -24), (right - 0.8, top, -10), tint, 7, 5, nearer=10)
    accent = choose(rng, FABRICS + PETALS[1:3])
    for side in rng.permutation([-1, 1])[: rng.integers(0, 3)]:
        x = side * (half - 15)
        pillow, centre = Sketch(), boxes.project((x, seat + 13, -4))
        size, tilt = 12.5, math.radians(rng.uniform(-14, 14) + 45)
        corners = [(math.cos(tilt + k * math.pi / 2), math.sin(tilt + k * math.pi / 2)) for k in range(4)]
        outline = np.array(corners) * size * 1.3 + centre[:2]
        pillow.polygon(_rounded(outline, 6), shade(accent, 0.8))
        pillow.polygon(_rounded((outline - centre[:2]) * 0.9 + centre[:2] - (0.8, 0.8), 6), accent)
        boxes.add(pillow, 900)


def draw_sofa(rng: np.random.Generator, view: str) -> Sketch:
    """A sofa of two or three seats with arm rests, cushions and feet."""
    yaw, pitch = _view_angles(rng, view)
    yaw = yaw * 0.8 if view not in ("frontal", "side", "rear") else yaw * (view != "frontal")
    boxes = _Boxes(_projection(yaw, pitch))
    fabric, wood = choose(rng, FABRICS), choose(rng, WOODS[:4])
    seats = int(rng.integers(2, 4))
    half, arm = seats * rng.uniform(25, 30), rng.uniform(8, 14)
    floor, seat, rest = rng.uniform(5, 11), rng.uniform(34, 39), rng.uniform(48, 56)
    outer = half + arm
    for x in (-outer + 6, outer - 6):
        for z in (-26, 27):
            boxes.box((x - 2.4, 0, z - 2.4), (x + 2.4, floor + 1, z + 2.4), wood, nearer=-900)
    boxes.box((-outer + 2, floor, -32), (outer - 2, seat - 11, 30), shade(fabric, 0.86), 2, nearer=-300)
    boxes.box((-half - 2, seat - 12, -34), (half + 2, rng.uniform(60, 68), -22), shade(fabric, 0.88), 5, 4, nearer=-100)
    _sofa_cushions(rng, boxes, half, seats, seat, fabric)
    for side in (-1, 1):
        inner, edge = sorted((side * half, side * outer))
        # The arm rest on the far side lies behind the cushions, the one on the near side before them.
        near = 700 if side * yaw <= 0 else -50
        if view == "frontal":
            near = 700
        boxes.box((inner, floor, -32), (edge, rest, 32), shade(fabric, 0.96), min(6, arm * 0.5), nearer=near)
    return boxes.sketch()


# --- Screen -----------------------------------------------------------------------------------------------------------


def _picture(rng: np.random.Generator, width: float, height: float) -> Sketch:
    """What a screen shows between (0, 0) and (width, height): a landscape, bars, a glow, or windows."""
    sketch, kind = Sketch(), rng.integers(4)
    if kind == 0:
        sky = choose(rng, ((120, 190, 236), (244, 176, 120), (60, 90, 160)))
        sketch.rectangle(0, 0, width, height, sky)
        sketch.ellipse(width * rng.uniform(0.2, 0.8), height * 0.28, height * 0.11, height * 0.11, (255, 240, 180))
        for tint, level in ((0.75, 0.5), (1.0, 0.68)):
            hills = [(width * x, height * (level + rng.uniform(-0.12, 0.12))) for x in (0, 0.25, 0.5, 0.75, 1)]
            land = shade((86, 156, 84), tint)
            sketch.polygon([*smooth(hills, closed=False), (width, height), (0, height)], land)
    elif kind == 1:
        bars = (
            (236, 236, 236),
            (236, 220, 70),
            (80, 206, 214),
            (90, 190, 90),
            (200, 90, 190),
            (210, 70, 60),
            (60, 80, 190),
        )
        for i, colour in enumerate(bars):
            sketch.rectangle(width * i / 7, 0, width * (i + 1) / 7, height, colour)
        sketch.rectangle(0, height * 0.78, width, height, (40, 44, 60))
    elif kind == 2:
        sketch.rectangle(0, 0, width, height, (34, 42, 56))
        glow = choose(rng, ((90, 130, 170), (70, 90, 120), (120, 150, 170)))
        sketch.polygon(
            [(width * 0.1, height), (width * 0.55, 0), (width * 0.8, 0), (width * 0.35, height)], (*glow[:3], 110)
        )
        sketch.polygon([(width * 0.45, height), (width * 0.9, 0), (width, 0), (width * 0.55, height)], (*glow[:3], 60))
        return sketch
    else:
        sketch.rectangle(0, 0, width, height, choose(rng, ((70, 120, 180), (80, 150, 150), (110, 90, 160))))
        for x, y in ((0.1, 0.14), (0.36, 0.34)):
            sketch.rectangle(width * x, height * y, width * (x + 0.5), height * (y + 0.5), (246, 246, 248))
            sketch.rectangle(width * x, height * y, width * (x + 0.5), height * (y + 0.09), (190, 200, 214))
            for line in (0.18, 0.26, 0.34):
                end = x + rng.uniform(0.2, 0.44)
                sketch.rectangle(
                    width * (x + 0.04), height * (y + line), width * end, height * (y + line + 0.03), (150, 160, 176)
                )
        sketch.rectangle(0, height * 0.93, width, height, (40, 46, 60))
    sketch.polygon(
        [(width * 0.62, 0), (width * 0.86, 0), (width * 0.52, height), (width * 0.28, height)], (255, 255, 255, 34)
    )
    return sketch


def _on_plane(sketch: Sketch, picture: Sketch, project: Projection, origin: Sequence[float]) -> None:
    """Puts a flat picture on an upright plane that faces z; `origin` is where its upper left corner comes."""
    start = project(origin)[:2]
    across = project(np.add(origin, (1, 0, 0)))[:2] - start
    down = project(np.add(origin, (0, -1, 0)))[:2] - start
    sketch.add(picture, np.column_stack([across, down, start]))


def _flat_screen(rng: np.random.Generator, project: Projection, computer: bool) -> Sketch:
    """A flat television or computer monitor with its stand."""
    half = rng.uniform(38, 46) if computer else rng.uniform(56, 66)
    height = 2 * half * rng.uniform(0.56, 0.66)
    case = choose(rng, ((34, 34, 38), (52, 54, 60), (196, 200, 204)) if computer else ((30, 30, 34), (44, 44, 50)), 5)
    stand = choose(rng, METALS, 6)
    low = rng.uniform(16, 24) if computer else rng.uniform(7, 14)
    boxes = _Boxes(project)
    if computer or rng.random() < 0.5:
        foot = half * rng.uniform(0.34, 0.46)
        boxes.box((-foot, 0, -12), (foot, 2.4, 14), stand, 3, nearer=-60)
        boxes.box((-5, 2, -5), (5, low + 8, -2), shade(stand, 0.86), nearer=-50)
    else:
        for x in (-half * 0.66, half * 0.66):
            boxes.box((x - 2, 0, -12), (x + 2, 2.6, 12), stand, nearer=-60)
            boxes.box((x - 2, 2, -2), (x + 2, low + 2, 1), stand, nearer=-50)
    boxes.box((-half, low, -4), (half, low + height, 2), case)
    sketch = boxes.sketch()
    edge, chin = (2.6, rng.uniform(4, 9)) if computer else (2.4, 4.0)
    picture = _picture(rng, 2 * half - 2 * edge, height - edge - chin)
    _on_plane(sketch, picture, project, (-half + edge, low + height - edge, 2.05))
    light = project((half - 6, low + chin * 0.4, 2.1))
    return sketch.ellipse(light[0], light[1], 1, 1, (110, 220, 130))


def _tube_television(rng: np.random.Generator, project: Projection) -> Sketch:
    """A deep box with a bulging screen, knobs, a loudspeaker, feet and an antenna."""
    half, height = rng.uniform(42, 50), rng.uniform(58, 68)
    case = choose(rng, ((146, 92, 54), (60, 60, 66), (176, 70, 60), (196, 190, 176), (104, 66, 44)))
    boxes = _Boxes(project)
    for x in (-half + 9, half - 9):
        for z in (-20, 18):
            boxes.box((x - 2.4, 0, z - 2.4), (x + 2.4, 9, z + 2.4), (60, 52, 48), nearer=-200)
    boxes.box((-half, 8, -26), (half, 8 + height, 22), case)
    sketch = Sketch()
    if rng.random() < 0.75:
        root = project((0, 8 + height, 0))[:2]
        for side in (-1, 1):
            tip = root + (side * rng.uniform(22, 34), -rng.uniform(28, 38))
            sketch.limb(root, tip, 1.8, 1.2, (150, 154, 160)).ellipse(*tip, 1.9, 1.9, (190, 194, 200))
        sketch.ellipse(*root, 8, 4.5, (60, 60, 66))
    sketch.add(boxes.sketch())
    front, panel = Sketch(), rng.uniform(17, 21)
    wide, tall = 2 * half - panel - 8, height - 10
    front.rectangle(3, 4, 5 + wide, 6 + tall, (36, 34, 36), 7)
    picture = _picture(rng, wide - 8, tall - 8)
    front.add(picture, np.array([[1.0, 0, 8], [0, 1, 9]]))
    front.polygon([(12, 12), (wide * 0.4, 12), (wide * 0.2, tall * 0.5), (12, tall * 0.6)], (255, 255, 255, 46))
    x = wide + 8 + (panel - 6) / 2
    for y in (12, 26):
        front.ellipse(x, y, 5, 5, (44, 42, 44)).ellipse(x, y, 3.6, 3.6, (206, 200, 186))
        front.limb((x, y), (x + 1.6, y - 2.4), 1, 1, (60, 56, 54))
    for y in np.arange(36, height - 9, 4.2):
        front.rectangle(x - 5.5, y, x + 5.5, y + 1.7, shade(case, 0.55))
    _on_plane(sketch, front, project, (-half, 8 + height, 22.05))
    return sketch


def draw_tvmonitor(rng: np.random.Generator, view: str) -> Sketch:
    """A flat television, a tube television or a computer monitor."""
    yaw, pitch = _view_angles(rng, view)
    project = _projection(yaw * (0 if view == "frontal" else 0.8), pitch * 0.6)
    kind = rng.choice(3, p=(0.4, 0.32, 0.28))
    if kind == 1:
        return _tube_television(rng, project)
    return _flat_screen(rng, project, computer=kind == 2)


DRAWERS = {
    "bottle": draw_bottle,
    "chair": draw_chair,
    "diningtable": draw_diningtable,
    "pottedplant": draw_pottedplant,
    "sofa": draw_sofa,
    "tvmonitor": draw_tvmonitor,
}

VIEWS = {
    "bottle": ("other",),
    "chair": ("other", "frontal", "side", "rear"),
    "diningtable": ("other", "frontal"),
    "pottedplant": ("other",),
    "sofa": ("frontal", "other"),
    "tvmonitor": ("frontal", "other"),
}
