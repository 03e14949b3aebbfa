"""What a file says of its picture besides the pixels. Runs in the decoder."""

import codecs
import io
import os
from collections.abc import Mapping
from typing import IO, Any

from jobfs.domain.formats.window import ReadAt
from jobfs.domain.metadata import blocks, cameras, merging, rdf, xmp
from jobfs.domain.metadata.blocks import Blocks
from jobfs.domain.metadata.values import Source
from jobfs.domain.refusals import UnreadableMetadataError
from jobfs.ingest import refusing
from jobfs.ingest.outcomes import Described, Refused

#: Formats that are built like a TIFF.
_LIKE_TIFF = frozenset({"TIFF", "CR2", "DNG", "NEF", "ARW", "ORF", "RW2"})

#: How texts may be encoded, and a sidecar like those to come.
_CODES = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1")
_JAPANESE = b"\x1b$B0B\x1b(B"  # its tables are loaded with the first character
_PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
    b' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
    b' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreateDate="2026-01-01T00:00:00"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def load() -> None:
    """Load what reading needs: later the decoder can open no file."""
    for code in _CODES:
        codecs.lookup(code)
    _JAPANESE.decode("iso2022_jp")
    sidecar(io.BytesIO(_PACKET))


def described(file: IO[bytes], format_name: str, info: Mapping[Any, Any]) -> Source:
    """Return what the file says; nothing of what cannot be read.

    *info* is what Pillow has found, after decoding: "exif", "xmp" and "photoshop" where there are any; of
    a raw file it is its preview's.
    """
    try:
        return merging.embedded(_blocks(file, format_name, info))
    except UnreadableMetadataError:
        return Source()


def sidecar(file: IO[bytes]) -> Described | Refused:
    """Return what a sidecar says, or why nobody can tell."""
    file.seek(0)
    try:
        return Described(metadata=xmp.read(file.read(rdf.LARGEST + 1)))
    except UnreadableMetadataError as error:
        return refusing.unreadable_sidecar(str(error))


def _blocks(file: IO[bytes], format_name: str, info: Mapping[Any, Any]) -> Blocks:
    size = file.seek(0, os.SEEK_END)
    if format_name == "JPEG":
        return blocks.in_jpeg(_reading(file), size)
    if format_name in _LIKE_TIFF:
        return blocks.in_tiff(_reading(file), size)
    if format_name == "CR3":
        return cameras.in_cr3(_reading(file), size)
    if format_name == "RAF":
        return cameras.in_raf(_reading(file), size)
    return blocks.of(exif=_bytes(info.get("exif")), xmp=_bytes(info.get("xmp")))


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None


def _reading(file: IO[bytes]) -> ReadAt:
    def read_at(offset: int, size: int) -> bytes:
        file.seek(offset)
        return file.read(size)

    return read_at
