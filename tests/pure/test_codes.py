"""QR and bar codes in pictures, as cameras see them: small, turned, blurred, several, and none."""

import csv
from pathlib import Path

import numpy
import pytest
import zxingcpp
from PIL import Image, ImageFilter, ImageOps
from PIL.Image import Transpose
from zxingcpp import BarcodeFormat

from jobfs.domain import codes as limits
from jobfs.domain.codes import Code, Corner
from jobfs.ingest import codes

WALL = (3000, 2000)


def drawn(content: str | bytes, kind: BarcodeFormat = BarcodeFormat.QRCode) -> Image.Image:
    """Return a code with the white border that it must have, eight pixels a module."""
    barcode = zxingcpp.create_barcode(content, kind)
    drawing = barcode.to_image(scale=8, add_quiet_zones=False)
    image = Image.fromarray(numpy.asarray(drawing))
    return ImageOps.expand(image, border=80, fill=255)


def wall(*cards: tuple[Image.Image, tuple[int, int]]) -> Image.Image:
    """Return a picture of cards before a grey wall."""
    picture = Image.new("RGB", WALL, (120, 130, 140))
    for card, at in cards:
        picture.paste(card, at)
    return picture


def of_width(card: Image.Image, pixels: int) -> Image.Image:
    height = round(card.height * pixels / card.width)
    return card.resize((pixels, height), Image.Resampling.LANCZOS)


def texts(picture: Image.Image) -> list[tuple[str, str]]:
    return [(code.format, code.text) for code in codes.read(picture)]


ORDER = "JOBFS:ORDER-2026001:5bc8fbbc"
FOUND = [("QR Code", ORDER)]


@pytest.mark.parametrize("pixels", [110, 160, 250, 600, 1900])
def test_a_card_is_read_near_and_far(pixels: int) -> None:
    assert texts(wall((of_width(drawn(ORDER), pixels), (700, 60)))) == FOUND


@pytest.mark.parametrize("degrees", [7, 30, 45, 90, 200])
def test_a_card_is_read_however_it_is_held(degrees: int) -> None:
    card = of_width(drawn(ORDER), 400)
    card = card.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)

    assert texts(wall((card, (900, 500)))) == FOUND


def test_a_blurred_card_is_read() -> None:
    picture = wall((of_width(drawn(ORDER), 400), (900, 500)))

    assert texts(picture.filter(ImageFilter.GaussianBlur(3))) == FOUND


def test_a_light_code_on_dark_is_read() -> None:
    card = ImageOps.invert(of_width(drawn(ORDER), 400))

    assert texts(wall((card, (900, 500)))) == FOUND


def test_several_codes_are_read_and_each_once() -> None:
    one, other = of_width(drawn("A1"), 300), of_width(drawn("B2"), 500)

    picture = wall((one, (100, 100)), (other, (1400, 900)), (one, (2300, 100)))

    assert sorted(texts(picture)) == [("QR Code", "A1"), ("QR Code", "A1"), ("QR Code", "B2")]


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        (BarcodeFormat.MicroQRCode, "A17", ("Micro QR Code", "A17")),
        (BarcodeFormat.DataMatrix, "A17", ("Data Matrix", "A17")),
        (BarcodeFormat.Aztec, "A17", ("Aztec", "A17")),
        (BarcodeFormat.PDF417, "A17", ("PDF417", "A17")),
        (BarcodeFormat.Code128, "Smith-A17", ("Code 128", "Smith-A17")),
        (BarcodeFormat.Code93, "SMITH17", ("Code 93", "SMITH17")),
        (BarcodeFormat.Code39, "SMITH17", ("Code 39", "SMITH17")),
        (BarcodeFormat.EAN13, "400638133393", ("EAN-13", "4006381333931")),
        (BarcodeFormat.EAN8, "1234567", ("EAN-8", "12345670")),
        (BarcodeFormat.ITF, "12345678901231", ("ITF", "12345678901231")),
    ],
)
def test_other_kinds_are_read(kind: BarcodeFormat, content: str, said: tuple[str, str]) -> None:
    card = of_width(drawn(content, kind), 1000)
    if card.height < 120:
        card = card.resize((1000, 120))

    assert texts(wall((card, (900, 500)))) == [said]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (BarcodeFormat.Code39, "A1"),
        (BarcodeFormat.ITF, "123456"),
        (BarcodeFormat.ITF, "12345678901232"),
        (BarcodeFormat.Codabar, "A1234567B"),
    ],
)
def test_what_stripes_can_look_like_is_not_believed(kind: BarcodeFormat, content: str) -> None:
    assert texts(wall((of_width(drawn(content, kind), 1000), (900, 500)))) == []


# --- where ---


def middle(code: Code) -> Corner:
    return (
        round(sum(x for x, _ in code.position) / 4, 2),
        round(sum(y for _, y in code.position) / 4, 2),
    )


@pytest.mark.parametrize("turn", [None, *Transpose])
def test_a_place_is_that_in_the_upright_picture(turn: Transpose | None) -> None:
    picture = wall((of_width(drawn(ORDER), 400), (2000, 300)))
    upright = picture if turn is None else picture.transpose(turn)

    (lying,), (standing,) = codes.read(picture, turn=turn), codes.read(upright)

    assert middle(lying) == middle(standing)


def test_a_place_does_not_depend_on_the_size() -> None:
    picture = wall((of_width(drawn(ORDER), 600), (2000, 300)))

    (large,), (small,) = codes.read(picture), codes.read(picture.reduce(3))

    assert middle(large) == middle(small) == (0.77, 0.3)


# --- what strangers hold into a camera ---


def test_what_is_no_text_is_kept_without_what_no_database_takes() -> None:
    (code,) = codes.read(drawn(b"\x00\xff\xfe\x80\x01abc"))

    assert code.text.encode()
    assert "\0" not in code.text
    assert code.text.endswith("abc")


def test_the_longest_code_is_not_longer_than_what_is_kept() -> None:
    assert len(limits.kept("9" * 10_000)) == limits.LONGEST
    assert limits.kept("a\0\ud800b") == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"


def test_a_wall_of_codes_comes_to_an_end() -> None:
    card = of_width(drawn("1"), 120)
    places = [(card, (x, y)) for x in range(0, 2900, 150) for y in range(0, 1900, 150)]

    assert len(codes.read(wall(*places))) <= limits.MOST


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (2, 2)])
def test_a_line_of_pixels_has_no_code(size: tuple[int, int]) -> None:
    assert codes.read(Image.new("RGB", size)) == ()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "F", "CMYK", "LAB", "I"])
def test_every_mode_is_searched(mode: str) -> None:
    """A mode that Pillow makes of no other has nothing in it."""
    picture = of_width(drawn(ORDER), 400)
    try:
        picture = picture.convert("RGB").convert(mode)
    except ValueError:
        assert codes.read(Image.new(mode, (400, 300))) == ()
    else:
        assert texts(picture) == FOUND


# --- real pictures ---


def test_photographed_cards_are_read(corpus: Path) -> None:
    folder = corpus / "qr"
    with (folder / "EXPECTED.tsv").open() as lines:
        expected = {row["file"]: row["text"] for row in csv.DictReader(lines, delimiter="\t")}

    found = {}
    for name in expected:
        with Image.open(folder / name) as picture:
            picture.draft(picture.mode, (2048, 1536))
            found[name] = "".join(code.text for code in codes.read(picture))

    assert found == expected


def test_nothing_is_read_where_there_is_no_code(corpus: Path) -> None:
    for path in [*corpus.glob("photos/*"), *corpus.glob("cameras/*.jpg")]:
        with Image.open(path) as picture:
            picture.draft(picture.mode, (2048, 2048))
            assert (path.name, codes.read(picture)) == (path.name, ())
