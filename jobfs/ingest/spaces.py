"""Which profile a picture's numbers are meant by, wherever its file says that."""

import os
from typing import IO, Any

from jobfs.ingest import boxes, profiles
from jobfs.ingest.pictures import UNREADABLE, Picture
from jobfs.ingest.profiles import Primaries

_PNG_SIGNATURE, _MOST_CHUNKS = 8, 1000
_GAMMA_OF_SRGB, _NEARLY = 1 / 2.2, 0.002  # what writers put down for sRGB's curve, more or less


def profile(file: IO[bytes], picture: Picture) -> bytes | None:
    """Return an ICC profile, embedded or built; None where the file says nothing, or sRGB.

    To be asked after decoding. Reads the file behind the picture's own reader.
    """
    info = picture.image.info
    embedded = info.get("icc_profile")
    match picture.format:
        case "PNG":
            codes = _codes_of_png(file)
            return profiles.of_codes(*codes) if codes else embedded or _described(info)
        case "HEIC" if not embedded:
            return _of_nclx(info.get("nclx_profile"))
        case "AVIF" if not embedded:
            codes = boxes.colour_codes(file)
            return profiles.of_codes(*codes) if codes else None
    return embedded


# --- PNG ---


def _codes_of_png(file: IO[bytes]) -> tuple[int, int] | None:
    """Return primaries and transfer from a cICP chunk, which comes before all else that tells colours.

    Source: PNG (third edition), 11.3.2.
    """
    file.seek(_PNG_SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        header = file.read(8)
        kind, length = header[4:], int.from_bytes(header[:4], "big")
        if kind == b"cICP":
            content = file.read(4)
            return (content[0], content[1]) if len(content) == 4 else None  # noqa: PLR2004
        if kind in {b"", b"IDAT", b"IEND"}:
            break
        file.seek(length + 4, os.SEEK_CUR)
    return None


def _described(info: dict[Any, Any]) -> bytes | None:
    """Return a profile for a PNG's gamma and chromaticities; None if they are as good as sRGB's.

    Source: PNG (third edition), 11.3.2.2 and 11.3.2.1; sRGB goes before both.
    """
    gamma, places = info.get("gamma"), info.get("chromaticity")
    if "srgb" in info or not gamma or not 0.1 < gamma < 10:  # noqa: PLR2004 - others are nonsense
        return None
    primaries = profiles.SRGB
    if places and len(places) == 8:  # noqa: PLR2004
        white, red, green, blue = zip(places[::2], places[1::2], strict=True)
        primaries = Primaries(red, green, blue, white)
    if abs(gamma - _GAMMA_OF_SRGB) < _NEARLY and _is_near_srgb(primaries):
        return None
    try:
        return profiles.of_power(primaries, 1 / gamma)
    except UNREADABLE:  # places that span no triangle
        return None


def _is_near_srgb(primaries: Primaries) -> bool:
    mine, srgb = ((*p.red, *p.green, *p.blue, *p.white) for p in (primaries, profiles.SRGB))
    return all(abs(a - b) < 0.005 for a, b in zip(mine, srgb, strict=True))  # noqa: PLR2004


# --- HEIC ---


def _of_nclx(nclx: object) -> bytes | None:
    if not isinstance(nclx, dict):
        return None
    return profiles.of_codes(
        int(nclx.get("color_primaries", 1)), int(nclx.get("transfer_characteristics", 1))
    )
