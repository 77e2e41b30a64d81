"""Photos of any format as one sees them, with Pillow alone: whoever only reads a photo waits for no TensorFlow."""

import numpy as np
from PIL import Image

FORMATS = ("JPEG", "MPO", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA")
"""Pillow's names of the formats in which photos come. Others hold programs or drawings, which are not run."""
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff", ".avif"),
    *(".jp2", ".ppm", ".pgm", ".tga", ".heic", ".heif"),  # the last two to say what to do about them
)
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def as_rgb(image: Image.Image) -> Image.Image:
    """A photo in 8-bit RGB, whatever its mode.

    Args:
        image: Of 1, 8 or 16 bits for each colour; with a palette, for print (CMYK), or grey. Transparent places become
            white.

    Returns:
        The same pixels, mode `RGB`; those of 16 bits keep the upper eight. An image of this mode is returned as it is.

    Raises:
        ValueError: Its pixels are fractions, whose range nothing tells.
    """
    if image.mode == "F":
        raise ValueError("its pixels are fractions, and nothing tells which of them is white")
    if image.mode.startswith("I"):
        # 16 bits of grey: Pillow would cut off everything above 255.
        return Image.fromarray((np.asarray(image, "float64") / 256).clip(0, 255).astype("uint8")).convert("RGB")
    if image.has_transparency_data:
        on_white = Image.new("RGBA", image.size, "white")
        on_white.alpha_composite(image.convert("RGBA"))
        image = on_white
    if image.mode != "RGB":
        return image.convert("RGB")
    image.load()  # It outlives its file. A copy would take as much memory again.
    return image


def why_no_image(first_bytes: bytes) -> str:
    """What to say of a file that Pillow takes for no image: a phone's HEIC photo gets named as such.

    Args:
        first_bytes: The first 12 bytes of the file, or more.

    Returns:
        A clause such as `"it is empty"`.
    """
    if first_bytes[4:8] == b"ftyp" and first_bytes[8:12] in _HEIC_BRANDS:
        return (
            "it is a HEIC photo, whatever its name says; save it as JPEG (an iPhone takes JPEG with Settings > Camera "
            "> Formats > Most Compatible)"
        )
    return "it is no image, or its first bytes are damaged" if first_bytes else "the file is empty"
