"""The drawings of the embedded data: what is annotated is what can be seen."""

import io

import numpy as np
import pytest
from PIL import Image

from clsloc_utils.datasets.drawing import scenes
from clsloc_utils.datasets.drawing.sketch import Sketch, mix, rotation, shade, smooth

CLASS_NAMES = sorted(scenes.CLASS_WEIGHTS)


def scene_of(seed, **options):
    return scenes.draw_scene(np.random.default_rng(seed), **options)


def test_all_voc_classes_have_a_drawing():
    from clsloc_utils.datasets.voc_features import VOC_CLASS_NAMES

    assert set(scenes.DRAWERS) == set(scenes.VIEWS) == set(scenes.CLASS_WEIGHTS) == set(VOC_CLASS_NAMES)
    housed = {name for residents in scenes.PLACES_OF.values() for name in residents}
    assert housed == set(VOC_CLASS_NAMES)


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_two_of_a_kind_differ_in_shape(name):
    view = scenes.VIEWS[name][0]
    first, second = (scenes.DRAWERS[name](np.random.default_rng(seed), view) for seed in (1, 2))

    def ratio(sketch):
        x0, y0, x1, y1 = sketch.bounds()
        return (x1 - x0) / (y1 - y0)

    assert ratio(first) != pytest.approx(ratio(second), rel=1e-3)


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_every_view_can_be_drawn_and_repeated(name):
    for view in scenes.VIEWS[name]:
        first, second = (scenes.DRAWERS[name](np.random.default_rng(5), view) for _ in range(2))
        assert len(first.shapes) == len(second.shapes) > 2
        for (points, colour), (same_points, same_colour) in zip(first.shapes, second.shapes, strict=True):
            assert np.isfinite(points).all()
            np.testing.assert_array_equal(points, same_points)
            assert colour == same_colour
            assert len(colour) in (3, 4)
            assert all(0 <= level <= 255 for level in colour)


def test_boxes_are_tight_around_the_masks():
    for seed in range(40):
        for drawn in scene_of(seed).objects:
            xmin, ymin, xmax, ymax = drawn.bbox
            inside = drawn.mask[ymin:ymax, xmin:xmax]
            assert inside.sum() == drawn.mask.sum() > 0
            assert all(side.any() for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_masks_are_the_pixels_that_change_with_the_objects_colour(name, monkeypatch):
    """An oracle of its own: repaint the object in two loud colours and see which pixels of the picture differ."""
    original = scenes.DRAWERS[name]
    monkeypatch.setattr(scenes, "photograph", lambda rng, image: image)

    def repainted(colour, attempt):
        def draw(rng, view):
            sketch = original(rng, view)
            sketch.shapes = [(points, colour) for points, _ in sketch.shapes]
            return sketch

        monkeypatch.setitem(scenes.DRAWERS, name, draw)
        return scene_of([7, CLASS_NAMES.index(name), attempt], num_objects=1, class_name=name)

    for attempt in range(4):
        pictures = [repainted(colour, attempt) for colour in ((255, 0, 255), (0, 255, 0))]
        drawn = pictures[0].objects[0]
        first, second = (np.asarray(picture.image).astype(int) for picture in pictures)
        difference = np.abs(first - second).max(axis=-1)
        share = difference / difference.max()
        # A pixel that object and occluder share by halves may be counted for either; no other one.
        decided = np.abs(share - 0.5) > 0.05
        np.testing.assert_array_equal(drawn.mask[decided], share[decided] > 0.5)
        rows, columns = np.nonzero(share > 0.5)
        tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert np.abs(np.subtract(drawn.bbox, tight)).max() <= 1


def test_what_stands_in_front_is_not_counted():
    hidden = 0
    for seed in range(60):
        objects = scene_of(seed, num_objects=3).objects
        for nearer in range(len(objects)):
            for farther in range(nearer):
                assert not (objects[farther].mask & objects[nearer].mask).any()
                hidden += 1
    assert hidden > 20


def test_truncated_objects_reach_the_border_and_the_others_are_whole():
    truncated = 0
    for seed in range(150):
        scene = scene_of(seed, num_objects=1)
        width, height = scene.image.size
        (drawn,) = scene.objects
        xmin, ymin, xmax, ymax = drawn.bbox
        if drawn.is_truncated and drawn.mask.mean() > 0.02:
            assert xmin <= 1 or ymin <= 1 or xmax >= width - 1 or ymax >= height - 1
        truncated += drawn.is_truncated
    assert 10 <= truncated <= 50


def test_pose_names_are_vocs_and_side_views_face_both_ways():
    poses = [drawn.pose for seed in range(80) for drawn in scene_of(seed).objects]
    assert {"Left", "Right", "Frontal"} <= set(poses) <= {"Left", "Right", "Frontal", "Rear", "Unspecified"}


def test_mix_of_a_split_is_as_in_voc():
    drawings = [scenes.draw_annotated(99, index) for index in range(300)]
    singles = [drawing["objects"][0] for drawing in drawings if len(drawing["objects"]) == 1]
    assert 0.28 <= len(singles) / len(drawings) <= 0.45
    names = [drawn["class_name"] for drawing in drawings for drawn in drawing["objects"]]
    assert len(set(names)) == 20
    assert names.count("person") > 2 * names.count("sheep")
    assert any(drawn["is_difficult"] for drawing in drawings for drawn in drawing["objects"])


def test_the_same_numbers_give_the_same_bytes():
    first, again, other = (scenes.draw_annotated(1, index) for index in (0, 0, 1))
    assert first == again
    assert first["image"] != other["image"]
    with Image.open(io.BytesIO(first["image"])) as image:
        assert image.format == "JPEG"
        assert image.size == first["size"]
        assert max(image.size) == 320


def test_number_and_class_of_objects_can_be_asked_for():
    for seed in range(20):
        scene = scene_of(seed, num_objects=1, class_name="bus")
        assert [drawn.class_name for drawn in scene.objects] == ["bus"]


def test_sketch_geometry():
    square = Sketch().rectangle(0, 0, 2, 2, (10, 20, 30))
    assert square.bounds() == (0, 0, 2, 2)
    turned = square.transformed(rotation(90))
    np.testing.assert_allclose(turned.bounds(), (-2, 0, 0, 2), atol=1e-12)
    np.testing.assert_allclose(rotation(37, about=(3, 4)) @ [3, 4, 1], (3, 4))
    limb = Sketch().limb((0, 0), (10, 0), 2, 4, (0, 0, 0))
    np.testing.assert_allclose(limb.bounds(), (-1, -2, 12, 2), atol=1e-9)
    knots = [(0, 0), (4, 0), (4, 3), (0, 3)]
    np.testing.assert_allclose(smooth(knots, steps=5)[::5], knots)
    np.testing.assert_allclose(smooth(knots, closed=False)[-1], knots[-1])


def test_rings_let_the_ground_show_through():
    image, mask = Image.new("RGB", (100, 100), (9, 9, 9)), Image.new("L", (100, 100))
    Sketch().ring(50, 50, 40, 8, (200, 0, 0)).paint(image, mask)
    assert image.getpixel((50, 50)) == (9, 9, 9)
    assert mask.getpixel((50, 50)) == 0
    assert image.getpixel((14, 50)) == (200, 0, 0)
    assert mask.getpixel((14, 50)) == 255


def test_colours():
    assert shade((100, 50, 200), 0.5) == (50, 25, 100)
    assert shade((100, 50, 200), 2) == (255, 255, 255)
    assert shade((100, 50, 200, 77), 1) == (100, 50, 200, 77)
    assert mix((0, 0, 0), (100, 200, 50), 0.5) == (50, 100, 25)
