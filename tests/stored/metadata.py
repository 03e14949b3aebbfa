"""Photos and sidecars that say something, taken in as a worker does, and what the database then knows."""

import io
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import Connection, select

from jobfs.blobs.store import new_key
from jobfs.catalog import photo_listing, photos, sidecars
from jobfs.catalog.photo_listing import Photo
from jobfs.catalog.photos import Ingested, Rendition
from jobfs.catalog.schema import PhotoRow
from jobfs.catalog.uploads import Upload
from jobfs.domain.uploads import Change
from jobfs.ingest import describing, rendering
from jobfs.ingest.outcomes import Decoded, Described, Outcome, Refused, Wanted
from tests.stored.sending import claimed
from tests.stored.studio import NOON
from tests.stored.wedding import Wedding

THUMBNAIL = [Wanted(name="thumbnail", edge=16, quality=50)]


def xmp(
    *,
    title: str | None = None,
    keywords: tuple[str, ...] = (),
    rating: int | None = None,
    **more: str,
) -> bytes:
    """Return a packet, or a sidecar's content; *more* are attributes like exif__GPSLatitude."""
    attributes = dict(more) | ({} if rating is None else {"xmp__Rating": str(rating)})
    words = "".join(f"<rdf:li>{escape(word)}</rdf:li>" for word in keywords)
    named = f'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>'
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        + "".join(f' {name.replace("__", ":")}="{value}"' for name, value in attributes.items())
        + ">"
        + (named if title else "")
        + (f"<dc:subject><rdf:Bag>{words}</rdf:Bag></dc:subject>" if words else "")
        + "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def jpeg(
    taken: str = "2026:05:04 10:11:12", *, colour: str = "teal", place: bool = False,
    packet: bytes = b"",
    comment: bytes = b"",
) -> bytes:  # fmt: skip
    """Return a JPEG of a camera, taken at "YYYY:MM:DD HH:MM:SS"; in South Africa if it has a *place*."""
    metadata = Image.Exif()
    metadata[0x010F], metadata[0x0110], metadata[0x8298] = "Canon", "EOS R5", "(c) Anna"
    metadata.get_ifd(0x8769).update(
        {0x9003: taken, 0x9291: "034", 0x9011: "+02:00", 0xA431: "0042", 0xA434: "RF50mm F1.2"}
    )
    if comment:
        metadata.get_ifd(0x8769)[0x9286] = comment
    if place:
        metadata.get_ifd(0x8825).update(
            {1: "S", 2: (33.0, 30.0, 36.0), 3: "E", 4: (18.0, 15.0, 0.0)}
        )
    data = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(data, "JPEG", exif=metadata, xmp=packet)
    return data.getvalue()


def picture_saying(format_name: str) -> bytes:
    """Return a picture of another format with the make Canon and the title "The cake"."""
    metadata = Image.Exif()
    metadata[0x010F] = "Canon"
    packet, data = xmp(title="The cake"), io.BytesIO()
    options: dict[str, Any] = {"exif": metadata, "xmp": packet}
    if format_name == "PNG":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", packet.decode())
    if format_name == "TIFF":
        metadata[0x02BC] = packet
    Image.new("RGB", (60, 40)).save(data, format_name, **options)
    return data.getvalue()


def take_in(wedding: Wedding, upload: Upload) -> None:
    """Ingest an upload; in this process, so as not to start a decoder for each test."""
    with (
        wedding.store.reading(upload.blob_key) as descriptor,
        open(descriptor, "rb", closefd=False) as file,
    ):
        if upload.format == "XMP":
            _conclude(wedding, upload, describing.sidecar(file))
        else:
            _conclude(wedding, upload, rendering.render(file, THUMBNAIL, pixel_limit=10**6))


def take_in_raw(wedding: Wedding, upload: Upload, like: bytes) -> None:
    """Ingest an upload as if it were a raw file of the camera that made the JPEG *like*."""
    decoded = rendering.render(io.BytesIO(like), THUMBNAIL, pixel_limit=10**6)
    assert isinstance(decoded, Decoded)
    _conclude(wedding, upload, replace(decoded, format="CR2"))


def _conclude(wedding: Wedding, upload: Upload, outcome: Outcome) -> None:
    task, sha256 = claimed(wedding.catalog, upload.id), f"of {upload.blob_key}"
    if isinstance(outcome, Described):
        assert wedding.do(sidecars.record, task, outcome.metadata, sha256=sha256, now=NOON)
        return
    if isinstance(outcome, Refused):
        wedding.do(
            photos.refuse, task, Change.NOT_DECODED, sha256=sha256, reason=outcome.reason,
            advice=outcome.advice, now=NOON,
        )  # fmt: skip
        return
    assert isinstance(outcome, Decoded)
    key = new_key()
    wedding.store.put_renditions({key: b"a rendition"})
    found = Ingested(
        sha256=sha256, format=outcome.format, width=60, height=40, shot=outcome.shot,
        metadata=outcome.metadata,
        renditions=(Rendition(name="thumbnail", width=60, height=40, size=11, key=key),),
    )  # fmt: skip
    wedding.do(photos.record, task, found, now=NOON)


def bring(wedding: Wedding, path: str, data: bytes) -> Upload:
    """Send a new file, and ingest it."""
    upload = wedding.send(path, data)
    take_in(wedding, upload)
    return upload


def bring_again(wedding: Wedding, path: str, data: bytes) -> Upload:
    """Overwrite a file, and ingest it."""
    upload = wedding.overwrite(path, data)
    take_in(wedding, upload)
    return upload


def known(wedding: Wedding) -> dict[str, Photo]:
    """Return the current photos by their paths below the job."""

    def step(connection: Connection) -> dict[str, Photo]:
        return {photo.path: photo for photo in photo_listing.listing(connection, wedding.job_id)}

    return wedding.do(step)


def row(wedding: Wedding, photo: Photo) -> dict[str, Any]:
    """Return a photo's row, as plain SQL sees it."""

    def step(connection: Connection) -> dict[str, Any]:
        query = select(PhotoRow.__table__).where(PhotoRow.id == photo.row_id)
        return dict(connection.execute(query).one()._mapping)

    return wedding.do(step)
