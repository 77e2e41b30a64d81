"""The widely copied recipe that notebook 03 takes apart, for what is measured against it: `benchmarks/speed.py`."""

import keras
import tensorflow as tf


def combined_loss(y_true, y_pred):
    """The recipe's idea of a weighted sum, as it is usually written."""
    class_loss = keras.losses.categorical_crossentropy(y_true[0], y_pred[0])
    box_loss = keras.losses.mean_squared_error(y_true[1], y_pred[1])
    return 0.5 * class_loss + 0.5 * box_loss


def naive_model(backbone: keras.Model, num_classes: int) -> keras.Model:
    """Two pooled heads, all weights learning at once with Adam at 0.001, and one loss that sees no pair of outputs.

    Args:
        backbone: Maps images to a feature map; it is made trainable, and learns with the heads.
        num_classes: Number of classes.

    Returns:
        The compiled model. Its outputs are the class scores `[B, num_classes]` and four unbounded numbers `[B, 4]`.
    """
    # Layer by layer: another model may have frozen layers that the two share, of which the backbone does not know.
    for layer in backbone.layers:
        layer.trainable = True
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
    hidden = keras.layers.Dense(256, activation="relu")(pooled)
    scores = keras.layers.Dense(num_classes, activation="softmax", name="class_output")(hidden)
    box = keras.layers.Dense(4, name="loc_output")(keras.layers.Dense(128, activation="relu")(pooled))
    model = keras.Model(backbone.input, [scores, box])
    # On a CPU, TensorFlow's own kernels convolve faster than XLA's: the recipe gets the faster ones too.
    model.compile(loss=combined_loss, optimizer=keras.optimizers.Adam(0.001), jit_compile=False)
    return model


def naive_targets(targets: dict, num_classes: int) -> tuple:
    """The recipe's targets of a batch of `pipelines.batches`: one-hot classes `[B, num_classes]` and boxes `[B, 4]`."""
    return tf.one_hot(targets["label"], num_classes), targets["box"]


def as_two_head_model(model: keras.Model) -> keras.Model:
    """A naive model with outputs that `training.evaluate` understands, its boxes cut off at the border of the image."""
    scores, box = model.outputs
    return keras.Model(model.input, {"label": scores, "box": keras.ops.clip(box, 0.0, 1.0)})
