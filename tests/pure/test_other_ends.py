"""The ends of PNG, GIF, WebP, TIFF, raw files and files of boxes, where Pillow makes none."""

import struct

import pytest

from jobfs.domain.completeness import Structure
from tests.pure.pictures import (
    LONG,
    SHORT,
    SUB_IFD_OFFSETS,
    Value,
    box,
    end_of_directory,
    heic,
    inspected,
    noise,
    raf,
    saved,
    tiff,
)

STRIP_OFFSETS, STRIP_SIZES, JPEG_OFFSET, JPEG_SIZE, DNG_VERSION = 273, 279, 513, 514, 50706
META, MDAT = box(b"meta", b"m" * 30), box(b"mdat", b"d" * 60)
IEND = b"\0\0\0\0IEND\xaeB`\x82"


@pytest.mark.parametrize("format_name", ["PNG", "GIF", "WEBP", "TIFF"])
def test_what_follows_the_end_does_not_matter(format_name: str) -> None:
    assert inspected(saved(noise(), format_name) + b"\0appended").structure is Structure.WHOLE


def test_a_png_of_countless_chunks_is_known_by_its_last() -> None:
    chunks = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0teXt\0\0\0\0" * 100_001

    assert inspected(chunks).structure is Structure.UNKNOWN_END
    assert inspected(chunks + IEND).structure is Structure.WHOLE


def test_a_gif_of_countless_blocks_is_given_up() -> None:
    gif = b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe" + b"\1x" * 500_001

    assert inspected(gif).structure is Structure.UNKNOWN_END


def test_a_webp_without_a_length_has_no_known_end() -> None:
    assert inspected(b"RIFF\0\0\0\0WEBPVP8 ").structure is Structure.UNKNOWN_END


def test_a_raf_without_a_place_for_its_picture_has_no_known_end() -> None:
    assert inspected(raf(sensor_offset=0, sensor_length=0)).structure is Structure.UNKNOWN_END


def test_a_raf_may_be_cut_in_its_preview() -> None:
    assert inspected(raf()[:120]).structure is Structure.TRUNCATED


@pytest.mark.parametrize("boxes", [(META, MDAT), (MDAT, META), (MDAT, box(b"moov"))])
def test_description_and_data_may_come_in_any_order(boxes: tuple[bytes, ...]) -> None:
    assert inspected(heic(*boxes)).structure is Structure.WHOLE


@pytest.mark.parametrize("boxes", [(), (META,), (MDAT,), (box(b"free"), META)])
def test_a_cut_between_two_boxes_is_a_cut(boxes: tuple[bytes, ...]) -> None:
    assert inspected(heic(*boxes)).structure is Structure.TRUNCATED


@pytest.mark.parametrize(
    "appended", [b"\0" * 3, b"\0" * 50, b"\0\0\0\x30\1\2\3\4", b"\0\0\0\5SEFT"]
)
def test_records_behind_the_last_box_do_not_matter(appended: bytes) -> None:
    assert inspected(heic(META, MDAT) + appended).structure is Structure.WHOLE


def test_a_cut_header_of_a_further_box_is_a_cut() -> None:
    assert inspected(heic(META, MDAT) + b"\0\0\x10").structure is Structure.TRUNCATED


def test_a_box_may_have_a_long_length() -> None:
    mdat = struct.pack(">I4sQ", 1, b"mdat", 16 + 60) + b"d" * 60

    assert inspected(heic(META, mdat)).structure is Structure.WHOLE
    assert inspected(heic(META, mdat[:-1])).structure is Structure.TRUNCATED
    assert inspected(heic(META, mdat[:12])).structure is Structure.TRUNCATED


def test_a_box_that_reaches_to_the_end_has_no_known_end() -> None:
    mdat = struct.pack(">I4s", 0, b"mdat") + b"d" * 60

    assert inspected(heic(META, mdat)).structure is Structure.UNKNOWN_END


def test_countless_boxes_are_given_up() -> None:
    assert inspected(heic(box(b"free") * 5000)).structure is Structure.UNKNOWN_END


def strip(position: int, size: int) -> list[Value]:
    return [(STRIP_OFFSETS, LONG, 1, position), (STRIP_SIZES, LONG, 1, size)]


@pytest.mark.parametrize(
    ("magic", "format_name"), [(b"II*\0", "TIFF"), (b"IIRO", "ORF"), (b"IIU\0", "RW2")]
)
def test_a_strip_must_lie_inside_the_file(magic: bytes, format_name: str) -> None:
    content = tiff(strip(end_of_directory(2), 50), magic=magic, data=b"d" * 50)

    finding = inspected(content)

    assert (finding.structure, finding.format) == (Structure.WHOLE, format_name)
    assert inspected(content[:-1]).structure is not Structure.WHOLE


def test_a_cr2_is_known_by_its_header() -> None:
    values = strip(8 + end_of_directory(2), 50)
    content = tiff(values, first=16, data=b"d" * 50)
    content = content[:8] + b"CR\x02\0\0\0\0\0" + content[8:]

    assert (inspected(content).structure, inspected(content).format) == (Structure.WHOLE, "CR2")


def test_a_dng_is_known_by_its_version() -> None:
    values = [*strip(end_of_directory(3), 5), (DNG_VERSION, 1, 4, 0x00000401)]

    assert inspected(tiff(values, data=b"d" * 5)).format == "DNG"


def test_the_picture_may_lie_in_a_directory_below() -> None:
    below = end_of_directory(1)
    sensor = below + 2 + 2 * 12
    second = struct.pack("<H", 2) + b"".join(struct.pack("<HHII", *v) for v in strip(sensor, 50))
    content = tiff([(SUB_IFD_OFFSETS, LONG, 1, below)], data=second + b"d" * 50)

    assert inspected(content).structure is Structure.WHOLE
    assert inspected(content[:-1]).structure is Structure.TRUNCATED
    assert inspected(content[: below + 5]).structure is Structure.TRUNCATED


def test_the_picture_may_be_one_jpeg() -> None:
    start = end_of_directory(2)
    values = [(JPEG_OFFSET, LONG, 1, start), (JPEG_SIZE, LONG, 1, 30)]

    assert inspected(tiff(values, data=b"d" * 30)).structure is Structure.WHOLE
    assert inspected(tiff(values, data=b"d" * 29)).structure is Structure.TRUNCATED


def test_values_outside_their_directory_must_lie_inside_the_file() -> None:
    start = end_of_directory(3)
    values = [*strip(start, 10), (270, 2, 100, start + 10)]

    assert inspected(tiff(values, data=b"d" * 110)).structure is Structure.WHOLE
    assert inspected(tiff(values, data=b"d" * 109)).structure is Structure.TRUNCATED


@pytest.mark.parametrize(
    "values",
    [
        [],
        [(STRIP_OFFSETS, LONG, 1, 8)],
        [(STRIP_OFFSETS, LONG, 1, 8), (STRIP_SIZES, LONG, 1, 0)],
        [(STRIP_OFFSETS, 2, 1, 8), (STRIP_SIZES, SHORT, 1, 1)],
        [(STRIP_OFFSETS, 99, 1, 8), (STRIP_SIZES, SHORT, 1, 1)],
    ],
    ids=["no values", "no sizes", "empty", "as text", "of an unknown type"],
)
def test_a_tiff_that_does_not_say_where_its_picture_is_has_no_known_end(
    values: list[Value],
) -> None:
    assert inspected(tiff(values)).structure is Structure.UNKNOWN_END


def test_a_tiff_without_directories_has_no_known_end() -> None:
    assert inspected(tiff([], first=0)).structure is Structure.UNKNOWN_END
    assert inspected(tiff([], first=0, magic=b"IIU\0")).structure is Structure.UNKNOWN_END


def test_directories_in_a_circle_are_visited_once() -> None:
    start = end_of_directory(3)
    values = [*strip(start, 5), (SUB_IFD_OFFSETS, LONG, 1, 8)]

    assert inspected(tiff(values, following=8, data=b"d" * 5)).structure is Structure.WHOLE


def test_countless_strips_are_given_up() -> None:
    start = end_of_directory(2)
    values = [(STRIP_OFFSETS, SHORT, 2_000_000, start), (STRIP_SIZES, SHORT, 2_000_000, start)]

    assert inspected(tiff(values, data=b"\0" * 4_000_000)).structure is Structure.UNKNOWN_END


def test_countless_directories_are_given_up() -> None:
    directories = b"".join(struct.pack("<HI", 0, 8 + 6 * (n + 1)) for n in range(200_000))

    content = b"II*\0" + struct.pack("<I", 8) + directories

    assert inspected(content).structure is Structure.UNKNOWN_END


def test_a_panasonic_raw_says_elsewhere_where_its_picture_is() -> None:
    start = end_of_directory(3)
    values = [*strip(0xFFFFFFFF, 50), (0x118, LONG, 1, start)]

    assert inspected(tiff(values, magic=b"IIU\0", data=b"d" * 50)).structure is Structure.WHOLE
    assert inspected(tiff(values, magic=b"IIU\0", data=b"d" * 49)).structure is Structure.TRUNCATED


def test_an_old_panasonic_raw_gives_the_unpacked_size_which_tells_nothing() -> None:
    content = tiff(strip(end_of_directory(2), 500), magic=b"IIU\0", data=b"d" * 50)

    assert inspected(content).structure is Structure.UNKNOWN_END
