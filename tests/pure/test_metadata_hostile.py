"""Whatever the bytes: an answer within bounds, or one small error."""

import json
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfs.domain.metadata import blocks, exif, iptc, photoshop, tiff, xmp
from jobfs.domain.metadata.bounds import MOST
from jobfs.domain.metadata.merging import embedded, merged
from jobfs.domain.metadata.values import Metadata, Source
from jobfs.domain.refusals import UnreadableMetadataError
from tests.pure.metadata import (
    ASCII,
    UTF_8_NAMED,
    alternatives,
    blocks_of,
    exif_block,
    field,
    fractions,
    jpeg_with,
    listed,
    packet,
    resource,
    short,
    text,
)
from tests.pure.metadata import photoshop as resources_with
from tests.pure.pictures import reading

EXIF = exif_block(
    {0x010F: text("Canon"), 0x0112: short(6), 0x013B: text("Anna; Bert"), 0x8298: text("x")},
    {0x9003: text("2026:05:04 10:11:12"), 0xA432: fractions(24, 1, 70, 1, 28, 10, 28, 10)},
    {1: text("N"), 2: fractions(1, 1, 2, 1, 3, 1), 3: text("E"), 4: fractions(1, 1, 2, 1, 3, 1)},
)
IPTC = UTF_8_NAMED + field(5, "Title") + field(25, "sea") + field(55, "20260504")
XMP = packet(
    alternatives("dc:title", "x-default=Title") + listed("dc:subject", "sea"),
    'exif:GPSLatitude="1,1N" exif:GPSLongitude="1,1E" xmp:Rating="5"',
)


def check(metadata: Metadata) -> None:
    """Hold *metadata* to what a database and a page can take."""
    for whole in (metadata.everything, metadata.private):
        stored = json.dumps(whole, allow_nan=False)
        assert len(stored) <= 5 * MOST
        assert "\\u0000" not in stored
    told = json.dumps([str(metadata.caption), metadata.keywords, metadata.creators])
    told.encode("utf-8")
    assert "\\u0000" not in told
    assert metadata.rating in {None, -1, 0, 1, 2, 3, 4, 5}
    assert metadata.orientation in {None, *range(1, 9)}
    if metadata.place is not None:
        assert abs(metadata.place.latitude) <= 90
        assert abs(metadata.place.longitude) <= 180


def from_exif(block: bytes) -> Source:
    return exif.read(tiff.part(block))


def from_tiff(content: bytes) -> Source:
    return embedded(blocks.in_tiff(reading(content), len(content)))


def from_jpeg(content: bytes) -> Source:
    return embedded(blocks_of(content))


def from_resources(content: bytes) -> Source:
    return embedded(blocks.of(photoshop=content))


Reader = Callable[[bytes], Source]
READERS: dict[str, tuple[Reader, bytes]] = {
    "exif": (from_exif, EXIF),
    "tiff": (from_tiff, EXIF),
    "iptc": (iptc.read, IPTC),
    "resources": (from_resources, resources_with(IPTC, digest_of=IPTC)),
    "xmp": (xmp.read, XMP.encode()),
    "jpeg": (
        from_jpeg,
        jpeg_with(exif_content=EXIF, xmp_content=XMP, resources=resources_with(IPTC)),
    ),
}


@pytest.mark.parametrize("name", READERS)
@settings(deadline=None)
@given(data=st.data())
def test_changed_bytes_give_an_answer_or_the_one_error(name: str, data: st.DataObject) -> None:
    reader, content = READERS[name]
    changed = bytearray(content)
    places = st.tuples(st.integers(0, len(content) - 1), st.binary(min_size=1, max_size=8))
    for at, new in data.draw(st.lists(places, max_size=6)):
        changed[at : at + len(new)] = new
    cut = bytes(changed[: data.draw(st.integers(0, len(changed)))])

    for version in (bytes(changed), cut):
        with suppress(UnreadableMetadataError):
            check(merged(reader(version)))


@pytest.mark.parametrize("name", READERS)
@settings(deadline=None)
@given(content=st.binary(max_size=500))
def test_any_bytes_give_an_answer_or_the_one_error(name: str, content: bytes) -> None:
    reader, honest = READERS[name]

    for version in (content, honest[:12] + content):
        with suppress(UnreadableMetadataError):
            check(merged(reader(version)))


entries = st.tuples(
    st.sampled_from(
        (
            *(0x010E, 0x010F, 0x0112, 0x013B, 0x8298, 0x8769, 0x8825, 0x9003, 0x9286, 0x9C9B),
            *(0x9C9E, 0x4746, 0xA432, 0xA434, 1, 2, 3, 4, 5, 6),
        )
    ),
    st.one_of(st.integers(0, 18), st.just(129)),
    st.one_of(st.integers(0, 64), st.just(0xFFFFFFFF)),
    st.binary(min_size=4, max_size=4) | st.integers(0, 400).map(struct.Struct("<L").pack),
)


@settings(deadline=None)
@given(rows=st.lists(entries, max_size=20), tail=st.binary(max_size=200))
def test_any_directory_gives_an_answer(
    rows: list[tuple[int, int, int, bytes]], tail: bytes
) -> None:
    """Every type, count and offset, directories that are their own parents too."""
    raw = b"".join(
        struct.pack("<HHL", tag, kind, count) + value for tag, kind, count, value in rows
    )
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", len(rows)) + raw + tail

    check(merged(from_exif(block)))


words = st.text(max_size=40)


@settings(deadline=None)
@given(caption=words, keywords=st.lists(words, max_size=5))
def test_any_text_in_iptc_is_read_as_it_can_be_kept(caption: str, keywords: list[str]) -> None:
    block = UTF_8_NAMED + field(120, caption) + b"".join(field(25, word) for word in keywords)

    check(merged(iptc.read(block)))


def test_a_directory_that_says_it_is_endless_ends() -> None:
    entry = struct.pack("<HHLL", 0x010E, ASCII, 0xFFFFFFFF, 0)
    block = b"II*\0\x08\0\0\0\xff\xff" + entry * 0xFFFF

    check(merged(from_exif(block)))


def test_fields_and_resources_without_end_end() -> None:
    check(merged(iptc.read(field(25, "x") * 200_000)))
    check(merged(iptc.read(b"".join(field(n % 256, "x" * 60) for n in range(100_000)))))
    assert len(photoshop.resources(b"".join(resource(n, b"") for n in range(5_000)))) == 1_000


def test_combining_characters_without_end_are_cut_before_they_are_sorted() -> None:
    many = "a" + "\N{COMBINING GRAVE ACCENT}\N{COMBINING CEDILLA}" * 500_000

    told = xmp.read(packet(f"<dc:title>{many}</dc:title>").encode())

    assert len(told.said.title or "") <= 1_000


def test_segments_without_end_end() -> None:
    content = b"\xff\xd8" + b"\xff\xe1\x00\x02" * 300_000

    check(merged(from_jpeg(content)))
    check(merged(from_jpeg(b"\xff\xd8" + b"\xff" * 300_000)))


def test_real_files_and_hostile_ones_give_an_answer(corpus: Path) -> None:
    read = 0
    for path in sorted(corpus.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        for reader in (from_jpeg, from_tiff, xmp.read):
            with suppress(UnreadableMetadataError):
                check(merged(reader(content)))
                read += 1
    assert read > 10


def test_a_billion_laughs_in_a_real_jpeg_are_refused(corpus: Path) -> None:
    told = merged(from_jpeg((corpus / "malformed" / "xmp-billion-laughs.jpg").read_bytes()))

    assert told.model == "Canon EOS 40D"
    assert told.everything["unreadable"] == {
        "XMP": "the XMP has a document type, which no photo program writes"
    }
