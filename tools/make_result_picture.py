"""Draws images/result.png, the picture at the top of the README: the model's answers to test pictures.

python tools/make_result_picture.py
"""

from pathlib import Path

from clsloc_utils import datasets, pipelines, plotting, profiles, recipes, training

PICTURE = Path(__file__).resolve().parent.parent / "images" / "result.png"


def main() -> None:
    """The first eight test images without an object that is marked as difficult, as they come: none was chosen."""
    profile = profiles.FAST
    source, model = datasets.info(profile.data), recipes.finished_model(profile)
    batches = pipelines.batches(
        profile.data, source.test_split, image_size=model.input_shape[1], batch_size=8, difficult="exclude"
    )
    images, _ = next(iter(batches))
    found = training.predict(model, batches.take(1))
    figure = plotting.prediction_gallery(images, found, source.class_names, which="first")
    figure.savefig(PICTURE, dpi=plotting.DOTS_PER_INCH, metadata={"Software": None})
    print(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
