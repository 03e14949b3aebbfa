"""Metadata of raw files that are built like no TIFF."""

import struct

import pytest

from jobfs.domain.metadata import cameras
from jobfs.domain.metadata.merging import embedded
from jobfs.domain.metadata.values import Source
from tests.pure.metadata import exif_block, fractions, text
from tests.pure.pictures import box, noise, reading, saved

CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
MAIN = exif_block({0x010F: text("Canon"), 0x0110: text("EOS R5")})
DETAILS = exif_block({0x9003: text("2026:05:04 10:11:12"), 0xA431: text("0042")})
GPS = exif_block(
    {
        1: text("S"), 2: fractions(33, 1, 30, 1, 36, 1),
        3: text("E"), 4: fractions(18, 1, 15, 1, 0, 1),
    }
)  # fmt: skip
PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3"/></rdf:RDF></x:xmpmeta>'
)


def cr3(*, main: bytes = MAIN) -> bytes:
    own = (
        CANON + box(b"CNCV", b"x") + box(b"CMT1", main) + box(b"CMT2", DETAILS) + box(b"CMT4", GPS)
    )
    description = box(b"moov", box(b"uuid", own) + box(b"trak", b"x"))
    packet = struct.pack(">I4sQ", 1, b"uuid", 16 + 16 + len(PACKET)) + XMP + PACKET
    return box(b"ftyp", b"crx \0\0\0\1crx isom") + description + packet + box(b"mdat", b"pixels")


def raf(preview: bytes) -> bytes:
    pointers = struct.pack(">2I", 160, len(preview))
    return (b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0") + pointers).ljust(160, b"\0") + preview


def in_cr3(content: bytes) -> Source:
    return embedded(cameras.in_cr3(reading(content), len(content)))


def test_a_cr3_has_its_directories_in_boxes_of_their_own() -> None:
    source = in_cr3(cr3())

    said = source.said
    assert (said.make, said.model, said.serial, said.rating) == ("Canon", "EOS R5", "0042", 3)
    assert said.taken is not None
    assert said.taken.time == "2026-05-04T10:11:12"
    assert said.place is not None
    assert [said.place.latitude, said.place.longitude] == pytest.approx([-33.51, 18.25])
    assert "GPS" not in str(source.everything)


def test_a_raf_has_the_metadata_of_its_preview() -> None:
    preview = saved(noise(), "JPEG", exif=b"Exif\0\0" + MAIN)
    content = raf(preview)

    said = embedded(cameras.in_raf(reading(content), len(content))).said

    assert (said.make, said.model) == ("Canon", "EOS R5")


def test_what_cannot_be_read_is_not_there() -> None:
    assert in_cr3(cr3(main=b"no TIFF")).said.rating == 3
    content = raf(b"no JPEG")
    assert embedded(cameras.in_raf(reading(content), len(content))) == Source()


def test_a_file_that_was_cut_anywhere_is_read_as_far_as_it_goes() -> None:
    whole = cr3()
    for end in range(0, len(whole), 3):
        in_cr3(whole[:end])
    for end in range(200):
        content = raf(b"\xff\xd8")[:end]
        embedded(cameras.in_raf(reading(content), len(content)))


def test_boxes_that_lead_nowhere_come_to_an_end() -> None:
    for length in (0, 1, 7, 8, 2**32 - 1):
        in_cr3(struct.pack(">I4s", length, b"moov") * 1000)
    in_cr3(struct.pack(">I4sQ", 1, b"moov", 2**64 - 1) * 100)
