"""The promise for every format: whole is whole, cut anywhere is never whole, nothing raises."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfs.domain.completeness import Structure, inspect
from tests.pure.pictures import (
    box,
    heic,
    inspected,
    noise,
    raf,
    reading,
    saved,
    with_preview,
)

PICTURES: dict[str, tuple[str, bytes]] = {
    "jpeg": ("JPEG", saved(noise(), "JPEG")),
    "jpeg progressive": ("JPEG", saved(noise(), "JPEG", progressive=True)),
    "jpeg with restarts": ("JPEG", saved(noise(64), "JPEG", restart_marker_blocks=1)),
    "jpeg cmyk": ("JPEG", saved(noise(mode="CMYK"), "JPEG")),
    "jpeg grey": ("JPEG", saved(noise(mode="L"), "JPEG")),
    "jpeg with preview": ("JPEG", with_preview()),
    "png": ("PNG", saved(noise(), "PNG")),
    "png palette": ("PNG", saved(noise(mode="P"), "PNG")),
    "apng": ("PNG", saved(noise(), "PNG", save_all=True, append_images=[noise()])),
    "gif": ("GIF", saved(noise(), "GIF")),
    "gif animated": ("GIF", saved(noise(), "GIF", save_all=True, append_images=[noise()])),
    "webp": ("WebP", saved(noise(), "WEBP")),
    "webp lossless": ("WebP", saved(noise(), "WEBP", lossless=True)),
    "tiff": ("TIFF", saved(noise(), "TIFF")),
    "tiff lzw": ("TIFF", saved(noise(), "TIFF", compression="tiff_lzw")),
    "bigtiff": ("TIFF", saved(noise(), "TIFF", big_tiff=True)),
    "avif": ("AVIF", saved(noise(), "AVIF")),
    "heic": ("HEIC", heic(box(b"meta", b"m" * 30), box(b"mdat", b"d" * 60))),
    "cr3": ("CR3", heic(box(b"moov"), box(b"mdat", b"d" * 60), brands=b"crx \0\0\0\1")),
    "raf": ("RAF", raf()),
}

#: A camera-sized one of each kind of scan; the quick look at the end works above 64 KiB.
LARGE = {
    "jpeg": saved(noise(600, 600), "JPEG", quality=97),
    "jpeg progressive": saved(noise(600, 600), "JPEG", quality=97, progressive=True),
    "png": saved(noise(300, 300), "PNG"),
    "tiff": saved(noise(300, 300), "TIFF"),
    "webp": saved(noise(300, 300), "WEBP", quality=95),
}


@pytest.mark.parametrize(("format_name", "content"), PICTURES.values(), ids=PICTURES)
def test_a_whole_picture_is_whole(format_name: str, content: bytes) -> None:
    finding = inspected(content)

    assert (finding.structure, finding.format) == (Structure.WHOLE, format_name)
    assert finding.reason == f"the {format_name} file is complete"


@pytest.mark.parametrize("content", [content for _, content in PICTURES.values()], ids=PICTURES)
def test_a_picture_cut_anywhere_is_never_whole(content: bytes) -> None:
    whole = [
        size
        for size in range(len(content))
        if inspected(content[:size]).structure is Structure.WHOLE
    ]

    assert whole == []


@pytest.mark.parametrize("content", [content for _, content in PICTURES.values()], ids=PICTURES)
def test_a_picture_cut_behind_its_first_bytes_is_truncated(content: bytes) -> None:
    found = {inspected(content[:size]).structure for size in range(12, len(content))}

    assert found == {Structure.TRUNCATED}


@given(kind=st.sampled_from(sorted(LARGE)), part=st.floats(0, 1, exclude_max=True))
@settings(max_examples=200, deadline=None)
def test_a_large_picture_cut_anywhere_is_never_whole(kind: str, part: float) -> None:
    content = LARGE[kind]

    assert inspected(content).structure is Structure.WHOLE
    assert inspected(content[: int(part * len(content))]).structure is not Structure.WHOLE


@pytest.mark.parametrize("content", [content for _, content in PICTURES.values()], ids=PICTURES)
def test_a_damaged_picture_raises_nothing(content: bytes) -> None:
    chance = random.Random(content)  # noqa: S311 - reproducible damage, no secret

    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.choice([0, 1, 0x7F, 0xFE, 0xFF])
        inspected(bytes(damaged))


@pytest.mark.parametrize("content", [content for _, content in PICTURES.values()], ids=PICTURES)
def test_a_file_that_shrinks_while_it_is_read_raises_nothing(
    content: bytes,
) -> None:
    for left in range(0, len(content), 7):
        inspect(reading(content[:left]), len(content))


def test_an_empty_file_is_empty() -> None:
    assert inspected(b"").structure is Structure.EMPTY


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"\xff",
        b"\xff\xd8 is how a JPEG begins",
        b"<!DOCTYPE html><html></html>",
        b"\x7fELF\x02\x01\x01",
        b"PK\x03\x04" + b"\0" * 40,
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"BM" + b"\0" * 60,
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        b"\0" * 1000,
        heic(box(b"moov"), box(b"mdat"), brands=b"isom\0\0\0\0mp41"),
        b"\xff\xd8\xff\xd9",
    ],
)
def test_what_is_not_an_image_is_found_to_be_none(content: bytes) -> None:
    finding = inspected(content)

    assert (finding.structure, finding.format) == (Structure.NOT_AN_IMAGE, None)


@pytest.mark.parametrize(
    ("content", "format_name"),
    [(b"\xff\xd8", "JPEG"), (b"\x89PNG", "PNG"), (b"GIF8", "GIF"), (b"FUJIFILM", "RAF")],
)
def test_the_beginning_of_a_signature_is_a_cut_image(content: bytes, format_name: str) -> None:
    finding = inspected(content)

    assert (finding.structure, finding.format) == (Structure.TRUNCATED, format_name)


def test_a_reason_says_how_much_arrived() -> None:
    finding = inspected(LARGE["jpeg"][:100_000])

    assert finding.reason == (
        "the JPEG file ends in the middle of the picture; 100,000 bytes arrived"
    )


GOOD = ("cameras", "colour", "orientation", "photos", "qr")
STRUCTURES = {
    "missing-eoi.jpg": Structure.TRUNCATED,
    "truncated-0.001.jpg": Structure.TRUNCATED,
    "truncated-0.1.jpg": Structure.TRUNCATED,
    "truncated-0.5.jpg": Structure.TRUNCATED,
    "truncated-0.9.jpg": Structure.TRUNCATED,
    "truncated-0.999.jpg": Structure.TRUNCATED,
    "png-named.jpg": Structure.TRUNCATED,
    "trailing-zeros.jpg": Structure.TRUNCATED,  # the zeros are in the place of half the picture
    "two-jpegs-concatenated.jpg": Structure.WHOLE,
    "polyglot-jpg-zip.jpg": Structure.WHOLE,
    "hole-4k.jpg": Structure.WHOLE,
    "bitflip-03.jpg": Structure.WHOLE,
    "bitflip-11.jpg": Structure.WHOLE,
    "exif-fuzz-02.jpg": Structure.WHOLE,
    "exif-ifd-loop.jpg": Structure.WHOLE,
    "dims-65535x65535.jpg": Structure.WHOLE,
    "jpg-named.png": Structure.WHOLE,
    "heic-named.jpg": Structure.WHOLE,
    "bomb-png-1bit-50000x50000.png": Structure.WHOLE,
    "bomb-tiff-g4-30000x30000.tif": Structure.WHOLE,
    "html.jpg": Structure.NOT_AN_IMAGE,
    "text.jpg": Structure.NOT_AN_IMAGE,
    "elf.jpg": Structure.NOT_AN_IMAGE,
    "random-1MB.jpg": Structure.NOT_AN_IMAGE,
    "zero-byte.jpg": Structure.EMPTY,
}


def test_real_pictures_are_whole_and_not_when_cut(corpus: Path) -> None:
    """The last 16 bytes may be padding that nothing speaks of (multi-page TIFF)."""
    chance = random.Random(2)  # noqa: S311 - reproducible cuts, no secret
    for folder in GOOD:
        for path in (corpus / folder).glob("*.*"):
            content = path.read_bytes()
            if path.suffix in {".tsv", ""}:
                continue
            assert inspected(content).structure is Structure.WHOLE, path
            for size in chance.sample(range(len(content) - 16), 10):
                cut = inspected(content[:size])
                assert cut.structure is not Structure.WHOLE, (path, size)


@pytest.mark.parametrize(("name", "expected"), STRUCTURES.items(), ids=STRUCTURES)
def test_real_hostile_files_are_seen_through(corpus: Path, name: str, expected: Structure) -> None:
    path = corpus / "malformed" / name
    if not path.exists():
        pytest.skip(f"{name} is not among the real files")

    assert inspected(path.read_bytes()).structure is expected
