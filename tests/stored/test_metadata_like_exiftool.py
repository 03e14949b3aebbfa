"""ExifTool writes the metadata, and says what the Metadata Working Group's rules make of them."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jobfs.blobs.store import BlobStore
from jobfs.catalog import descriptions
from jobfs.catalog.engine import Catalog
from jobfs.domain.metadata import blocks, xmp
from jobfs.domain.metadata.merging import embedded, merged
from jobfs.domain.metadata.values import Metadata
from tests.pure.pictures import noise, reading, saved
from tests.stored.metadata import bring, known
from tests.stored.wedding import Wedding

EXIF = (
    "-EXIF:ImageDescription=Exif's Käte", "-EXIF:Artist=Anna", "-EXIF:Copyright=© Exif",
    "-EXIF:DateTimeOriginal=2026:05:04 10:11:12", "-EXIF:SubSecTimeOriginal=034",
    "-EXIF:OffsetTimeOriginal=+02:00", "-EXIF:Make=Canon", "-EXIF:Model=EOS R5",
    "-EXIF:SerialNumber=0042", "-EXIF:LensModel=RF50mm F1.2", "-EXIF:Orientation#=6",
)  # fmt: skip
XMP = (
    "-XMP-dc:Title=XMP's Käte", "-XMP-dc:Description=XMP's", "-XMP-dc:Subject=sea",
    "-XMP-dc:Subject=Käte", "-XMP-dc:Creator=Bert", "-XMP-dc:Creator=Carla", "-XMP-dc:Rights=© XMP",
    "-XMP-xmp:Rating=4", "-XMP-photoshop:DateCreated=2026:05:05 11:12:13.5+01:00",
)  # fmt: skip
IPTC = (
    "-IPTC:Keywords=IPTC", "-IPTC:Caption-Abstract=IPTC's Käte", "-IPTC:By-line=Dora",
    "-IPTC:CopyrightNotice=© IPTC", "-IPTC:DateCreated=2026:05:06",
    "-IPTC:TimeCreated=12:13:14-05:00", "-IPTC:ObjectName=IPTC's title",
)  # fmt: skip
UTF_8 = ("-IPTC:CodedCharacterSet=UTF8",)
PLACE = (
    "-GPSLatitude=33.51", "-GPSLatitudeRef=S", "-GPSLongitude=18.25", "-GPSLongitudeRef=E",
    "-GPSAltitude=12.5", "-GPSAltitudeRef#=1",
)  # fmt: skip
SYNCHRONISED, CHANGED_SINCE = (
    ("-IPTCDigest=new",),
    ("-IPTCDigest=0123456789abcdef0123456789abcdef",),
)
LONG = (
    "-XMP-dc:Description=" + "long " * 500, "-XMP-dc:Subject=" + "k" * 80,
    "-IPTC:Caption-Abstract=" + ("long " * 500)[:2000], "-IPTC:Keywords=" + "k" * 64,
)  # fmt: skip

CASES = {
    "exif": EXIF,
    "xmp": XMP,
    "iptc in UTF-8": UTF_8 + IPTC,
    "iptc in Latin-1": IPTC,
    "all, in step": EXIF + XMP + UTF_8 + IPTC + SYNCHRONISED,
    "xmp and iptc": XMP + UTF_8 + IPTC,
    "xmp and iptc, in step": XMP + UTF_8 + IPTC + SYNCHRONISED,
    "xmp and iptc changed since": XMP + UTF_8 + IPTC + CHANGED_SINCE,
    "exif, xmp, and iptc changed since": EXIF + XMP + UTF_8 + IPTC + CHANGED_SINCE,
    "xmp, and cut iptc changed since": LONG + UTF_8 + CHANGED_SINCE,
    "a place": EXIF + PLACE,
    "several artists": ('-EXIF:Artist=Anna; "Studio; Berlin"',),
    "nothing": ("-XMP-dc:Source=x",),
}


def exiftool(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["exiftool", "-config", "", "-charset", "iptc=Latin", *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def told(path: Path, *options: str) -> dict[str, Any]:
    """Return what ExifTool says of a file, by "Group:Name"; numbers as numbers."""
    (answer,) = json.loads(exiftool("-json", "-n", "-G1", "-struct", *options, path))
    return dict(answer)


def read(path: Path) -> Metadata:
    content = path.read_bytes()
    if path.suffix == ".xmp":
        return merged(xmp.read(content))
    find = blocks.in_tiff if content[:2] in {b"II", b"MM"} else blocks.in_jpeg
    return merged(embedded(find(reading(content), len(content))))


def every(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def clock(value: object) -> str | None:
    """Return ExifTool's time as jobfs has it."""
    return None if value is None else re.sub(r"^(\d+):(\d+):(\d+) ", r"\1-\2-\3T", str(value))


def stripped(value: object) -> str | None:
    return None if value is None else str(value).strip()


def check(metadata: Metadata, answer: dict[str, Any]) -> None:
    """Compare all that ExifTool knows from the Metadata Working Group's rules."""
    assert metadata.caption == stripped(answer.get("MWG:Description"))
    assert metadata.keywords == every(answer.get("MWG:Keywords"))
    assert metadata.creators == every(answer.get("MWG:Creator"))
    assert metadata.copyright == answer.get("MWG:Copyright")
    assert metadata.rating == answer.get("MWG:Rating")
    assert metadata.orientation == answer.get("MWG:Orientation")
    taken = None if metadata.taken is None else metadata.taken.text
    assert taken == clock(answer.get("MWG:DateTimeOriginal"))


#: ExifTool 12.57 pads IPTC in a TIFF behind its digest, and so takes it for changed; jobfs does not.
PAIRS = [
    (case, format_name)
    for case in CASES
    for format_name in ("JPEG", "TIFF")
    if not (format_name == "TIFF" and case.endswith("in step"))
]


@pytest.mark.parametrize(("case", "format_name"), PAIRS)
def test_what_counts_is_what_exiftool_says(tmp_path: Path, case: str, format_name: str) -> None:
    path = tmp_path / f"picture.{format_name.lower()}"
    path.write_bytes(saved(noise(), format_name))
    exiftool("-overwrite_original", *CASES[case], path)

    metadata = read(path)

    check(metadata, told(path, "-use", "MWG"))


@pytest.mark.parametrize("case", ["exif, xmp, and iptc changed since", "a place", "nothing"])
def test_what_is_in_the_database_is_what_exiftool_says(
    tmp_path: Path, catalog: Catalog, store: BlobStore, case: str
) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(saved(noise(), "JPEG"))
    exiftool("-overwrite_original", *CASES[case], path)
    wedding = Wedding.add(catalog, store)

    bring(wedding, "Wedding/picture.jpg", path.read_bytes())

    (photo,) = known(wedding).values()
    said, exact = told(path, "-use", "MWG"), told(path)
    assert photo.known.caption == stripped(said.get("MWG:Description"))
    assert photo.known.keywords == every(said.get("MWG:Keywords"))
    assert photo.known.creators == every(said.get("MWG:Creator"))
    assert photo.known.copyright == said.get("MWG:Copyright")
    assert photo.known.rating == said.get("MWG:Rating")
    assert photo.known.orientation == said.get("MWG:Orientation")
    assert photo.captured == clock(said.get("MWG:DateTimeOriginal"))
    assert photo.known.make == exact.get("IFD0:Make")
    assert photo.known.lens == exact.get("ExifIFD:LensModel")
    place = wedding.do(descriptions.place, photo.row_id)
    latitude = None if place is None else place.latitude
    assert latitude == pytest.approx(exact.get("Composite:GPSLatitude"), abs=1e-6)


def test_what_the_group_does_not_speak_of_is_what_exiftool_reads(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(saved(noise(), "JPEG"))
    exiftool("-overwrite_original", *EXIF, *XMP, *PLACE, path)

    metadata = read(path)

    answer = told(path)
    assert metadata.make == answer["IFD0:Make"]
    assert metadata.model == answer["IFD0:Model"]
    assert metadata.serial == answer["ExifIFD:SerialNumber"]
    assert metadata.lens == answer["ExifIFD:LensModel"]
    assert metadata.title == answer["XMP-dc:Title"]
    assert metadata.place is not None
    assert metadata.place.latitude == pytest.approx(answer["Composite:GPSLatitude"], abs=1e-6)
    assert metadata.place.longitude == pytest.approx(answer["Composite:GPSLongitude"], abs=1e-6)
    assert metadata.place.altitude == pytest.approx(answer["Composite:GPSAltitude"])


@pytest.mark.parametrize("compact", ["OneDesc", "Shorthand"])
def test_a_sidecar_of_exiftool_is_read(tmp_path: Path, compact: str) -> None:
    path = tmp_path / "picture.xmp"
    exiftool("-api", f"Compact={compact}", *XMP, *PLACE, path)

    metadata = read(path)

    answer = told(path)
    assert metadata.title == answer["XMP-dc:Title"]
    assert metadata.keywords == ("sea", "Käte")
    assert metadata.creators == ("Bert", "Carla")
    assert metadata.rating == 4


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real camera files that JOBFS_CORPUS names."""
    folder = os.environ.get("JOBFS_CORPUS")  # noqa: TID251 - a setting of the tests, not of jobfs
    if not folder:
        pytest.skip("JOBFS_CORPUS does not name a folder of real files")
    return Path(folder)


def test_real_files_are_read_as_exiftool_reads_them(corpus: Path) -> None:
    for path in sorted((corpus / "cameras").glob("*.jpg")) + sorted((corpus / "raw").glob("*.dng")):
        answer = told(path)
        metadata = read(path)

        assert metadata.make == stripped(answer.get("IFD0:Make")), path
        assert metadata.model == stripped(answer.get("IFD0:Model")), path
        assert metadata.orientation == answer.get("IFD0:Orientation"), path
        time = None if metadata.taken is None else metadata.taken.time
        assert time == clock(answer.get("ExifIFD:DateTimeOriginal")), path
        found = metadata.place and metadata.place.latitude
        assert found == pytest.approx(answer.get("Composite:GPSLatitude"), abs=1e-6), path
