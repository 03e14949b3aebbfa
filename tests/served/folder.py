"""A folder of camera photos, as a photographer drags it onto a job."""

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

#: Seconds since 1970 of the first photo; each later one is a minute younger.
_FIRST_SHOT = 1_780_000_000


@dataclass(frozen=True, slots=True)
class Sent:
    """A photo of the folder, and what must become of it; *width* and *height* as it is looked at."""

    path: str
    album: str
    section: str
    width: int
    height: int
    content: bytes

    @property
    def sha256(self) -> str:
        """The digest of its bytes."""
        return digest(self.content)

    def fitted(self, edge: int) -> tuple[int, int]:
        """Return its size when its longer side is no longer than *edge*."""
        scale = min(1.0, edge / max(self.width, self.height))
        return round(self.width * scale), round(self.height * scale)


#: Folders of the tree: path, album, section, number of photos.
_FOLDERS = (
    ("", "Unsorted", "individuals", 1),
    ("Klasse 1a/", "Klasse 1a", "individuals", 6),
    ("Klasse 1a/group/", "Klasse 1a", "group", 2),
    ("Klasse 1a/individuals/", "Klasse 1a", "individuals", 3),
    ("Größere Schüler & Co/", "Größere Schüler & Co", "individuals", 4),
    ("Größere Schüler & Co/Group/", "Größere Schüler & Co", "group", 1),
    ("Team/Individuals/", "Team", "individuals", 3),
)
#: Sizes in pixels: most photos are as small as a test likes, one is larger than every rendition.
_LARGE, _SMALL = (2400, 1600), (480, 320)
#: EXIF: turned by a quarter, so that width and height change places.
_TURNED = 6


def make(folder: Path) -> list[Sent]:
    """Write the tree into *folder* and return what is in it."""
    sent: list[Sent] = []
    for path, album, section, number in _FOLDERS:
        for _ in range(number):
            sent.append(_photo(len(sent) + 1, path, album, section))
    for number, photo in enumerate(sent):
        file = folder / photo.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(photo.content)
        os.utime(file, (_FIRST_SHOT + 60 * number,) * 2)
    return sent


def jpeg(number: int, *, size: tuple[int, int] = _SMALL, orientation: int = 1) -> bytes:
    """Return a camera's JPEG of noise that no other number gives."""
    metadata = Image.Exif()
    metadata[0x0112] = orientation
    metadata[0x010F], metadata[0x0110] = "Canon", "Canon EOS R6"
    metadata.get_ifd(0x8769)[0x9003] = f"2026:05:04 12:{number // 60 % 60:02}:{number % 60:02}"
    noise = Image.effect_noise((size[0] // 8, size[1] // 8), 60).resize(size)
    colour = ("teal", "gold", "plum", "navy", "olive", "coral")[number % 6]
    picture = Image.merge("RGB", [noise] * 3)
    data = io.BytesIO()
    Image.blend(picture, Image.new("RGB", size, colour), 0.5).save(data, "JPEG", exif=metadata)
    return data.getvalue()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def heavy_jpeg() -> bytes:
    """Return a JPEG of some megabytes, which a slow link takes seconds to send."""
    data = io.BytesIO()
    Image.effect_noise((2000, 1500), 120).convert("RGB").save(data, "JPEG", quality=95)
    return data.getvalue()


def _photo(number: int, path: str, album: str, section: str) -> Sent:
    width, height = _LARGE if number == 1 else _SMALL
    orientation = _TURNED if number % 5 == 0 else 1
    content = jpeg(number, size=(width, height), orientation=orientation)
    if orientation == _TURNED:
        width, height = height, width
    name = f"Schüler {number}.JPG" if "ü" in path else f"IMG_{number:04}.jpg"
    return Sent(path + name, album, section, width, height, content)
