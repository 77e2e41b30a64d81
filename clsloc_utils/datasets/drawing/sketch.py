"""A sketch: coloured polygons in drawing order. Every object of the embedded data is one.

Because everything is a polygon, an object can be turned, mirrored, scaled and measured before a pixel is painted.
Coordinates are the object's own: x to the right, y down, in any unit.
"""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, ...]
"""Red, green, blue in 0..255, and optionally alpha in 0..255: 255 is opaque."""

Point = tuple[float, float]


def shade(colour: Colour, factor: float) -> Colour:
    """The colour darker (`factor` below 1) or lighter (above 1: the rest of the way to white for 2). Alpha stays."""
    if factor <= 1:
        rgb = [round(value * factor) for value in colour[:3]]
    else:
        rgb = [round(value + (255 - value) * min(factor - 1, 1)) for value in colour[:3]]
    return (*rgb, *colour[3:])


def mix(first: Colour, second: Colour, amount: float) -> Colour:
    """The opaque colour `amount` (0..1) of the way from `first` to `second`."""
    return tuple(round(a + (b - a) * amount) for a, b in zip(first[:3], second[:3], strict=True))


def vary(rng: np.random.Generator, colour: Colour, amount: float = 12) -> Colour:
    """The colour with each channel moved by up to `amount` levels. Alpha stays."""
    moved = np.clip(np.asarray(colour[:3]) + rng.uniform(-amount, amount, 3), 0, 255)
    return (*(int(value) for value in moved), *colour[3:])


def choose(rng: np.random.Generator, palette: Sequence[Colour], amount: float = 12) -> Colour:
    """One of the palette's colours, slightly varied."""
    return vary(rng, palette[rng.integers(len(palette))], amount)


def smooth(points: Iterable[Point], closed: bool = True, steps: int = 6) -> np.ndarray:
    """A Catmull-Rom curve through the points.

    Args:
        points: The points to pass through, in order.
        closed: Whether the curve returns to its first point.
        steps: Straight pieces between two neighbouring points.

    Returns:
        float64 array [n, 2] of points on the curve.
    """
    knots = np.asarray(points if isinstance(points, np.ndarray) else list(points), dtype=np.float64)
    if closed:
        padded = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        padded = np.concatenate([knots[:1], knots, knots[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    before, start, end, after = (padded[i : len(padded) - 3 + i, None, :] for i in range(4))
    curve = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, knots[-1:]])


def rotation(degrees: float, about: Point = (0, 0)) -> np.ndarray:
    """The affine matrix [2, 3] that turns clockwise on the page by `degrees` around the point `about`."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = about
    return np.array([[cosine, -sine, x - cosine * x + sine * y], [sine, cosine, y - sine * x - cosine * y]])


def _circle(start: float, stop: float, steps: int) -> np.ndarray:
    """Points [steps, 2] on the unit circle, angles in degrees; the unturned arcs come from a table."""
    turns = _ARCS.get((stop - start, steps))
    if turns is None:
        angles = np.radians(np.linspace(0, stop - start, steps))
        turns = _ARCS[stop - start, steps] = np.exp(1j * angles)
    turned = turns * cmath.exp(1j * math.radians(start))
    return turned.view(np.float64).reshape(-1, 2)


_ARCS: dict[tuple[float, int], np.ndarray] = {}


class Sketch:
    """Coloured polygons in drawing order. The drawing methods return the sketch, so calls can be chained."""

    def __init__(self) -> None:
        self.shapes: list[tuple[np.ndarray, Colour]] = []

    def polygon(self, points: Iterable[Point], colour: Colour) -> Sketch:
        """A filled polygon with straight sides."""
        corners = points if isinstance(points, np.ndarray) else list(points)
        self.shapes.append((np.asarray(corners, dtype=np.float64), colour))
        return self

    def blob(self, points: Iterable[Point], colour: Colour, steps: int = 6) -> Sketch:
        """A filled closed curve that passes smoothly through the points."""
        return self.polygon(smooth(points, steps=steps), colour)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, radius: float = 0) -> Sketch:
        """A filled upright rectangle, its corners rounded by `radius`."""
        if radius <= 0:
            return self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)
        radius = min(radius, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
        centres = [
            (x1 - radius, y1 - radius),
            (x0 + radius, y1 - radius),
            (x0 + radius, y0 + radius),
            (x1 - radius, y0 + radius),
        ]
        corners = [np.add(c, radius * _circle(90 * i, 90 * i + 90, 5)) for i, c in enumerate(centres)]
        return self.polygon(np.concatenate(corners), colour)

    def ellipse(
        self,
        x: float,
        y: float,
        radius_x: float,
        radius_y: float,
        colour: Colour,
        angle: float = 0,
        start: float = 0,
        stop: float = 360,
    ) -> Sketch:
        """A filled ellipse around (x, y), turned by `angle`.

        With `start` and `stop` in degrees, only the piece between them: 0 is right, 90 is down.
        """
        points = _circle(start, stop, 28) * (radius_x, radius_y)
        if angle:
            points = points @ rotation(angle)[:, :2].T
        return self.polygon(np.add(points, (x, y)), colour)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour, steps: int = 32) -> Sketch:
        """A circle line of outer `radius`; what lies inside shows through."""
        outer, inner = _circle(0, 360, steps), _circle(360, 0, steps)
        outline = np.concatenate([outer * radius, inner * (radius - width)])
        return self.polygon(np.add(outline, (x, y)), colour)

    def line(self, points: Iterable[Point], width: float, colour: Colour, curved: bool = False) -> Sketch:
        """A line of the given width through the points, with round ends and joints."""
        points = smooth(points, closed=False) if curved else np.asarray(list(points), dtype=np.float64)
        for start, end in itertools.pairwise(points):
            self.limb(start, end, width, width, colour)
        return self

    def limb(self, start: Point, end: Point, start_width: float, end_width: float, colour: Colour) -> Sketch:
        """A rounded stroke from `start` to `end` whose width changes on the way: an arm, a leg, a branch."""
        start, end = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
        angle = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))
        half = [
            start + start_width / 2 * _circle(angle + 90, angle + 270, 7),
            end + end_width / 2 * _circle(angle - 90, angle + 90, 7),
        ]
        return self.polygon(np.concatenate(half), colour)

    def add(self, other: Sketch, matrix: np.ndarray | None = None) -> Sketch:
        """All shapes of another sketch on top, moved by the affine `matrix` [2, 3] if given."""
        self.shapes += (other if matrix is None else other.transformed(matrix)).shapes
        return self

    def transformed(self, matrix: np.ndarray) -> Sketch:
        """A new sketch with every point p at `matrix[:, :2] @ p + matrix[:, 2]`."""
        # All points at once: one product of matrices instead of hundreds of small ones.
        points = np.concatenate([points for points, _ in self.shapes]) @ matrix[:, :2].T + matrix[:, 2]
        moved, start = Sketch(), 0
        for corners, colour in self.shapes:
            moved.shapes.append((points[start : start + len(corners)], colour))
            start += len(corners)
        return moved

    def bounds(self) -> tuple[float, float, float, float]:
        """The smallest upright box around all shapes: xmin, ymin, xmax, ymax."""
        points = np.concatenate([points for points, _ in self.shapes])
        return (*points.min(axis=0), *points.max(axis=0))

    def paint(self, image: Image.Image, mask: Image.Image | None = None, level: int = 255) -> None:
        """Paints the shapes onto an RGB image, in pixels.

        Args:
            image: The picture, mode RGB; shapes with alpha let it shine through.
            mask: Mode L, of the same size; set to `level` wherever a shape covers the picture.
            level: 0..255.
        """
        # Pillow fills opaque and blended polygons by routines that differ in single pixels; the mask's is the former.
        opaque, blended = ImageDraw.Draw(image), ImageDraw.Draw(image, "RGBA")
        stencil = ImageDraw.Draw(mask) if mask is not None else None
        for points, colour in self.shapes:
            corners = points.ravel().tolist()
            (opaque if len(colour) == 3 or colour[3] == 255 else blended).polygon(corners, fill=colour)
            if stencil is not None:
                stencil.polygon(corners, fill=level)
