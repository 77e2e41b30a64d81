"""What the heads read of a backbone: its last map, and one twice as fine."""

import keras

from clsloc_utils.backbones.loading import replay


def feature_extractor(backbone: keras.Model, require_fine: bool = True) -> keras.Model:
    """A model that gives out two maps of a backbone: its last one, and the last one of twice that side.

    The weights are shared with `backbone`, nested models are looked into.

    Args:
        backbone: As `load_backbone` returns it.
        require_fine: Whether a backbone without a map of twice the side is an error; if not, `"fine"` is left out for
            it.

    Returns:
        A `keras.Model` named `"features"`: float32 RGB 0..255 `[B, S, S, 3]` to
        `{"coarse": [B, h, w, C], "fine": [B, 2h, 2w, D]}`.

    Raises:
        ValueError: No layer gives a map of twice the side of the last one.
    """
    inputs = keras.Input(tuple(backbone.inputs[0].shape[1:]), name="image")
    maps = []
    coarse = replay(backbone, inputs, keep=maps.append)
    wanted = (2 * coarse.shape[1], 2 * coarse.shape[2])
    fine = [each for each in maps if len(getattr(each, "shape", ())) == 4 and tuple(each.shape[1:3]) == wanted]
    if not fine and require_fine:
        raise ValueError(
            f"backbone {backbone.name!r}: its last map is {coarse.shape[1]} x {coarse.shape[2]}, and no layer gives "
            f"one of {wanted[0]} x {wanted[1]}, which the spatial box head reads too. Try another image_size (a "
            "multiple of 32), or another box head."
        )
    levels = {"coarse": coarse, "fine": fine[-1]} if fine else {"coarse": coarse}
    return keras.Model(inputs, levels, name="features")
