"""People: a skeleton of the 14 joints of the LSP data set in a pose, seen from a side, and clothes drawn around it.

Skeletons live in three dimensions, so that all views show the same poses and nearer limbs hide farther ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clsloc_utils.joints import JOINT_NAMES

from .sketch import Colour, Sketch, choose, rotation, shade, smooth

JOINTS = JOINT_NAMES
"""The joints in the order of the LSP data set; left and right are the person's own."""

ARMS = {"right": (8, 7, 6), "left": (9, 10, 11)}
"""Shoulder, elbow and wrist as rows of the joints."""

LEGS = {"right": (2, 1, 0), "left": (3, 4, 5)}
"""Hip, knee and ankle as rows of the joints."""

POSES = ("standing", "walking", "running", "waving", "arms up", "crouching")


@dataclass(frozen=True)
class Motion:
    """A pose of sports, as ranges that its angles are drawn from, in degrees.

    Attributes:
        lean: Of the trunk, forward.
        sway: Of the trunk, to the side of the leading leg.
        legs: For the leading leg and then the other one: the thigh's forward and outward angle, how far the knee bends,
            the shank's outward angle.
        arms: For the arm on the leading leg's side and then the other: the upper arm's forward and outward angle, how
            far the elbow bends, the forearm's outward angle.
    """

    lean: tuple[float, float]
    sway: tuple[float, float]
    legs: tuple[tuple[tuple[float, float], ...], ...]
    arms: tuple[tuple[tuple[float, float], ...], ...]


MOTIONS = {
    "kicking": Motion(
        lean=(-22, 4),
        sway=(-6, 6),
        legs=(((50, 105), (0, 14), (0, 40), (0, 12)), ((-14, 4), (0, 8), (0, 24), (0, 6))),
        arms=(((-50, -15), (20, 60), (0, 40), (10, 40)), ((30, 75), (10, 45), (0, 45), (0, 30))),
    ),
    "throwing": Motion(
        lean=(-8, 14),
        sway=(-6, 6),
        legs=(((24, 52), (0, 10), (20, 55), (0, 8)), ((-36, -14), (2, 14), (5, 40), (0, 10))),
        arms=(((55, 105), (0, 30), (-10, 30), (0, 25)), ((-30, 20), (85, 125), (0, 20), (135, 185))),
    ),
    "jumping": Motion(
        lean=(-12, 18),
        sway=(-8, 8),
        legs=(((20, 95), (4, 26), (40, 115), (0, 14)), ((-10, 85), (4, 26), (30, 110), (0, 14))),
        arms=(((-40, 10), (95, 165), (0, 20), (110, 178)), ((-40, 10), (80, 165), (0, 20), (90, 178))),
    ),
    "star jump": Motion(
        lean=(-6, 8),
        sway=(-6, 6),
        legs=(((-8, 12), (20, 46), (0, 25), (14, 42)), ((-8, 12), (20, 46), (0, 25), (14, 42))),
        arms=(((-25, 10), (80, 150), (0, 15), (80, 170)), ((-25, 10), (80, 150), (0, 15), (80, 170))),
    ),
    "lunging": Motion(
        lean=(0, 22),
        sway=(-5, 5),
        legs=(((52, 84), (0, 16), (45, 90), (0, 8)), ((-44, -18), (0, 14), (4, 34), (0, 10))),
        arms=(((60, 100), (0, 25), (0, 60), (0, 20)), ((-60, 10), (30, 95), (0, 50), (30, 110))),
    ),
    "balancing": Motion(
        lean=(-5, 12),
        sway=(-10, 10),
        legs=(((45, 100), (4, 50), (50, 120), (0, 20)), ((-5, 6), (-4, 4), (0, 10), (-2, 4))),
        arms=(((-10, 25), (65, 110), (0, 30), (70, 120)), ((-10, 25), (65, 110), (0, 30), (70, 120))),
    ),
    "bending": Motion(
        lean=(38, 78),
        sway=(-8, 8),
        legs=(((0, 34), (2, 16), (4, 50), (0, 10)), ((-12, 22), (2, 16), (4, 40), (0, 10))),
        arms=(((0, 60), (0, 22), (0, 40), (0, 15)), ((-40, 60), (0, 22), (0, 40), (0, 15))),
    ),
    "stretching": Motion(
        lean=(-6, 12),
        sway=(14, 36),
        legs=(((-4, 10), (10, 34), (0, 12), (8, 30)), ((-4, 10), (10, 34), (0, 12), (8, 30))),
        arms=(((-25, 20), (0, 60), (0, 60), (-40, 30)), ((-25, 5), (130, 175), (0, 10), (150, 215))),
    ),
}
"""Poses of sports by name, to be asked for: `sample_joints` does not choose them of its own accord."""

SKINS = ((250, 214, 186), (240, 194, 160), (222, 168, 128), (188, 130, 92), (142, 92, 62), (98, 62, 44))
HAIRS = ((40, 30, 28), (72, 46, 30), (118, 76, 42), (206, 164, 92), (158, 72, 36), (150, 148, 146))
TOPS = (
    (206, 58, 52),
    (46, 106, 176),
    (240, 236, 226),
    (58, 146, 92),
    (242, 186, 60),
    (130, 80, 150),
    (64, 68, 80),
    (236, 124, 76),
    (110, 186, 206),
    (226, 120, 156),
)
BOTTOMS = ((44, 62, 104), (70, 100, 150), (56, 56, 62), (150, 124, 88), (96, 84, 70), (110, 116, 124), (36, 40, 60))
SHOES = ((240, 240, 238), (50, 46, 48), (120, 72, 42), (204, 62, 54), (60, 110, 170))
HAIR_STYLES = ("short", "short", "side parting", "long", "bob", "ponytail", "bun", "curly", "bald", "cap")


@dataclass(frozen=True)
class Outfit:
    """What a person wears and how the body is built; lengths in units of the person's height / 100."""

    skin: Colour
    hair: Colour
    hair_style: str
    top: Colour
    top_kind: str
    bottom: Colour
    bottom_kind: str
    shoes: Colour
    extra: Colour
    girth: float
    beard: bool
    striped: bool


# --- Skeleton ---------------------------------------------------------------------------------------------------------


def _direction(side: float, forward: float, outward: float) -> np.ndarray:
    """The unit vector (to the person's left, up, forward) that hangs down, swung by two angles in degrees."""
    ahead, out = math.radians(forward), math.radians(outward)
    return np.array([side * math.sin(out), -math.cos(out) * math.cos(ahead), math.cos(out) * math.sin(ahead)])


def _chains_of(rng: np.random.Generator, ranges: Sequence, fold: int) -> list[list[tuple[float, float]]]:
    """Forward and outward angles of both pieces of two limbs; `fold` is the way they bend: knees back, elbows ahead."""
    chains = []
    for limb in ranges:
        forward, outward, bend, end_outward = (rng.uniform(*bounds) for bounds in limb)
        chains.append([(forward, outward), (forward + fold * bend, end_outward)])
    return chains


def _legs_of(rng: np.random.Generator, pose: str) -> list[list[tuple[float, float]]]:
    """Forward and outward angles of thigh and shank, for the leading leg and then the other one."""
    if pose in MOTIONS:
        return _chains_of(rng, MOTIONS[pose].legs, fold=-1)
    near = rng.normal
    if pose == "walking":
        lead, trail = rng.uniform(18, 30), rng.uniform(14, 24)
        return [[(lead, 2), (lead - rng.uniform(6, 16), 2)], [(-trail, 2), (-trail - rng.uniform(14, 32), 2)]]
    if pose == "running":
        lead, trail = rng.uniform(42, 72), rng.uniform(12, 32)
        return [[(lead, 3), (lead - rng.uniform(60, 95), 2)], [(-trail, 3), (-trail - rng.uniform(35, 75), 3)]]
    if pose == "crouching":
        thighs, spread = rng.uniform(72, 100), rng.uniform(14, 30)
        return [[(thighs + near(0, 8), spread), (-rng.uniform(18, 38), 4)] for _ in range(2)]
    spread = abs(near(0, 5)) + (rng.uniform(4, 12) if pose == "arms up" else 2)
    relaxed = rng.uniform(0, 14)
    return [[(near(2, 2), spread), (near(-2, 2), spread * 0.8)], [(relaxed, spread + 2), (-relaxed * 0.5, spread)]]


def _hanging(rng: np.random.Generator) -> list[tuple[float, float]]:
    """Angles of an arm that hangs down, a little away from the trunk."""
    return [(rng.normal(-3, 6), rng.uniform(13, 24)), (rng.uniform(4, 24), rng.uniform(2, 12))]


def _arms_of(rng: np.random.Generator, pose: str) -> list[list[tuple[float, float]]]:
    """Forward and outward angles of upper arm and forearm, for the arm on the leading leg's side and then the other."""
    if pose in MOTIONS:
        return _chains_of(rng, MOTIONS[pose].arms, fold=1)
    hanging = _hanging(rng)
    if pose == "walking":
        back, front = rng.uniform(16, 34), rng.uniform(14, 30)
        return [[(-back, 15), (-back + 18, 8)], [(front, 15), (front + rng.uniform(12, 40), 2)]]
    if pose == "running":
        back, front = rng.uniform(35, 60), rng.uniform(20, 45)
        return [[(-back, 26), (-back + rng.uniform(75, 100), 6)], [(front, 24), (front + rng.uniform(75, 100), -8)]]
    if pose == "waving":
        # Above the shoulder, forward angles swing the arm to the back: negative ones bring it to the front.
        raised = [(-rng.uniform(0, 30), rng.uniform(95, 125)), (-rng.uniform(0, 30), rng.uniform(145, 175))]
        return [raised, hanging] if rng.random() < 0.5 else [hanging, raised]
    if pose == "arms up":
        lift, ahead = rng.uniform(125, 152), -rng.uniform(5, 45, 2)
        return [[(a, lift + rng.normal(0, 6)), (a, lift + rng.uniform(5, 25))] for a in ahead]
    if pose == "crouching":
        return [[(rng.uniform(25, 55), 12), (rng.uniform(60, 100), -6)] for _ in range(2)]
    if rng.random() < 0.3:
        on_hip = [(-14, rng.uniform(40, 52)), (24, -rng.uniform(38, 48))]
        return [on_hip, on_hip if rng.random() < 0.4 else hanging]
    return [hanging, _hanging(rng)]


def _posture(rng: np.random.Generator, pose: str) -> tuple[float, float]:
    """The trunk's angles forward and sideways."""
    if pose in MOTIONS:
        return rng.uniform(*MOTIONS[pose].lean), rng.uniform(*MOTIONS[pose].sway)
    lean = {"running": rng.uniform(8, 18), "walking": rng.uniform(0, 6), "crouching": rng.uniform(18, 38)}.get(pose, 0)
    return lean + rng.normal(0, 2), rng.normal(0, 2.5)


def skeleton(rng: np.random.Generator, pose: str) -> np.ndarray:
    """A person's joints in space.

    Args:
        rng: The source of all variation.
        pose: One of `POSES` or `MOTIONS`.

    Returns:
        float64 array [14, 3], rows as in `JOINTS`: to the person's left, up and forward of the middle of the hips. The
        person is about 100 units tall.
    """
    lean, sway = _posture(rng, pose)
    shoulder, hip = rng.uniform(8.6, 11), rng.uniform(4.8, 6)
    leg, arm, trunk = rng.uniform(22.5, 25.5), rng.uniform(14.5, 16.5), rng.uniform(29, 32)
    joints = np.zeros((14, 3))
    # The arm swings against the leg on its own side, and the shoulders twist with the arms.
    twist = math.radians({"walking": 8, "running": 16}.get(pose, 0)) * (leads := rng.choice([-1, 1]))
    up = -_direction(-leads if pose in MOTIONS else 1, lean, sway)
    up[2] = math.sin(math.radians(lean))
    legs, arms = _legs_of(rng, pose), _arms_of(rng, pose)
    for side, name in ((1, "left"), (-1, "right")):
        order = 0 if side == leads else 1
        joints[LEGS[name][0]] = (side * hip, 0, 0)
        across = np.array([math.cos(twist), 0, -math.sin(twist)])
        joints[ARMS[name][0]] = trunk * 0.95 * up + side * shoulder * across
        for chain, angles, length in ((LEGS[name], legs[order], leg), (ARMS[name], arms[order], arm)):
            for start, end, (forward, outward), factor in zip(chain[:2], chain[1:], angles, (1, 0.96), strict=True):
                joints[end] = joints[start] + length * factor * _direction(side, forward, outward)
    joints[12] = trunk * 1.02 * up
    nod = np.array([rng.normal(0, 0.08), 1, rng.normal(0.02, 0.06) + 0.4 * max(up[2], 0)])
    if pose in MOTIONS:
        nod = nod * (0.4, 0.4, 0.4) + up
    joints[13] = joints[12] + rng.uniform(17, 19) * nod / np.linalg.norm(nod)
    return joints


def sample_joints(rng: np.random.Generator, view: str, pose: str | None = None) -> np.ndarray:
    """A person's joints.

    Args:
        rng: The source of all variation.
        view: "side" (facing right), "frontal", "rear", or "other" for a three-quarter view.
        pose: One of `POSES`; None chooses one.

    Returns:
        float64 array [14, 3], rows as in `JOINTS`: x to the right, y down, and nearness to the viewer. The person is
        about 100 units tall.
    """
    joints = skeleton(rng, pose or str(rng.choice(POSES, p=(0.24, 0.24, 0.2, 0.12, 0.12, 0.08))))
    centre = {"side": 84, "frontal": 0, "rear": 180}.get(view, float(rng.choice([-48, 48, 48, -48, 132, -132])))
    return seen_from(joints, centre + rng.uniform(-9, 9))


def seen_from(joints: np.ndarray, yaw: float, pitch: float = 0) -> np.ndarray:
    """Turns a skeleton towards the camera.

    Args:
        joints: [14, 3] as `skeleton` returns them.
        yaw: The direction the person faces, in degrees: 0 to the viewer, 90 to the right of the picture.
        pitch: How far the camera looks down on the person, in degrees.

    Returns:
        float64 array [14, 3], rows as in `JOINTS`: x to the right, y down, and nearness to the viewer.
    """
    yaw, pitch = math.radians(yaw), math.radians(pitch)
    left, up, forward = joints.T
    across = left * math.cos(yaw) + forward * math.sin(yaw)
    nearness = forward * math.cos(yaw) - left * math.sin(yaw)
    # From above, what is nearer lies lower in the picture.
    down = nearness * math.sin(pitch) - up * math.cos(pitch)
    return np.column_stack([across, down, nearness * math.cos(pitch) + up * math.sin(pitch)])


def facing(joints: np.ndarray) -> float:
    """The direction the person faces, in radians: 0 to the viewer, pi / 2 to the right of the picture."""
    across = joints[LEGS["left"][0]] - joints[LEGS["right"][0]]
    return math.atan2(-across[2], across[0])


# --- Shapes -----------------------------------------------------------------------------------------------------------


_AROUND = np.linspace(0, 2 * math.pi, 28, endpoint=False)
_DIRECTIONS = np.column_stack([np.cos(_AROUND), np.sin(_AROUND)])


def _stretched(circles: Sequence[tuple[np.ndarray, float]]) -> np.ndarray:
    """The outline of a skin stretched around circles, given by centres and radii."""
    centres = np.array([centre[:2] for centre, _ in circles])
    radii = np.array([radius for _, radius in circles])
    # In every direction the outline touches the circle that reaches farthest.
    farthest = np.argmax(_DIRECTIONS @ centres.T + radii, axis=1)
    return centres[farthest] + radii[farthest, None] * _DIRECTIONS


def _tube(sketch: Sketch, start: np.ndarray, end: np.ndarray, widths: Sequence[float], colour: Colour) -> None:
    """A limb whose widths follow from start to end, with its side away from the light in shade."""
    start, end = start[:2], end[:2]
    axis = end - start
    length = float(np.hypot(*axis))
    if length < 1:
        sketch.ellipse(*end, widths[-1] / 2, widths[-1] / 2, colour)
        return
    axis = axis / length
    # The light comes from the upper left: the normal that points away from it marks the shaded edge.
    normal = np.array([-axis[1], axis[0]])
    normal = normal if normal @ (0.8, 0.6) > 0 else -normal
    stations = start + np.linspace(0, length, len(widths))[:, None] * axis
    half = np.asarray(widths)[:, None] / 2
    edge, other = stations + half * normal, stations - half * normal
    outline = [*edge, stations[-1] + axis * half[-1] * 0.9, *other[::-1], stations[0] - axis * half[0] * 0.6]
    sketch.blob(outline, colour, 4)
    sketch.polygon([*edge, *(stations + half * 0.3 * normal)[::-1]], shade(colour, 0.86))


def _between(joints: np.ndarray, first: int, second: int, amount: float) -> np.ndarray:
    """The point `amount` (0..1) of the way from one joint to another."""
    return joints[first] + (joints[second] - joints[first]) * amount


# --- Limbs ------------------------------------------------------------------------------------------------------------


def _shoe(sketch: Sketch, knee: np.ndarray, ankle: np.ndarray, yaw: float, lowest: float, colour: Colour) -> None:
    """A shoe with its sole; it stands flat where the ankle is the person's lowest, and follows the shank elsewhere."""
    ahead = np.array([math.sin(yaw), 0, math.cos(yaw)])
    shank = (ankle - knee) / max(np.linalg.norm(ankle - knee), 1e-6)
    free = min(max((lowest - ankle[1]) / 6, 0), 1)
    down = shank * free + np.array([0, 1, 0]) * (1 - free)
    down = down / np.linalg.norm(down)
    along = ahead - (ahead @ down) * down
    along = along / max(np.linalg.norm(along), 1e-6)
    # Seen slightly from above: what points to the viewer points down on the page as well.
    flat, below = along[:2] + (0, 0.3 * along[2]), down[:2] * 1.0
    heel = ankle[:2] - 1.4 * flat + 2.2 * below
    ball, toe = ankle[:2] + 4.6 * flat + 2.4 * below, ankle[:2] + 7.2 * flat + 2.9 * below
    sole = shade(colour, 0.55) if sum(colour[:3]) > 500 else (236, 234, 228)
    sketch.polygon(_stretched([(heel + 1.1 * below, 2.1), (ball + below, 2.1), (toe + 0.9 * below, 1.6)]), sole)
    sketch.polygon(_stretched([(ankle[:2], 2.5), (heel, 2.2), (ball, 2.1)]), colour)
    sketch.polygon(_stretched([(heel, 2.2), (ball, 2.1), (toe, 1.6)]), colour)
    sketch.polygon(_stretched([(heel + 0.4 * below, 1.6), (ball + 0.6 * below, 1.4)]), shade(colour, 0.85))


def _leg(joints: np.ndarray, side: str, outfit: Outfit, yaw: float, light: float) -> Sketch:
    """One leg with its shoe and the trousers on it."""
    sketch = Sketch()
    hip, knee, ankle = (joints[i] for i in LEGS[side])
    skin, cloth = shade(outfit.skin, light), shade(outfit.bottom, light)
    girth = outfit.girth
    _shoe(sketch, knee, ankle, yaw, joints[[0, 5], 1].max(), shade(outfit.shoes, light))
    loose = {"trousers": 1.12, "leggings": 0.92}.get(outfit.bottom_kind, 0)
    if loose:
        _tube(sketch, knee, ankle, np.array([7.6, 7.6, 6.2, 5.4 * loose]) * girth * loose, cloth)
        _tube(sketch, hip, knee, np.array([11, 10.6, 8.6, 7.6 * loose]) * girth * loose, cloth)
        return sketch
    _tube(sketch, knee, ankle, np.array([6.6, 7.4, 5.6, 4.2]) * girth, skin)
    if outfit.bottom_kind != "shorts":
        _tube(sketch, hip, knee, np.array([10.4, 9.6, 7.8, 6.6]) * girth, skin)
        return sketch
    hem = hip + (knee - hip) * 0.72
    _tube(sketch, hip, knee, np.array([10, 9.4, 7.8, 6.8]) * girth, skin)
    _tube(sketch, hip, hem, np.array([12, 12, 11.4, 11]) * girth, cloth)
    return sketch


def _hand(sketch: Sketch, elbow: np.ndarray, wrist: np.ndarray, skin: Colour) -> None:
    """A hand with a thumb beyond the wrist."""
    reach = wrist - elbow
    reach = (reach / max(np.linalg.norm(reach), 1e-6))[:2]
    # A foreshortened hand still shows its width.
    across = np.array([-reach[1], reach[0]]) * (1 if reach[0] < 0 else -1)
    palm, tips = wrist[:2] + 1.8 * reach, wrist[:2] + 5.2 * reach
    sketch.polygon(_stretched([(palm, 1.9), (tips, 1.2)]), skin)
    sketch.limb(palm, palm + 2 * reach + 2.1 * across, 1.6, 1.1, skin)


def _arm(joints: np.ndarray, side: str, outfit: Outfit, light: float) -> Sketch:
    """One arm with its hand and sleeve."""
    sketch = Sketch()
    shoulder, elbow, wrist = (joints[i] for i in ARMS[side])
    skin, cloth = shade(outfit.skin, light), shade(outfit.top, light)
    girth = outfit.girth
    _hand(sketch, elbow, wrist, skin)
    if outfit.top_kind in ("shirt", "jacket", "hoodie"):
        loose = girth * (1.0 if outfit.top_kind == "shirt" else 1.14)
        _tube(sketch, shoulder, elbow, np.array([5.4, 6.8, 6.4, 6]) * loose, cloth)
        _tube(sketch, elbow, elbow + (wrist - elbow) * 0.96, np.array([6.2, 5.6, 4.8]) * loose, cloth)
        cuff = elbow + (wrist - elbow) * 0.9
        _tube(sketch, cuff, wrist, np.array([4.9, 4.7]) * loose, shade(cloth, 0.82))
        return sketch
    _tube(sketch, elbow, wrist, np.array([5, 4.8, 3.4]) * girth, skin)
    _tube(sketch, shoulder, elbow, np.array([5, 6, 5.6, 4.8]) * girth, skin)
    if outfit.top_kind in ("t-shirt", "dress"):
        _tube(sketch, shoulder, shoulder + (elbow - shoulder) * 0.5, np.array([5.6, 6.9, 7, 6.9]) * girth, cloth)
    return sketch


# --- Trunk ------------------------------------------------------------------------------------------------------------


def _trunk_outline(joints: np.ndarray, girth: float, yaw: float, levels: Sequence[tuple[float, float, float]]) -> list:
    """The two edges of the trunk: per level its height (0 hips, 1 neck), half width seen from the front, half depth."""
    base, neck = (joints[2, :2] + joints[3, :2]) / 2, joints[12, :2]
    spine = neck - base
    across = np.array([-spine[1], spine[0]]) / np.hypot(*spine)
    flip = 1 if across[0] > 0 else -1
    edges: list[list[np.ndarray]] = [[], []]
    for height, width, depth in levels:
        half = girth * math.hypot(width * math.cos(yaw), depth * math.sin(yaw))
        # From the side the chest stands out to the front, and the seat to the back.
        bulge = 1.3 * math.sin(yaw) * math.sin(2 * math.pi * (height - 0.3))
        centre = base + spine * height + across * flip * bulge
        for edge, sign in zip(edges, (-1, 1), strict=True):
            edge.append(centre + sign * flip * half * across)
    return edges


def _levels(joints: np.ndarray, outfit: Outfit) -> list[tuple[float, float, float]]:
    """The trunk's levels for `_trunk_outline`, from the shoulders to the hem."""
    shoulder = float(np.linalg.norm(joints[8] - joints[9])) / 2 / outfit.girth
    waist = 7.4 if outfit.top_kind == "dress" or outfit.bottom_kind in ("skirt", "leggings") else 8.6
    loose = 1.12 if outfit.top_kind in ("jacket", "hoodie") else 1.0
    return [
        (1.0, 3.4, 3.4),
        (0.965, shoulder * 0.9, 4.6),
        (0.86, shoulder + 0.9, 6.2),
        (0.62, 9.6 * loose, 7.2 * loose),
        (0.36, waist * loose, 6.0 * loose),
        (0.05, 9.4 * loose, 6.9 * loose),
        (-0.1, 9.6 * loose, 7.0 * loose),
    ]


def _pelvis(joints: np.ndarray, outfit: Outfit) -> Sketch:
    """The seat of the trousers between the hips."""
    middle = joints[2:4].mean(axis=0)
    radius = 5.7 * outfit.girth
    circles = [(joints[2], radius), (joints[3], radius), (middle + (0, 2, 0), radius)]
    return Sketch().polygon(_stretched(circles), outfit.bottom)


def _skirt(joints: np.ndarray, outfit: Outfit, colour: Colour) -> Sketch:
    """A skirt stretched between waist and thighs."""
    sketch = Sketch()
    middle, neck = joints[2:4].mean(axis=0), joints[12]
    circles = [(middle + (neck - middle) * 0.28, 6.2 * outfit.girth)]
    for hip, knee, _ in LEGS.values():
        circles += [(joints[hip], 6.2), (_between(joints, hip, knee, 0.86), 6.0)]
    outline = _stretched(circles)
    sketch.polygon(outline, colour)
    # Folds: darker strips from the waist to the hem.
    x0, _, x1, y1 = sketch.bounds()
    waist = circles[0][0]
    for amount in (0.3, 0.55, 0.8):
        foot = x0 + (x1 - x0) * amount
        sketch.polygon([waist[:2], (foot - 0.7, y1 - 1.2), (foot + 1, y1 - 1.2)], shade(colour, 0.84))
    return sketch


def _trunk(joints: np.ndarray, outfit: Outfit, yaw: float) -> Sketch:
    """The upper garment, with what is visible of it from this side."""
    sketch = Sketch()
    levels = _levels(joints, outfit)
    if outfit.top_kind == "dress" or outfit.bottom_kind == "skirt":
        sketch.add(_skirt(joints, outfit, outfit.top if outfit.top_kind == "dress" else outfit.bottom))
        levels = levels[:-1]
    left, right = _trunk_outline(joints, outfit.girth, yaw, levels)
    sketch.polygon(smooth([*left, *right[::-1]], steps=5), outfit.top)
    inner = [b + (a - b) * 0.24 for a, b in zip(left, right, strict=True)]
    sketch.blob([*right[1:], *inner[:0:-1]], shade(outfit.top, 0.87), 3)
    if outfit.striped:
        for top, bottom in ((2, 3), (3, 4), (4, 5)):
            band = [left[top], right[top], right[top] + (right[bottom] - right[top]) * 0.4]
            sketch.polygon([*band, left[top] + (left[bottom] - left[top]) * 0.4], outfit.extra)
    if math.cos(yaw) > 0.3:
        _front(sketch, joints, outfit, yaw, left, right)
    return sketch


def _front(sketch: Sketch, joints: np.ndarray, outfit: Outfit, yaw: float, left: list, right: list) -> None:
    """Neckline, open jacket or pocket on the front of the garment."""
    amount = 0.5 + 0.32 * math.sin(yaw)
    middle = [a + (b - a) * amount for a, b in zip(left, right, strict=True)]
    neck = joints[12, :2]
    if outfit.top_kind == "jacket":
        width = (right[3] - left[3]) * 0.13
        edges = [m - width * f for m, f in zip(middle, (0.8, 1, 1, 0.9, 1, 1.3, 1.5), strict=False)]
        others = [m + width * f for m, f in zip(middle, (0.8, 1, 1, 0.9, 1, 1.3, 1.5), strict=False)]
        sketch.polygon([*edges, *others[::-1]], outfit.extra)
        for edge, sign in ((edges, -1), (others, 1)):
            sketch.polygon([edge[0], edge[2] + sign * width * 0.9, edge[3]], shade(outfit.top, 0.75))
    elif outfit.top_kind == "hoodie":
        centre = (middle[3] + middle[5]) / 2
        span = (right[3] - left[3]) * 0.26
        down = (middle[5] - middle[3]) * 0.26
        pocket = [centre - span * 0.7, centre + span * 0.7, centre + span * 1.2 + down, centre - span * 1.2 + down]
        sketch.polygon(pocket, shade(outfit.top, 0.78))
    elif outfit.top_kind == "shirt":
        sketch.line([middle[1], middle[-1]], 0.7, shade(outfit.top, 0.75))
    if outfit.top_kind != "jacket":
        sketch.ellipse(*(neck + (2.4 * math.sin(yaw), -0.4)), 3.4, 3.4, outfit.skin)


# --- Head -------------------------------------------------------------------------------------------------------------


def _face_hair(sketch: Sketch, outfit: Outfit, turn: float) -> None:
    """Hair around a face that is seen from the front, shifted by `turn` (-1..1) of a half turn."""
    hair, style, shift = outfit.hair, outfit.hair_style, 1.6 * turn
    if style == "bald":
        return
    if style == "cap":
        sketch.blob([(-5.4, -1.9), (-5.1, -5.2), (0, -7.7), (5.1, -5.2), (5.4, -1.9), (shift, -3)], outfit.extra)
        sketch.ellipse(2.6 * turn, -2.3, 5.2, 1.5, shade(outfit.extra, 0.75))
        return
    if style == "curly":
        for angle in np.radians(np.arange(170, 371, 25)):
            sketch.ellipse(5 * math.cos(angle), -2.2 + 4.9 * math.sin(angle), 2.5, 2.5, hair)
        sketch.ellipse(0, -5.4, 4.6, 2.2, hair)
        return
    fringe = {"side parting": (-2.2, -4.6), "long": (-3.4, -4.6), "bob": (-2.4, -2.4)}.get(style, (-3.6, -3.6))
    front = [(4.5 + shift * 0.3, fringe[0]), (1.2 + shift, fringe[1] - 0.4), (-1.8 + shift, fringe[1])]
    sides = 2.6 if style in ("long", "bob") else -0.8
    crown = [(-5.2, sides), (-5.5, -2.4), (-4.1, -6), (0, -7.5), (4.1, -6), (5.5, -2.4), (5.2, sides)]
    sketch.polygon([*smooth(crown, closed=False, steps=4), *front, (-4.5 + shift * 0.3, fringe[0] + 0.2)], hair)
    sketch.blob([(-3.6, -5.2), (-0.5, -6.7), (2.2, -6.1), (-0.4, -5.7)], shade(hair, 1.2), 4)


def _hair_behind(sketch: Sketch, outfit: Outfit, turn: float) -> None:
    """What of the hair lies behind head and neck."""
    hair, style = shade(outfit.hair, 0.85), outfit.hair_style
    if style == "long":
        sketch.blob([(-5.4, -3), (0, -7), (5.4, -3), (6.3, 4), (5.4, 10.5), (0, 11), (-5.4, 10.5), (-6.3, 4)], hair)
    elif style == "bob":
        sketch.blob([(-5.4, -3), (0, -7), (5.4, -3), (6.3, 4), (4.6, 6.4), (0, 6), (-4.6, 6.4), (-6.3, 4)], hair)
    elif style == "bun":
        sketch.ellipse(-2.2 * turn, -8, 2.6, 2.4, hair)
    elif style == "ponytail":
        side = -1 if turn >= 0 else 1
        sketch.blob([(side * 3, -4), (side * 7, -3), (side * 7.6, 3), (side * 6.4, 7), (side * 5, 2)], hair)


def _face(outfit: Outfit, turn: float) -> Sketch:
    """A head seen from the front, or turned towards the right (`turn` above 0) or left."""
    sketch, skin = Sketch(), outfit.skin
    _hair_behind(sketch, outfit, turn)
    sketch.polygon([(-2.7, 3), (2.7, 3), (3.1, 10), (-3.1, 10)], shade(skin, 0.84))
    for side in (-1, 1):
        if side * turn < 0.45:
            sketch.ellipse(side * 5 - turn, 0.6, 1.1, 1.7, shade(skin, 0.93))
    jaw = [(-5, -2), (-4.7, 2), (-3, 5.4), (turn, 6.6), (3, 5.4), (4.7, 2), (5, -2), (3.4, -6), (0, -7), (-3.4, -6)]
    sketch.blob(jaw, skin, 4)
    sketch.blob([(5, -2), (4.7, 2), (3, 5.4), (1 + turn, 6.5), (3, 2.6), (3.8, -3)], shade(skin, 0.92), 3)
    centre, squeeze = 2.2 * turn, 1 - 0.3 * abs(turn)
    if outfit.beard:
        beard = [(-4.8, 1), (-3.2, 5.6), (turn, 7.2), (3.2, 5.6), (4.8, 1), (centre + 2.4, 2.6), (centre - 2.4, 2.6)]
        sketch.blob(beard, outfit.hair, 4)
    for side in (-1, 1):
        eye = centre + side * 2.1 * squeeze
        sketch.ellipse(eye, -0.2, 0.95 * squeeze, 0.7, (250, 250, 248))
        sketch.ellipse(eye + 0.2 * turn, -0.1, 0.55, 0.65, (44, 34, 32))
        sketch.line([(eye - 1, -1.6), (eye + 1, -1.7)], 0.55, shade(outfit.hair, 0.8))
    sketch.polygon([(centre + 0.3 * turn, 0.2), (centre + 0.9, 2), (centre - 0.7, 2)], shade(skin, 0.8))
    sketch.ellipse(centre, 3.4, 1.7 * squeeze, 0.9, (176, 74, 70), start=0, stop=180)
    _face_hair(sketch, outfit, turn)
    return sketch


def _profile_hair(sketch: Sketch, outfit: Outfit) -> None:
    """Hair on a head that faces right."""
    hair, style = outfit.hair, outfit.hair_style
    if style == "bald":
        return
    if style == "cap":
        sketch.blob([(-6, -1.6), (-5.6, -5.4), (-0.6, -7.8), (4.4, -5.4), (5, -2.4), (-1, -2)], outfit.extra)
        sketch.limb((4, -2.7), (9, -1.9), 1.4, 1, shade(outfit.extra, 0.75))
        sketch.blob([(-6, -1.8), (-1.6, -1.6), (-2.6, 2.4), (-5.2, 2.6)], hair)
        return
    if style == "curly":
        for angle in np.radians(np.arange(100, 311, 26)):
            sketch.ellipse(-0.6 + 5.2 * math.cos(angle), -1.8 + 5 * math.sin(angle), 2.5, 2.5, hair)
        sketch.ellipse(-2.2, -3, 4.4, 4.2, hair)
        return
    nape = {"long": (10.5, -7.2), "bob": (5.8, -6)}.get(style, (3.2, -4.8))
    cap = [(4.4, -4), (2.6, -6.8), (-1.4, -7.6), (-5.2, -5.8), (-6.4, -1.6), (nape[1], nape[0] - 3)]
    inner = [(nape[1] + 2, nape[0]), (-2.2, min(nape[0], 7) - 2), (-1.4, -0.4), (0, -2.6), (3, -3.8)]
    sketch.blob([*cap, *inner], hair, 4)
    sketch.blob([(-4.8, -4), (-2.4, -6.4), (0.8, -6.5), (-1.8, -5)], shade(hair, 1.2), 4)
    if style == "bun":
        sketch.ellipse(-6.2, -4.6, 2.6, 2.5, shade(hair, 0.9))
    elif style == "ponytail":
        sketch.blob([(-4.6, -5), (-8, -5.4), (-10, -1), (-9.4, 5), (-7.6, 1.6), (-5, -2)], shade(hair, 0.9))


def _profile(outfit: Outfit) -> Sketch:
    """A head seen from the side, facing right."""
    sketch, skin = Sketch(), outfit.skin
    sketch.polygon([(-3.8, 2), (1.6, 4), (1.2, 10.5), (-4.2, 10)], shade(skin, 0.86))
    brow = [(4.5, -4), (4.9, -1.6), (4.6, -0.7), (6.3, 1.7), (5.9, 2.3), (4.9, 2.5), (5.3, 3.2), (4.8, 3.8), (5.1, 4.4)]
    chin = [(4.7, 4.8), (4.9, 5.8), (3.6, 6.7), (1.2, 6), (-1.4, 4)]
    skull = smooth([(-1.4, 4), (-4.6, 3.4), (-6, -1), (-4.8, -5.4), (-0.8, -7.2), (3, -6.4), (4.5, -4)], False, 4)
    sketch.polygon([*brow, *chin, *skull], skin)
    if outfit.beard:
        beard = [(5, 4.3), (4.9, 6.4), (3.4, 7.4), (0.6, 6.6), (-1.6, 3.6), (-1.4, 0), (-0.2, 0.6), (1.6, 3.4)]
        sketch.polygon(beard, outfit.hair)
    sketch.ellipse(3.3, -0.5, 0.75, 0.8, (250, 250, 248))
    sketch.ellipse(3.6, -0.45, 0.5, 0.7, (44, 34, 32))
    sketch.line([(2.4, -2), (4.3, -2)], 0.6, shade(outfit.hair, 0.8))
    sketch.line([(3.4, 3.75), (4.9, 3.6)], 0.55, (160, 70, 66))
    _profile_hair(sketch, outfit)
    sketch.ellipse(-1.6, 0.6, 1.1, 1.8, shade(skin, 0.9))
    return sketch


def _back_of_head(outfit: Outfit) -> Sketch:
    """A head seen from behind."""
    sketch, skin, hair, style = Sketch(), outfit.skin, outfit.hair, outfit.hair_style
    sketch.polygon([(-2.8, 2), (2.8, 2), (3.2, 10), (-3.2, 10)], shade(skin, 0.88))
    for side in (-1, 1):
        sketch.ellipse(side * 5, 0.6, 1, 1.7, shade(skin, 0.93))
    sketch.blob([(-5, -2), (-4.4, 3), (0, 6), (4.4, 3), (5, -2), (3.4, -6), (0, -7), (-3.4, -6)], skin, 4)
    if style == "bald":
        sketch.blob([(-5, 0), (-4, 3.6), (0, 5), (4, 3.6), (5, 0), (0, 2.6)], hair, 4)
        return sketch
    if style == "curly":
        for angle in np.radians(np.arange(0, 360, 36)):
            sketch.ellipse(4.4 * math.cos(angle), -1.4 + 4.6 * math.sin(angle), 2.6, 2.6, hair)
        return sketch.ellipse(0, -1.4, 4.6, 4.6, hair)
    low = {"long": 11.5, "bob": 6.2}.get(style, 3.9)
    wide = 6 if style in ("long", "bob") else 4.2
    sketch.blob(
        [(-5.3, -2), (-wide, low - 2), (0, low), (wide, low - 2), (5.3, -2), (3.8, -6.2), (0, -7.5), (-3.8, -6.2)], hair
    )
    sketch.blob([(5.2, -2), (wide, low - 2), (1, low - 0.6), (3.2, -1), (3, -6)], shade(hair, 0.85), 4)
    if style == "cap":
        sketch.blob([(-5.5, -1.4), (-4.8, -5.4), (0, -7.8), (4.8, -5.4), (5.5, -1.4), (0, -0.6)], outfit.extra)
    elif style == "bun":
        sketch.ellipse(0, -4.4, 2.7, 2.6, shade(hair, 1.12))
    elif style == "ponytail":
        sketch.blob([(-1.2, -3.4), (1.2, -3.4), (2.2, 4), (0.6, 10), (-1.8, 5)], shade(hair, 1.14))
    return sketch


def _head(joints: np.ndarray, outfit: Outfit, yaw: float) -> Sketch:
    """Head and neck, placed between the neck and the top of the head."""
    turn, ahead = math.sin(yaw), math.cos(yaw)
    if ahead < -0.25:
        head = _back_of_head(outfit)
    elif abs(turn) > 0.85:
        head = _profile(outfit)
        if turn < 0:
            head = head.transformed(np.array([[-1.0, 0, 0], [0, 1, 0]]))
    else:
        head = _face(outfit, turn)
    axis = joints[13, :2] - joints[12, :2]
    length = float(np.hypot(*axis))
    # The drawn head reaches from -7 (top) to 10 (base of the neck) around its centre.
    matrix = rotation(math.degrees(math.atan2(axis[0], -axis[1])) * 0.9)
    matrix[:, :2] *= length / 17.4
    matrix[:, 2] = joints[12, :2] + axis * 0.58
    return head.transformed(matrix)


# --- The whole person -------------------------------------------------------------------------------------------------


def _outfit(rng: np.random.Generator) -> Outfit:
    """Clothes, colours and build, chosen to go together."""
    kinds = ("t-shirt", "shirt", "jacket", "hoodie", "tank top", "dress")
    top_kind = str(rng.choice(kinds, p=(0.28, 0.2, 0.18, 0.14, 0.08, 0.12)))
    bottoms = ("trousers", "shorts", "skirt", "leggings")
    bottom_kind = "dress" if top_kind == "dress" else str(rng.choice(bottoms, p=(0.55, 0.24, 0.11, 0.1)))
    style = str(rng.choice(HAIR_STYLES))
    top, bottom = choose(rng, TOPS), choose(rng, BOTTOMS)
    extra = choose(rng, TOPS)
    if sum(abs(a - b) for a, b in zip(top, extra, strict=True)) < 110:
        extra = (246, 244, 238) if sum(top) < 560 else (60, 84, 130)
    feminine = (
        top_kind == "dress" or bottom_kind in ("skirt", "leggings") or style in ("long", "bob", "bun", "ponytail")
    )
    return Outfit(
        skin=choose(rng, SKINS, 6),
        hair=choose(rng, HAIRS, 8),
        hair_style="long" if feminine and style in ("bald", "side parting") else style,
        top=top,
        top_kind=top_kind,
        bottom=bottom,
        bottom_kind=bottom_kind,
        shoes=choose(rng, SHOES, 6),
        extra=extra,
        girth=float(rng.uniform(0.9, 1.12)) * (0.95 if feminine else 1.04),
        beard=bool(not feminine and rng.random() < 0.3),
        striped=bool(top_kind in ("t-shirt", "shirt") and rng.random() < 0.3),
    )


def dress(joints: np.ndarray, rng: np.random.Generator, view: str) -> Sketch:
    """Draws a person with body and clothes around joints as `sample_joints` returns them for the same view."""
    sketch = Sketch()
    for _, part in dressed_parts(joints, rng, view):
        sketch.add(part)
    return sketch


def dressed_parts(joints: np.ndarray, rng: np.random.Generator, view: str = "other") -> list[tuple[str, Sketch]]:
    """The parts of a dressed person in painting order, the nearest last.

    Args:
        joints: [14, 3] as `sample_joints` or `seen_from` return them.
        rng: Where build and clothes come from.
        view: As for `sample_joints`; "other" takes the direction from the joints.

    Returns:
        Names and sketches: "right leg", "left leg", "right arm", "left arm", "trunk" (twice, the seat of the trousers
        first, unless a skirt takes its place) and "head".
    """
    outfit = _outfit(rng)
    yaw = {"side": math.pi / 2, "frontal": 0.0, "rear": math.pi}.get(view, facing(joints))
    parts: list[tuple[str, Sketch]] = []
    trunk = joints[[2, 3, 8, 9], 2].mean()
    arms = sorted(ARMS, key=lambda side: joints[list(ARMS[side]), 2].mean())
    legs = sorted(LEGS, key=lambda side: joints[list(LEGS[side]), 2].mean())
    behind = [side for side in arms if joints[list(ARMS[side]), 2].mean() < trunk - 3]
    # A raised thigh hides the trunk's hem instead of being hidden by it.
    raised = [side for side in legs if joints[LEGS[side][1], 1] - joints[LEGS[side][0], 1] < 13]
    late = legs[1] if legs[1] in raised else None
    for side in behind:
        parts.append((f"{side} arm", _arm(joints, side, outfit, 0.84)))
    for side, light in zip(legs, (0.86, 1.0), strict=True):
        if side != late:
            parts.append((f"{side} leg", _leg(joints, side, outfit, yaw, light)))
    if outfit.bottom_kind not in ("dress", "skirt"):
        parts.append(("trunk", _pelvis(joints, outfit)))
    parts.append(("trunk", _trunk(joints, outfit, yaw)))
    if late is not None:
        parts.append((f"{late} leg", _leg(joints, late, outfit, yaw, 1.0)))
    parts.append(("head", _head(joints, outfit, yaw)))
    for side in arms:
        if side not in behind:
            parts.append((f"{side} arm", _arm(joints, side, outfit, 0.96)))
    return parts


def draw_person(rng: np.random.Generator, view: str) -> Sketch:
    """A person in a pose and clothes of their own."""
    return dress(sample_joints(rng, view), rng, view)


DRAWERS = {"person": draw_person}

VIEWS = {"person": ("frontal", "side", "other", "rear")}
