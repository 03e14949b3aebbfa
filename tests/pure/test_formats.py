"""What a file is, its content says; and every format is decoded in full, or refused in words."""

import io
import struct
import subprocess
import sys
from collections.abc import Callable

import pillow_heif
import pytest
import pyvips
import rawpy
from PIL import Image

from jobfs.domain.uploads import UploadState
from jobfs.ingest import rendering, samples
from jobfs.ingest.outcomes import Decoded, Refused, Wanted
from tests.pure import sensors
from tests.pure.differences import difference
from tests.pure.pictures import inspected, mpo, noise, saved
from tests.pure.test_colours import photo

LIMIT = 1_000_000
ONE = (Wanted(name="large", edge=300, quality=95),)
RED, BLUE = (255, 0, 0), (0, 0, 255)


def rendered(content: bytes) -> Decoded:
    outcome = rendering.render(io.BytesIO(content), ONE, pixel_limit=LIMIT)
    assert isinstance(outcome, Decoded), outcome
    return outcome


def refused(content: bytes, *, pixel_limit: int = LIMIT) -> Refused:
    outcome = rendering.render(io.BytesIO(content), ONE, pixel_limit=pixel_limit)
    assert isinstance(outcome, Refused), outcome
    return outcome


def shown(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(rendered(content).renditions[0].data)).convert("RGB")


def middle(picture: Image.Image) -> tuple[int, ...]:
    value = picture.getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(value, tuple)
    return value


def heic(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    pillow_heif.from_pillow(picture).save(data, quality=60)
    return data.getvalue()


FILES: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG": lambda picture: saved(picture, "JPEG"),
    "PNG": lambda picture: saved(picture, "PNG"),
    "TIFF": lambda picture: saved(picture, "TIFF"),
    "WebP": lambda picture: saved(picture, "WEBP"),
    "GIF": lambda picture: saved(picture, "GIF"),
    "HEIC": heic,
    "AVIF": lambda picture: saved(picture, "AVIF", speed=10),
    "DNG": lambda picture: sensors.dng(picture, preview=picture),
}


# --- what it is ---


@pytest.mark.parametrize("format_name", FILES)
def test_a_format_is_known_by_its_content(format_name: str) -> None:
    content = FILES[format_name](noise(80, 60))

    outcome = rendered(content)

    assert outcome.format == inspected(content).format == format_name
    assert (outcome.width, outcome.height) == (80, 60)


@pytest.mark.parametrize("make", [b"NIKON CORPORATION", b"SONY", b"PENTAX", b"Leaf"])
def test_a_raw_file_that_begins_as_a_tiff_is_not_taken_for_one(make: bytes) -> None:
    """Its first directory has a preview, which Pillow would decode."""
    content = sensors.raw(noise(80, 60), make=make)

    outcome = rendering.render(io.BytesIO(content), ONE, pixel_limit=LIMIT)

    names = {b"NIKON CORPORATION": "NEF", b"SONY": "ARW", b"PENTAX": "PEF", b"Leaf": "raw"}
    assert inspected(content).format == names[make]
    assert isinstance(outcome, Refused) or outcome.width == 80


def test_a_tiff_of_a_camera_is_a_tiff() -> None:
    content = saved(noise(80, 60), "TIFF", tiffinfo={271: "NIKON CORPORATION"})

    assert rendered(content).format == "TIFF"


@pytest.mark.parametrize("content", [*samples.pictures()], ids=len)
def test_what_decoders_are_warmed_up_with_is_decoded(content: bytes) -> None:
    rendered(content)


# --- of several pictures the first ---


def several(format_name: str, **options: object) -> bytes:
    first, second = Image.new("RGB", (40, 40), RED), Image.new("RGB", (40, 40), BLUE)
    return saved(first, format_name, save_all=True, append_images=[second], **options)


@pytest.mark.parametrize("format_name", ["GIF", "TIFF", "WEBP", "PNG", "AVIF"])
def test_of_several_pictures_the_first_counts(format_name: str) -> None:
    options: dict[str, dict[str, object]] = {
        "AVIF": {"speed": 10, "quality": 100},
        "WEBP": {"lossless": True},
    }

    red, _, blue = middle(shown(several(format_name, **options.get(format_name, {}))))

    assert red > 220
    assert blue < 40


def test_of_an_mpo_the_first_counts() -> None:
    assert rendered(mpo()).format == "JPEG"


# --- forms that are rare ---


def test_twelve_bits_of_grey_are_as_bright_as_they_are() -> None:
    """Two numbers of 12 bits in three bytes."""
    content = bytearray(saved(Image.new("L", (48, 32), 7), "TIFF"))
    picture = content.index(b"\7" * 48 * 32)
    content[picture : picture + 48 * 32] = bytes((0x80, 0x08, 0x00)) * (16 * 32)
    width, bits = (
        content.index(struct.pack("<HHI", tag, kind, 1)) + 8 for tag, kind in ((256, 4), (258, 3))
    )
    content[width : width + 4], content[bits : bits + 2] = (
        struct.pack("<I", 32),
        struct.pack("<H", 12),
    )

    assert middle(shown(bytes(content)))[0] == pytest.approx(128, abs=2)


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0, 3.0e6])
def test_floats_are_as_bright_as_their_brightest(top: float) -> None:
    ramp = Image.linear_gradient("L").convert("F").point(lambda value: value / 255 * top)

    values = [shown(saved(ramp, "TIFF")).getpixel((100, y)) for y in (2, 128, 253)]

    dark, grey, white = (value[0] for value in values if isinstance(value, tuple))
    assert dark < 6
    assert grey == pytest.approx(128, abs=4)
    assert white > 249


def test_sixteen_bits_in_separate_planes_are_not_mixed_up() -> None:
    planes = b"".join(
        struct.pack("<1024H", *([value] * 1024)) for value in (0x80FF, 0x2011, 0xF0AA)
    )
    entries = (
        (256, 4, (32,)), (257, 4, (32,)), (258, 3, (16,) * 3), (259, 3, (1,)), (262, 3, (2,)),
        (273, 4, (8, 2056, 4104)), (277, 3, (3,)), (278, 4, (32,)), (279, 4, (2048,) * 3),
        (284, 3, (2,)),
    )  # fmt: skip

    assert middle(shown(samples._tiff(planes, entries))) == pytest.approx((128, 32, 240), abs=3)


def test_a_variety_of_tiff_that_nobody_knows_is_refused_and_no_damage() -> None:
    vips = pyvips.Image.black(40, 40, bands=3).cast("float")
    content = bytes(vips.copy(interpretation="scrgb").tiffsave_buffer())

    refusal = refused(content)

    assert refusal.kind is UploadState.UNSUPPORTED
    assert "TIFF" in refusal.reason


def test_a_large_text_in_a_png_is_no_bomb() -> None:
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", "x" * 3_000_000, zip=True)

    assert rendered(saved(noise(40, 40), "PNG", pnginfo=info)).format == "PNG"


# --- limits ---


@pytest.mark.parametrize("format_name", FILES)
def test_declared_pixels_are_looked_at_before_any_is_decoded(format_name: str) -> None:
    refusal = refused(FILES[format_name](noise(80, 64)), pixel_limit=80 * 64 - 1)

    assert refusal.kind is UploadState.UNSUPPORTED
    assert "80 x 64" in refusal.reason


# --- raw files ---


def developed(content: bytes, size: tuple[int, int]) -> Image.Image:
    with rawpy.imread(io.BytesIO(content)) as raw:
        pixels = raw.postprocess(use_camera_wb=True, gamma=(2.4, 12.92))
    return Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)


@pytest.mark.parametrize("size", [(400, 280), (1200, 800)], ids=["whole", "by halves"])
def test_a_raw_file_without_a_preview_is_developed(size: tuple[int, int]) -> None:
    content = sensors.dng(photo(*size))

    found = difference(shown(content), developed(content, shown(content).size))

    assert found.mean < 2
    assert found.similarity > 0.95


def test_a_preview_that_is_large_enough_is_shown_and_the_whole_is_counted() -> None:
    outcome = rendered(sensors.dng(photo(1000, 600), preview=Image.new("RGB", (300, 180), BLUE)))

    assert (outcome.width, outcome.height) == (1000, 600)
    picture = Image.open(io.BytesIO(outcome.renditions[0].data)).convert("RGB")
    assert picture.size == (300, 180)
    assert middle(picture)[2] > 240


def test_half_the_picture_is_large_enough_for_a_preview() -> None:
    content = sensors.dng(photo(400, 280), preview=Image.new("RGB", (200, 140), BLUE))

    assert shown(content).size == (200, 140)


def test_a_small_preview_is_left() -> None:
    content = sensors.dng(photo(1000, 600), preview=Image.new("RGB", (240, 144), BLUE))

    assert shown(content).size == (300, 180)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("has_preview", [True, False])
def test_a_raw_file_is_shown_upright(has_preview: bool, orientation: int) -> None:
    upright = Image.new("RGB", (400, 280), "white")
    upright.paste("black", (0, 0, 200, 140))  # the corner that shows where up and left are
    turn = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90,
            8: Image.Transpose.ROTATE_270}.get(orientation)  # fmt: skip
    sensor = upright if turn is None else upright.transpose(turn)

    outcome = rendered(
        sensors.dng(sensor, preview=sensor if has_preview else None, orientation=orientation)
    )

    assert (outcome.width, outcome.height) == (400, 280)
    picture = Image.open(io.BytesIO(outcome.renditions[0].data)).convert("L")
    corner, other = picture.getpixel((50, 50)), picture.getpixel((picture.width - 50, 50))
    assert isinstance(corner, (int, float))
    assert isinstance(other, (int, float))
    assert corner < other - 100


def test_a_preview_that_is_upright_already_is_not_turned_again() -> None:
    sensor = Image.new("RGB", (400, 280), "white")

    outcome = rendered(
        sensors.dng(sensor, preview=Image.new("RGB", (280, 400), BLUE), orientation=6)
    )

    assert (outcome.width, outcome.height) == (280, 400)
    assert (outcome.renditions[0].width, outcome.renditions[0].height) == (210, 300)


def test_a_raw_file_whose_sensor_data_are_cut_is_damaged_whatever_its_preview() -> None:
    content = sensors.dng(noise(400, 280), preview=noise(400, 280))

    refusal = refused(content[:100_000])

    assert refusal.kind is UploadState.DAMAGED


def test_a_raw_file_that_is_too_small_for_any_picture_is_damaged() -> None:
    """ExifTool's samples are such files: all of the metadata, and nearly nothing of the data."""
    content = bytearray(sensors.dng(noise(80, 60)))
    width, height = (content.index(struct.pack("<HHII", tag, 4, 1, size), 200) + 8
                     for tag, size in ((256, 80), (257, 60)))  # fmt: skip
    for place in (width, height):
        content[place : place + 4] = struct.pack("<I", 900)

    refusal = refused(bytes(content))

    assert refusal.kind is UploadState.DAMAGED


# --- libraries ---


def test_libraries_begin_no_threads() -> None:
    """A thread that is begun before its process is confined would not be."""
    program = (
        "import os; from jobfs.ingest import libraries; print(len(os.listdir('/proc/self/task')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == "1"
