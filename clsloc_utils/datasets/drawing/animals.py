"""Animals: parametric drawings of the VOC classes bird, cat, cow, dog, horse and sheep.

Side views look to the right. The feet stand near y = 0, so that heights are negative y, in units of about a hundredth
of the length of an animal's trunk. Heads are drawn in their own coordinates (the joint with the neck at the origin, the
nose to the right) and then turned into place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clsloc_utils.datasets.drawing.sketch import Colour, Point, Sketch, choose, mix, rotation, shade, smooth, vary

BLACK, WHITE, PINK = (34, 31, 32), (246, 243, 236), (232, 160, 156)
BONE = (214, 190, 142)
MIRROR = np.array([[-1.0, 0, 0], [0, 1, 0]])
FAR = 0.7
"""How dark the far side's legs are."""


# ---------------------------------------------------------------------------------------------------- shared parts


def _place(at: Point, angle: float = 0, scale: float = 1) -> np.ndarray:
    """The matrix that scales a part, turns it clockwise by `angle` and moves its origin to `at`."""
    matrix = rotation(angle) * scale
    matrix[:, 2] = at
    return matrix


def _both(sketch: Sketch, half: Sketch) -> Sketch:
    """Adds a part and its mirror image."""
    return sketch.add(half, MIRROR).add(half)


def _tone(rng: np.random.Generator, colour: Colour, amount: float = 12) -> Colour:
    """The colour darker or lighter by up to `amount` levels. All channels move together, so that grey stays grey."""
    shift = rng.uniform(-amount, amount)
    return vary(rng, tuple(round(min(max(value + shift, 0), 255)) for value in colour), 3)


def _edges(points: Sequence[Point], widths: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """The two sides of a smooth strip whose width changes from point to point: left and right of its direction."""
    centre = smooth(points, closed=False, steps=5)
    half = smooth([(width / 2, 0) for width in widths], closed=False, steps=5)[:, :1]
    ahead = np.gradient(centre, axis=0)
    ahead /= np.maximum(np.hypot(ahead[:, :1], ahead[:, 1:]), 1e-9)
    normal = np.column_stack([ahead[:, 1], -ahead[:, 0]])
    return centre + half * normal, centre - half * normal


def _cap(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The half circle from `start` to `end`, clockwise on the page."""
    centre = (start + end) / 2
    turns = [rotation(angle)[:, :2] for angle in (36, 72, 108, 144)]
    return np.array([centre + turn @ (start - centre) for turn in turns])


def _tube(sketch: Sketch, points: Sequence[Point], widths: Sequence[float], colour: Colour) -> Sketch:
    """A smooth limb with round ends through the points, as wide at each as `widths` says."""
    left, right = _edges(points, widths)
    return sketch.polygon(
        np.concatenate([left, _cap(left[-1], right[-1]), right[::-1], _cap(right[0], left[0])]), colour
    )


def _clip(subject: np.ndarray, window: np.ndarray) -> np.ndarray:
    """The part of a polygon inside a convex polygon (Sutherland and Hodgman); [0, 2] if there is none."""
    x, y = window[:, 0], window[:, 1]
    if np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) < 0:
        window = window[::-1]
    for start, end in zip(window, np.roll(window, -1, axis=0), strict=True):
        edge = end - start
        side = edge[0] * (subject[:, 1] - start[1]) - edge[1] * (subject[:, 0] - start[0])
        inside = side >= 0
        if inside.all():
            continue
        if not inside.any():
            return np.zeros((0, 2))
        crossing = np.flatnonzero(inside != np.roll(inside, -1))
        follower = (crossing + 1) % len(subject)
        part = (side[crossing] / (side[crossing] - side[follower]))[:, None]
        cuts = subject[crossing] + part * (subject[follower] - subject[crossing])
        order = np.argsort(np.concatenate([np.flatnonzero(inside), crossing + 0.5]))
        subject = np.concatenate([subject[inside], cuts])[order]
    return subject


def _patch(sketch: Sketch, body: np.ndarray, window: np.ndarray, colour: Colour) -> None:
    """Paints the part of the body that a convex window shows: a marking that never leaves the animal."""
    piece = _clip(body, window)
    if len(piece) >= 3:
        sketch.polygon(piece, colour)


def _oval(x: float, y: float, radius_x: float, radius_y: float, angle: float = 0, steps: int = 16) -> np.ndarray:
    """The corners of an ellipse."""
    turn = np.linspace(0, 2 * math.pi, steps, endpoint=False)
    points = np.column_stack([radius_x * np.cos(turn), radius_y * np.sin(turn)])
    return points @ rotation(angle)[:, :2].T + (x, y)


def _shade_body(sketch: Sketch, body: np.ndarray, colour: Colour, belly: Colour | None = None) -> None:
    """A lighter back, and a darker (or `belly` coloured) underside."""
    low, high = body.min(axis=0), body.max(axis=0)
    width, height = high - low
    middle = (low[0] + high[0]) / 2
    _patch(sketch, body, _oval(middle, high[1], 0.5 * width, 0.2 * height), belly or shade(colour, 0.86))
    _patch(sketch, body, _oval(middle, low[1], 0.42 * width, 0.14 * height), shade(colour, 1.1))


def _speckle(sketch: Sketch, body: np.ndarray, rng: np.random.Generator, count: int, size: float, colour: Colour):
    """Spots of about `size` spread over the body."""
    low, high = body.min(axis=0), body.max(axis=0)
    for index in range(count):
        x = low[0] + (high[0] - low[0]) * (index + rng.uniform(0.1, 0.9)) / count
        y = rng.uniform(low[1], high[1])
        _patch(
            sketch,
            body,
            _oval(x, y, size * rng.uniform(0.6, 1.3), size * rng.uniform(0.6, 1.1), rng.uniform(0, 90), 10),
            colour,
        )


def _eye(sketch: Sketch, x: float, y: float, radius: float, iris: Colour = BLACK) -> None:
    """A dark or coloured eye with a glint."""
    if iris != BLACK:
        sketch.ellipse(x, y, radius * 1.25, radius * 1.2, shade(iris, 0.35)).ellipse(x, y, radius, radius, iris)
        sketch.ellipse(x, y, radius * 0.55, radius * 0.6, BLACK)
    else:
        sketch.ellipse(x, y, radius, radius, BLACK)
    sketch.ellipse(x + radius * 0.3, y - radius * 0.35, radius * 0.3, radius * 0.3, WHITE)


@dataclass(frozen=True)
class _Leg:
    """How a kind's legs are built: widths at the thigh, knee and ankle, colours, and the foot."""

    length: float
    widths: tuple[float, float, float]
    coat: Colour
    foot: Colour
    hoofed: bool = True
    sock: Colour | None = None


def _foot(sketch: Sketch, ankle: np.ndarray, lean: float, leg: _Leg, dark: float) -> None:
    """A hoof, or a paw with toes, below the ankle."""
    width, colour = leg.widths[2], shade(leg.foot, dark)
    part = Sketch()
    if leg.hoofed:
        part.polygon([(-0.55, -0.1), (0.5, -0.1), (0.85, 0.95), (-0.65, 0.95)], colour)
    else:
        part.blob([(-0.6, -0.5), (0.5, -0.6), (1.3, 0.1), (1.3, 0.6), (-0.5, 0.6)], colour, 4)
        part.line([(0.75, 0.2), (0.7, 0.55)], 0.12, shade(colour, 0.6))
    sketch.add(part, _place(tuple(ankle), lean, width))


def _leg(sketch: Sketch, hip: Point, leg: _Leg, hind: bool, angle: float = 0, bend: float = 0, dark: float = 1) -> None:
    """A leg from the hip: `angle` degrees forward, the part below the knee bent back by `bend`."""
    if hind:
        joints = np.array([(0, 0), (0.06, 0.22), (-0.1, 0.55), (-0.05, 0.9)])
    else:
        joints = np.array([(0, 0), (0.0, 0.22), (0.02, 0.5), (0.0, 0.9)])
    joints = joints * leg.length
    joints[3:] = (joints[3:] - joints[2]) @ rotation(bend)[:, :2].T + joints[2]
    joints = joints @ rotation(-angle)[:, :2].T + hip
    thigh, knee, ankle = leg.widths
    widths = [thigh, thigh * 0.72, knee, ankle] if hind else [thigh * 0.8, thigh * 0.62, knee, ankle]
    _tube(sketch, joints, widths, shade(leg.coat, dark))
    if leg.sock:
        middle = joints[2] * 0.45 + joints[3] * 0.55
        _tube(sketch, [middle, joints[3]], [(knee + ankle) / 2, ankle], shade(leg.sock, dark))
    _foot(sketch, joints[3], (bend - angle) * 0.6, leg, dark)


def _gait(rng: np.random.Generator) -> list[tuple[float, float]]:
    """Angle and bend of the far hind, far front, near hind and near front leg: standing or walking."""
    if rng.random() < 0.4:
        return [(rng.uniform(8, 12), 0), (rng.uniform(5, 11), 0), (rng.uniform(-6, -1), 0), (rng.uniform(-4, 1), 0)]
    stride = rng.uniform(14, 22) * rng.choice([-1, 1])
    # Walking: the legs of a pair swing against each other, and a leg that comes forward is bent.
    swings = [stride, -stride, -stride * 0.9, stride * 0.9]
    return [(swing, 18 if swing > 0 and rng.random() < 0.6 else 4) for swing in swings]


def _legs(sketch: Sketch, hips: tuple[Point, Point], leg: _Leg, gait: list[tuple[float, float]], far: bool) -> None:
    """The far or near pair of legs at the hind and front `hips`."""
    pair = gait[:2] if far else gait[2:]
    for hip, hind, (angle, bend) in zip(hips, (True, False), pair, strict=True):
        shift = 5 if far else 0
        _leg(sketch, (hip[0] + shift, hip[1]), leg, hind, angle, bend, FAR if far else 1)


# ---------------------------------------------------------------------------------------------------- cow


@dataclass(frozen=True)
class _CowCoat:
    """A breed's colours; `patch` is None for a plain coat."""

    base: Colour
    patch: Colour | None
    face: Colour
    muzzle: Colour
    horn: float


def _cow_coat(rng: np.random.Generator) -> _CowCoat:
    """Black or red pied most often, else plain brown, cream, or red with a white face."""
    kind = rng.choice(["pied", "red pied", "brown", "cream", "white face"], p=[0.42, 0.22, 0.14, 0.08, 0.14])
    horn, pink = rng.uniform(9, 17), _tone(rng, PINK)
    white, red = _tone(rng, WHITE, 6), choose(rng, [(140, 68, 38), (160, 84, 46), (120, 60, 40)])
    if kind == "pied":
        return _CowCoat(white, _tone(rng, (40, 37, 38), 6), _tone(rng, (40, 37, 38), 6), pink, horn)
    if kind == "red pied":
        return _CowCoat(white, red, red, pink, horn)
    if kind == "white face":
        return _CowCoat(red, None, white, pink, horn)
    base = choose(rng, [(176, 122, 74), (150, 96, 58)]) if kind == "brown" else _tone(rng, (226, 206, 172))
    return _CowCoat(base, None, base, mix(pink, WHITE, 0.3), horn)


def _cow_head(coat: _CowCoat) -> Sketch:
    """A boxy head with a pink muzzle, a leaf-shaped ear and a horn."""
    head, bone = Sketch(), BONE
    _tube(head, [(5, -6), (7, -6 - 0.7 * coat.horn), (13, -8 - coat.horn)], [6, 4, 1], shade(bone, 0.75))
    head.blob(
        [(-4, -9), (6, -11), (18, -8), (34, -6), (42, -1), (42, 9), (34, 14), (18, 14), (4, 15), (-6, 8)], coat.face
    )
    if coat.patch:
        head.blob([(10, -9), (22, -7), (33, -5), (30, -1), (18, -4)], coat.base)
    head.blob([(31, -6), (40, -5), (45, 1), (44, 10), (37, 15), (30, 12), (29, 3)], coat.muzzle)
    head.ellipse(40, 0, 2.4, 1.8, shade(coat.muzzle, 0.45), 30)
    head.line([(43, 8), (37, 10), (32, 9)], 1, shade(coat.muzzle, 0.6), curved=True)
    _eye(head, 15, -1.5, 2.5)
    _tube(head, [(1, -7), (-1, -8 - 0.7 * coat.horn), (5, -11 - coat.horn)], [7, 5, 1], bone)
    ear = shade(coat.patch or coat.base, 0.85)
    head.blob([(3, -4), (-6, -8), (-18, -4), (-16, 3), (-5, 3)], ear)
    head.blob([(0, -2), (-7, -4), (-14, -2), (-7, 1)], mix(ear, PINK, 0.6), 3)
    return head


def _cow_markings(sketch: Sketch, rng: np.random.Generator, body: np.ndarray, patch: Colour) -> None:
    """A few big irregular patches: each is two ovals that overlap."""
    for x in (-44, -8, 32):
        x, y = x + rng.uniform(-8, 8), rng.uniform(-92, -66)
        for _ in range(2):
            size = rng.uniform(9, 17)
            oval = _oval(
                x + rng.uniform(-7, 7), y + rng.uniform(-8, 8), size, size * rng.uniform(0.7, 1.1), rng.uniform(0, 90)
            )
            _patch(sketch, body, oval, patch)


def _tufted_tail(sketch: Sketch, rng: np.random.Generator, coat: Colour, tuft: Colour) -> None:
    """A thin tail with a tuft at its end."""
    sway = rng.uniform(-8, 4)
    _tube(sketch, [(-50, -90), (-60, -86), (-62, -62), (-61 + sway, -40)], [6, 5, 3.4, 3], shade(coat, 0.88))
    x = -61 + sway
    sketch.blob([(x - 1, -45), (x + 3, -38), (x + 3, -26), (x - 1 + sway / 3, -20), (x - 5, -28), (x - 4, -38)], tuft)


def _cow_side(rng: np.random.Generator, coat: _CowCoat, grazing: bool) -> Sketch:
    """A standing or walking cow, its head raised or at the grass."""
    sketch, deep = Sketch(), rng.uniform(-2, 5)
    hips, gait = ((-40, -56), (36, -54)), _gait(rng)
    length = 54 if grazing else rng.uniform(46, 56)
    leg = _Leg(length, (25, 10.5, 8), coat.base, (62, 52, 48), sock=WHITE if rng.random() < 0.3 else None)
    _legs(sketch, hips, leg, gait, far=True)
    _tufted_tail(sketch, rng, coat.base, shade(coat.patch or coat.base, 0.8))
    pink = shade(PINK, 1.15)
    if rng.random() < 0.75:
        for x in (-24, -16):
            sketch.limb((x, -38), (x + 1, -29), 4, 3, shade(pink, 0.85))
        sketch.blob([(-36, -52), (-10, -48), (-8, -42), (-15, -34), (-27, -33), (-35, -42)], pink)
    neck = [(34, -74), (54, -72), (70, -50)] if grazing else [(32, -74), (50, -84), (66, -97)]
    _tube(sketch, neck, [46, 36, 22], coat.patch or coat.base)
    _tube(
        sketch,
        [np.add(neck[0], (8, 12)), np.add(neck[1], (4, 14)), np.add(neck[2], (2, 6))],
        [14, 9, 6],
        shade(coat.patch or coat.base, 0.85),
    )
    top = [(-54, -90), (-44, -97), (-20, -95), (8, -94), (32, -98), (46, -94), (55, -76), (53, -58), (42, -46)]
    bottom = [(12, -42 + deep), (-14, -43 + deep), (-34, -50), (-53, -58), (-57, -76)]
    sketch.blob(top + bottom, coat.base)
    body = sketch.shapes[-1][0]
    _shade_body(sketch, body, coat.base)
    _legs(sketch, hips, leg, gait, far=False)
    if coat.patch:
        _cow_markings(sketch, rng, body, coat.patch)
    at, angle = ((68, -46), rng.uniform(58, 68)) if grazing else ((62, -100), rng.uniform(14, 34))
    return sketch.add(_cow_head(coat), _place(at, angle, rng.uniform(0.95, 1.08)))


def _cow_face(coat: _CowCoat) -> Sketch:
    """The head from the front: ears sideways, horns up, a broad pink muzzle."""
    face, half, ear = Sketch(), Sketch(), shade(coat.patch or coat.base, 0.85)
    _tube(half, [(9, -22), (20, -25), (25, -26 - coat.horn)], [7, 6, 1], BONE)
    half.blob([(13, -18), (24, -22), (37, -15), (33, -7), (18, -8)], ear)
    half.blob([(18, -15), (25, -18), (33, -14), (26, -10)], mix(ear, PINK, 0.6), 3)
    _both(face, half)
    face.blob(
        [(0, -26), (14, -23), (19, -8), (14, 14), (15, 28), (0, 36), (-15, 28), (-14, 14), (-19, -8), (-14, -23)],
        coat.face,
    )
    if coat.patch:
        face.blob([(0, -26), (5, -18), (4, -4), (9, 16), (0, 20), (-9, 16), (-4, -4), (-5, -18)], coat.base)
    face.blob([(0, 13), (13, 16), (18, 25), (12, 35), (0, 38), (-12, 35), (-18, 25), (-13, 16)], coat.muzzle)
    half = Sketch().ellipse(8, 23, 3.4, 2.3, shade(coat.muzzle, 0.45), -30)
    _eye(half, 13, -6, 3)
    _both(face, half)
    face.line([(-9, 32), (0, 33.5), (9, 32)], 1, shade(coat.muzzle, 0.6))
    return face


def _cow_frontal(rng: np.random.Generator, coat: _CowCoat) -> Sketch:
    """A cow that stands with its head towards us."""
    sketch, wide = Sketch(), rng.uniform(28, 36)
    hoof, face = (62, 52, 48), _cow_face(coat)
    if not coat.patch:
        # A plain cow's head would not stand out from its chest.
        coat = replace(coat, base=shade(coat.base, 0.82))
    for x, factor, foot in ((0.72, 0.66, -5), (0.45, 1, 0)):
        for side in (-1, 1):
            at, colour = side * wide * x, shade(coat.base, factor)
            _tube(sketch, [(at, -58), (at, -30), (at, foot - 6)], [20, 11, 9], colour)
            sketch.polygon([(at - 5, foot - 8), (at + 5, foot - 8), (at + 6.5, foot), (at - 6.5, foot)], hoof)
    side = [(0.5, -106), (0.95, -94), (1.05, -70), (0.85, -50), (0.4, -42)]
    outline = [(wide * x, y) for x, y in side] + [(-wide * x, y) for x, y in reversed(side)]
    sketch.blob(outline, coat.base)
    body = sketch.shapes[-1][0]
    _patch(sketch, body, _oval(0, -40, wide, 14), shade(coat.base, 0.86))
    if coat.patch:
        for x in (-0.8, 0.8):
            _patch(
                sketch,
                body,
                _oval(x * wide, rng.uniform(-92, -60), rng.uniform(10, 18), rng.uniform(12, 20)),
                coat.patch,
            )
    sketch.ellipse(0, -76, 17, 24, shade(coat.base, 0.8))
    return sketch.add(face, _place((rng.uniform(-3, 3), -98), rng.uniform(-7, 7), rng.uniform(0.95, 1.15)))


def _cow_lying(rng: np.random.Generator, coat: _CowCoat) -> Sketch:
    """A cow that rests with its legs folded under it."""
    sketch, hoof = Sketch(), (62, 52, 48)
    _tube(sketch, [(28, -74), (48, -82), (64, -94)], [46, 36, 22], coat.patch or coat.base)
    _tube(sketch, [(-50, -64), (-62, -50), (-62, -28)], [5, 4, 3], shade(coat.base, 0.85))
    sketch.blob([(-62, -32), (-58, -22), (-60, -8), (-66, -16)], shade(coat.patch or coat.base, 0.8))
    _tube(sketch, [(36, -42), (62, -44), (58, -34)], [20, 11, 9], shade(coat.base, FAR))
    top = [(-58, -60), (-46, -78), (-16, -84), (12, -82), (34, -92), (50, -82), (56, -60), (50, -40)]
    sketch.blob(top + [(30, -30), (-10, -27), (-44, -28), (-60, -38)], coat.base)
    body = sketch.shapes[-1][0]
    _shade_body(sketch, body, coat.base)
    if coat.patch:
        _cow_markings(sketch, rng, body, coat.patch)
    _tube(sketch, [(34, -48), (60, -38), (40, -27)], [26, 14, 9], shade(coat.base, 0.93))
    sketch.polygon([(42, -32), (42, -22), (31, -21), (33, -31)], hoof)
    _tube(sketch, [(-38, -46), (-14, -36), (-26, -27), (-6, -24)], [34, 22, 12, 9], shade(coat.base, 0.93))
    sketch.polygon([(-8, -28), (6, -26), (6, -20), (-8, -20)], hoof)
    return sketch.add(_cow_head(coat), _place((60, -97), rng.uniform(12, 28)))


def draw_cow(rng: np.random.Generator, view: str) -> Sketch:
    """A cow from the side or the front, or one that lies or grazes."""
    coat = _cow_coat(rng)
    if view == "frontal":
        return _cow_frontal(rng, coat)
    if view == "other" and rng.random() < 0.5:
        return _cow_lying(rng, coat)
    return _cow_side(rng, coat, grazing=view == "other")


# ---------------------------------------------------------------------------------------------------- horse


@dataclass(frozen=True)
class _HorseCoat:
    """Colours of a horse; `blaze`, `sock` and `patch` are None where it has none."""

    base: Colour
    hair: Colour
    blaze: Colour | None
    sock: Colour | None
    patch: Colour | None


def _horse_coat(rng: np.random.Generator) -> _HorseCoat:
    """Bay, chestnut, black, grey, palomino or pinto."""
    kinds = [
        ((134, 80, 44), (38, 30, 28)),
        ((162, 92, 48), (150, 84, 42)),
        ((52, 46, 46), (24, 22, 24)),
        ((198, 196, 194), (236, 234, 230)),
        ((210, 164, 98), (244, 230, 200)),
        ((98, 60, 40), (52, 34, 28)),
    ]
    base, hair = kinds[rng.integers(len(kinds))]
    base, hair = _tone(rng, base), _tone(rng, hair, 6)
    sock = WHITE if rng.random() < 0.45 else (hair if sum(hair) < 150 else None)
    blaze = WHITE if rng.random() < 0.55 else None
    return _HorseCoat(base, hair, blaze, sock, WHITE if rng.random() < 0.2 and sum(base) < 500 else None)


def _horse_head(coat: _HorseCoat) -> Sketch:
    """A long head that tapers to a soft muzzle, with upright ears and a forelock."""
    head, dark = Sketch(), mix(coat.base, (60, 48, 46), 0.55)
    head.blob([(5, -7), (9, -20), (13, -8)], shade(coat.base, 0.75), 4)
    outline = [
        (-6, -7),
        (6, -11),
        (18, -9),
        (34, -5),
        (44, -3),
        (48, 3),
        (45, 9),
        (38, 10),
        (26, 10),
        (15, 15),
        (3, 16),
        (-7, 8),
    ]
    head.blob(outline, coat.base)
    body = head.shapes[-1][0]
    if coat.blaze:
        _patch(head, body, _oval(25, -9, 16, 4.5, 11), coat.blaze)
    _patch(head, body, _oval(48, 4, 11, 12), dark)
    head.ellipse(44.5, 1, 2.2, 1.5, shade(dark, 0.5), 40)
    head.line([(45, 7.5), (39, 7)], 0.9, shade(dark, 0.5))
    head.ellipse(7, 7, 8, 8, shade(coat.base, 1.07))
    _eye(head, 15, -2.5, 2.3)
    head.blob([(-1, -7), (2, -22), (8, -9)], coat.base, 4)
    head.blob([(1, -9), (3, -18), (6, -10)], shade(coat.base, 0.7), 3)
    head.blob([(-6, -10), (3, -13), (12, -11), (20, -5), (11, -7), (14, -2), (4, -7)], coat.hair, 4)
    return head


def _mane(
    sketch: Sketch, rng: np.random.Generator, neck: Sequence[Point], widths: Sequence[float], hair: Colour
) -> None:
    """Hair along the crest of the neck, its lower edge in strands."""
    crest, throat = _edges(neck, widths)
    inward = throat - crest
    inward /= np.hypot(inward[:, :1], inward[:, 1:])
    keep = np.linspace(1, len(crest) - 1, 9).astype(int)
    long = rng.uniform(9, 15)
    depth = np.where(np.arange(9) % 2, long, long * 0.55)[:, None]
    # The strands hang back and down from the crest, whichever way the neck points.
    hanging = crest[keep] + depth * (inward[keep] + (-0.35, 0.45))
    sketch.blob(np.concatenate([crest[keep] - 3.5 * inward[keep], hanging[::-1]]), hair, 4)


def _horse_tail(sketch: Sketch, rng: np.random.Generator, hair: Colour, flowing: bool) -> None:
    """A tail of long hair, hanging or flowing behind."""
    if flowing:
        sketch.blob(
            [(-48, -112), (-66, -120), (-88, -112), (-108, -94), (-88, -100), (-98, -86), (-74, -96), (-54, -102)], hair
        )
        return
    sway, end = rng.uniform(-10, 2), rng.uniform(-40, -22)
    points = [(-48, -110), (-58, -112), (-66, -98), (-72 + sway / 2, -70), (-70 + sway, end)]
    sketch.blob(points + [(-62 + sway, end - 10), (-58 + sway, end + 4), (-54, -70), (-54, -92)], hair)
    _tube(sketch, [(-58, -106), (-63, -88), (-64 + sway / 2, -62)], [1, 2.5, 1], shade(hair, 1.2))


def _horse_pose(rng: np.random.Generator, pose: str) -> tuple[list[Point], float, list[tuple[float, float]]]:
    """Neck, angle of the head, and the legs' gait for standing, grazing and galloping."""
    if pose == "grazing":
        return [(34, -92), (58, -80), (80, -48)], rng.uniform(58, 66), _gait(rng)
    if pose == "galloping":
        gait = (
            [(-46, 12), (58, 14), (-22, 24), (34, 84)]
            if rng.random() < 0.5
            else [(38, 50), (20, 95), (20, 60), (52, 70)]
        )
        return [(30, -94), (56, -116), (80, -134)], rng.uniform(22, 34), gait
    lift = rng.uniform(-8, 6)
    return [(32, -96), (52, -118), (66, -146 - lift)], rng.uniform(36, 50), _gait(rng)


def _pinto(sketch: Sketch, rng: np.random.Generator, body: np.ndarray, patch: Colour) -> None:
    """Three irregular white patches, each of three ovals that overlap."""
    for x in (-44, -8, 30):
        x, y = x + rng.uniform(-5, 5), rng.uniform(-108, -88)
        for shift in (-9, 0, 9):
            size = rng.uniform(6, 11)
            oval = _oval(x + rng.uniform(-5, 5), y + shift, size * 1.1, size, rng.uniform(0, 90))
            _patch(sketch, body, oval, patch)


def draw_horse(rng: np.random.Generator, view: str) -> Sketch:
    """A horse that stands or walks, or one that grazes or gallops."""
    sketch, coat = Sketch(), _horse_coat(rng)
    pose = "standing" if view == "side" else ("grazing", "galloping")[rng.integers(2)]
    neck, head_angle, gait = _horse_pose(rng, pose)
    stout = rng.uniform(0.9, 1.25)
    # A grazing muzzle has to stay above the feet, so only the other poses may have short legs.
    length = 70 if pose == "grazing" else rng.uniform(60, 73)
    leg = _Leg(
        length, (25, 9 * stout, 6.5 * stout), coat.base, shade((70, 60, 54), rng.uniform(0.7, 1)), sock=coat.sock
    )
    hips = ((-36, -76), (34, -76))
    _legs(sketch, hips, leg, gait, far=True)
    _horse_tail(sketch, rng, coat.hair, pose == "galloping")
    widths = [50, 33, 21]
    belly = -70 + 5 * (stout - 0.9) * 4
    top = [(-52, -100), (-46, -112), (-30, -117), (-4, -110), (16, -112), (34, -117), (48, -106), (53, -90), (46, -74)]
    sketch.blob(top + [(24, belly), (-2, belly - 1), (-24, -76), (-44, -78), (-53, -88)], coat.base)
    body = sketch.shapes[-1][0]
    _shade_body(sketch, body, coat.base)
    _tube(sketch, neck, widths, coat.base)
    _legs(sketch, hips, leg, gait, far=False)
    if coat.patch:
        _pinto(sketch, rng, body, coat.patch)
    _mane(sketch, rng, neck, widths, coat.hair)
    return sketch.add(_horse_head(coat), _place(np.add(neck[-1], (0, -3)), head_angle, rng.uniform(0.92, 1.02)))


# ---------------------------------------------------------------------------------------------------- sheep


def _fleece(x: float, y: float, radius_x: float, radius_y: float, bumps: int) -> np.ndarray:
    """The outline of a woolly cloud: an ellipse edged with round bumps."""
    turn = np.linspace(0, 2 * math.pi, bumps * 8, endpoint=False)
    # A power below 2 keeps the trunk a little boxy, like a fleece and unlike a ball.
    boxy = (np.abs(np.cos(turn)) ** 2.6 + np.abs(np.sin(turn)) ** 2.6) ** (-1 / 2.6)
    puff = 1 + 0.085 * (np.abs(np.sin(turn * bumps / 2)) - 0.5)
    return np.column_stack([x + radius_x * boxy * puff * np.cos(turn), y + radius_y * boxy * puff * np.sin(turn)])


def _curls(sketch: Sketch, rng: np.random.Generator, box: tuple[float, float, float, float], wool: Colour) -> None:
    """Curls of wool in rows: small arcs, lighter towards the back."""
    x, y, radius_x, radius_y = box
    for row in range(4):
        height = -0.6 + 0.4 * row
        for column in range(5):
            across = -0.72 + 0.36 * (column + 0.5 * (row % 2) - 0.1) + rng.uniform(-0.07, 0.07)
            if across**2 + height**2 > 0.85:
                continue
            at_x, at_y = x + radius_x * across, y + radius_y * height
            size = radius_y * 0.12
            arc = [(at_x - size, at_y - size * 0.2), (at_x, at_y + size * 0.7), (at_x + size, at_y - size * 0.2)]
            _tube(sketch, arc, [0.8, 2.2, 0.8], shade(wool, 0.84))


def _sheep_head(skin: Colour, wool: Colour, horned: bool) -> Sketch:
    """A narrow wedge of a face with a hanging ear and a woolly cap."""
    head = Sketch()
    head.blob([(-5, -8), (8, -10), (20, -6), (32, 0), (34, 6), (28, 11), (14, 13), (0, 12), (-7, 4)], skin)
    head.ellipse(31, 3, 1.8, 1.2, shade(skin, 0.45) if sum(skin) > 200 else shade(skin, 1.4), 30)
    head.line([(32, 8), (25, 8)], 0.9, shade(skin, 0.5) if sum(skin) > 200 else shade(skin, 1.3))
    _eye(head, 12, -2.5, 2.6, (214, 178, 92))
    head.polygon(_fleece(-1, -8, 11, 7.5, 9), wool)
    ear = shade(skin, 0.82) if sum(skin) > 200 else shade(skin, 1.12)
    if horned:
        curl = [(0, -6), (-10, -14), (-19, -4), (-14, 9), (-2, 11), (2, 4)]
        _tube(head, curl, [9, 9, 8, 7, 5, 1], (190, 166, 122))
    else:
        head.blob([(2, -3), (-5, -4), (-17, 4), (-15, 9), (-4, 5)], ear)
    return head


def _sheep_face(skin: Colour, wool: Colour, horned: bool) -> Sketch:
    """The head from the front: a narrow face, ears sideways, a woolly cap."""
    face, half = Sketch(), Sketch()
    ear = shade(skin, 0.82) if sum(skin) > 200 else shade(skin, 1.12)
    half.blob([(8, -10), (18, -13), (29, -5), (26, 1), (13, -2)], ear)
    if horned:
        _tube(half, [(6, -14), (18, -20), (26, -8), (18, 2), (14, -5)], [9, 9, 7, 5, 1], (190, 166, 122))
    _both(face, half)
    face.blob(
        [(0, -18), (11, -14), (13, -3), (8, 14), (6, 22), (0, 25), (-6, 22), (-8, 14), (-13, -3), (-11, -14)], skin
    )
    half = Sketch()
    _eye(half, 8, -3, 2.7, (214, 178, 92))
    half.line([(1.5, 18), (4.5, 15.5)], 1.3, shade(skin, 0.4) if sum(skin) > 200 else shade(skin, 1.45))
    _both(face, half)
    mouth = shade(skin, 0.5) if sum(skin) > 200 else shade(skin, 1.35)
    face.line([(0, 17.5), (0, 20.5)], 1, mouth).line([(-4, 21.5), (0, 20.5), (4, 21.5)], 1, mouth)
    return face.polygon(_fleece(0, -17, 13, 7.5, 10), wool)


def draw_sheep(rng: np.random.Generator, view: str) -> Sketch:
    """A sheep from the side (its head raised or at the grass) or with its head towards us."""
    sketch = Sketch()
    wool = choose(rng, [(242, 236, 222), (246, 243, 236), (226, 214, 192), (206, 194, 176), (128, 106, 88)], 6)
    skin = choose(rng, [(52, 46, 46), (64, 52, 48), (226, 198, 172), (210, 186, 158), (70, 60, 56)], 6)
    horned = rng.random() < 0.22
    if view == "frontal":
        return _sheep_frontal(sketch, rng, wool, skin, horned)
    radius_x, radius_y = rng.uniform(46, 54), rng.uniform(28, 34)
    leg = _Leg(40, (14, 8, 6.5), skin, shade(skin, 0.5) if sum(skin) > 200 else shade(skin, 0.6))
    hips, gait = ((-30, -40), (26, -40)), _gait(rng)
    _legs(sketch, hips, leg, gait, far=True)
    _legs(sketch, hips, leg, gait, far=False)
    _tube(sketch, [(-44, -72), (-53, -64), (-54, -50)], [9, 10, 7], shade(wool, 0.88))
    grazing = rng.random() < 0.35
    # The woolly neck leads from the fleece to the head.
    at = (54, -46) if grazing else (52, -88 + rng.uniform(-5, 6))
    sketch.polygon(_fleece(42, (at[1] - 66) / 2, 17, 20, 11), shade(wool, 0.94))
    outline = _fleece(0, -64, radius_x, radius_y, 20)
    sketch.polygon(outline, wool)
    _patch(sketch, outline, _oval(0, -30, radius_x * 0.95, 13), shade(wool, 0.9))
    _curls(sketch, rng, (-2, -66, radius_x, radius_y), wool)
    for x in (-30, 26):
        sketch.polygon(_fleece(x, -42, 11, 8, 9), shade(wool, 0.9))
    return sketch.add(
        _sheep_head(skin, wool, horned), _place(at, rng.uniform(52, 64) if grazing else rng.uniform(10, 30))
    )


def _sheep_frontal(sketch: Sketch, rng: np.random.Generator, wool: Colour, skin: Colour, horned: bool) -> Sketch:
    """A round fleece on two pairs of thin legs, the face before it."""
    wide = rng.uniform(32, 40)
    for x, factor, foot in ((0.62, FAR, -4), (0.4, 1, 0)):
        for side in (-1, 1):
            at = side * wide * x
            _tube(sketch, [(at, -44), (at, foot - 4)], [10, 7], shade(skin, factor))
            sketch.polygon([(at - 4, foot - 6), (at + 4, foot - 6), (at + 5, foot), (at - 5, foot)], shade(skin, 0.55))
    outline = _fleece(0, -66, wide, rng.uniform(32, 36), 17)
    sketch.polygon(outline, wool)
    _patch(sketch, outline, _oval(0, -32, wide * 0.9, 12), shade(wool, 0.9))
    _curls(sketch, rng, (0, -62, wide, 32), wool)
    sketch.polygon(_fleece(0, -70, 18, 20, 12), shade(wool, 0.9))
    return sketch.add(
        _sheep_face(skin, wool, horned), _place((rng.uniform(-3, 3), -86), rng.uniform(-8, 8), rng.uniform(0.95, 1.2))
    )


# ---------------------------------------------------------------------------------------------------- dog


@dataclass(frozen=True)
class _DogBreed:
    """Colours and proportions of a dog. `marking` is saddle, spots, socks or plain."""

    base: Colour
    second: Colour
    marking: str
    pointed: bool
    snout: float
    legs: float
    tail: str
    collar: Colour | None


def _dog_breed(rng: np.random.Generator) -> _DogBreed:
    """A breed-like bundle: retriever, shepherd, beagle, dalmatian, dachshund, husky or mongrel."""
    kinds = [
        _DogBreed((218, 176, 112), (240, 214, 164), "plain", False, 1, 1, "plume", None),
        _DogBreed((178, 124, 70), (50, 42, 40), "saddle", True, 1.15, 1.05, "low", None),
        _DogBreed((242, 236, 226), (152, 90, 48), "saddle", False, 0.95, 0.8, "up", None),
        _DogBreed((244, 242, 238), (36, 34, 36), "spots", False, 1, 1.1, "up", None),
        _DogBreed((134, 74, 42), (170, 104, 62), "plain", False, 1.2, 0.5, "low", None),
        _DogBreed((236, 236, 234), (92, 96, 104), "saddle", True, 0.95, 0.95, "curl", None),
        _DogBreed((58, 50, 48), (176, 116, 66), "socks", False, 1.05, 1, "up", None),
        _DogBreed((206, 142, 78), (246, 238, 224), "socks", True, 0.85, 0.75, "curl", None),
    ]
    breed = kinds[rng.integers(len(kinds))]
    collar = choose(rng, [(200, 44, 44), (40, 92, 180), (36, 140, 84), (230, 160, 30)]) if rng.random() < 0.6 else None
    return replace(
        breed,
        base=_tone(rng, breed.base, 9),
        second=_tone(rng, breed.second, 9),
        collar=collar,
        legs=breed.legs * rng.uniform(0.92, 1.08),
        snout=breed.snout * rng.uniform(0.92, 1.1),
    )


def _dog_colours(breed: _DogBreed) -> tuple[Colour, Colour, Colour]:
    """Colours of the skull, the muzzle and the ears."""
    if breed.marking == "saddle":
        light = sum(breed.base) > 600
        return (
            (breed.second, breed.base, shade(breed.second, 0.8))
            if light
            else (breed.base, breed.second, shade(breed.base, 0.7))
        )
    if breed.marking == "spots":
        return breed.base, breed.base, breed.second
    return breed.base, breed.second, shade(breed.base, 0.72)


def _dog_head(rng: np.random.Generator, breed: _DogBreed) -> Sketch:
    """A skull with a step to a long snout, a black nose, a hanging or pointed ear, often the tongue out."""
    head, tip = Sketch(), 20 + 22 * breed.snout
    skull, muzzle, ear = _dog_colours(breed)
    if breed.pointed:
        head.blob([(0, -12), (6, -33), (13, -13)], shade(ear, 0.75), 4)
    open_mouth = rng.random() < 0.6
    if open_mouth:
        head.blob([(14, 5), (28, 9), (tip - 7, 12), (tip - 8, 16), (22, 16), (8, 12)], shade(muzzle, 0.8))
        _tube(head, [(24, 10), (tip - 9, 12), (tip - 6, 23)], [4, 7, 7], (226, 106, 116))
    outline = [
        (-12, -4),
        (-6, -15),
        (6, -18),
        (16, -13),
        (21, -5),
        (tip - 5, -3),
        (tip, 1),
        (tip - 1, 8),
        (tip - 10, 11),
    ]
    head.blob(outline + [(18, 12), (4, 14), (-9, 9)], skull)
    body = head.shapes[-1][0]
    _patch(head, body, _oval(tip - 3, 6, tip * 0.5, 10), muzzle)
    head.line([(tip - 3, 7.5), (tip - 12, 9), (19, 7)], 1.1, (60, 40, 40), curved=True)
    head.ellipse(tip - 1.5, -0.5, 4.6, 3.8, BLACK).ellipse(tip - 0.5, -2, 1.4, 0.8, (130, 126, 130))
    _eye(head, 13, -6, 2.8)
    if breed.pointed:
        head.blob([(-9, -9), (-4, -34), (7, -14)], ear, 4)
        head.blob([(-5, -13), (-3, -28), (3, -15)], mix(ear, PINK, 0.55), 4)
    else:
        head.blob([(-5, -15), (2, -13), (5, 0), (3, 14), (-4, 18), (-11, 11), (-12, -4)], ear)
    return head


def _dog_tail(sketch: Sketch, breed: _DogBreed, at: Point, colour: Colour) -> None:
    """A tail held up, hanging low, curled over the back, or with a plume."""
    shapes: dict[str, tuple[list[Point], list[float]]] = {
        "up": ([(0, 0), (-12, -8), (-18, -22), (-15, -38)], [10, 8, 6, 3]),
        "low": ([(0, 0), (-12, 6), (-17, 20), (-27, 28)], [11, 10, 10, 3]),
        "curl": ([(0, 2), (-12, -6), (-12, -24), (3, -28), (8, -17)], [12, 13, 13, 12, 5]),
        "plume": ([(0, 0), (-15, -4), (-28, -14), (-37, -28)], [9, 14, 13, 2]),
    }
    points, widths = shapes[breed.tail]
    _tube(sketch, [np.add(at, point) for point in points], widths, colour)


def _dog_markings(sketch: Sketch, rng: np.random.Generator, body: np.ndarray, breed: _DogBreed) -> None:
    """A saddle over the back, or spots; else a lighter belly."""
    low, high = body.min(axis=0), body.max(axis=0)
    width, height = high - low
    middle = (low + high) / 2
    if breed.marking == "saddle":
        _patch(
            sketch,
            body,
            _oval(middle[0] - 0.03 * width, low[1], 0.46 * width, height * rng.uniform(0.45, 0.62)),
            breed.second,
        )
        return
    _shade_body(sketch, body, breed.base, breed.second if breed.marking in ("plain", "socks") else None)
    if breed.marking == "spots":
        _speckle(sketch, body, rng, 18, 3.2, breed.second)


def _dog_side(rng: np.random.Generator, breed: _DogBreed) -> Sketch:
    """A standing or walking dog with a deep chest and a tucked belly."""
    sketch, length = Sketch(), 56 * breed.legs
    lift = -length + 46
    foot = breed.second if breed.marking == "socks" else breed.base
    leg = _Leg(length, (21, 9.5, 8), breed.base, foot, False, foot if breed.marking == "socks" else None)
    hips, gait = ((-34, -52 + lift), (30, -50 + lift)), _gait(rng)
    _legs(sketch, hips, leg, gait, far=True)
    dark_top = breed.second if breed.marking == "saddle" else breed.base
    _dog_tail(sketch, breed, (-42, -72 + lift), dark_top)
    top = [(-46, -66), (-40, -78), (-18, -80), (10, -78), (32, -84), (46, -72), (47, -56), (38, -42)]
    outline = np.array(top + [(20, -39), (0, -45), (-20, -52), (-38, -48), (-47, -56)], dtype=float) + (0, lift)
    sketch.blob(outline, breed.base)
    _dog_markings(sketch, rng, sketch.shapes[-1][0], breed)
    _legs(sketch, hips, leg, gait, far=False)
    neck = [(32, -66 + lift), (44, -82 + lift), (54, -98 + lift)]
    _tube(sketch, neck, [35, 26, 22], breed.base)
    if breed.collar:
        _tube(sketch, [(36, -91 + lift), (46, -84 + lift), (57, -80 + lift)], [5, 5.5, 5], breed.collar)
        sketch.ellipse(56, -75 + lift, 3.2, 3.2, (238, 200, 80))
    return sketch.add(_dog_head(rng, breed), _place((56, -104 + lift), rng.uniform(-6, 14), rng.uniform(0.98, 1.15)))


def _dog_lying(rng: np.random.Generator, breed: _DogBreed) -> Sketch:
    """A dog that lies with its forelegs stretched out and its head up."""
    sketch, foot = Sketch(), breed.second if breed.marking == "socks" else breed.base
    _dog_tail(
        sketch, replace(breed, tail="low" if breed.tail != "curl" else "curl"), (-50, -16), shade(breed.base, 0.85)
    )
    _tube(sketch, [(34, -16), (56, -9), (78, -7)], [18, 11, 9], shade(breed.base, FAR))
    sketch.ellipse(82, -6.5, 8, 6, shade(foot, FAR))
    top = [(-56, -14), (-52, -32), (-34, -44), (-6, -42), (18, -50), (36, -56), (46, -42), (46, -20), (36, -5)]
    sketch.blob(top + [(0, -3), (-36, -2), (-52, -4)], breed.base)
    _dog_markings(sketch, rng, sketch.shapes[-1][0], breed)
    sketch.blob(
        [(-54, -14), (-48, -32), (-32, -36), (-18, -24), (-16, -8), (-30, -1), (-48, -1)], shade(breed.base, 0.94)
    )
    _tube(sketch, [(-34, -5), (-12, -5)], [10, 9], shade(breed.base, 0.94))
    sketch.ellipse(-8, -5.5, 8, 5.5, foot)
    _tube(sketch, [(32, -20), (46, -7), (70, -5)], [22, 12, 9], breed.base)
    sketch.ellipse(74, -5.5, 8.5, 6, foot).line([(78, -6), (77, -2.5)], 1, shade(foot, 0.6))
    _tube(sketch, [(32, -40), (42, -56), (48, -72)], [36, 27, 22], breed.base)
    if breed.collar:
        _tube(sketch, [(31, -64), (42, -57), (54, -54)], [5, 5.5, 5], breed.collar)
    return sketch.add(_dog_head(rng, breed), _place((50, -78), rng.uniform(-4, 14), rng.uniform(1, 1.15)))


def _dog_face(rng: np.random.Generator, breed: _DogBreed) -> Sketch:
    """The head from the front: a big muzzle with a black nose, round eyes, tongue, ears hanging or upright."""
    face, half = Sketch(), Sketch()
    skull, muzzle, ear = _dog_colours(breed)
    if breed.pointed:
        half.blob([(5, -17), (17, -40), (21, -12)], ear, 4)
        half.blob([(9, -18), (16, -33), (18, -14)], mix(ear, PINK, 0.55), 4)
        _both(face, half)
    face.blob(
        [(0, -23), (13, -20), (20, -8), (18, 6), (13, 18), (0, 24), (-13, 18), (-18, 6), (-20, -8), (-13, -20)], skull
    )
    if rng.random() < 0.65:
        face.blob([(-6, 18), (6, 18), (7, 30), (0, 36), (-7, 30)], (226, 106, 116))
        face.line([(0, 20), (0, 30)], 1, (190, 74, 88))
    if breed.marking in ("saddle", "socks"):
        face.blob([(0, -20), (3, -8), (8, 6), (-8, 6), (-3, -8)], muzzle, 4)
    face.blob([(0, -1), (9, 3), (14, 13), (9, 22), (0, 20), (-9, 22), (-14, 13), (-9, 3)], shade(muzzle, 1.12))
    face.ellipse(0, 5, 7, 5.2, BLACK).ellipse(0, 2.6, 3, 1.2, (130, 126, 130))
    face.line([(0, 8), (0, 15)], 1.2, (60, 40, 40))
    half = Sketch().line([(0, 15), (5, 18), (10, 15)], 1.2, (60, 40, 40), curved=True)
    if skull == breed.base and sum(skull) < 250:
        half.ellipse(9, -12, 3, 2, breed.second)
    _eye(half, 9.5, -5, 3.6)
    if not breed.pointed:
        half.blob([(10, -21), (18, -20), (27, -4), (29, 12), (23, 18), (17, 8), (16, -7)], ear)
    return _both(face, half)


def _dog_frontal(rng: np.random.Generator, breed: _DogBreed) -> Sketch:
    """A dog that sits and looks at us."""
    sketch, wide = Sketch(), rng.uniform(0.92, 1.12)
    foot = breed.second if breed.marking == "socks" else breed.base
    _tube(sketch, [(20, -8), (38, -8), (50, -22)], [9, 8, 4], shade(breed.base, 0.8))
    haunch = Sketch().blob([(12, -34), (25, -34), (33, -18), (31, -3), (16, -2)], shade(breed.base, 0.85))
    haunch.ellipse(29, -5, 10, 5.5, shade(foot, 0.92))
    _both(sketch, haunch)
    side = [(12, -92), (20, -72), (23, -46), (20, -20), (8, -14)]
    sketch.blob([(x * wide, y) for x, y in side] + [(-x * wide, y) for x, y in reversed(side)], breed.base)
    body = sketch.shapes[-1][0]
    bib = WHITE if breed.marking == "spots" else (breed.base if breed.marking == "saddle" else breed.second)
    _patch(sketch, body, _oval(0, -58, 13, 24), shade(bib, 1.05))
    if breed.marking == "saddle":
        for x in (-27, 27):
            _patch(sketch, body, _oval(x * wide, -60, 13, 34), breed.second)
    if breed.marking == "spots":
        _speckle(sketch, body, rng, 12, 3, breed.second)
    half = Sketch()
    _tube(half, [(11, -52), (11.5, -26), (11, -6)], [17, 12, 11], shade(breed.base, 0.96))
    half.ellipse(11.5, -5, 9, 6, foot)
    half.line([(9, -4), (9, -1)], 1, shade(foot, 0.6)).line([(14, -4), (14, -1)], 1, shade(foot, 0.6))
    _both(sketch, half)
    if breed.collar:
        _tube(sketch, [(-17, -87), (0, -80), (17, -87)], [5, 6, 5], breed.collar)
        sketch.ellipse(0, -74, 3.6, 3.6, (238, 200, 80))
    return sketch.add(
        _dog_face(rng, breed), _place((rng.uniform(-2, 2), -104), rng.uniform(-11, 11), rng.uniform(1, 1.2))
    )


def draw_dog(rng: np.random.Generator, view: str) -> Sketch:
    """A dog from the side, sitting before us, or lying."""
    breed = _dog_breed(rng)
    return {"side": _dog_side, "frontal": _dog_frontal, "other": _dog_lying}[view](rng, breed)


# ---------------------------------------------------------------------------------------------------- cat


@dataclass(frozen=True)
class _CatCoat:
    """Colours of a cat. `stripe` is None without stripes; `light` is the muzzle, bib and paws; `iris` the eyes."""

    base: Colour
    stripe: Colour | None
    light: Colour
    iris: Colour


def _cat_coat(rng: np.random.Generator) -> _CatCoat:
    """Grey or red tabby, black, grey, white, siamese-like cream, with or without white paws."""
    kinds: list[tuple[Colour, float | None]] = [
        ((150, 142, 132), 0.55),
        ((222, 146, 72), 0.72),
        ((58, 54, 58), None),
        ((128, 136, 148), None),
        ((240, 236, 228), None),
        ((166, 128, 92), 0.55),
        ((226, 204, 168), 0.78),
    ]
    base, dark = kinds[rng.integers(len(kinds))]
    base = _tone(rng, base, 9)
    light = WHITE if rng.random() < 0.55 else shade(base, 1.18)
    iris = choose(rng, [(150, 190, 70), (226, 184, 60), (96, 172, 150), (120, 176, 220)], 10)
    return _CatCoat(base, shade(base, dark) if dark else None, light, iris)


def _cat_face(coat: _CatCoat) -> Sketch:
    """A round face with triangular ears, slit eyes, a pink nose and whiskers."""
    face, half = Sketch(), Sketch()
    half.polygon([(4, -14), (6, -19), (19.5, -34), (21, -33), (21, -5)], shade(coat.base, 0.9))
    half.polygon([(9, -16), (18.5, -28), (19, -11)], mix(coat.base, PINK, 0.75))
    _both(face, half)
    face.blob(
        [(0, -19), (12, -17), (21, -5), (22, 5), (15, 14), (0, 18), (-15, 14), (-22, 5), (-21, -5), (-12, -17)],
        coat.base,
    )
    if coat.stripe:
        for x in (-6, 0, 6):
            _tube(face, [(x, -18), (x * 0.75, -13), (x * 0.6, -9)], [1, 2.6, 0.8], coat.stripe)
    half = Sketch()
    if coat.stripe:
        _tube(half, [(21, 1), (17, 3), (14, 3)], [2.4, 2, 0.6], coat.stripe)
        _tube(half, [(20, 7), (16, 8), (13, 7)], [2.4, 2, 0.6], coat.stripe)
    half.ellipse(4.6, 9.5, 6.2, 5, coat.light)
    half.ellipse(9.5, -1.5, 5.6, 4.9, shade(coat.base, 0.45), -12).ellipse(9.5, -1.5, 4.7, 4.1, coat.iris, -12)
    half.ellipse(9.3, -1.5, 1.3, 3.9, BLACK)
    half.ellipse(10.6, -3, 0.9, 0.9, WHITE)
    _both(face, half)
    dark = (84, 62, 62)
    face.polygon([(-3.2, 4.4), (3.2, 4.4), (0, 8)], (222, 124, 128))
    whisker = (250, 248, 244) if sum(coat.base) < 560 else (120, 112, 108)
    half = Sketch().line([(0, 8), (2.5, 11.2), (6, 10.6)], 1, dark)
    for start, end in ((8, 4), (9.5, 9), (11, 14)):
        half.line([(7, start), (25.5, end)], 0.7, whisker)
    return _both(face, half)


def _stripes(sketch: Sketch, body: np.ndarray, stripe: Colour, xs: Sequence[float], y: float, length: float) -> None:
    """Tabby stripes that hang from the back."""
    for index, x in enumerate(xs):
        reach = length * (1 if index % 2 else 0.75)
        window = np.array([(x - 2.4, y), (x + 2.4, y), (x + 0.5, y + reach), (x - 2, y + reach)])
        _patch(sketch, body, window, stripe)


def _cat_tail(sketch: Sketch, coat: _CatCoat, points: Sequence[Point]) -> None:
    """A slender curved tail, ringed if the cat is striped."""
    left, right = _edges(points, [8.5] * (len(points) - 1) + [6])
    _tube(sketch, points, [8.5] * (len(points) - 1) + [6], coat.base)
    if coat.stripe:
        for index in range(4, len(left) - 1, 4):
            sketch.polygon([left[index], right[index], right[index + 1], left[index + 1]], coat.stripe)


def _cat_side(rng: np.random.Generator, coat: _CatCoat) -> Sketch:
    """A cat that walks or stands with its tail up, its face turned to us."""
    sketch, long = Sketch(), rng.uniform(-5, 5)
    leg = _Leg(42, (18, 9, 8), coat.base, coat.light, False, coat.light if coat.light == WHITE else None)
    hips, gait = ((-32 - long, -38), (28, -39)), _gait(rng)
    _legs(sketch, hips, leg, gait, far=True)
    x = -42 - long
    tails = [
        [(x + 2, -54), (x - 12, -62), (x - 18, -82), (x - 10, -100), (x - 16, -112)],
        [(x + 2, -54), (x - 12, -56), (x - 24, -44), (x - 34, -26), (x - 46, -28)],
        [(x + 2, -54), (x - 10, -66), (x - 10, -88), (x - 20, -102), (x - 30, -98)],
    ]
    _cat_tail(sketch, coat, tails[rng.integers(3)])
    top = [(x - 3, -50), (x + 3, -60), (x + 22, -63), (4, -61), (26, -65), (40, -58), (43, -46), (36, -34)]
    sketch.blob(top + [(14, -31), (-14, -33), (x + 12, -33), (x - 2, -40)], coat.base)
    body = sketch.shapes[-1][0]
    _shade_body(sketch, body, coat.base, coat.light)
    _legs(sketch, hips, leg, gait, far=False)
    if coat.stripe:
        _stripes(sketch, body, coat.stripe, np.linspace(x + 6, 24, 8), -68, 24)
    at = (47, -70 + rng.uniform(-4, 7))
    _tube(sketch, [(30, -50), (40, -60), (46, -68)], [30, 26, 22], shade(coat.base, 0.93))
    return sketch.add(_cat_face(coat), _place(at, rng.uniform(-10, 10), rng.uniform(1, 1.15)))


def _cat_frontal(rng: np.random.Generator, coat: _CatCoat) -> Sketch:
    """A cat that sits and looks at us, its tail beside it or around its paws."""
    sketch, wide = Sketch(), rng.uniform(0.88, 1.12)
    side = rng.choice([-1, 1])
    wrapped = rng.random() < 0.5
    if not wrapped:
        _cat_tail(sketch, coat, [(side * x, y) for x, y in ((18, -8), (36, -8), (46, -24), (40, -42), (48, -54))])
    outline = [(9, -72), (17, -60), (22, -38), (29, -18), (26, -3), (10, 0)]
    sketch.blob([(x * wide, y) for x, y in outline] + [(-x * wide, y) for x, y in reversed(outline)], coat.base)
    body = sketch.shapes[-1][0]
    if coat.stripe:
        for index, y in enumerate((-54, -44, -34, -24, -14)):
            for flank in (-1, 1):
                reach = 12 - index
                window = np.array([(flank * 34, y - 3), (flank * 34, y + 1), (flank * (23 - reach), y + 3)])
                _patch(sketch, body, window, coat.stripe)
    _patch(sketch, body, _oval(0, -56, 11, 20), coat.light)
    half = Sketch()
    _tube(half, [(8, -44), (8, -22), (8, -5)], [13, 10, 10], shade(coat.base, 0.95))
    half.ellipse(8.5, -3.5, 8, 5, coat.light).line([(7, -3), (7, 0)], 0.9, shade(coat.light, 0.6))
    half.line([(11, -3), (11, 0)], 0.9, shade(coat.light, 0.6)).ellipse(23 * wide, -3, 8, 4.2, shade(coat.light, 0.92))
    _both(sketch, half)
    sketch.line([(0, -36), (0, -4)], 1.2, shade(coat.base, 0.7))
    if wrapped:
        _cat_tail(sketch, coat, [(side * x, y) for x, y in ((29 * wide, -10), (30, 0), (12, 4), (-8, 3), (-16, -2))])
    return sketch.add(_cat_face(coat), _place((rng.uniform(-2, 2), -82), rng.uniform(-12, 12), rng.uniform(1.05, 1.25)))


def _cat_lying(rng: np.random.Generator, coat: _CatCoat) -> Sketch:
    """A cat as a loaf, or curled up with its tail around it."""
    sketch = Sketch()
    curled = rng.random() < 0.5
    if curled:
        outline = [(-50, -18), (-44, -38), (-22, -50), (6, -48), (30, -38), (44, -20), (36, -4), (0, 1), (-36, -1)]
    else:
        outline = [
            (-48, -10),
            (-48, -28),
            (-34, -42),
            (-8, -44),
            (18, -44),
            (38, -40),
            (46, -22),
            (42, -3),
            (0, 0),
            (-38, 0),
        ]
    sketch.blob(outline, coat.base)
    body = sketch.shapes[-1][0]
    _shade_body(sketch, body, coat.base)
    if coat.stripe:
        _stripes(sketch, body, coat.stripe, np.linspace(-36, 16, 7), -54, 30)
    haunch = shade(coat.base, 0.93)
    sketch.blob([(-46, -10), (-40, -26), (-24, -28), (-12, -16), (-14, -3), (-36, 0)], haunch)
    if curled:
        _cat_tail(sketch, coat, [(-46, -14), (-40, -1), (-16, 2), (8, 1), (26, -3)])
        return sketch.add(_cat_face(coat), _place((28, -20), rng.uniform(8, 26), rng.uniform(1, 1.15)))
    _cat_tail(sketch, coat, [(-44, -8), (-54, -2), (-34, 1), (-14, 1), (0, -2)])
    for x in (24, 40):
        sketch.ellipse(x, -3.5, 10, 5.5, coat.light).line([(x + 3, -3), (x + 3, 0)], 0.9, shade(coat.light, 0.6))
    return sketch.add(_cat_face(coat), _place((34, -48), rng.uniform(-10, 10), rng.uniform(1.05, 1.2)))


def draw_cat(rng: np.random.Generator, view: str) -> Sketch:
    """A cat from the side, sitting before us, or lying."""
    coat = _cat_coat(rng)
    return {"side": _cat_side, "frontal": _cat_frontal, "other": _cat_lying}[view](rng, coat)


# ---------------------------------------------------------------------------------------------------- bird


@dataclass(frozen=True)
class _Bird:
    """Proportions and colours of a kind of bird. `neck` and `legs` are lengths, `tilt` is how upright it stands."""

    back: Colour
    belly: Colour
    head: Colour
    wing: Colour
    beak: Colour
    feet: Colour
    tilt: float
    neck: float
    head_size: float
    beak_length: float
    legs: float
    tail: float
    shape: str = "plain"


_BIRDS = [
    _Bird(
        (232, 190, 52),
        (246, 220, 104),
        (240, 200, 60),
        (150, 130, 60),
        (236, 150, 110),
        (200, 140, 110),
        32,
        2,
        12,
        9,
        15,
        26,
    ),
    _Bird(
        (134, 142, 156),
        (168, 172, 184),
        (92, 104, 122),
        (116, 124, 140),
        (70, 66, 70),
        (206, 92, 84),
        14,
        9,
        10.5,
        9,
        15,
        24,
    ),
    _Bird((70, 62, 60), (220, 96, 48), (70, 62, 60), (56, 50, 50), (60, 54, 52), (110, 80, 60), 34, 1, 13, 9, 18, 24),
    _Bird(
        (66, 132, 66),
        (232, 206, 80),
        (244, 200, 60),
        (52, 120, 72),
        (70, 62, 60),
        (120, 112, 108),
        52,
        2,
        15,
        11,
        9,
        52,
        "parrot",
    ),
    _Bird(
        (112, 88, 66), (206, 88, 44), (112, 88, 66), (92, 72, 56), (70, 58, 50), (110, 76, 56), 28, 3, 12, 10, 17, 26
    ),
    _Bird(
        (82, 128, 178),
        (244, 214, 84),
        (60, 108, 176),
        (64, 104, 160),
        (60, 56, 60),
        (80, 84, 96),
        26,
        2,
        12,
        10,
        15,
        26,
    ),
    _Bird(
        (138, 104, 72),
        (214, 198, 172),
        (124, 84, 56),
        (110, 76, 50),
        (80, 66, 54),
        (170, 120, 90),
        20,
        2,
        12,
        9,
        14,
        24,
    ),
    _Bird((36, 36, 42), (48, 48, 54), (36, 36, 42), (26, 26, 32), (240, 164, 40), (90, 70, 50), 22, 4, 12, 13, 18, 34),
    _Bird(
        (236, 238, 240),
        (250, 250, 250),
        (250, 250, 250),
        (158, 166, 176),
        (240, 186, 50),
        (236, 150, 120),
        8,
        10,
        11.5,
        17,
        22,
        20,
    ),
    _Bird(
        (142, 122, 102),
        (206, 200, 190),
        (24, 104, 72),
        (120, 104, 92),
        (236, 190, 60),
        (238, 130, 40),
        4,
        16,
        13,
        17,
        12,
        14,
        "duck",
    ),
    _Bird(
        (246, 244, 238),
        (255, 252, 246),
        (248, 246, 240),
        (228, 224, 214),
        (244, 160, 40),
        (244, 140, 40),
        6,
        17,
        13,
        17,
        12,
        14,
        "duck",
    ),
    _Bird(
        (138, 152, 168),
        (222, 226, 230),
        (240, 242, 244),
        (108, 122, 142),
        (238, 180, 60),
        (150, 130, 90),
        22,
        46,
        10,
        30,
        54,
        16,
        "heron",
    ),
    _Bird(
        (44, 150, 72),
        (120, 196, 70),
        (206, 52, 44),
        (36, 104, 190),
        (60, 54, 54),
        (120, 112, 108),
        52,
        2,
        15,
        11,
        9,
        56,
        "parrot",
    ),
    _Bird(
        (214, 48, 42),
        (222, 60, 48),
        (218, 46, 42),
        (48, 96, 190),
        (64, 58, 56),
        (110, 104, 100),
        52,
        2,
        15,
        11,
        9,
        58,
        "parrot",
    ),
]


def _bird_kind(rng: np.random.Generator) -> _Bird:
    """One of the kinds with its colours and proportions slightly changed."""
    kind = _BIRDS[rng.integers(len(_BIRDS))]
    colours = {name: _tone(rng, getattr(kind, name), 10) for name in ("back", "belly", "head", "wing")}
    sizes = {
        name: getattr(kind, name) * rng.uniform(0.88, 1.14)
        for name in ("neck", "head_size", "legs", "tail", "beak_length")
    }
    return replace(kind, **colours, **sizes)


def _bird_head(bird: _Bird) -> Sketch:
    """A round head and a beak: a cone, a duck's bill, a heron's dagger or a parrot's hook."""
    head, size, length = Sketch(), bird.head_size, bird.beak_length
    tip, dark = size * 0.8 + length, shade(bird.beak, 0.75)
    if bird.shape == "parrot":
        _tube(head, [(size * 0.5, size * 0.35), (size * 0.9, size * 0.75)], [7, 4], dark)
        _tube(
            head, [(size * 0.6, -2), (size + 3, 0), (size + 4, size * 0.85)], [size * 0.8, size * 0.6, 1.5], bird.beak
        )
    elif bird.shape == "duck":
        head.blob([(size * 0.7, 1), (tip - 5, 5), (tip, 7), (tip - 4, 9.5), (size * 0.6, 8)], dark, 4)
        head.blob(
            [(size * 0.6, -4), (size + 5, 0), (tip - 2, 2), (tip + 2, 4.5), (tip - 4, 7), (size * 0.6, 6)], bird.beak, 4
        )
    else:
        thick = size * (0.26 if bird.shape == "heron" else 0.32)
        head.polygon([(size * 0.6, 0), (tip - 2, 2.2), (size * 0.6, thick + 1.5)], dark)
        head.polygon([(size * 0.6, -thick), (size * 0.9, -thick * 0.9), (tip, 1.6), (size * 0.6, 1.8)], bird.beak)
    if bird.shape == "heron":
        head.blob([(3, -7), (-8, -8), (-26, 2), (-8, -1)], (40, 42, 54), 4)
    head.ellipse(0, 0, size * (1.1 if bird.shape == "heron" else 1), size * 0.92, bird.head)
    if bird.shape == "parrot":
        head.ellipse(size * 0.5, -1, size * 0.42, size * 0.5, WHITE)
    _eye(head, size * 0.42, -size * 0.16, max(size * 0.17, 1.9), (236, 190, 70) if sum(bird.head) < 240 else BLACK)
    return head


def _bird_trunk(bird: _Bird) -> Sketch:
    """Tail, body and folded wing of a bird that looks right, level."""
    trunk, tail = Sketch(), bird.tail
    trunk.polygon([(-22, -8), (-30 - tail, -5), (-31 - tail, 1), (-27 - tail, 4), (-18, 8)], shade(bird.wing, 0.8))
    if bird.shape == "parrot":
        trunk.polygon([(-20, -2), (-22 - tail * 0.6, 5), (-12, 9)], bird.back)
    deep = 16 if bird.shape == "heron" else 19
    outline = [(-38, -3), (-22, -13), (0, -17), (20, -17), (32, -8), (33, 4), (24, deep - 4), (4, deep), (-18, 12)]
    trunk.blob(outline, bird.back)
    _patch(trunk, trunk.shapes[-1][0], _oval(10, 14, 34, 14, -14), bird.belly)
    wing = [(20, -10), (10, -14), (-12, -12), (-34, -5), (-48, 3), (-28, 6), (-6, 9), (12, 6)]
    trunk.blob(wing, bird.wing)
    for height, reach in ((-1, -34), (3, -28), (-6, -24)):
        tint = shade(bird.wing, 0.72)
        _tube(trunk, [(4, height), (-12, height + 1.5), (reach, height + 1)], [0.6, 1.6, 0.6], tint)
    _tube(trunk, [(16, -8), (4, -9), (-10, -7)], [1, 3, 1], shade(bird.wing, 1.25))
    return trunk


def _bird_leg(sketch: Sketch, at: Point, bird: _Bird, dark: float) -> None:
    """A thin leg with toes, webbed for ducks, the foot at y = 0."""
    x, top = at
    colour = shade(bird.feet, dark)
    knee = top * 0.5
    width = 3.6 if bird.shape == "duck" else 2.4
    sketch.line([(x, top), (x - 2 - bird.legs * 0.03, knee), (x, -1.5)], width, colour)
    if bird.shape == "duck":
        sketch.polygon([(x - 3, -3), (x + 3, -4), (x + 13, 0.5), (x - 4, 0.5)], colour)
    else:
        sketch.limb((x, -1.5), (x + 10, -0.5), 2.4, 1.4, colour).limb((x, -1.5), (x - 6, -0.5), 2.2, 1.2, colour)
        sketch.limb((x, -1.5), (x + 6, 1.5), 2.2, 1.2, colour)


def _bird_side(rng: np.random.Generator, bird: _Bird) -> Sketch:
    """A bird that stands or perches."""
    sketch, height = Sketch(), -bird.legs - 14
    tilt = bird.tilt + rng.uniform(-6, 6)
    for x, dark in ((5, FAR), (-3, 1)):
        _bird_leg(sketch, (x, height + 10), bird, dark)
    matrix = _place((0, height), -tilt)
    shoulder = matrix[:, :2] @ (24, -5) + matrix[:, 2]
    reach = bird.neck + bird.head_size * 0.75
    at = shoulder + (bird.neck * 0.25 + 3, -reach)
    if bird.shape == "heron":
        # The neck of a heron bends like an S.
        points = [shoulder + (-3, 4), shoulder + (13, -reach * 0.3), shoulder + (1, -reach * 0.7), at]
        _tube(sketch, points, [24, 11, 9, 12], mix(bird.head, bird.back, 0.3))
    sketch.add(_bird_trunk(bird), matrix)
    if bird.shape != "heron":
        _tube(sketch, [shoulder + (-4, 6), (shoulder + at) / 2 + (1, 1), at], [27, 21, bird.head_size * 1.7], bird.head)
        chest = [shoulder + (2, 9), shoulder + (4, 1)]
        _tube(sketch, chest, [16, 10], bird.belly if bird.shape == "plain" else bird.head)
    return sketch.add(_bird_head(bird), _place(at, rng.uniform(-8, 10)))


def _wing(bird: _Bird, span: float) -> Sketch:
    """A spread wing from the shoulder at the origin to the right, feathers down."""
    wing, feathers = Sketch(), shade(bird.wing, 0.72)
    for index in range(9):
        part = index / 8
        start = (span * (0.12 + 0.5 * part), -2 - 7 * math.sin(math.pi * part))
        angle = math.radians(96 - 86 * part**1.5)
        reach = span * (0.36 + 0.12 * part)
        end = (start[0] + reach * math.cos(angle), start[1] + reach * math.sin(angle))
        wing.limb(start, end, span * 0.13, span * 0.07, shade(feathers, 1 if index % 2 else 0.88))
    edge = [
        (0, -9),
        (span * 0.3, -15),
        (span * 0.62, -13),
        (span * 0.9, -3),
        (span * 0.6, span * 0.12),
        (span * 0.3, span * 0.24),
    ]
    return wing.blob(edge + [(0, span * 0.22)], bird.wing)


def _bird_flying(rng: np.random.Generator, bird: _Bird) -> Sketch:
    """A bird in flight: from the side with raised wings, or from above with both wings spread."""
    sketch, span = Sketch(), rng.uniform(68, 88)
    level = replace(bird, neck=bird.neck * 0.7)
    if rng.random() < 0.4:
        return _bird_above(rng, level, span)
    lift = rng.uniform(40, 66)
    sketch.add(_wing(replace(bird, wing=shade(bird.wing, 0.8)), span * 0.92), _place((14, -6), -lift - 4))
    trunk = Sketch()
    trunk.polygon(
        [(-24, -6), (-34 - bird.tail, -9), (-38 - bird.tail, 0), (-33 - bird.tail, 8), (-22, 8)], shade(bird.wing, 0.8)
    )
    trunk.blob([(-38, -1), (-16, -12), (8, -14), (28, -9), (34, 2), (24, 11), (0, 14), (-22, 9)], bird.back)
    _patch(trunk, trunk.shapes[-1][0], _oval(4, 14, 34, 12, -4), bird.belly)
    if bird.shape == "heron":
        for y in (6, 9):
            trunk.line([(-20, y), (-44 - bird.legs * 0.6, y + 2)], 2.2, bird.feet)
    sketch.add(trunk)
    at = (34 + level.neck * 0.8, -6)
    _tube(
        sketch,
        [(20, -1), (30 + level.neck * 0.3, -3), at],
        [22, 14 if bird.neck > 9 else 19, bird.head_size * 1.5],
        bird.head,
    )
    sketch.add(_bird_head(bird), _place(at, rng.uniform(-4, 8)))
    back = _wing(bird, span).transformed(MIRROR)
    return sketch.add(back, _place((10, -6), lift - 6)).transformed(_place((0, 0), rng.uniform(-16, 4)))


def _bird_above(rng: np.random.Generator, bird: _Bird, span: float) -> Sketch:
    """Both wings spread sideways; the head looks to one side so that the beak shows."""
    sketch, fan = Sketch(), bird.tail * 0.35
    sketch.polygon(
        [
            (-6, 18),
            (-7 - fan, 40 + bird.tail * 0.7),
            (0, 45 + bird.tail * 0.7),
            (7 + fan, 40 + bird.tail * 0.7),
            (6, 18),
        ],
        shade(bird.wing, 0.8),
    )
    _both(sketch, Sketch().add(_wing(bird, span), _place((5, -8), rng.uniform(-20, -4))))
    sketch.blob([(0, -24), (11, -14), (13, 4), (8, 26), (0, 38), (-8, 26), (-13, 4), (-11, -14)], bird.back)
    sketch.blob([(0, -18), (7, -10), (8, 6), (0, 26), (-8, 6), (-7, -10)], bird.belly)
    top = -26 - bird.neck
    _tube(sketch, [(0, -14), (0, (top - 14) / 2), (0, top)], [19, 14, bird.head_size * 1.3], bird.head)
    sketch.add(_bird_head(bird), _place((0, top), rng.uniform(-60, -20)))
    return sketch.transformed(_place((0, 0), rng.uniform(-25, 35)))


def draw_bird(rng: np.random.Generator, view: str) -> Sketch:
    """A bird that stands or perches, or one in flight."""
    bird = _bird_kind(rng)
    return _bird_flying(rng, bird) if view == "other" else _bird_side(rng, bird)


DRAWERS: dict[str, Callable[[np.random.Generator, str], Sketch]] = {
    "bird": draw_bird,
    "cat": draw_cat,
    "cow": draw_cow,
    "dog": draw_dog,
    "horse": draw_horse,
    "sheep": draw_sheep,
}

VIEWS: dict[str, tuple[str, ...]] = {
    "bird": ("side", "other"),
    "cat": ("side", "frontal", "other"),
    "cow": ("side", "frontal", "other"),
    "dog": ("side", "frontal", "other"),
    "horse": ("side", "other"),
    "sheep": ("side", "frontal"),
}
