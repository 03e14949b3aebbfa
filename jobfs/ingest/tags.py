"""What a file says that the renditions and the photo's row need."""

from dataclasses import dataclass
from typing import IO

from PIL import Image

from jobfs.domain import exif
from jobfs.domain.exif import Shot
from jobfs.domain.metadata.values import Source
from jobfs.ingest import describing, profiles, raw, spaces
from jobfs.ingest.pictures import UNREADABLE, Picture

_EXIF_DIRECTORY, _INTEROPERABILITY_DIRECTORY = 0x8769, 0xA005


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What the file says of its picture; *icc* is the profile that its numbers are meant by."""

    shot: Shot
    orientation: int
    icc: bytes | None
    metadata: Source


def read(file: IO[bytes], picture: Picture) -> Tags:
    """Return what the file says; nothing, where its metadata cannot be read.

    To be asked after decoding: a PNG may have its metadata behind the pixels.
    """
    metadata = describing.described(file, picture.format, picture.image.info)
    is_raw = picture.format in raw.FORMATS
    main = _in_raw(file) if is_raw else _in_picture(picture.image)
    details = _directory(main, _EXIF_DIRECTORY)
    icc = picture.icc or spaces.profile(file, picture)
    if not icc and exif.is_adobe_rgb(details, _directory(main, _INTEROPERABILITY_DIRECTORY)):
        icc = profiles.adobe_rgb()
    return Tags(
        shot=_shot(metadata) if is_raw else exif.shot(main, details),
        orientation=picture.orientation or exif.orientation(main),
        icc=icc,
        metadata=metadata,
    )


def _shot(metadata: Source) -> Shot:
    """Return what the metadata say of the exposure: Pillow reads no raw file's."""
    said = metadata.said
    taken = said.taken or metadata.hinted.taken
    if taken is None:
        return Shot(make=said.make, model=said.model, serial=said.serial)
    return Shot(
        taken=taken.time, subsecond=taken.subsecond, offset=taken.offset,
        make=said.make, model=said.model, serial=said.serial,
    )  # fmt: skip


def _in_picture(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except UNREADABLE:
        return Image.Exif()


def _in_raw(file: IO[bytes]) -> Image.Exif:
    """Return the main directory of a raw file that begins as a TIFF does; nothing of others."""
    found = Image.Exif()
    try:
        file.seek(0)
        found.load_from_fp(file)
    except UNREADABLE:
        return Image.Exif()
    return found


def _directory(main: Image.Exif, tag: int) -> exif.Tags:
    try:
        return main.get_ifd(tag)
    except UNREADABLE:
        return {}
