"""Damage inside a JPEG, which libjpeg passes over; and what is none."""

import io
from collections.abc import Callable

import pytest
from PIL import Image, ImageChops

from jobfs.domain.uploads import UploadState
from jobfs.ingest import jpegs, rendering, scans
from jobfs.ingest.outcomes import Decoded, Outcome, Wanted
from tests.pure.pictures import noise, saved

END = b"\xff\xd9"
PHOTO = saved(noise(640, 480), "JPEG", quality=90)


def rendered(content: bytes) -> Outcome:
    wanted = (Wanted(name="small", edge=40, quality=95),)
    return rendering.render(io.BytesIO(content), wanted, pixel_limit=10**6)


def flipped(content: bytes, *, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def holed(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(4096) + content[middle + 4096 :]


def segment(code: int, content: bytes) -> bytes:
    return bytes([0xFF, code]) + (2 + len(content)).to_bytes(2) + content


def behind_the_jfif(content: bytes, junk: bytes) -> bytes:
    return content[:20] + junk + content[20:]


#: What stands in front of pictures: libjpeg warns of each, and then of nothing else in the file.
JUNK = {
    "bytes between segments": bytes(40),
    "a marker that is none": b"\xff\x00\xff\x00",
    "a profile without an end": segment(0xE2, b"ICC_PROFILE\0\2\2" + bytes(200)),
    "a version of JFIF from the future": segment(0xE0, b"JFIF\0\x96\0\0\0\1\0\1\0\0"),
    "metadata with a wrong length": b"\xff\xe1\0\x10" + b"Exif" + bytes(200),
}

BROKEN = {
    "a hole": holed(PHOTO),
    "a hole in a progressive one": holed(saved(noise(640, 480), "JPEG", progressive=True)),
    "a hole in a CMYK one": holed(saved(noise(640, 480).convert("CMYK"), "JPEG")),
    "a cut, and an end behind it": PHOTO[: len(PHOTO) // 2] + END,
    "a hole in one without an end": holed(PHOTO)[:-2],
    "a part that is there twice": PHOTO[:-30_000] + PHOTO[-40_000:],
}


@pytest.mark.parametrize("what", BROKEN)
def test_damage_in_the_middle_is_damage(what: str) -> None:
    outcome = rendered(BROKEN[what])

    assert getattr(outcome, "kind", None) is UploadState.DAMAGED
    assert getattr(outcome, "cause", "").startswith("Corrupt JPEG data")


def test_bits_out_of_step_are_damage() -> None:
    """Of flipped bits, those are found after which something is missing or left over at the end."""
    outcomes = [rendered(flipped(PHOTO, at=at)) for at in range(2000, len(PHOTO), 5000)]

    assert any(not isinstance(outcome, Decoded) for outcome in outcomes)


@pytest.mark.parametrize("what", JUNK)
def test_damage_is_found_behind_what_is_harmless(what: str) -> None:
    outcome = rendered(behind_the_jfif(holed(PHOTO), JUNK[what]))

    assert getattr(outcome, "kind", None) is UploadState.DAMAGED


def test_a_progressive_picture_without_its_last_scans_is_damaged() -> None:
    content = saved(noise(640, 480), "JPEG", progressive=True)

    outcome = rendered(content[: content.rindex(b"\xff\xc4")])

    assert getattr(outcome, "kind", None) is UploadState.DAMAGED


def test_more_scans_than_any_program_makes_are_refused_before_they_are_decoded() -> None:
    content = saved(noise(640, 480), "JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]

    outcome = rendered(content[:-2] + last * 100 + END)

    assert getattr(outcome, "kind", None) is UploadState.UNSUPPORTED
    assert "too long to open" in getattr(outcome, "reason", "")


def test_films_behind_a_picture_are_not_counted_as_its_scans() -> None:
    content = saved(noise(640, 480), "JPEG", progressive=True)

    assert scans.number(content + b"\xff\xda\0\2" * 1000, most=100) <= 10
    assert scans.number(PHOTO[:-2] + b"\xff\xda\0\2" * 1000, most=100) == 1


def test_a_lossless_picture_is_not_asked_of_what_cannot_make_it_smaller() -> None:
    lossless = PHOTO.replace(b"\xff\xc0", b"\xff\xc3", 1)

    assert scans.is_lossless(lossless)
    assert scans.alone(lossless) is None
    assert getattr(rendered(lossless), "kind", None) is UploadState.DAMAGED


WHOLE = {
    "some bytes before the end": PHOTO[:-2] + bytes(16) + END,
    **{what: behind_the_jfif(PHOTO, junk) for what, junk in JUNK.items()},
    "something behind the end": PHOTO + b"PK" * 100,
    "no colours": saved(noise(640, 480).convert("L"), "JPEG"),
    "inks": saved(noise(640, 480).convert("CMYK"), "JPEG"),
    "several scans": saved(noise(640, 480), "JPEG", progressive=True),
    "restart markers": saved(noise(640, 480), "JPEG", restart_marker_rows=1),
    "red, green and blue as they are": saved(noise(640, 480), "JPEG", keep_rgb=True),
    "one colour": saved(Image.new("RGB", (640, 480), "white"), "JPEG", optimize=True),
}


@pytest.mark.parametrize("what", WHOLE)
def test_what_can_be_read_is_decoded_to_the_pixels_that_pillow_makes(what: str) -> None:
    for edge in (640, 100):
        ours, pillows = (drafted(WHOLE[what], edge, load) for load in (jpegs.loaded, by_pillow))

        assert (ours.mode.removesuffix("X"), ours.size) == (pillows.mode, pillows.size)
        assert ImageChops.difference(ours.convert(pillows.mode), pillows).getbbox() is None


def test_a_picture_that_lacks_nothing_but_its_end_marker_is_decoded() -> None:
    ours, whole = drafted(PHOTO[:-2], 640, jpegs.loaded), drafted(PHOTO, 640, by_pillow)

    assert ImageChops.difference(ours.convert("RGB"), whole).getbbox() is None


def by_pillow(image: Image.Image) -> Image.Image:
    image.load()
    return image


def drafted(content: bytes, edge: int, load: Callable[[Image.Image], Image.Image]) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.draft(image.mode, (edge, edge * 3 // 4))
    return load(image)
