"""Scenes: objects of VOC's 20 classes in a place, partly hidden or cut off, annotated from their visible pixels."""

import dataclasses
import io

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from clsloc_utils.datasets.drawing import animals, backgrounds, household, people, vehicles
from clsloc_utils.datasets.drawing.sketch import Sketch, rotation

DRAWERS = {**vehicles.DRAWERS, **animals.DRAWERS, **household.DRAWERS, **people.DRAWERS}
VIEWS = {**vehicles.VIEWS, **animals.VIEWS, **household.VIEWS, **people.VIEWS}

# Share of the images a class appears in: uneven as in VOC, where people lead by far and sheep are rare, though milder.
CLASS_WEIGHTS = {
    "aeroplane": 5.0,
    "bicycle": 4.5,
    "bird": 6.0,
    "boat": 4.0,
    "bottle": 4.0,
    "bus": 3.5,
    "car": 8.5,
    "cat": 6.0,
    "chair": 5.0,
    "cow": 3.0,
    "diningtable": 3.0,
    "dog": 7.0,
    "horse": 5.0,
    "motorbike": 4.5,
    "person": 14.0,
    "pottedplant": 4.0,
    "sheep": 2.5,
    "sofa": 4.0,
    "train": 5.0,
    "tvmonitor": 4.5,
}

PLACES_OF = {
    "sky": ("aeroplane", "bird"),
    "meadow": ("bird", "cat", "cow", "dog", "horse", "sheep", "person", "aeroplane", "bicycle"),
    "road": ("bicycle", "bus", "car", "cat", "dog", "motorbike", "person", "horse"),
    "rails": ("train", "person"),
    "water": ("boat", "bird"),
    "room": ("bottle", "cat", "chair", "diningtable", "dog", "person", "pottedplant", "sofa", "tvmonitor"),
}

OVERSAMPLING = 2
"""Scenes are painted this many times larger and then reduced, which smooths the edges."""

SMALLEST_VISIBLE_AREA = 0.0012
"""An object that shows less than this fraction of the image is too small to be annotated as an ordinary one."""


@dataclasses.dataclass(frozen=True)
class DrawnObject:
    """One annotated object.

    Attributes:
        class_name: One of VOC's 20 names.
        pose: VOC's word for the view: `Frontal`, `Rear`, `Left`, `Right` or `Unspecified`.
        bbox: xmin, ymin, xmax, ymax in pixels, tight around `mask`; the maxima are exclusive.
        is_truncated: The border of the image cuts part of it off.
        is_difficult: Tiny or faint: hard to make out.
        mask: bool [height, width], its visible pixels.
    """

    class_name: str
    pose: str
    bbox: tuple[int, int, int, int]
    is_truncated: bool
    is_difficult: bool
    mask: np.ndarray


@dataclasses.dataclass(frozen=True)
class Scene:
    """A picture (mode RGB) and its objects, the nearest last."""

    image: Image.Image
    objects: tuple[DrawnObject, ...]


@dataclasses.dataclass(frozen=True)
class _Planned:
    """An object before it is painted; sketch and bounds (xyxy) are in the pixels of the finished image."""

    class_name: str
    pose: str
    sketch: Sketch
    bounds: tuple[float, float, float, float]
    is_truncated: bool
    is_tiny: bool
    is_faint: bool
    on_ground: bool
    occluder: Sketch | None


def draw_scene(
    rng: np.random.Generator,
    num_objects: int | None = None,
    class_name: str | None = None,
    longest_side: int = 320,
    even_sizes: bool = False,
) -> Scene:
    """Draws one scene.

    Args:
        rng: Where all chance comes from: the same generator state gives the same pixels.
        num_objects: How many objects to place; `None` draws the number, one in 37 % of all scenes, as in VOC 2007. A
            scene can end with fewer where no free spot is found, never with none.
        class_name: Class of the first object; `None` draws it by `CLASS_WEIGHTS`.
        longest_side: Of the image, in pixels.
        even_sizes: Whether a single object may have any size from half the image to all of it with equal chance,
            instead of those that are usual in photographs.

    Returns:
        The `Scene`.
    """
    width, height = _image_size(rng, longest_side)
    if num_objects is None:
        num_objects = 1 + int(np.searchsorted([0.37, 0.62, 0.79, 0.9, 0.96], rng.random()))
    class_name = class_name or _choose_class(rng, tuple(CLASS_WEIGHTS))
    homes = [place for place, residents in PLACES_OF.items() if class_name in residents]
    place = str(rng.choice(homes)) if rng.random() < 0.86 else str(rng.choice(list(backgrounds.PLACES)))

    canvas = Image.new("RGB", (width, height))
    ground = backgrounds.PLACES[place](canvas, rng)
    class_names = [class_name, *_companions(rng, class_name, place, num_objects - 1)]
    planned = _plan(rng, class_names, place, ground, (width, height), even_sizes)

    canvas = canvas.resize((width * OVERSAMPLING, height * OVERSAMPLING), Image.Resampling.NEAREST)
    covers: list[np.ndarray] = []
    for item in planned:
        canvas, own, everything = _paint(canvas, item)
        for cover in covers:
            cover[everything >= 128] = 0
        covers.append(own)
    masks: list[np.ndarray] = []
    for cover in reversed(covers):
        # Of a pixel that two objects share by halves, the nearer one has it.
        taken = np.any(masks, axis=0) if masks else False
        masks.insert(0, _at_least_half(cover) & ~np.asarray(taken))
    return Scene(photograph(rng, canvas.reduce(OVERSAMPLING)), _annotate(planned, masks))


def _image_size(rng: np.random.Generator, longest_side: int) -> tuple[int, int]:
    shortest_side = round(longest_side * rng.choice([0.75, 0.75, 0.66, 0.7, 0.85]) / 2) * 2
    return (longest_side, shortest_side) if rng.random() < 0.75 else (shortest_side, longest_side)


def _choose_class(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    weights = np.array([CLASS_WEIGHTS[name] for name in names])
    return str(rng.choice(names, p=weights / weights.sum()))


def _companions(rng: np.random.Generator, class_name: str, place: str, count: int) -> list[str]:
    """Classes of the further objects: the same again, or what else lives in this place."""
    neighbours = PLACES_OF.get(place, tuple(CLASS_WEIGHTS))
    return [class_name if rng.random() < 0.4 else _choose_class(rng, neighbours) for _ in range(count)]


def _plan(
    rng: np.random.Generator,
    class_names: list[str],
    place: str,
    ground: float,
    size: tuple[int, int],
    even_sizes: bool,
) -> list[_Planned]:
    """Sizes and positions; an object for which ten tries find no spot that leaves the others visible is left out."""
    planned: list[_Planned] = []
    for name in class_names:
        view = str(rng.choice(VIEWS[name]))
        sketch = DRAWERS[name](rng, view)
        for _ in range(10):
            alone = len(class_names) == 1
            candidate = _place(rng, name, view, sketch, place, ground, size, alone, even_sizes)
            if all(_overlap(candidate.bounds, other.bounds) < 0.3 for other in planned):
                planned.append(candidate)
                break
    # Whoever stands lower in the picture is nearer and is painted later.
    return sorted(planned, key=lambda item: item.bounds[3])


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Area of the intersection of two xyxy boxes as a fraction of the smaller one."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return max(width, 0) * max(height, 0) / smaller


def _place(
    rng: np.random.Generator,
    name: str,
    view: str,
    sketch: Sketch,
    place: str,
    ground: float,
    size: tuple[int, int],
    alone: bool,
    even_sizes: bool,
) -> _Planned:
    """One try at a size, a position and a fate (cut off, hidden, tiny, faint) for an object."""
    width, height = size
    flipped = rng.random() < 0.5
    # Whoever takes a picture of one thing makes it clear; what is hard to see stands among others.
    is_tiny, is_faint = rng.random() < (0.01 if alone else 0.05), rng.random() < (0.01 if alone else 0.03)
    fill = rng.uniform(0.08, 0.14) if is_tiny else _fill(rng, alone, even_sizes)

    x0, y0, x1, y1 = sketch.bounds()
    scale = fill * min(width / (x1 - x0), height / (y1 - y0))
    stretch = rng.uniform(0.92, 1.08)
    matrix = rotation(rng.normal(0, 2.5))
    matrix[:, 0] *= -scale * stretch if flipped else scale * stretch
    matrix[:, 1] *= scale / stretch
    sketch = sketch.transformed(matrix)
    x0, y0, x1, y1 = sketch.bounds()

    is_truncated = not is_tiny and rng.random() < 0.16
    hidden = not is_tiny and place not in ("sky", "plain") and rng.random() < 0.12
    flies = place in ("sky", "plain") or (name == "bird" and rng.random() < 0.3)
    top = _top(rng, flies, ground, height, y1 - y0)
    shift = np.array([rng.uniform(0, max(width - (x1 - x0), 0)) - x0, top - y0])
    if is_truncated:
        shift += _off_the_edge(rng, size, (x0 + shift[0], y0 + shift[1], x1 + shift[0], y1 + shift[1]))
    sketch = sketch.transformed(np.column_stack([np.eye(2), shift]))
    x0, y0, x1, y1 = x0 + shift[0], y0 + shift[1], x1 + shift[0], y1 + shift[1]
    return _Planned(
        class_name=name,
        pose=_pose(view, flipped),
        sketch=sketch,
        bounds=(x0, y0, x1, y1),
        is_truncated=x0 < -0.5 or y0 < -0.5 or x1 > width + 0.5 or y1 > height + 0.5,
        is_tiny=is_tiny,
        is_faint=is_faint,
        on_ground=not flies,
        occluder=_occluder(rng, place, (x0, y0, x1, y1)) if hidden else None,
    )


def _fill(rng: np.random.Generator, alone: bool, even_sizes: bool) -> float:
    """How much of the image's width or height, whichever is reached first, an object spans."""
    if not alone:
        return rng.uniform(0.2, 0.6)
    # Half of all photographs with a single object show it across three quarters of one side and more.
    return rng.uniform(0.45, 0.97) if even_sizes else rng.triangular(0.42, 0.85, 1.0)


def _top(rng: np.random.Generator, flies: bool, ground: float, height: int, object_height: float) -> float:
    """Where the top edge of an object goes: anywhere for what flies, else so that its feet are below the horizon."""
    room = max(height - object_height, 0)
    if flies:
        return rng.uniform(0, room)
    feet = rng.uniform(min(ground + 0.04, 0.97), 0.99) * height
    return float(np.clip(feet - object_height, 0, room))


def _off_the_edge(rng: np.random.Generator, size: tuple[int, int], box: tuple[float, ...]) -> np.ndarray:
    """A further shift that moves 12 to 40 % of the object across one border."""
    width, height = size
    across = rng.uniform(0.12, 0.4)
    edge = rng.integers(5)
    if edge == 0:
        return np.array([0, height - box[3] + across * (box[3] - box[1])])
    if edge <= 2:
        return np.array([-box[0] - across * (box[2] - box[0]), 0])
    return np.array([width - box[2] + across * (box[2] - box[0]), 0])


def _pose(view: str, flipped: bool) -> str:
    if view == "side":
        return "Left" if flipped else "Right"
    return {"frontal": "Frontal", "rear": "Rear"}.get(view, "Unspecified")


def _occluder(rng: np.random.Generator, place: str, box: tuple[float, ...]) -> Sketch:
    """Something in front of the lower part of an object, standing a little nearer than it."""
    width, height = box[2] - box[0], box[3] - box[1]
    thing = backgrounds.occluder(rng, place, rng.uniform(0.2, 0.45) * width, rng.uniform(0.25, 0.5) * height)
    spot = np.array([rng.uniform(box[0], box[2]), box[3] + 0.06 * height])
    return thing.transformed(np.column_stack([np.eye(2), spot]))


def _paint(canvas: Image.Image, item: _Planned) -> tuple[Image.Image, np.ndarray, np.ndarray]:
    """Paints one object, its shadow below it and its occluder before it.

    Returns:
        The picture, then how much of each of its pixels shows the object, and how much shows object or occluder:
        writable uint8 [height, width], 0 to 255. Reduced only at the end: of a pixel that two things share, each keeps
        its part.
    """
    enlarge = np.array([[OVERSAMPLING, 0, 0], [0, OVERSAMPLING, 0]], dtype=np.float64)
    sketch = item.sketch.transformed(enlarge)
    before = canvas.copy() if item.is_faint else None
    x0, _, x1, y1 = (OVERSAMPLING * side for side in item.bounds)
    if item.on_ground:
        Sketch().ellipse((x0 + x1) / 2, y1, 0.48 * (x1 - x0), 0.05 * (x1 - x0), (20, 20, 30, 70)).paint(canvas)
    mask = Image.new("L", canvas.size)
    sketch.paint(canvas, mask)
    if before is not None:
        canvas = Image.blend(before, canvas, 0.3)
    own = np.array(mask)
    if item.occluder is None:
        return canvas, own, own
    mask = Image.new("L", canvas.size)
    item.occluder.transformed(enlarge).paint(canvas, mask)
    front = np.asarray(mask)
    everything = np.maximum(own, front)
    own[front >= 128] = 0
    return canvas, own, everything


def _at_least_half(cover: np.ndarray) -> np.ndarray:
    """bool [height, width] of the reduced image: pixels of which half or more is covered."""
    return np.asarray(Image.fromarray(cover).reduce(OVERSAMPLING)) >= 128


def photograph(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """What a camera adds: exposure, a colour cast, softness, grain. No pixel moves."""
    gains, gamma = rng.uniform(0.88, 1.08, 3) * rng.uniform(0.85, 1.1), rng.uniform(0.85, 1.2)
    levels = np.arange(256) / 255
    table = np.concatenate([np.clip(255 * gain * levels**gamma, 0, 255).round() for gain in gains]).astype(int).tolist()
    image = image.point(table)
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.BoxBlur(rng.uniform(0.3, 0.9)))
    grain = backgrounds.noise_window(rng, *image.size)
    return ImageChops.add(image, grain.point(lambda level: (level - 128) // 5 + 128), 1, -128)


def _annotate(planned: list[_Planned], masks: list[np.ndarray]) -> tuple[DrawnObject, ...]:
    objects = []
    for item, mask in zip(planned, masks, strict=True):
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        if not len(columns):
            continue
        tiny = item.is_tiny or mask.mean() < SMALLEST_VISIBLE_AREA
        box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        objects.append(DrawnObject(item.class_name, item.pose, box, item.is_truncated, tiny or item.is_faint, mask))
    return tuple(objects)


def draw_annotated(seed: int, index: int, quality: int = 88) -> dict:
    """Draws one scene and returns it as plain values, which a worker process can send back.

    Args:
        seed: Which series of scenes.
        index: Which scene of the series. The same two numbers give the same bytes.
        quality: Of the JPEG, 1..95.

    Returns:
        A dict with `image` (JPEG bytes), `size` (width, height in pixels) and `objects`: a list of dicts with the
        fields of `DrawnObject` but its mask.
    """
    scene = draw_scene(np.random.default_rng([seed, index]))
    jpeg = io.BytesIO()
    scene.image.save(jpeg, format="JPEG", quality=quality)
    fields = ("class_name", "pose", "bbox", "is_truncated", "is_difficult")
    objects = [{field: getattr(drawn, field) for field in fields} for drawn in scene.objects]
    return {"image": jpeg.getvalue(), "size": scene.image.size, "objects": objects}
