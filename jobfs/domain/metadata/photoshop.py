"""The resources that Photoshop puts into a file: IPTC's block among them, and a digest of it.

Source: Adobe, Photoshop File Formats, image resource blocks.
"""

import hashlib
from collections.abc import Mapping

IPTC, IPTC_DIGEST = 0x0404, 0x0425

_SIGNATURES = frozenset({b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"})
_HEADER = 7  # bytes: signature, number, length of the name
_MOST_RESOURCES = 1_000
_MOST_PADDING = 3  # bytes that make a TIFF's value a multiple of four


def resources(block: bytes) -> Mapping[int, bytes]:
    """Return the resources of *block* by number, up to the first that is broken or cut."""
    found: dict[int, bytes] = {}
    position = 0
    for _ in range(_MOST_RESOURCES):
        header = block[position : position + _HEADER]
        if len(header) < _HEADER or header[:4] not in _SIGNATURES:
            break
        data = position + _HEADER + header[6] + (header[6] + 1) % 2  # a name's end is even
        size = int.from_bytes(block[data : data + 4], "big")
        if data + 4 + size > len(block):
            break
        content = block[data + 4 : data + 4 + size]
        found.setdefault(int.from_bytes(header[4:6], "big"), content)
        position = data + 4 + size + size % 2
    return found


def is_changed(iptc: bytes, digest: bytes | None) -> bool:
    """Whether a program that knows no XMP changed IPTC's block after one that knows both.

    The latter leaves the block's MD5, 16 bytes, as *digest*; zeros stand for none. Source: Metadata
    Working Group, Guidelines for Handling Image Metadata 2.0, reconciliation with IPTC's checksum.
    """
    if digest is None or not digest.strip(b"\0"):
        return False
    stripped = iptc.rstrip(b"\0")
    endings = [stripped + bytes(padding) for padding in range(_MOST_PADDING + 1)]
    return digest not in {_md5(text) for text in (iptc, *endings)}


def _md5(block: bytes) -> bytes:
    return hashlib.md5(block, usedforsecurity=False).digest()
