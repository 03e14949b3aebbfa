import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from jobfs.domain.uploads import UploadState
from jobfs.ingest import colour, profiles, rendering
from jobfs.ingest.outcomes import Decoded, Refused, Wanted
from tests.pure.pictures import mpo, noise, saved

LIMIT = 200_000_000
SMALL = (Wanted(name="small", edge=40, quality=95),)


def rendered(content: bytes, wanted: tuple[Wanted, ...] = SMALL) -> Decoded:
    outcome = rendering.render(io.BytesIO(content), wanted, pixel_limit=LIMIT)
    assert isinstance(outcome, Decoded), outcome
    return outcome


def refused(content: bytes, *, pixel_limit: int = LIMIT) -> Refused:
    outcome = rendering.render(io.BytesIO(content), SMALL, pixel_limit=pixel_limit)
    assert isinstance(outcome, Refused), outcome
    return outcome


def shown(content: bytes) -> Image.Image:
    """Return the rendition of a picture."""
    return Image.open(io.BytesIO(rendered(content).renditions[0].data)).convert("RGB")


def colour_of(content: bytes) -> tuple[int, ...]:
    """Return what the middle of a picture is shown as."""
    value = shown(content).getpixel((10, 10))
    assert isinstance(value, tuple)
    return value


def is_near(one: tuple[int, ...], other: tuple[int, ...], by: int = 4) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


# --- sizes ---


def test_renditions_have_the_edges_that_were_asked_for() -> None:
    wanted = (
        Wanted(name="thumbnail", edge=256, quality=80),
        Wanted(name="large", edge=2048, quality=80),
        Wanted(name="preview", edge=1024, quality=80),
    )

    outcome = rendered(saved(noise(3000, 2000), "JPEG"), wanted)

    assert {made.name: (made.width, made.height) for made in outcome.renditions} == {
        "large": (2048, 1365), "preview": (1024, 683), "thumbnail": (256, 171),
    }  # fmt: skip


def test_nothing_is_enlarged() -> None:
    (made,) = rendered(saved(noise(20, 30), "JPEG")).renditions

    assert (made.width, made.height) == (20, 30)


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000)])
def test_a_line_of_pixels_is_a_picture(size: tuple[int, int]) -> None:
    (made,) = rendered(saved(noise(*size), "PNG")).renditions

    assert (made.width, made.height) == (min(size[0], 40), min(size[1], 40))


# --- orientation ---


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_shown_upright(orientation: int) -> None:
    upright = Image.new("RGB", (40, 20), "black")
    upright.paste("red", (0, 0, 10, 10))  # the corner that shows where up and left are
    metadata = Image.Exif()
    metadata[0x0112] = orientation
    lying = upright
    for turn in _TURNED_BACK[orientation]:
        lying = lying.transpose(turn)

    outcome = rendered(saved(lying, "JPEG", quality=95, exif=metadata))

    assert (outcome.width, outcome.height) == (40, 20)
    (made,) = outcome.renditions
    picture = Image.open(io.BytesIO(made.data)).convert("RGB")
    assert picture.size == (40, 20)
    red, black = picture.getpixel((5, 5)), picture.getpixel((30, 15))
    assert isinstance(red, tuple)
    assert isinstance(black, tuple)
    assert red[0] > 200
    assert black[0] < 50


_TURNED_BACK: dict[int, list[Image.Transpose]] = {
    1: [],
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}


# --- colours ---


def test_a_profile_is_converted_to_srgb() -> None:
    green = Image.new("RGB", (40, 40), (100, 200, 100))

    shown_as = colour_of(saved(green, "JPEG", quality=100, icc_profile=profiles.adobe_rgb()))

    assert is_near(shown_as, (0, 202, 90), 12)  # Adobe RGB's green is beyond what sRGB can show


def test_adobe_rgb_that_is_only_flagged_is_converted_too() -> None:
    """Cameras write "uncalibrated" and R03, and embed no profile."""
    metadata = Image.Exif()
    metadata.get_ifd(0x8769).update({0xA001: 0xFFFF, 0xA005: {1: "R03"}})
    picture = Image.new("RGB", (40, 40), (120, 160, 130))

    flagged = colour_of(saved(picture, "JPEG", quality=100, exif=metadata))

    embedded = colour_of(saved(picture, "JPEG", quality=100, icc_profile=profiles.adobe_rgb()))
    assert flagged == embedded
    assert not is_near(flagged, (120, 160, 130))


@pytest.mark.parametrize("profile", [b"", b"junk", bytes(200)])
def test_a_profile_that_is_none_is_left_out(profile: bytes) -> None:
    picture = Image.new("RGB", (40, 40), (120, 160, 130))

    assert is_near(colour_of(saved(picture, "JPEG", icc_profile=profile)), (120, 160, 130))


def test_a_profile_of_another_kind_of_image_is_left_out() -> None:
    grey = Image.new("L", (40, 40), 100)

    shown_as = colour_of(saved(grey, "JPEG", icc_profile=profiles.adobe_rgb()))

    assert is_near(shown_as, (100, 100, 100))


@pytest.mark.parametrize(
    ("picture", "shown_as"),
    [
        (Image.new("1", (40, 40), 1), (255, 255, 255)),
        (Image.new("L", (40, 40), 100), (100, 100, 100)),
        (Image.new("I;16", (40, 40), 100 * 257), (100, 100, 100)),
        (Image.new("RGB", (40, 40), (10, 100, 200)).quantize(2), (10, 100, 200)),
        (Image.new("LA", (40, 40), (0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (40, 40), (0, 0, 0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (40, 40), (0, 0, 0, 128)), (127, 127, 127)),
    ],
    ids=["1 bit", "grey", "16 bits", "palette", "clear grey", "clear", "half clear"],
)
def test_every_mode_of_png_is_shown_on_white(
    picture: Image.Image, shown_as: tuple[int, int, int]
) -> None:
    assert is_near(colour_of(saved(picture, "PNG")), shown_as)


def test_a_transparent_colour_is_white() -> None:
    picture = Image.new("RGB", (40, 40), (10, 20, 30))

    assert is_near(colour_of(saved(picture, "PNG", transparency=(10, 20, 30))), (255, 255, 255))


def test_cmyk_without_a_profile_is_taken_as_ideal_inks() -> None:
    picture = Image.new("CMYK", (40, 40), (255, 0, 0, 0))

    assert is_near(colour_of(saved(picture, "JPEG", quality=95)), (0, 255, 255), 8)


def test_of_an_mpo_the_first_picture_counts() -> None:
    outcome = rendered(mpo())

    assert (outcome.width, outcome.height) == (16, 16)


# --- what renditions carry ---


def test_a_rendition_carries_its_profile_and_nothing_private() -> None:
    metadata = Image.Exif()
    metadata[0x010E] = "Anna, class 1"
    content = saved(noise(), "JPEG", exif=metadata, comment=b"Anna, class 1", dpi=(300, 300))

    (made,) = rendered(content).renditions

    picture = Image.open(io.BytesIO(made.data))
    assert picture.info["icc_profile"] == colour.srgb_bytes()
    assert b"Anna" not in made.data
    assert set(picture.info) <= {
        "jfif", "jfif_version", "jfif_unit", "jfif_density", "icc_profile",
    }  # fmt: skip


def test_the_metadata_of_a_png_may_stand_behind_its_pixels() -> None:
    metadata = Image.Exif()
    metadata.get_ifd(0x8769)[0x9003] = "2026:05:04 10:11:12"
    content = saved(noise(), "PNG")
    end = content.rindex(b"IEND") - 4
    data = metadata.tobytes().removeprefix(b"Exif\0\0")
    checksum = zlib.crc32(b"eXIf" + data)
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", checksum)

    outcome = rendered(content[:end] + chunk + content[end:])

    assert outcome.shot.captured == "2026-05-04T10:11:12"


@pytest.mark.parametrize("junk", [b"", b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"x" * 99])
def test_broken_metadata_leaves_the_picture(junk: bytes) -> None:
    assert rendered(saved(noise(), "JPEG", exif=junk)).shot.captured is None


# --- refusals ---


def test_a_jpeg_that_ends_early_is_damaged_and_says_where() -> None:
    content = saved(noise(400, 400), "JPEG")

    refusal = refused(content[: len(content) // 2])

    assert refusal.kind is UploadState.DAMAGED
    line = int(refusal.reason.partition("near line ")[2].split()[0])
    assert refusal.reason.endswith("of 400")
    assert 100 < line < 300


def test_a_png_that_ends_early_is_damaged() -> None:
    content = saved(noise(400, 400), "PNG")

    assert refused(content[: len(content) // 2]).kind is UploadState.DAMAGED


@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
@pytest.mark.parametrize("length", [12, 30, 60])
def test_a_file_that_ends_in_its_header_is_damaged(format_name: str, length: int) -> None:
    assert refused(saved(noise(), format_name)[:length]).kind is UploadState.DAMAGED


@pytest.mark.parametrize(
    "content", [b"", b"<html>", bytes(1000), b"\0\0\0\x18ftypqt  " + bytes(99)]
)
def test_what_is_no_picture_is_unsupported(content: bytes) -> None:
    assert refused(content).kind is UploadState.UNSUPPORTED


def test_too_many_pixels_are_refused_unseen() -> None:
    refusal = refused(saved(Image.new("1", (1000, 1001)), "PNG"), pixel_limit=1_000_000)

    assert refusal.kind is UploadState.UNSUPPORTED
    assert "1000 x 1001" in refusal.reason


def test_a_picture_larger_than_pillow_would_open_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)

    assert refused(saved(noise(100, 100), "PNG")).kind is UploadState.UNSUPPORTED


# --- hostile files ---


@pytest.mark.parametrize("folder", ["malformed", "raw", "cameras", "colour"])
def test_every_hostile_file_has_an_answer(
    corpus: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    for path in sorted((corpus / folder).glob("*.*")):
        with path.open("rb") as file:
            rendering.render(file, SMALL, pixel_limit=LIMIT)


def spoiled(content: bytes, offset: int) -> bytes:
    return content[:offset] + bytes([content[offset] ^ 0x10]) + content[offset + 1 :]


@pytest.mark.parametrize("make", [lambda: saved(noise(60, 40), "JPEG"), mpo,
                                  lambda: saved(noise(60, 40), "PNG")])  # fmt: skip
def test_a_flipped_bit_anywhere_has_an_answer(make: Callable[[], bytes]) -> None:
    content = make()

    for offset in range(0, len(content), 7):
        rendering.render(io.BytesIO(spoiled(content, offset)), SMALL, pixel_limit=1_000_000)
