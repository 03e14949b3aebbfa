"""Profiles for colour spaces that files name or describe and do not embed.

As ICC profiles of version 2, built from published numbers: a matrix, and one curve for the three colours.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from jobfs.ingest.libraries import numpy

Curve = Callable[[float], float]

_STEPS = 4096  # of a curve that is no power
_D50 = (0.9642, 1.0, 0.8249)  # ICC.1:2001-04, 6.2.7
#: From XYZ to what the eye adapts, in the method of Bradford. Source: ICC.1:2010, annex E.
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


@dataclass(frozen=True, slots=True)
class Primaries:
    """Where red, green, blue and white are, as x and y of CIE 1931."""

    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]
    white: tuple[float, float]


_D65 = (0.3127, 0.3290)
SRGB = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_ADOBE_RGB = Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65)
_ADOBE_GAMMA = 2.19921875

#: By their numbers in ITU-T H.273, table 2. Of the others, and of 2 ("unspecified"), nothing is known.
_PRIMARIES: Mapping[int, Primaries] = {
    1: SRGB,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    8: Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), (0.310, 0.316)),
    9: Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
#: Transfer characteristics, likewise, table 3. What is not here is taken as sRGB's: television's curve too,
#: as browsers and cameras do, since the pictures were looked at on screens.
_POWERS: Mapping[int, float] = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
_PQ, _HLG = 16, 18
#: Parts of a white page's light: from which on a film's light is compressed, and what becomes sRGB's white,
#: 1,000 candelas per square metre. Chosen by eye, and by pictures that have both lights in one file.
_KNEE, _BRIGHTEST = 0.4, 1000 / 203


@cache
def adobe_rgb() -> bytes:
    """Return a profile for Adobe RGB (1998): cameras that flag it in Exif embed none.

    Built, since Adobe's own file may not be passed on. Source: Adobe RGB (1998) Color Image Encoding.
    """
    return of_power(_ADOBE_RGB, _ADOBE_GAMMA)


def of_power(primaries: Primaries, gamma: float) -> bytes:
    """Return a profile whose curve is a power."""
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256))
    return _profile(primaries, curve)


@cache
def of_codes(primaries: int, transfer: int) -> bytes | None:
    """Return the profile for two numbers of ITU-T H.273; None for sRGB and for what they do not tell."""
    colours = _PRIMARIES.get(primaries, SRGB)
    if transfer in _POWERS:
        return of_power(colours, _POWERS[transfer])
    curve = {_PQ: _pq, _HLG: _hlg}.get(transfer, _srgb)
    if curve is _srgb and colours is SRGB:
        return None
    values = [round(65535 * curve(n / (_STEPS - 1))) for n in range(_STEPS)]
    return _profile(colours, b"curv" + struct.pack(f">II{_STEPS}H", 0, _STEPS, *values))


def _srgb(value: float) -> float:
    if value <= 0.04045:  # noqa: PLR2004 - IEC 61966-2-1
        return value / 12.92
    return float(((value + 0.055) / 1.055) ** 2.4)


def _pq(value: float) -> float:
    """Return light as a part of a white page's, which has 203 of 10,000 candelas per square metre.

    Source: ITU-R BT.2100, table 4, and BT.2408, 2.2.
    """
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = value ** (1 / m2)
    light = (max(power - c1, 0.0) / (c2 - c3 * power)) ** (1 / m1)
    return _compressed(light * 10_000 / 203)


def _hlg(value: float) -> float:
    """Return the same for a signal of which three quarters are a white page. Source: as above, table 5."""
    return _compressed(_scene(value) ** 1.2 / _scene(0.75) ** 1.2)


def _compressed(light: float) -> float:
    """Return a light that may be brighter than paper as a part of sRGB's white; dark ones stay.

    Source of the curve above the knee: Reinhard et al., Photographic Tone Reproduction, 2002, equation 4.
    """
    if light <= _KNEE:
        return float(light)
    above, most = ((value - _KNEE) / (1 - _KNEE) for value in (light, _BRIGHTEST))
    return float(min(1.0, _KNEE + (1 - _KNEE) * above * (1 + above / most**2) / (1 + above)))


def _scene(value: float) -> float:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    if value <= 0.5:  # noqa: PLR2004
        return value**2 / 3
    return (math.exp((value - c) / a) + b) / 12


def _profile(primaries: Primaries, curve: bytes) -> bytes:
    tags = {
        b"desc": _description(b"as the file says"),
        b"cprt": b"text" + bytes(4) + b"No copyright\0",
        b"wtpt": _xyz(_D50),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    for name, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _adapted(primaries), strict=True):
        tags[name] = _xyz(colour)
    return _with_header(tags)


def _adapted(primaries: Primaries) -> list[tuple[float, float, float]]:
    """Return red, green and blue as XYZ, as they look where white is that of a print (D50)."""
    three = numpy.array([_with_z(c) for c in (primaries.red, primaries.green, primaries.blue)]).T
    white = numpy.array(_with_z(primaries.white))
    lights = three * numpy.linalg.solve(three, white)
    cones = numpy.array(_BRADFORD)
    ratio = (cones @ numpy.array(_D50)) / (cones @ white)
    adapted = numpy.linalg.solve(cones, (cones @ lights) * ratio[:, None])
    return [(float(x), float(y), float(z)) for x, y, z in adapted.T]


def _with_z(place: tuple[float, float]) -> tuple[float, float, float]:
    x, y = place
    return x / y, 1.0, (1 - x - y) / y


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + struct.pack(">4i", 0, *(round(value * 65536) for value in values))


def _description(text: bytes) -> bytes:
    return b"desc" + struct.pack(">II", 0, len(text) + 1) + text + bytes(1 + 4 + 4 + 2 + 1 + 67)


def _with_header(tags: Mapping[bytes, bytes]) -> bytes:
    """Return a monitor profile of version 2.1 with these tags, each at a multiple of four."""
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(
        ">I4x4s12s12x4s28x12s48x",
        offset + len(body), b"\x02\x10\0\0", b"mntrRGB XYZ ", b"acsp", _xyz(_D50)[8:],
    )  # fmt: skip
    return header + table + body
