"""Colours: whatever a picture's numbers mean, as sRGB."""

import io
import struct
from functools import cache

from PIL import Image, ImageCms
from PIL.ImageCms import Flags, ImageCmsProfile, Intent

#: What lcms calls the colours that a mode of Pillow holds.
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


@cache
def srgb() -> ImageCmsProfile:
    """Return the profile of what renditions are in."""
    return ImageCmsProfile(ImageCms.createProfile("sRGB"))


@cache
def srgb_bytes() -> bytes:
    """Return the same as it stands in a file."""
    return srgb().tobytes()


def to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Return an RGB image of an L, RGB or CMYK one.

    *icc* is the profile its numbers are meant by. Relative colorimetric with black point compensation:
    what sRGB can show stays as it is, and shadows keep their steps; programs that photographers judge
    their pictures in do the same. Without a profile, or with one that is broken or of another kind of
    image, RGB and grey are taken as sRGB, and CMYK as ideal inks.
    """
    profile = _profile(image.mode, icc)
    if profile is None:
        return image.convert("RGB")
    try:
        transform = ImageCms.buildTransform(
            profile, srgb(), image.mode, "RGB",
            Intent.RELATIVE_COLORIMETRIC, Flags.BLACKPOINTCOMPENSATION,
        )  # fmt: skip
        return transform.apply(image)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image.convert("RGB")


def _profile(mode: str, icc: bytes | None) -> ImageCmsProfile | None:
    if not icc:
        return None
    try:
        profile = ImageCmsProfile(io.BytesIO(icc))
    except (ImageCms.PyCMSError, OSError):
        return None
    return profile if profile.profile.xcolor_space.strip() == _SPACES.get(mode) else None


# --- Adobe RGB (1998) ---

#: Red, green and blue as XYZ under D50, and white; in 1/65536.
_ADOBE_RGB = {
    b"rXYZ": (39961, 20389, 1276),
    b"gXYZ": (13453, 41004, 3989),
    b"bXYZ": (9777, 4143, 48796),
    b"wtpt": (63190, 65536, 71372),
}
_ADOBE_GAMMA = 0x0233  # 2.19921875, in 1/256


@cache
def adobe_rgb() -> bytes:
    """Return a profile for Adobe RGB (1998): cameras that flag it in Exif embed none.

    Built from the colour space's published numbers; Adobe's own file may not be passed on.
    Source: Adobe RGB (1998) Color Image Encoding, and ICC.1:2001-04 for the form.
    """
    curve = b"curv" + struct.pack(">IIH", 0, 1, _ADOBE_GAMMA)
    tags = {
        b"desc": _description(b"Adobe RGB compatible"),
        b"cprt": b"text" + bytes(4) + b"No copyright\0",
        **{tag: b"XYZ " + struct.pack(">4I", 0, *xyz) for tag, xyz in _ADOBE_RGB.items()},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return _with_header(tags)


def _description(text: bytes) -> bytes:
    return b"desc" + struct.pack(">II", 0, len(text) + 1) + text + bytes(1 + 4 + 4 + 2 + 1 + 67)


def _with_header(tags: dict[bytes, bytes]) -> bytes:
    """Return a monitor profile of version 2.1 with these tags, each at a multiple of four."""
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    d50 = struct.pack(">3I", 63190, 65536, 54061)
    header = struct.pack(
        ">I4x4s12s12x4s28x12s48x",
        offset + len(body), b"\x02\x10\0\0", b"mntrRGB XYZ ", b"acsp", d50,
    )  # fmt: skip
    return header + table + body
