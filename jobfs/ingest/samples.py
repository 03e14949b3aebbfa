"""Small pictures of every kind that decoders meet.

A decoder is confined before it gets its first file, and can then load nothing more. So it decodes these
before: what is loaded for the first is there for all.
"""

import base64
import io
import struct
from collections.abc import Iterator, Sequence

from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile

from jobfs.ingest import colour

__all__ = ["MpoImageFile", "pictures"]  # Pillow imports the first when it meets one

_EDGE = 16  # pixels
#: Formats, modes and options of what Pillow writes: through every library below it, and every way to sRGB.
_WRITTEN: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("JPEG", "RGB", {"progressive": True}),
    ("JPEG", "CMYK", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "I;16", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "LAB", {}),
    ("TIFF", "F", {}),
    ("WEBP", "RGB", {}),
    ("GIF", "P", {}),
)

#: Made once by pillow-heif and Pillow, with encoders that jobfs has no other use for.
_HEIC = base64.b85decode(
    b"0000SW^{RQXk}?*00000ZE0pPXk}?*ZE0a<0004eZDn*}000000000XXk=`10000000000aA{+700000000000000000"
    b"000B57=IV*mgE07O6l0RRC200001pa1~?00000001%o001LtX>Mi!000000RR916=`l}WdZ;I000310BCk&F#rGn01j|"
    b"zbZr0t000010002|X>f9I0002oX>en20001WXm(>m0RwOV0058x000009`FGC{rLC*01pFT0096PKmiN^|NjGU00093k"
    b"N^M!000939=ZZRVE_RDDMA4O18@KU0|1Z!00RI30{|YNAb|yz>aLpR;31&EfB*mtfB*mk0EA)y0RRR>0l{;@i2wiq6Ju"
    b"{|a&BX6cmM$a4FCp!0000KX>)L8000000000$0000$0000eV{Bn?0000G000010000G00001|NsBc00002|NsBc00002"
    b"0000GaA|mH000000|*ER0000OX>e^}0000000001009Mo0s{qv0000wZDe6|0000kC;_h%A!1`d^(P|#{|#b);aH!}c3"
    b"4^5u7JT?^7_E`WShYAs*#?6hiRuU6?g"
)
_AVIF = base64.b85decode(
    b"0000WW^{RQVRmU|00000VRmU|ZE0pPZE0a<O+hh20002%ZDn*}000000000XXk=`10000000000aA{+7000000000000"
    b"000000004sdC7Z2$lO000310016oY;R)#0000)000310RR910RR926951JCjbBdC~0YKW&i*H00031000_kZf0cy0000"
    b"00RRADb}%tRZ)|UJ00000YH4tCZ~y=ROKEUpZvX%Q6lrsCWdHyG000005C8xG5C8xG5O8UDX#fBK00RgJ2mk;83}JRLL"
    b"xBJc000006Ju{|a&BX6cmM$a4FCp!0000NX>e^}0000000001009I60)qqq001v-WMOm?0162h4FB37A)wHJG8h?0hlU"
    b"}Co_Xeg004D{P1@#H{f7f>nEU"
)

_SENSOR = 32  # pixels; LibRaw takes nothing below 22 for a picture
_BYTE, _TEXT, _SHORT, _LONG, _RATIONAL, _SIGNED_RATIONAL = 1, 2, 3, 4, 5, 10  # types of TIFF
_CODES = {_BYTE: "B", _TEXT: "B", _SHORT: "H", _LONG: "I", _RATIONAL: "2I", _SIGNED_RATIONAL: "2i"}
_HEADER, _INLINE = 8, 4  # bytes


def pictures() -> Iterator[bytes]:
    """Yield the files."""
    for format_name, mode, options in _WRITTEN:
        picture = io.BytesIO()
        icc = {"icc_profile": colour.srgb_bytes()} if mode in {"RGB", "RGBA"} else {}
        Image.new(mode, (_EDGE, _EDGE)).save(picture, format_name, **icc, **options)
        yield picture.getvalue()
    yield _HEIC
    yield _AVIF
    yield _dng()


def _dng() -> bytes:
    """Return what a sensor of red, green and blue dots saw, without a preview.

    Source: Adobe, DNG 1.7, chapters 2 and 4.
    """
    one, zero = (1, 1), (0, 1)
    return _tiff(
        struct.pack(f"<{_SENSOR**2}H", *range(0, 60 * _SENSOR**2, 60)),
        (
            (254, _LONG, (0,)), (256, _LONG, (_SENSOR,)), (257, _LONG, (_SENSOR,)),
            (258, _SHORT, (16,)), (259, _SHORT, (1,)), (262, _SHORT, (32803,)),
            (271, _TEXT, b"jobfs\0"), (272, _TEXT, b"sample\0"), (273, _LONG, (_HEADER,)),
            (277, _SHORT, (1,)), (278, _LONG, (_SENSOR,)), (279, _LONG, (2 * _SENSOR**2,)),
            (33421, _SHORT, (2, 2)), (33422, _BYTE, (0, 1, 1, 2)),
            (50706, _BYTE, (1, 4, 0, 0)), (50708, _TEXT, b"jobfs sample\0"),
            (50721, _SIGNED_RATIONAL, (*one, *zero * 3, *one, *zero * 3, *one)),  # it sees XYZ
            (50728, _RATIONAL, one * 3),
        ),
    )  # fmt: skip


def _tiff(data: bytes, entries: Sequence[tuple[int, int, Sequence[int]]]) -> bytes:
    """Return a TIFF of one directory behind *data*; entries are tag, type and values."""
    directory = struct.pack("<H", len(entries))
    for tag, kind, values in entries:
        code = _CODES[kind]
        count = len(values) // (len(code) or 1)
        packed = struct.pack(f"<{count * code}", *values)
        if len(packed) > _INLINE:
            packed, data = (
                struct.pack("<I", _HEADER + len(data)),
                data + packed + bytes(len(packed) % 2),
            )
        directory += struct.pack("<HHI4s", tag, kind, count, packed)
    return b"II*\0" + struct.pack("<I", _HEADER + len(data)) + data + directory + bytes(4)
