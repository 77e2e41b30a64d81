"""Pictures of one moving person each, with the 14 joints exactly where the drawing has them."""

import dataclasses
import io

import numpy as np
from PIL import Image

from clsloc_utils.datasets.drawing import backgrounds, people
from clsloc_utils.datasets.drawing.scenes import OVERSAMPLING, photograph
from clsloc_utils.datasets.drawing.sketch import Sketch, rotation
from clsloc_utils.joints import FLIP_ORDER, JOINT_NAMES

PLACES = ("meadow", "road", "rails", "room", "plain")
AIRBORNE = ("jumping", "star jump")

_OCCLUDER = "occluder"
# A hip or shoulder that lies this share of its distance to its twin behind it is on the far side of the trunk.
_FAR_SIDE = 0.85


@dataclasses.dataclass(frozen=True)
class PoseScene:
    """A picture of a person.

    Attributes:
        image: Mode RGB.
        joints: float64 [14, 2], x and y in pixels, in the order of `clsloc_utils.joints.JOINT_NAMES`. They are exact,
            also for the joints that are hidden or outside of the picture.
        labelled: bool [14], whether the joint lies inside the picture. LSP labels what is in the picture only.
        visible: bool [14], whether the joint is labelled, and neither another limb nor a thing is in front of it.
        mask: bool [height, width], the person's visible pixels.
    """

    image: Image.Image
    joints: np.ndarray
    labelled: np.ndarray
    visible: np.ndarray
    mask: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Person:
    """A drawn person: named parts in painting order, joints [14, 2] in the same units, which ones the trunk hides."""

    parts: list[tuple[str, Sketch]]
    joints: np.ndarray
    on_far_side: np.ndarray
    floats: bool

    def moved(self, matrix: np.ndarray) -> "_Person":
        """The person with every point p at `matrix[:, :2] @ p + matrix[:, 2]`."""
        parts = [(name, part.transformed(matrix)) for name, part in self.parts]
        return dataclasses.replace(self, parts=parts, joints=self.joints @ matrix[:, :2].T + matrix[:, 2])

    def mirrored(self) -> "_Person":
        """The person in a mirror, who does with the left hand what the person does with the right one."""
        twin = {"right": "left", "left": "right"}
        person = self.moved(np.array([[-1.0, 0, 0], [0, 1, 0]]))
        order = list(FLIP_ORDER)
        parts = []
        for name, part in person.parts:
            side, *limb = name.split()
            parts.append((" ".join([twin.get(side, side), *limb]), part))
        return dataclasses.replace(
            person, parts=parts, joints=person.joints[order], on_far_side=self.on_far_side[order]
        )

    def bounds(self) -> tuple[float, float, float, float]:
        """xmin, ymin, xmax, ymax around all parts."""
        whole = Sketch()
        for _, part in self.parts:
            whole.add(part)
        return whole.bounds()


def draw_pose(rng: np.random.Generator, pose: str | None = None, yaw: float | None = None) -> PoseScene:
    """Draws one person, large in the picture, somewhere.

    Args:
        rng: Where all chance comes from: the same generator state gives the same pixels.
        pose: One of `people.POSES` or `people.MOTIONS`; `None` draws one.
        yaw: The direction the person faces, in degrees: 0 to the viewer, 90 to the right, 180 away. `None` draws it.

    Returns:
        The `PoseScene`. About one person in five is cut off by the border, one in seven stands behind something.
    """
    person = _person(rng, pose, yaw)
    person, size = _framed(rng, person)
    place = str(rng.choice(PLACES))
    canvas = Image.new("RGB", size)
    backgrounds.PLACES[place](canvas, rng)
    occluder = _occluder(rng, place, person.bounds()) if rng.random() < 0.15 else None
    canvas = canvas.resize((size[0] * OVERSAMPLING, size[1] * OVERSAMPLING), Image.Resampling.NEAREST)
    fronts = _paint(canvas, person, occluder)
    labelled = ((person.joints >= 0) & (person.joints < size)).all(axis=1)
    names = [name for name, _ in person.parts]
    covered = fronts > 0
    if occluder is not None:
        covered &= fronts <= len(names)
    return PoseScene(
        image=photograph(rng, canvas.reduce(OVERSAMPLING)),
        joints=person.joints,
        labelled=labelled,
        visible=labelled & _uncovered(person, [*names, _OCCLUDER], fronts),
        mask=covered[OVERSAMPLING // 2 :: OVERSAMPLING, OVERSAMPLING // 2 :: OVERSAMPLING],
    )


def _person(rng: np.random.Generator, pose: str | None, yaw: float | None) -> _Person:
    """A person of random build in clothes of their own, around the origin, about 100 units tall."""
    if pose is None:
        pose = str(rng.choice(people.POSES) if rng.random() < 0.4 else rng.choice(list(people.MOTIONS)))
    if yaw is None:
        # Someone who bends over, seen from behind, would be little more than a back.
        yaw = rng.uniform(-180, 180) if pose != "bending" else rng.choice([-1, 1]) * rng.uniform(25, 110)
    joints = people.seen_from(people.skeleton(rng, pose), yaw, pitch=rng.uniform(-8, 14))
    across = np.zeros(14)
    for first, second in ((2, 3), (8, 9)):
        apart = joints[first] - joints[second]
        across[first], across[second] = np.array([-1, 1]) * apart[2] / max(np.linalg.norm(apart), 1e-6)
    person = _Person(
        parts=people.dressed_parts(joints, rng),
        joints=joints[:, :2],
        on_far_side=across > _FAR_SIDE,
        floats=pose in AIRBORNE,
    )
    tilt = rng.normal(0, 4) if pose in people.POSES else rng.uniform(-25, 25)
    build = rng.uniform(0.9, 1.1)
    person = person.moved(rotation(tilt) @ np.array([[build, 0, 0], [0, 1 / build, 0], [0, 0, 1]]))
    return person.mirrored() if rng.random() < 0.5 else person


def _framed(rng: np.random.Generator, person: _Person) -> tuple[_Person, tuple[int, int]]:
    """Points the camera at the person: the person in pixels of the picture, and the picture's width and height."""
    xmin, ymin, xmax, ymax = person.bounds()
    sides = np.array([xmax - xmin, ymax - ymin])
    # Room on the left, above, on the right and below, as shares of the person's longer side.
    room = rng.uniform(0.04, 0.2, 4)
    if rng.random() < 0.2:
        edge = int(rng.choice(4, p=(0.22, 0.1, 0.22, 0.46)))
        room[edge] = -rng.uniform(0.08, 0.35) * sides[edge % 2] / sides.max()
    low = np.array([xmin, ymin]) - room[:2] * sides.max()
    high = np.array([xmax, ymax]) + room[2:] * sides.max()
    # A photo is not much narrower than high, nor the other way round: the rest is more of the place.
    lacking = np.maximum(rng.uniform(0.66, 0.9) * (high - low).max() - (high - low), 0)
    split = rng.uniform(0, 1, 2)
    low, high = low - lacking * split, high + lacking * (1 - split)
    scale = rng.integers(240, 321) / (high - low).max()
    width, height = (int(side) for side in np.maximum(np.round(scale * (high - low)), 1))
    return person.moved(np.column_stack([scale * np.eye(2), -scale * low])), (width, height)


def _occluder(rng: np.random.Generator, place: str, box: tuple[float, float, float, float]) -> Sketch:
    """Something that stands in front of a part of the legs, or of one side."""
    width, height = box[2] - box[0], box[3] - box[1]
    thing = backgrounds.occluder(rng, place, rng.uniform(0.3, 0.6) * width, rng.uniform(0.2, 0.42) * height)
    spot = np.array([rng.uniform(box[0], box[2]), box[3] + 0.04 * height])
    return thing.transformed(np.column_stack([np.eye(2), spot]))


def _paint(canvas: Image.Image, person: _Person, occluder: Sketch | None) -> np.ndarray:
    """Paints the person, the shadow below and the occluder before.

    Returns:
        uint8 array [height, width] of the canvas: 0 where neither is, else 1 + the number of the part that is in front;
        the occluder counts as one more part.
    """
    enlarge = np.array([[OVERSAMPLING, 0, 0], [0, OVERSAMPLING, 0]], dtype=np.float64)
    enlarged = person.moved(enlarge)
    _shadow(enlarged).paint(canvas)
    sketches = [part for _, part in enlarged.parts]
    if occluder is not None:
        sketches.append(occluder.transformed(enlarge))
    fronts = Image.new("L", canvas.size)
    for number, sketch in enumerate(sketches, start=1):
        sketch.paint(canvas, fronts, level=number)
    return np.asarray(fronts)


def _shadow(person: _Person) -> Sketch:
    """A shadow on the ground, at a distance from feet that are in the air."""
    ankles = person.joints[[0, 5]]
    xmin, _, xmax, ymax = person.bounds()
    middle = ankles[:, 0].mean() if not person.floats else person.joints[[2, 3], 0].mean()
    reach = max(np.ptp(ankles[:, 0]) / 2 + 0.12 * (ymax - person.joints[:, 1].min()), 0.15 * (xmax - xmin))
    drop = 0.08 * (xmax - xmin) if person.floats else 0.0
    return Sketch().ellipse(middle, ymax + drop, reach, 0.14 * reach, (20, 20, 30, 70))


def _parts_of(joint: int) -> set[str]:
    """The parts of a person that a joint is seen on.

    Clothes cover every joint: what counts is whose they are. A skirt belongs to the trunk, and hides the knees in it.
    """
    side, part = JOINT_NAMES[joint].split()[0], JOINT_NAMES[joint].split()[-1]
    limb = {f"{side} leg" if part in ("hip", "knee", "ankle") else f"{side} arm"}
    return {"neck": {"trunk", "head"}, "top": {"head"}}.get(part) or (
        limb | {"trunk"} if part in ("hip", "shoulder") else limb
    )


def _uncovered(person: _Person, names: list[str], fronts: np.ndarray) -> np.ndarray:
    """bool [14], whether what is in front at a joint's place belongs to it; joints outside the canvas count as covered.

    A joint at which nothing is painted, such as the top of a head at its very edge, is not covered.
    """
    pixels = np.floor(person.joints * OVERSAMPLING).astype(int)
    uncovered = np.zeros(14, bool)
    for joint, (column, row) in enumerate(pixels):
        if not (0 <= row < fronts.shape[0] and 0 <= column < fronts.shape[1]):
            continue
        number = fronts[row, column]
        name = names[number - 1] if number else None
        behind_trunk = person.on_far_side[joint] and name == "trunk"
        uncovered[joint] = name is None or (name in _parts_of(joint) and not behind_trunk)
    return uncovered


def draw_pose_annotated(seed: int, index: int, quality: int = 88) -> dict:
    """Draws one person and returns the picture as plain values, which a worker process can send back.

    Args:
        seed: Which series of people.
        index: Which one of the series. The same two numbers give the same bytes.
        quality: Of the JPEG, 1..95.

    Returns:
        A dict with `image` (JPEG bytes), `size` (width, height in pixels), and `joints`, `labelled` and `visible` of
        the `PoseScene`.
    """
    scene = draw_pose(np.random.default_rng([seed, index]))
    jpeg = io.BytesIO()
    scene.image.save(jpeg, format="JPEG", quality=quality)
    return {
        "image": jpeg.getvalue(),
        "size": scene.image.size,
        "joints": scene.joints,
        "labelled": scene.labelled,
        "visible": scene.visible,
    }
