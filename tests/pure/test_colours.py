"""Renditions look as other programs show the picture: libvips (with lcms), and what a standard says."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pillow_heif
import pytest
import pyvips
from PIL import Image, ImageCms, ImageFilter

from jobfs.config import standard_renditions
from jobfs.ingest import boxes, profiles, rendering
from jobfs.ingest.outcomes import Decoded, Wanted
from tests.pure.differences import Difference, by_libvips, difference
from tests.pure.pictures import saved

LIMIT = 200_000_000
#: At the best quality, so that the pictures are compared and not the encoder's rounding.
FINE = tuple(
    Wanted(name=name, edge=edge, quality=100) for name, edge in (("large", 800), ("thumbnail", 256))
)
DISPLAY_P3 = profiles.of_codes(12, 13)


#: The sizes that studios have, for real pictures.
STANDARD = tuple(
    Wanted(name=name, edge=rendition.edge, quality=100)
    for name, rendition in standard_renditions().items()
)


def renditions(content: bytes, wanted: Sequence[Wanted] = FINE) -> Iterator[Image.Image]:
    outcome = rendering.render(io.BytesIO(content), wanted, pixel_limit=LIMIT)
    assert isinstance(outcome, Decoded), outcome
    for made in outcome.renditions:
        yield Image.open(io.BytesIO(made.data)).convert("RGB")


def rendered(content: bytes) -> Image.Image:
    """Return the larger rendition."""
    return next(renditions(content))


def is_alike(found: Difference, *, similarity: float = 0.98) -> bool:
    return found.mean <= 1 and found.high <= 3 and found.similarity >= similarity


#: Of what went through 8 bits of another colour space, or a lossy encoder, which turns the finest grain.
TWICE_ROUNDED = 0.97


def assert_as_libvips_shows(content: bytes, wanted: Sequence[Wanted] = FINE) -> None:
    for picture in renditions(content, wanted):
        found = difference(picture, by_libvips(content, picture.size))
        assert is_alike(found), (picture.size, found)


def assert_as(content: bytes, wanted: Image.Image) -> None:
    for picture in renditions(content):
        found = difference(picture, wanted.resize(picture.size, Image.Resampling.LANCZOS))
        assert is_alike(found, similarity=TWICE_ROUNDED), (picture.size, found)


def photo(width: int = 1440, height: int = 960) -> Image.Image:
    """Return a picture of soft colours, edges, and a camera's grain."""
    down = Image.linear_gradient("L").resize((width, height))
    across = down.transpose(Image.Transpose.ROTATE_90).resize((width, height))
    soft = Image.merge("RGB", (down, across, Image.radial_gradient("L").resize((width, height))))
    for n in range(12):
        colour = (n * 21, 255 - n * 17, (n * 89) % 255)
        soft.paste(colour, (n * width // 14, height // 3, n * width // 14 + 40, height // 2))
    grain = Image.effect_noise((width, height), 20).filter(ImageFilter.GaussianBlur(1))
    return Image.blend(soft, Image.merge("RGB", (grain, grain, grain)), 0.2)


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return photo()


def vips(picture: Image.Image) -> pyvips.Image:
    return pyvips.Image.new_from_memory(
        picture.tobytes(), picture.width, picture.height, len(picture.getbands()), "uchar"
    ).copy(interpretation="srgb")


# --- as libvips shows it ---

Make = Callable[[Image.Image], bytes]


def jpeg(**options: object) -> Make:
    return lambda picture: saved(picture, "JPEG", quality=95, **options)


def deep_png(picture: Image.Image) -> bytes:
    return bytes(vips(picture).colourspace("rgb16").pngsave_buffer(bitdepth=16))


def deep_grey_png(picture: Image.Image) -> bytes:
    return bytes(vips(picture).colourspace("grey16").pngsave_buffer(bitdepth=16))


def tiff(**options: object) -> Make:
    return lambda picture: bytes(vips(picture).tiffsave_buffer(**options))


def deep_tiff(**options: object) -> Make:
    return lambda picture: bytes(vips(picture).colourspace("rgb16").tiffsave_buffer(**options))


def inked(picture: Image.Image) -> pyvips.Image:
    return vips(picture).icc_transform("cmyk", intent="relative", black_point_compensation=True)


def cmyk_jpeg(picture: Image.Image) -> bytes:
    return bytes(inked(picture).jpegsave_buffer(Q=95))


def cmyk_tiff(picture: Image.Image) -> bytes:
    return bytes(inked(picture).tiffsave_buffer(compression="lzw"))


def clear(picture: Image.Image, format_name: str, **options: object) -> bytes:
    """Return a picture that is clear at its left and opaque at its right."""
    veil = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(picture.size)
    layered = picture.convert("RGBA")
    layered.putalpha(veil)
    return saved(layered, format_name, **options)


def heic(picture: Image.Image, **options: object) -> bytes:
    data = io.BytesIO()
    pillow_heif.from_pillow(picture).save(data, quality=95, chroma=444, **options)
    return data.getvalue()


WAYS: dict[str, Make] = {
    "JPEG": jpeg(),
    "progressive JPEG": jpeg(progressive=True),
    "JPEG in Adobe RGB": jpeg(icc_profile=profiles.adobe_rgb()),
    "JPEG in Display P3": jpeg(icc_profile=DISPLAY_P3),
    "grey JPEG": lambda picture: saved(picture.convert("L"), "JPEG", quality=95),
    "CMYK JPEG with a profile": cmyk_jpeg,
    "PNG": lambda picture: saved(picture, "PNG", compress_level=1),
    "PNG of 16 bits": deep_png,
    "grey PNG of 16 bits": deep_grey_png,
    "palette PNG": lambda picture: saved(picture.quantize(256), "PNG"),
    "clear PNG": lambda picture: clear(picture, "PNG", compress_level=1),
    "TIFF": tiff(),
    "TIFF with LZW": tiff(compression="lzw", predictor="horizontal"),
    "TIFF with JPEG": tiff(compression="jpeg", Q=95),
    "tiled BigTIFF": tiff(tile=True, bigtiff=True, compression="deflate"),
    "TIFF of 16 bits": deep_tiff(),
    "TIFF of 16 bits with LZW": deep_tiff(compression="lzw"),
    "CMYK TIFF with a profile": cmyk_tiff,
    "clear TIFF": lambda picture: clear(picture, "TIFF"),
    "WebP": lambda picture: saved(picture, "WEBP", quality=95, method=0),
    "lossless WebP": lambda picture: saved(picture, "WEBP", lossless=True, method=0),
    "clear WebP": lambda picture: clear(picture, "WEBP", quality=95, method=0),
    "WebP in Display P3": lambda p: saved(p, "WEBP", quality=95, method=0, icc_profile=DISPLAY_P3),
    "GIF": lambda picture: saved(picture, "GIF"),
    "AVIF": lambda picture: saved(picture, "AVIF", quality=95, speed=10),
    "AVIF in Display P3": lambda p: saved(p, "AVIF", quality=95, speed=10, icc_profile=DISPLAY_P3),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_looks_as_libvips_shows_it(picture: Image.Image, way: str) -> None:
    assert_as_libvips_shows(WAYS[way](picture))


@pytest.mark.parametrize("folder", ["photos", "colour", "orientation", "cameras"])
def test_real_pictures_look_as_libvips_shows_them(corpus: Path, folder: str) -> None:
    different = {"AdobeRGB-no-icc-exif-uncalibrated.jpg", "cmyk-no-icc.jpg"}  # see below
    kinds = {".jpg", ".png", ".tif", ".webp", ".avif"}
    for path in sorted((corpus / folder).iterdir()):
        if path.suffix.lower() in kinds and path.name not in different:
            assert_as_libvips_shows(path.read_bytes(), STANDARD)


# --- as it must look, whatever libvips does ---


@pytest.fixture(scope="module")
def small() -> Image.Image:
    return photo(480, 320)


def test_heic_looks_as_the_picture_that_it_was_made_of(small: Image.Image) -> None:
    assert_as(heic(small), small)


def test_a_profile_in_heic_means_what_it_means_in_png(small: Image.Image) -> None:
    wanted = rendered(saved(small, "PNG", icc_profile=DISPLAY_P3))

    assert_as(heic(small, icc_profile=DISPLAY_P3), wanted)


def test_colours_that_heic_names_by_number_mean_what_a_profile_means(small: Image.Image) -> None:
    found = rendered(heic(small, color_primaries=12, transfer_characteristics=13))

    wanted = rendered(saved(small, "PNG", icc_profile=DISPLAY_P3))
    assert is_alike(difference(found, wanted), similarity=TWICE_ROUNDED)
    assert difference(found, small).mean > 1


def test_colours_that_avif_names_by_number_mean_what_a_profile_means(picture: Image.Image) -> None:
    plain = saved(picture, "AVIF", quality=95, speed=10)
    assert boxes.colour_codes(io.BytesIO(plain)) == (1, 13)
    numbered = plain.replace(b"nclx\0\1\0\r", b"nclx\0\x0c\0\r")

    found = rendered(numbered)

    wanted = saved(picture, "AVIF", quality=95, speed=10, icc_profile=DISPLAY_P3)
    assert is_alike(difference(found, rendered(wanted)))


def lit(transfer: int, signal: int) -> float:
    """Return how bright a page with this signal of a film's light is shown."""
    page = heic(
        Image.new("RGB", (64, 64), (signal,) * 3), color_primaries=9,
        transfer_characteristics=transfer,
    )  # fmt: skip
    value = rendered(page).convert("L").getpixel((30, 30))
    assert isinstance(value, (int, float))
    return value


FILMS = pytest.mark.parametrize("transfer", [16, 18], ids=["PQ", "HLG"])


@FILMS
def test_a_white_page_in_a_film_s_light_is_nearly_white(transfer: int) -> None:
    """BT.2408 puts it at 58 % of the signal in PQ, and 75 % in HLG."""
    assert 210 < lit(transfer, {16: 148, 18: 191}[transfer]) < 230


@FILMS
def test_a_film_s_lights_are_told_apart_up_to_a_thousand_candelas(transfer: int) -> None:
    signals = {16: (148, 165, 180, 191), 18: (191, 210, 235, 255)}[transfer]

    page, cloud, lamp, sun = (lit(transfer, signal) for signal in signals)

    assert page + 5 < cloud < lamp - 5 < sun
    assert sun > 250


def with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    """Return a PNG with a chunk behind its header."""
    chunk = struct.pack(">I", len(data)) + kind + data
    return png[:33] + chunk + struct.pack(">I", zlib.crc32(kind + data)) + png[33:]


def test_a_png_that_tells_its_gamma_is_shown_with_it(picture: Image.Image) -> None:
    light = picture.point([round(255 * (n / 255) ** 2.2) for n in range(256)] * 3)
    content = with_chunk(saved(light, "PNG", compress_level=1), b"gAMA", struct.pack(">I", 100_000))

    found = difference(rendered(content), picture.resize((800, 533), Image.Resampling.LANCZOS))

    assert found.mean < 1.5  # eight bits of light have few shadows


def test_a_png_with_the_gamma_of_screens_is_srgb(picture: Image.Image) -> None:
    plain = saved(picture, "PNG", compress_level=1)

    assert_as(with_chunk(plain, b"gAMA", struct.pack(">I", 45455)), picture)


def test_a_png_may_name_its_colours_by_number(picture: Image.Image) -> None:
    plain = saved(picture, "PNG", compress_level=1)
    numbered = rendered(with_chunk(plain, b"cICP", bytes((12, 13, 0, 1))))

    embedded = rendered(saved(picture, "PNG", compress_level=1, icc_profile=DISPLAY_P3))
    assert is_alike(difference(numbered, embedded))


def test_lab_looks_as_the_colours_that_it_was_made_of(picture: Image.Image) -> None:
    lab = ImageCms.profileToProfile(
        picture, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None

    assert_as(saved(lab, "TIFF"), picture)


def test_cmyk_without_a_profile_is_ideal_inks(picture: Image.Image) -> None:
    """As browsers show it."""
    assert_as(saved(picture.convert("CMYK"), "JPEG", quality=100, subsampling=0), picture)


def test_the_flag_for_adobe_rgb_means_what_its_profile_means(corpus: Path) -> None:
    flagged, embedded = (
        rendered((corpus / "colour" / name).read_bytes())
        for name in ("AdobeRGB-no-icc-exif-uncalibrated.jpg", "AdobeRGB1998.jpg")
    )

    found = difference(flagged, embedded)
    assert found.mean < 0.5
    assert found.high < 2


def test_white_is_zero_in_some_tiffs_of_16_bits(picture: Image.Image) -> None:
    grey = picture.convert("L")
    content = bytes(
        vips(grey).copy(interpretation="b-w").colourspace("grey16").tiffsave_buffer(miniswhite=True)
    )

    assert_as(content, grey.convert("RGB"))


# --- orientation ---

#: How an upright picture is turned to lie as an orientation says.
TURNS: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def lying(picture: Image.Image, orientation: int) -> Image.Image:
    return picture.transpose(TURNS[orientation]) if orientation in TURNS else picture


def oriented(orientation: int) -> Image.Exif:
    metadata = Image.Exif()
    metadata[0x0112] = orientation
    return metadata


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_every_format_is_shown_upright(format_name: str, orientation: int) -> None:
    upright = photo(300, 200)
    content = saved(
        lying(upright, orientation), format_name, exif=oriented(orientation).tobytes(), quality=95
    )

    found = difference(next(renditions(content)), upright)

    assert found.mean < 3
    assert found.similarity > 0.9


def test_an_orientation_that_heic_has_twice_counts_once() -> None:
    """Cameras write it as a property, which libheif applies, and into Exif for those who cannot."""
    upright = photo(300, 200)
    turned = saved(lying(upright, 6), "HEIF", exif=oriented(6).tobytes(), quality=95)
    with Image.open(io.BytesIO(turned)) as opened:
        assert opened.size == (300, 200)
        assert opened.info["original_orientation"] == 6

    assert difference(next(renditions(turned)), upright).similarity > 0.9
