"""How different two pictures look."""

import math
import random

from PIL import Image

Lab = tuple[float, float, float]


def differences(one: Image.Image, other: Image.Image, *, points: int = 3000) -> tuple[float, float]:
    """Return the mean and the 99th percentile of CIEDE2000 between two sRGB pictures of one size.

    Looks at some *points*, always the same ones.
    """
    assert one.size == other.size
    dice = random.Random(2000)  # noqa: S311 - places to look at
    places = [(dice.randrange(one.width), dice.randrange(one.height)) for _ in range(points)]
    found = sorted(ciede2000(_lab(_rgb(one, place)), _lab(_rgb(other, place))) for place in places)
    return sum(found) / points, found[points * 99 // 100]


def ciede2000(one: Lab, other: Lab) -> float:
    """Return the difference of two colours.

    Source: Sharma, Wu, Dalal: The CIEDE2000 Color-Difference Formula (2005), whose numbers the
    comments are.
    """
    (l1, a1, b1), (l2, a2, b2) = one, other
    shift = 0.5 * (1 - _seventh((math.hypot(a1, b1) + math.hypot(a2, b2)) / 2))  # (4)
    a1, a2 = a1 * (1 + shift), a2 * (1 + shift)  # (5)
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)  # (6)
    h1, h2 = math.degrees(math.atan2(b1, a1)) % 360, math.degrees(math.atan2(b2, a2)) % 360  # (7)
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0  # (10)
    hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2))  # (11)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2  # (12), (13)
    mean = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2  # (14)
    t = (  # (15)
        1
        - 0.17 * _cos(mean - 30)
        + 0.24 * _cos(2 * mean)
        + 0.32 * _cos(3 * mean + 6)
        - 0.20 * _cos(4 * mean - 63)
    )
    bend = 60 * math.exp(-(((mean - 275) / 25) ** 2))  # (16), twice
    s_l = 1 + 0.015 * (lightness - 50) ** 2 / math.sqrt(20 + (lightness - 50) ** 2)  # (18)
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t  # (19), (20)
    r_t = -math.sin(math.radians(bend)) * 2 * _seventh(chroma)  # (17), (21)
    dl, dc, dh = (l2 - l1) / s_l, (c2 - c1) / s_c, hue / s_h
    return math.sqrt(dl**2 + dc**2 + dh**2 + r_t * dc * dh)  # (22)


def _seventh(chroma: float) -> float:
    return math.sqrt(chroma**7 / (chroma**7 + 25**7))


def _cos(degrees: float) -> float:
    return math.cos(math.radians(degrees))


def _rgb(image: Image.Image, place: tuple[int, int]) -> tuple[int, ...]:
    value = image.getpixel(place)
    assert isinstance(value, tuple)
    return value


def _lab(rgb: tuple[int, ...]) -> Lab:
    r, g, b = (_linear(value / 255) for value in rgb)
    x = _f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047)
    y = _f(0.2126729 * r + 0.7151522 * g + 0.0721750 * b)
    z = _f((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _f(t: float) -> float:
    return float(t ** (1 / 3)) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116
