"""Pieces of metadata, byte by byte, and real JPEGs to put them into."""

import hashlib
import struct
from collections.abc import Mapping

from jobfs.domain.metadata import blocks, exif, tiff, xmp
from jobfs.domain.metadata.blocks import Blocks
from jobfs.domain.metadata.values import Source
from tests.pure.pictures import noise, reading, saved

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, UTF_8 = 1, 2, 3, 4, 5, 7, 10, 129
_WIDTHS = {SHORT: 2, LONG: 4, RATIONAL: 8, SRATIONAL: 8}
_EXIF, _GPS = 0x8769, 0x8825

Value = tuple[int, bytes]
Values = Mapping[int, Value]


def text(content: str | bytes) -> Value:
    return ASCII, (content.encode() if isinstance(content, str) else content) + b"\0"


def short(number: int, order: str = "<") -> Value:
    return SHORT, struct.pack(order + "H", number)


def fractions(*numbers: int, order: str = "<") -> Value:
    """Numerators and denominators, in turns."""
    return RATIONAL, struct.pack(f"{order}{len(numbers)}L", *numbers)


def exif_block(
    main: Values | None = None,
    details: Values | None = None,
    gps: Values | None = None,
    *,
    order: str = "<",
) -> bytes:
    """Return a block with the three directories one after another."""
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "L", 8)
    links: dict[int, Value] = {_EXIF: (LONG, bytes(4)), _GPS: (LONG, bytes(4))}
    everything = dict(main or {}) | links
    below = 8 + len(_directory(everything, 8, order))
    behind = below + len(_directory(details or {}, below, order))
    everything[_EXIF] = LONG, struct.pack(order + "L", below)
    everything[_GPS] = LONG, struct.pack(order + "L", behind)
    return b"".join(
        (
            header,
            _directory(everything, 8, order),
            _directory(details or {}, below, order),
            _directory(gps or {}, behind, order),
        )
    )


def _directory(values: Values, at: int, order: str) -> bytes:
    data_at = at + 2 + 12 * len(values) + 4
    entries, data = b"", b""
    for tag, (kind, raw) in sorted(values.items()):
        inline = raw.ljust(4, b"\0")
        if len(raw) > 4:
            inline = struct.pack(order + "L", data_at + len(data))
            data += raw
        entries += struct.pack(order + "HHL", tag, kind, len(raw) // _WIDTHS.get(kind, 1)) + inline
    return struct.pack(order + "H", len(values)) + entries + bytes(4) + data


def from_exif(
    main: Values | None = None,
    details: Values | None = None,
    gps: Values | None = None,
    *,
    order: str = "<",
) -> Source:
    """Return what is read from a block of these values."""
    return exif.read(tiff.part(exif_block(main, details, gps, order=order)))


def field(number: int, content: str | bytes, record: int = 2) -> bytes:
    """Return a field of IPTC's block."""
    raw = content.encode() if isinstance(content, str) else content
    return struct.pack(">BBBH", 0x1C, record, number, len(raw)) + raw


UTF_8_NAMED = field(90, b"\x1b%G", record=1)


def resource(number: int, content: bytes, name: bytes = b"") -> bytes:
    pascal = bytes([len(name)]) + name
    padded = pascal + bytes(len(pascal) % 2)
    head = b"8BIM" + struct.pack(">H", number) + padded
    return head + struct.pack(">L", len(content)) + content + bytes(len(content) % 2)


def photoshop(iptc: bytes, *, digest_of: bytes | None = None) -> bytes:
    """Return resources with IPTC's block, and with a digest of *digest_of*."""
    block = resource(0x03ED, bytes(16)) + resource(0x0404, iptc)
    if digest_of is None:
        return block
    return block + resource(0x0425, hashlib.md5(digest_of, usedforsecurity=False).digest())


NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}


def packet(inside: str = "", attributes: str = "") -> str:
    """Return a packet of one description with these elements and attributes."""
    names = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in NAMESPACES.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {names} {attributes}>{inside}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def from_xmp(inside: str = "", attributes: str = "") -> Source:
    return xmp.read(packet(inside, attributes).encode())


def alternatives(name: str, *items: str) -> str:
    """Return a property with texts by language; *items* are "language=text"."""
    inside = "".join('<rdf:li xml:lang="{}">{}</rdf:li>'.format(*i.split("=")) for i in items)
    return f"<{name}><rdf:Alt>{inside}</rdf:Alt></{name}>"


def listed(name: str, *items: str, kind: str = "Bag") -> str:
    inside = "".join(f"<rdf:li>{item}</rdf:li>" for item in items)
    return f"<{name}><rdf:{kind}>{inside}</rdf:{kind}></{name}>"


def segment(code: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


def jpeg(*segments: bytes) -> bytes:
    """Return a real JPEG with *segments* before the rest."""
    picture = saved(noise(), "JPEG")
    return picture[:2] + b"".join(segments) + picture[2:]


def jpeg_with(
    *, exif_content: bytes | None = None, xmp_content: str | None = None, resources: bytes = b""
) -> bytes:
    """Return a real JPEG with these blocks."""
    segments = []
    if exif_content is not None:
        segments.append(segment(0xE1, b"Exif\0\0" + exif_content))
    if xmp_content is not None:
        segments.append(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp_content.encode()))
    if resources:
        segments.append(segment(0xED, b"Photoshop 3.0\0" + resources))
    return jpeg(*segments)


def blocks_of(content: bytes) -> Blocks:
    return blocks.in_jpeg(reading(content), len(content))
