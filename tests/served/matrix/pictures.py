"""What the clients of the matrix send."""

import io
import os
from pathlib import Path

from PIL import Image

from tests.served import folder
from tests.served.folder import Sent

#: Seconds since 1970; what a client must bring back.
SHOT_AT = 1_780_000_000
_EXIF, _TAKEN, _SUBSECOND, _SERIAL = 0x8769, 0x9003, 0x9291, 0xA431

#: A card's tree: path, album, section.
_TREE = (
    ("IMG_0001.jpg", "Unsorted", "individuals"),
    ("Klasse 1a/IMG_0002.jpg", "Klasse 1a", "individuals"),
    ("Klasse 1a/group/IMG_0003.jpg", "Klasse 1a", "group"),
    ("Größere Schüler & Co/Individuals/Schüler 4.JPG", "Größere Schüler & Co", "individuals"),
    ("Größere Schüler & Co/Group/Schüler 5.JPG", "Größere Schüler & Co", "group"),
)


def photo(shot: int, *, edited: bool = False) -> bytes:
    """Return a JPEG of some 300 kB. Edited, it has other pixels, but tells of the same exposure."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R6"
    about = exif.get_ifd(_EXIF)
    about[_TAKEN] = f"2026:05:04 12:{shot // 60 % 60:02}:{shot % 60:02}"
    about[_SUBSECOND], about[_SERIAL] = "42", "0123456789"
    size = (690, 460) if edited else (720, 480)
    return _noise(size, exif=exif)


def heavy() -> bytes:
    """Return a JPEG of 8 MB: more than what clients, ssh and the kernel hold ready to be sent."""
    return _noise((3000, 2000))


def put(file: Path, content: bytes, *, at: int = SHOT_AT) -> Path:
    """Write a file as a card has it, in a folder of its own; returns it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, (at, at))
    return file


def card(top: Path) -> list[Sent]:
    """Write a folder of albums and sections, and return what is in it."""
    sent = []
    for number, (path, album, section) in enumerate(_TREE, start=1):
        content = folder.jpeg(number)
        put(top / path, content, at=SHOT_AT + 60 * number)
        sent.append(Sent(path, album, section, 480, 320, content))
    return sent


def _noise(size: tuple[int, int], **options: object) -> bytes:
    data = io.BytesIO()
    Image.effect_noise(size, 120).convert("RGB").save(data, "JPEG", quality=97, **options)
    return data.getvalue()
