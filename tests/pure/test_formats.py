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
from jobfs.ingest import modes, rendering, samples
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


@pytest.mark.parametrize("number", range(len([*samples.pictures()])))
def test_what_decoders_are_warmed_up_with_is_decoded(number: int) -> None:
    rendered([*samples.pictures()][number])


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
    assert "a TIFF of floating-point numbers with 32 bits" in refusal.reason


def test_grey_with_premultiplied_alpha_lies_on_white() -> None:
    """Of a grey of 50 under a half of alpha, 100 is the colour."""
    entries = (
        (256, 4, (32,)), (257, 4, (32,)), (258, 3, (8, 8)), (259, 3, (1,)), (262, 3, (1,)),
        (273, 4, (8,)), (277, 3, (2,)), (278, 4, (32,)), (279, 4, (2048,)), (338, 3, (1,)),
    )  # fmt: skip

    picture = shown(samples._tiff(bytes((50, 128)) * 1024, entries))

    assert middle(picture) == pytest.approx((177, 177, 177), abs=2)


def test_lab_of_sixteen_bits_has_the_colours_of_lab() -> None:
    """A light blue; a and b have a sign. By the formulas of CIE, and sRGB's matrix for D50."""
    entries = (
        (256, 4, (32,)), (257, 4, (32,)), (258, 3, (16,) * 3), (259, 3, (1,)), (262, 3, (8,)),
        (273, 4, (8,)), (277, 3, (3,)), (278, 4, (32,)), (279, 4, (6144,)),
    )  # fmt: skip
    pixel = struct.pack("<Hhh", 65535 * 60 // 100, -5 * 256, -40 * 256)

    found = middle(shown(samples._tiff(pixel * 1024, entries)))

    assert found == pytest.approx((91, 149, 215), abs=3)


def test_colours_in_blocks_of_pixels_are_not_mixed_up() -> None:
    """Two pixels' brightness, then the colour of both, as old cameras wrote TIFFs."""
    entries = (
        (256, 4, (32,)), (257, 4, (32,)), (258, 3, (8,) * 3), (259, 3, (1,)), (262, 3, (6,)),
        (273, 4, (8,)), (277, 3, (3,)), (278, 4, (32,)), (279, 4, (2048,)), (530, 3, (2, 1)),
    )  # fmt: skip

    picture = shown(samples._tiff(bytes((100, 100, 90, 200)) * 512, entries))

    assert middle(picture) == pytest.approx((201, 62, 33), abs=4)


def test_tiles_that_a_tiff_calls_strips_are_shown() -> None:
    tiles = bytes([10]) * 1024 + bytes([90]) * 1024 + bytes([170]) * 1024 + bytes([250]) * 1024
    entries = (
        (256, 4, (64,)), (257, 4, (64,)), (258, 3, (8,)), (259, 3, (1,)), (262, 3, (1,)),
        (273, 4, (8, 1032, 2056, 3080)), (277, 3, (1,)), (279, 4, (1024,) * 4), (322, 3, (32,)),
        (323, 3, (32,)),
    )  # fmt: skip

    picture = shown(samples._tiff(tiles, entries))

    corners = [picture.getpixel(at) for at in ((8, 8), (56, 8), (8, 56), (56, 56))]
    assert [c[0] for c in corners if isinstance(c, tuple)] == pytest.approx(
        [10, 90, 170, 250], abs=3
    )


@pytest.mark.parametrize("other", [(259, 50001), (284, 2)], ids=["as WebP", "coarse planes"])
def test_a_tiff_that_is_opened_and_not_known_is_no_damage(other: tuple[int, int]) -> None:
    tags = {259: 1, 284: 1} | dict([other])
    entries = (
        (256, 4, (32,)), (257, 4, (32,)), (258, 3, (8,) * 3), (259, 3, (tags[259],)),
        (262, 3, (6,)), (273, 4, (8, 1032, 1544)), (277, 3, (3,)), (278, 4, (32,)),
        (279, 4, (1024, 512, 512)), (284, 3, (tags[284],)), (530, 3, (2, 1)),
    )  # fmt: skip

    refusal = refused(samples._tiff(bytes(2048), entries))

    assert refusal.kind is UploadState.UNSUPPORTED
    assert "TIFF" in refusal.reason


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA"])
def test_a_large_picture_is_made_smaller_in_strips_and_looks_the_same(mode: str) -> None:
    small = photo(1024, 700).convert(mode)
    large = small.resize((8 * 1024 + 3, 7 * 700 + 1), Image.Resampling.NEAREST)

    found = modes.resized(large, (512, 350))

    wanted = large.convert(found.mode).resize((512, 350), Image.Resampling.LANCZOS)
    assert difference(found, wanted).mean < 1
    assert difference(found, wanted).similarity > 0.98


def test_a_large_text_in_a_png_is_no_bomb() -> None:
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", "x" * 3_000_000, zip=True)

    assert rendered(saved(noise(40, 40), "PNG", pnginfo=info)).format == "PNG"


# --- AVIFs with faults that do not matter ---


def part(content: bytes, kind: bytes) -> tuple[int, int]:
    """Return where a box begins and ends."""
    start = content.index(kind) - 4
    return start, start + int.from_bytes(content[start : start + 4], "big")


def with_two_lists(content: bytes) -> bytes:
    """Return an AVIF of two items with a list of properties for each, as an encoder writes it."""
    start, end = part(content, b"ipma")
    first = start + 16 + 3 + content[start + 18]
    lists = b"".join(
        (16 + len(entry)).to_bytes(4, "big") + content[start + 4 : start + 12] + b"\0\0\0\1" + entry
        for entry in (content[start + 16 : first], content[first:end])
    )
    longer = bytearray(content[:start] + lists + content[end:])
    for kind in (b"meta", b"iprp"):
        at, until = part(content, kind)
        longer[at : at + 4] = (until - at + 16).to_bytes(4, "big")
    places = part(content, b"iloc")[0] + 16
    for item in range(2):
        at = places + 14 * item + 6
        offset = int.from_bytes(longer[at : at + 4], "big") + 16
        longer[at : at + 4] = offset.to_bytes(4, "big")
    return bytes(longer)


def test_an_avif_with_two_lists_of_properties_is_shown_with_its_alpha() -> None:
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (16, 16, 48, 48))
    content = with_two_lists(saved(picture, "AVIF", speed=10, quality=95))
    with pytest.raises((OSError, SyntaxError)):
        Image.open(io.BytesIO(content))

    found = shown(content)

    assert middle(found) == pytest.approx((0, 0, 255), abs=8)
    assert found.getpixel((4, 4)) == pytest.approx((255, 255, 255), abs=4)


def test_an_avif_that_may_be_turned_is_turned() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    content = bytearray(saved(noise(80, 60), "AVIF", speed=10, exif=turned.tobytes()))
    start, end = part(bytes(content), b"ipma")
    content[start + 19 : end] = bytes(value & 0x7F for value in content[start + 19 : end])

    outcome = rendered(bytes(content))

    assert (outcome.width, outcome.height) == (60, 80)


def test_an_avif_whose_exif_libavif_cannot_read_is_shown_without() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    content = bytearray(saved(Image.new("RGB", (64, 64), "red"), "AVIF", exif=exif.tobytes()))
    at = content.index(exif.tobytes().removeprefix(b"Exif\0\0"))
    content[at - 4 : at] = b"\xff" * 4  # where it begins
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(io.BytesIO(content))

    assert middle(shown(bytes(content))) == pytest.approx((255, 0, 0), abs=8)


def test_an_avif_whose_matrix_libavif_lacks_is_shown() -> None:
    plain = saved(Image.new("RGB", (64, 64), (200, 90, 60)), "AVIF", speed=10, quality=95)
    at = plain.index(b"nclx") + 8
    content = plain[:at] + b"\0\x0a" + plain[at + 2 :]

    assert middle(shown(content))[0] > 150


# --- limits ---


@pytest.mark.parametrize("format_name", FILES)
def test_declared_pixels_are_looked_at_before_any_is_decoded(format_name: str) -> None:
    refusal = refused(FILES[format_name](noise(80, 64)), pixel_limit=80 * 64 - 1)

    assert refusal.kind is UploadState.UNSUPPORTED
    assert "80 x 64" in refusal.reason


def test_a_gif_whose_picture_goes_beyond_its_canvas_declares_that() -> None:
    content = bytearray(saved(Image.new("P", (10, 10)), "GIF"))
    at = content.index(b"\x2c\0\0\0\0\x0a\0\x0a\0")
    content[at + 5 : at + 9] = b"\xff\xff\xff\xff"

    refusal = refused(bytes(content))

    assert refusal.kind is UploadState.UNSUPPORTED
    assert "65535 x 65535" in refusal.reason


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
