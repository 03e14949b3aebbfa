import io

import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from jobfs.domain.metadata import blocks, exif, tiff
from jobfs.domain.metadata.merging import embedded
from jobfs.domain.metadata.values import Moment, Place
from jobfs.domain.refusals import UnreadableMetadataError
from tests.pure.metadata import (
    BYTE,
    SRATIONAL,
    UNDEFINED,
    UTF_8,
    blocks_of,
    exif_block,
    fractions,
    from_exif,
    jpeg,
    segment,
    short,
    text,
)
from tests.pure.pictures import noise, reading, saved

DESCRIPTION, ARTIST, COPYRIGHT, USER_COMMENT = 0x010E, 0x013B, 0x8298, 0x9286


def pillows() -> Image.Exif:
    """A camera's words, as Pillow writes them."""
    told = Image.Exif()
    told[Base.Make], told[Base.Model], told[Base.Orientation] = "NIKON CORPORATION", "D850", 6
    details = told.get_ifd(IFD.Exif)
    details[Base.DateTimeOriginal] = "2026:05:04 10:11:12"
    details[Base.SubsecTimeOriginal], details[Base.OffsetTimeOriginal] = "034", "+02:00"
    details[Base.BodySerialNumber], details[Base.LensModel] = "0042", "70-200 mm"
    gps = told.get_ifd(IFD.GPSInfo)
    gps[GPS.GPSLatitudeRef], gps[GPS.GPSLatitude] = "S", (33, 30, 36)
    gps[GPS.GPSLongitudeRef], gps[GPS.GPSLongitude] = "E", (18, 15, 0)
    gps[GPS.GPSAltitudeRef], gps[GPS.GPSAltitude] = b"\0", 12.5
    return told


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_camera_says_when_where_and_with_what(format_name: str) -> None:
    content = saved(noise(), format_name, exif=pillows().tobytes())
    if format_name == "JPEG":
        found = blocks_of(content)
    elif format_name == "TIFF":
        found = blocks.in_tiff(reading(content), len(content))
    else:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            found = blocks.of(exif=image.info["exif"])

    said = embedded(found).said

    assert said.taken == Moment(time="2026-05-04T10:11:12", subsecond="034", offset="+02:00")
    assert said.taken.text == "2026-05-04T10:11:12.034+02:00"
    assert not said.taken.is_wall_clock
    assert (said.make, said.model, said.orientation) == ("NIKON CORPORATION", "D850", 6)
    assert (said.serial, said.lens) == ("0042", "70-200 mm")
    assert said.place == Place(latitude=-33.51, longitude=18.25, altitude=12.5)


def test_a_time_without_an_offset_is_marked_as_the_wall_clocks() -> None:
    taken = from_exif(details={0x9003: text("2026:05:04 10:11:12")}).said.taken

    assert taken == Moment(time="2026-05-04T10:11:12")
    assert taken.is_wall_clock


def test_a_time_of_digitising_is_only_a_hint() -> None:
    told = from_exif(details={0x9004: text("2026:05:04 10:11:12"), 0x9292: text("5")})

    assert told.said.taken is None
    assert told.hinted.taken == Moment(time="2026-05-04T10:11:12", subsecond="5")


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order: str) -> None:
    gps = {
        1: text("N"), 2: fractions(1, 1, 30, 1, 0, 1, order=order),
        3: text("W"), 4: fractions(2, 1, 15, 1, 0, 1, order=order),
        5: (BYTE, b"\1"), 6: fractions(7, 2, order=order),
    }  # fmt: skip

    said = from_exif({0x0112: short(8, order)}, gps=gps, order=order).said

    assert said.orientation == 8
    assert said.place == Place(latitude=1.5, longitude=-2.25, altitude=-3.5)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        ((0, 1, 0, 1, 0, 1), (0, 1, 0, 1, 0, 1)),
        ((1, 0, 0, 0, 0, 0), (1, 1, 0, 1, 0, 1)),
        ((91, 1, 0, 1, 0, 1), (1, 1, 0, 1, 0, 1)),
        ((1, 1, 0, 1, 0, 1), (181, 1, 0, 1, 0, 1)),
        ((), (1, 1)),
    ],
)
def test_a_receiver_that_knows_nothing_tells_no_place(
    latitude: tuple[int, ...], longitude: tuple[int, ...]
) -> None:
    gps = {1: text("N"), 2: fractions(*latitude), 3: text("E"), 4: fractions(*longitude)}

    assert from_exif(gps=gps).said.place is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Käte".encode(), "Käte"),
        ("Käte".encode("latin-1"), "Käte"),
        ("“Käte”".encode("cp1252"), "“Käte”"),
        ("Ka\N{COMBINING DIAERESIS}te".encode(), "Käte"),
        (b"one\r\ntwo\rthree", "one\ntwo\nthree"),
        (b"  a\0b", "a"),
        (b"\x1b[31mred\x9f", "[31mredŸ"),
        ("safe\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe".encode(), "safegpj.exe"),
        (b"OLYMPUS DIGITAL CAMERA         ", None),
        (b"\0\0\0", None),
        ("Kät".encode()[:-2], "K"),
    ],
)
def test_a_caption_is_read_in_the_encoding_it_is_in(written: bytes, read: str | None) -> None:
    """Exif says ASCII; programs write UTF-8 or Windows-1252."""
    assert from_exif({DESCRIPTION: text(written)}).said.caption == read


def test_exif_3_has_a_type_for_utf_8() -> None:
    told = from_exif({DESCRIPTION: (UTF_8, "Käte\0".encode())}, {0xA436: (UTF_8, b"A title\0")})

    assert (told.said.caption, told.said.title) == ("Käte", "A title")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"ASCII\0\0\0hello\0", "hello"),
        (b"UNICODE\0" + "grüße".encode("utf-16-le"), "grüße"),
        (b"UNICODE\0" + "grüße".encode("utf-16-be"), "grüße"),
        (b"UNICODE\0" + "\N{BYTE ORDER MARK}日本".encode("utf-16-le"), "日本"),
        (b"JIS\0\0\0\0\0" + "日本".encode("iso2022_jp"), "日本"),
        (bytes(8) + "grüße".encode(), "grüße"),
        (bytes(8) + b"      ", None),
        (b"ASCII\0\0\0" + bytes(100), None),
        (b"", None),
    ],
)
def test_a_comment_is_read_by_its_code_and_is_only_a_hint(
    order: str, written: bytes, read: str | None
) -> None:
    """Programs write UTF-16 in the byte order of their machine, whatever the block's is."""
    told = from_exif(details={USER_COMMENT: (UNDEFINED, written)}, order=order)

    assert (told.said.caption, told.hinted.caption) == (None, read)


def test_a_comment_in_utf_16_without_latin_letters_is_in_the_blocks_order() -> None:
    for order, codec in (("<", "utf-16-le"), (">", "utf-16-be")):
        comment = b"UNICODE\0" + "日本語".encode(codec)
        told = from_exif(details={USER_COMMENT: (UNDEFINED, comment)}, order=order)
        assert told.hinted.caption == "日本語"


def test_several_creators_stand_in_one_text() -> None:
    """Metadata Working Group 2.0: semicolons between them, quotation marks where a name has one."""
    said = from_exif({ARTIST: text('Anna Weiß; "Studio; Berlin" ;Anna Weiß;')}).said

    assert said.creators == ("Anna Weiß", "Studio; Berlin")


def test_the_photographers_copyright_counts_and_else_the_editors() -> None:
    assert from_exif({COPYRIGHT: text(b"Anna\0Agency")}).said.copyright == "Anna"
    assert from_exif({COPYRIGHT: text(b" \0Agency")}).said.copyright == "Agency"


def test_what_windows_writes_is_a_hint() -> None:
    def wide(content: str) -> tuple[int, bytes]:
        return BYTE, content.encode("utf-16-le") + b"\0\0"

    told = from_exif(
        {
            0x9C9B: wide("Title"), 0x9C9C: wide("Comment"), 0x9C9D: wide("Anna;Bert"),
            0x9C9E: wide("sea;sand; sea"), 0x4746: short(4),
        }
    )  # fmt: skip

    assert (told.hinted.title, told.hinted.caption) == ("Title", "Comment")
    assert (told.hinted.creators, told.hinted.keywords) == (("Anna", "Bert"), ("sea", "sand"))
    assert told.hinted.rating == 4
    assert told.said.rating is None


@pytest.mark.parametrize(("percent", "stars"), [(1, 1), (25, 2), (50, 3), (75, 4), (99, 5)])
def test_percent_are_stars(percent: int, stars: int) -> None:
    assert from_exif({0x4749: short(percent)}).hinted.rating == stars


@pytest.mark.parametrize(
    ("numbers", "lens"),
    [
        ((24, 1, 70, 1, 28, 10, 28, 10), "24-70 mm f/2.8"),
        ((18, 1, 55, 1, 35, 10, 56, 10), "18-55 mm f/3.5-5.6"),
        ((50, 1, 50, 1, 0, 0, 0, 0), "50 mm"),
        ((0, 0, 0, 0, 0, 0, 0, 0), None),
        ((24, 1), None),
    ],
)
def test_a_lens_without_a_name_has_a_range(numbers: tuple[int, ...], lens: str | None) -> None:
    assert from_exif(details={0xA432: fractions(*numbers)}).hinted.lens == lens


@pytest.mark.parametrize("number", [0, 9, 65535])
def test_an_orientation_that_is_none_is_not_said(number: int) -> None:
    assert from_exif({0x0112: short(number)}).said.orientation is None


def test_the_whole_has_the_standards_names_and_no_places() -> None:
    told = from_exif(
        {0x010F: text("Canon"), 0xFEED: short(7)},
        {
            0x829A: fractions(1, 200), 0x9204: (SRATIONAL, b"\xff\xff\xff\xff\3\0\0\0"),
            0x927C: (UNDEFINED, b"secret" * 50), 0x9003: text("2026:05:04 10:11:12"),
        },
        {2: fractions(1, 1), 29: text("2026:05:04")},
    )  # fmt: skip

    assert told.everything == {
        "Make": "Canon",
        "0xFEED": 7,
        "ExposureTime": 0.005,
        "ExposureBiasValue": -1 / 3,
        "MakerNote": "(300 bytes)",
        "DateTimeOriginal": "2026:05:04 10:11:12",
    }
    assert told.private == {"GPSLatitude": 1.0, "GPSDateStamp": "2026:05:04"}


def test_a_block_longer_than_a_segment_goes_on_in_the_next() -> None:
    block = exif_block({DESCRIPTION: text("The end of it")}, {0x9999: (UNDEFINED, bytes(70_000))})
    pieces = [segment(0xE1, b"Exif\0\0" + block[at : at + 60_000]) for at in (0, 60_000)]

    assert embedded(blocks_of(jpeg(*pieces))).said.caption == "The end of it"


def test_a_second_block_changes_nothing() -> None:
    pieces = [
        segment(0xE1, b"Exif\0\0" + exif_block({DESCRIPTION: text(name)}))
        for name in ("one", "two")
    ]

    assert embedded(blocks_of(jpeg(*pieces))).said.caption == "one"


@pytest.mark.parametrize("block", [b"", b"II", b"not Exif at all", b"II+\0\x08\0\0\0\0\0\0\0"])
def test_what_is_no_exif_is_refused_in_words(block: bytes) -> None:
    with pytest.raises(UnreadableMetadataError, match=r"^the (block of Exif|file is a BigTIFF)"):
        exif.read(tiff.part(block))
