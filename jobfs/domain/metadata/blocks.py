"""Where the blocks of metadata stand in a file. Source: ITU-T T.81; XMP part 3; TIFF 6.0; Adobe."""

from dataclasses import dataclass, replace

from jobfs.domain.formats.window import ReadAt
from jobfs.domain.metadata import photoshop, tiff
from jobfs.domain.metadata.rdf import LARGEST
from jobfs.domain.metadata.tiff import Part

_APP1, _APP13, _SOS, _EOI = 0xE1, 0xED, 0xDA, 0xD9
_LONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_MOST_SEGMENTS = 1_000  # before the picture's data; cameras write about thirty
_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_XMP_TAG, _IPTC_TAG, _PHOTOSHOP_TAG = 0x02BC, 0x83BB, 0x8649


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """A file's blocks of metadata; None is one that it does not have.

    exif       a block, with or without "Exif" before it, or the whole of a file that is a TIFF
    details    what the block has to say of the exposure, and *gps* of the place, if they stand apart, as
               in Canon's CR3
    iptc       records of IPTC's information interchange model
    photoshop  image resources, which may hold IPTC's block and a digest of it
    xmp        a packet
    """

    exif: Part | None = None
    details: Part | None = None
    gps: Part | None = None
    iptc: bytes | None = None
    photoshop: bytes | None = None
    xmp: bytes | None = None


def of(
    *, exif: bytes | None = None, xmp: bytes | None = None, photoshop: bytes | None = None
) -> Blocks:
    """Return the blocks of a file that a decoder has taken apart: PNG, WebP, HEIC, AVIF."""
    return Blocks(exif=tiff.part(exif) if exif else None, xmp=xmp or None, photoshop=photoshop)


def in_jpeg(read: ReadAt, size: int) -> Blocks:
    """Return the blocks before a JPEG's picture.

    A block that is longer than a segment goes on in the next of its kind, except for XMP: the rest of a
    long packet, which programs put apart (extended XMP), holds no fact, and is left.
    """
    file = Part(read, size)
    found: dict[bytes, bytearray] = {}
    position = 2
    for _ in range(_MOST_SEGMENTS):
        header = file.at(position, 4)
        if len(header) < 4 or header[0] != 0xFF or header[1] in {_SOS, _EOI}:  # noqa: PLR2004
            break
        if header[1] == 0xFF or header[1] in _LONE:  # noqa: PLR2004 - fill bytes
            position += 1 if header[1] == 0xFF else 2  # noqa: PLR2004
            continue
        length = int.from_bytes(header[2:], "big")
        if header[1] in {_APP1, _APP13}:
            _collect(found, header[1], file.at(position + 4, max(0, length - 2)))
        position += 2 + length
    return of(
        exif=bytes(found.get(_EXIF, b"")),
        xmp=bytes(found.get(_XMP, b"")),
        photoshop=bytes(found[_PHOTOSHOP]) if _PHOTOSHOP in found else None,
    )


def _collect(found: dict[bytes, bytearray], marker: int, content: bytes) -> None:
    """Add a segment to the block whose part it is; the first packet of XMP counts."""
    for name in (_EXIF, _XMP) if marker == _APP1 else (_PHOTOSHOP,):
        if not content.startswith(name):
            continue
        more = content[len(name) :]
        block = found.setdefault(name, bytearray())
        is_another = name == _EXIF and more[:2] in {b"II", b"MM"}
        if not block or (name != _XMP and not is_another and len(block) < LARGEST):
            block += more


def in_tiff(read: ReadAt, size: int) -> Blocks:
    """Return the blocks of a TIFF, or of a raw file that is built like one.

    Raises UnreadableMetadataError if it is no TIFF.
    """
    file = Part(read, size)
    main = tiff.main_directory(file)
    blocks = Blocks(
        exif=file,
        xmp=main.raw(_XMP_TAG, LARGEST + 1) or None,
        photoshop=main.raw(_PHOTOSHOP_TAG, LARGEST) or None,
    )
    iptc = main.raw(_IPTC_TAG, LARGEST)
    return replace(blocks, iptc=_in_order(iptc)) if iptc else blocks


def _in_order(iptc: bytes) -> bytes:
    """Undo what programs do that take the block for numbers of 32 bits in the other byte order."""
    if iptc[:1] == b"\x1c" or iptc[3:4] != b"\x1c":
        return iptc
    words = (iptc[n : n + 4][::-1] for n in range(0, len(iptc), 4))
    return b"".join(words)


def iptc_of(blocks: Blocks) -> bytes | None:
    """Return IPTC's block, from whichever place the file has it in."""
    if blocks.iptc is not None or blocks.photoshop is None:
        return blocks.iptc
    return photoshop.resources(blocks.photoshop).get(photoshop.IPTC)


def iptc_is_newer(blocks: Blocks) -> bool:
    """Whether IPTC's block was changed after the XMP, by a program that does not know XMP."""
    iptc = iptc_of(blocks)
    if iptc is None or blocks.photoshop is None:
        return False
    digest = photoshop.resources(blocks.photoshop).get(photoshop.IPTC_DIGEST)
    return photoshop.is_changed(iptc, digest)
