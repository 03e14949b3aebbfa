import json
from dataclasses import fields, replace
from itertools import permutations

import msgspec
import pytest

from jobfs.domain.metadata import blocks, exif, iptc, sidecars, tiff, xmp
from jobfs.domain.metadata.bounds import MOST, bounded
from jobfs.domain.metadata.merging import embedded, merged
from jobfs.domain.metadata.values import Facts, Json, Moment, Place, Source
from tests.pure.metadata import (
    UTF_8_NAMED,
    alternatives,
    blocks_of,
    exif_block,
    field,
    from_exif,
    from_xmp,
    jpeg_with,
    listed,
    packet,
    photoshop,
    text,
)
from tests.pure.pictures import end_of_directory, reading
from tests.pure.pictures import tiff as tiff_of

DESCRIPTION, ARTIST, COPYRIGHT = 0x010E, 0x013B, 0x8298
NO_EXIF = exif_block()
IPTC = UTF_8_NAMED + field(120, "IPTC's") + field(25, "IPTC's")
XMP = packet(alternatives("dc:description", "x-default=XMP's") + listed("dc:subject", "XMP's"))


def said(
    exif_content: bytes | None = None, xmp_content: str | None = None, resources: bytes = b""
) -> Facts:
    """Return the facts of a JPEG with these blocks."""
    content = jpeg_with(exif_content=exif_content, xmp_content=xmp_content, resources=resources)
    return merged(embedded(blocks_of(content)))


def test_exif_comes_before_xmp_and_xmp_before_iptc() -> None:
    caption = exif_block({DESCRIPTION: text("Exif's")})

    assert said(caption, XMP, photoshop(IPTC)).caption == "Exif's"
    assert said(NO_EXIF, XMP, photoshop(IPTC)).caption == "XMP's"
    assert said(NO_EXIF, None, photoshop(IPTC)).caption == "IPTC's"
    assert said(NO_EXIF, XMP, photoshop(IPTC)).keywords == ("XMP's",)


def test_exif_of_spaces_says_nothing() -> None:
    assert said(exif_block({DESCRIPTION: text("     ")}), XMP).caption == "XMP's"


def test_iptc_that_was_changed_since_comes_before_xmp() -> None:
    assert said(None, XMP, photoshop(IPTC, digest_of=IPTC)).keywords == ("XMP's",)
    assert said(None, XMP, photoshop(IPTC, digest_of=b"as it was")).keywords == ("IPTC's",)
    caption = exif_block({DESCRIPTION: text("Exif's")})
    assert said(caption, XMP, photoshop(IPTC, digest_of=b"as it was")).caption == "Exif's"


def test_what_changed_iptc_does_not_have_is_the_xmps() -> None:
    changed = photoshop(UTF_8_NAMED + field(5, "Title"), digest_of=b"as it was")

    assert said(None, XMP, changed).caption == "XMP's"


@pytest.mark.parametrize("letter", ["x", "ä", "語"])
def test_a_text_that_iptc_cut_is_the_xmps_whole(letter: str) -> None:
    whole = letter * 90
    cut = whole.encode()[:64]
    iptc_block = UTF_8_NAMED + field(5, cut) + field(25, cut) + field(25, "other")
    xmp_content = packet(
        alternatives("dc:title", f"x-default={whole}") + listed("dc:subject", whole)
    )

    told = said(None, xmp_content, photoshop(iptc_block, digest_of=b"as it was"))

    assert told.title == whole
    assert told.keywords == (whole, "other")


def test_a_short_text_that_xmps_begins_with_was_not_cut() -> None:
    iptc_block = UTF_8_NAMED + field(5, "Kiel")
    xmp_content = packet(alternatives("dc:title", "x-default=Kiel and more"))

    assert said(None, xmp_content, photoshop(iptc_block, digest_of=b"before")).title == "Kiel"


def test_iptc_is_padded_in_a_tiff_and_has_not_changed() -> None:
    padded = IPTC + bytes(-len(IPTC) % 4)
    resources = photoshop(b"", digest_of=IPTC)
    at = end_of_directory(3)
    content = tiff_of(
        [
            (0x02BC, 1, len(XMP.encode()), at + len(padded) + len(resources)),
            (0x83BB, 4, len(padded) // 4, at),
            (0x8649, 7, len(resources), at + len(padded)),
        ],
        data=padded + resources + XMP.encode(),
    )

    found = blocks.in_tiff(reading(content), len(content))

    assert not blocks.iptc_is_newer(found)
    assert embedded(found).said.keywords == ("XMP's",)


def test_iptc_in_a_tiff_may_have_its_bytes_swapped() -> None:
    padded = IPTC + bytes(-len(IPTC) % 4)
    swapped = b"".join(padded[n : n + 4][::-1] for n in range(0, len(padded), 4))
    content = tiff_of([(0x83BB, 4, len(padded) // 4, end_of_directory(1))], data=swapped)

    found = blocks.in_tiff(reading(content), len(content))

    assert embedded(found).said.caption == "IPTC's"


# --- files beside the photo ---


def sidecar(**facts: object) -> Source:
    return Source(said=replace(Facts(), **facts))  # type: ignore[arg-type]


FILE = Source(
    said=Facts(
        taken=Moment(time="2026-05-04T10:11:12", subsecond="034", offset="+02:00"),
        make="Canon", model="R5", serial="1", lens="50 mm", orientation=6, title="File's",
        caption="File's", keywords=("file",), creators=("File",), copyright="File", rating=1,
        place=Place(latitude=1.0, longitude=1.0),
    )
)  # fmt: skip
OTHER = Facts(
    taken=Moment(time="2030-01-01T00:00:00"), make="Nikon", model="Z9", serial="2", lens="x",
    orientation=1, title="Mine", caption="Mine", keywords=("mine",), creators=("Me",),
    copyright="Me", rating=5, place=Place(latitude=2.0, longitude=2.0),
)  # fmt: skip
CAMERAS = {"make", "model", "serial", "lens", "orientation"}


@pytest.mark.parametrize("name", [field.name for field in fields(Facts)])
def test_a_sidecar_decides_what_people_decide(name: str) -> None:
    told = merged(FILE, [Source(said=OTHER)])

    decides = FILE.said if name in CAMERAS else OTHER
    assert getattr(told, name) == getattr(decides, name)


def test_a_sidecar_tells_what_the_file_does_not() -> None:
    told = merged(Source(), [Source(said=OTHER)])

    assert all(getattr(told, field.name) == getattr(OTHER, field.name) for field in fields(Facts))


def test_the_more_exact_name_decides() -> None:
    """The caller puts x.jpg.xmp before x.xmp, in whichever order they arrived."""
    told = merged(FILE, [sidecar(title="x.jpg.xmp's"), sidecar(title="x.xmp's", rating=3)])

    assert (told.title, told.rating, told.caption) == ("x.jpg.xmp's", 3, "File's")


def test_keywords_of_several_sources_are_not_united() -> None:
    assert merged(FILE, [sidecar(keywords=("mine",))]).keywords == ("mine",)


def test_a_time_is_filled_up_from_a_source_with_the_same_time() -> None:
    same = sidecar(taken=Moment(time="2026-05-04T10:11:12"))
    other = sidecar(taken=Moment(time="2026-05-04T11:11:12"))

    assert merged(FILE, [same]).taken == FILE.said.taken
    assert merged(FILE, [other]).taken == other.said.taken


def test_hints_count_where_nobody_says_it() -> None:
    hint = Source(hinted=Facts(title="Headline", taken=Moment(time="2000-01-01T00:00:00")))

    assert merged(FILE, [hint]).title == "File's"
    assert merged(FILE, [hint]).taken == FILE.said.taken
    assert merged(hint, [sidecar(caption="Mine")]).title == "Headline"
    assert merged(hint).taken == Moment(time="2000-01-01T00:00:00")
    assert merged(hint, [sidecar(title="Mine")]).title == "Mine"


def test_a_rating_of_none_is_a_rating() -> None:
    assert merged(FILE, [sidecar(rating=0)]).rating == 0


def test_the_whole_names_every_source() -> None:
    content = jpeg_with(
        exif_content=exif_block({DESCRIPTION: text("a")}, gps={29: text("2026:05:04")}),
        xmp_content=packet(attributes='dc:format="b"'),
        resources=photoshop(field(90, "Kiel")),
    )

    told = merged(embedded(blocks_of(content)), [from_xmp(attributes='xmp:Label="Red"')])

    assert told.everything == {
        "Exif": {"ImageDescription": "a"},
        "XMP": {"dc:format": "b"},
        "IPTC": {"City": "Kiel"},
        "sidecars": [{"xmp:Label": "Red"}],
    }
    assert told.private == {"Exif": {"GPSDateStamp": "2026:05:04"}}


def test_a_block_that_cannot_be_read_leaves_the_others() -> None:
    content = jpeg_with(exif_content=b"nonsense", xmp_content="<x", resources=photoshop(IPTC))

    told = merged(embedded(blocks_of(content)))

    assert told.caption == "IPTC's"
    reasons = told.everything["unreadable"]
    assert isinstance(reasons, dict)
    assert list(reasons) == ["Exif", "XMP"]


def test_a_source_may_be_kept_as_json_until_a_sidecar_comes() -> None:
    source = embedded(
        blocks_of(
            jpeg_with(
                exif_content=exif_block(
                    {ARTIST: text("Anna")}, {0x9003: text("2026:05:04 10:11:12")}
                ),
                xmp_content=XMP,
            )
        )
    )

    kept = msgspec.json.decode(msgspec.json.encode(source), type=dict)

    restored = Source(
        said=msgspec.convert(kept["said"], Facts), hinted=msgspec.convert(kept["hinted"], Facts),
        everything=kept["everything"], private=kept["private"],
    )  # fmt: skip
    assert restored == source


# --- the whole, bounded ---


@pytest.mark.parametrize(
    "whole",
    [
        {"a": "x" * 100_000},
        {str(n): "ä" * 100 for n in range(10_000)},
        {"a": [{"b": [1, 2.5, None, True]}] * 10_000},
        {"\x00" * 300 + "k": "\ud800\x00"},
        {"a": ["\U0001f600" * 3000] * 30},
    ],
    ids=range(5),
)
def test_the_whole_is_cut_to_what_a_row_may_hold(whole: dict[str, Json]) -> None:
    kept = bounded(whole)

    assert len(json.dumps(kept)) <= MOST
    assert kept.get("incomplete", False) == (len(json.dumps(whole)) > 2_000)


def test_nothing_is_cut_from_what_is_small_and_what_is_no_number_is_left_out() -> None:
    whole: dict[str, Json] = {
        "a": 1,
        "b": [1.5, float("nan"), float("inf")],
        "c": {"d": "one\ntwo"},
    }

    assert bounded(whole) == {"a": 1, "b": [1.5, None, None], "c": {"d": "one\ntwo"}}


def test_the_file_cannot_say_itself_that_all_is_there() -> None:
    assert bounded({"incomplete": False}) == {}


def test_a_deep_whole_ends_somewhere() -> None:
    deep: Json = "bottom"
    for _ in range(30):
        deep = [deep]

    kept = bounded({"deep": deep, "after": 1})

    assert kept["incomplete"] is True
    assert kept["after"] == 1
    assert "bottom" not in json.dumps(kept)


def test_order_of_arrival_changes_nothing() -> None:
    """Each part is read on its own, at any time; what counts is where it stands, not when it came."""
    readers = {
        "file": lambda: from_exif({COPYRIGHT: text("Exif's")}),
        "x.jpg.xmp": lambda: xmp.read(packet(attributes='dc:title="a"').encode()),
        "x.xmp": lambda: xmp.read(packet(attributes='dc:title="b" xmp:Rating="2"').encode()),
    }
    results = []
    for order in permutations(readers):
        read = {name: readers[name]() for name in order}
        results.append(merged(read["file"], [read["x.jpg.xmp"], read["x.xmp"]]))

    assert all(result == results[0] for result in results)
    assert (results[0].title, results[0].rating, results[0].copyright) == ("a", 2, "Exif's")


def test_every_reader_gives_the_same_for_nothing() -> None:
    assert exif.read(tiff.part(exif_block())) == Source()
    assert iptc.read(field(0, b"\0\2")).said == Facts()
    assert from_xmp() == Source()


@pytest.mark.parametrize(
    ("sidecar_name", "photo", "rank"),
    [
        ("x.jpg.xmp", "x.jpg", 0),
        ("X.JPG.xmp", "x.jpg", 0),
        ("x.xmp", "x.jpg", 1),
        ("x.XMP", "X.CR3", 1),
        ("x.jpg.xmp", "x.cr3", 2),
        ("x.CR3.xmp", "X.jpeg", 2),
        ("x.cr3.xmp", "x.nef", None),
        ("x.jpg.xmp", "x.png", None),
        ("x.y.xmp", "x.y.jpg", 1),
        ("x.xmp", "x.y.jpg", None),
        ("Ka\N{COMBINING DIAERESIS}te.xmp", "Käte.jpg", 1),
        ("y.xmp", "x.jpg", None),
        ("x.xml", "x.jpg", None),
        (".xmp", ".jpg", None),
        ("x.xmp", "x", 0),
    ],
)
def test_a_sidecar_speaks_of_the_file_that_it_is_named_for(
    sidecar_name: str, photo: str, rank: int | None
) -> None:
    assert sidecars.precedence(sidecar_name, photo) == rank
