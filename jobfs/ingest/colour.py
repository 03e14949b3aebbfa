"""Colours: whatever a picture's numbers mean, as sRGB."""

import io
from functools import cache

from PIL import Image, ImageCms
from PIL.ImageCms import Flags, ImageCmsProfile, Intent

#: What lcms calls the colours that a mode of Pillow holds.
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_PAPER = "white"


@cache
def srgb() -> ImageCmsProfile:
    """Return the profile of what renditions are in."""
    return ImageCmsProfile(ImageCms.createProfile("sRGB"))


@cache
def srgb_bytes() -> bytes:
    """Return the same as it stands in a file."""
    return srgb().tobytes()


@cache
def _lab() -> ImageCmsProfile:
    return ImageCmsProfile(ImageCms.createProfile("LAB"))


def on_paper(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Return an L, RGB, CMYK, LAB or RGBA picture in sRGB; what is transparent lies on white.

    *icc* is as in `to_srgb`.
    """
    if image.mode != "RGBA":
        return to_srgb(image, icc)
    paper = Image.new("RGB", image.size, _PAPER)
    paper.paste(_opaque(image, icc), mask=image.getchannel("A"))
    return paper


def _opaque(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Return the colours of an RGBA picture in sRGB; it may have been made of a grey one."""
    profile = _profile(icc)
    grey = profile is not None and _space(profile) == _SPACES["L"]
    return to_srgb(image.getchannel("R") if grey else image.convert("RGB"), icc)


def to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Return an RGB picture of an L, RGB, CMYK or LAB one.

    *icc* is the profile its numbers are meant by. Relative colorimetric with black point compensation:
    what sRGB can show stays as it is, and shadows keep their steps; programs that photographers judge
    their pictures in do the same. Without a profile, or with one that is broken or of another kind of
    image, RGB and grey are taken as sRGB, and CMYK as ideal inks: so do browsers, and there is no press
    that one could guess.
    """
    if image.mode == "LAB":
        return _converted(image, _lab()) or image.convert("RGB")
    profile = _profile(icc)
    if profile is None:
        return image.convert("RGB")
    if image.mode == "L" and _space(profile) == _SPACES["RGB"]:  # of a PNG that tells its gamma
        image = image.convert("RGB")
    if _space(profile) != _SPACES.get(image.mode):
        return image.convert("RGB")
    return _converted(image, profile) or image.convert("RGB")


def _converted(image: Image.Image, profile: ImageCmsProfile) -> Image.Image | None:
    try:
        transform = ImageCms.buildTransform(
            profile, srgb(), image.mode, "RGB",
            Intent.RELATIVE_COLORIMETRIC, Flags.BLACKPOINTCOMPENSATION,
        )  # fmt: skip
        return transform.apply(image)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _profile(icc: bytes | None) -> ImageCmsProfile | None:
    if not icc:
        return None
    try:
        return ImageCmsProfile(io.BytesIO(icc))
    except (ImageCms.PyCMSError, OSError):
        return None


def _space(profile: ImageCmsProfile) -> str:
    return profile.profile.xcolor_space.strip()
