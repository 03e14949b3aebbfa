import pytest

from jobfs.domain.metadata import rdf, xmp
from jobfs.domain.metadata.values import Moment, Place
from jobfs.domain.refusals import UnreadableMetadataError
from tests.pure.metadata import alternatives, from_xmp, listed, packet

RICH = (
    alternatives("dc:title", "de-DE=Titel", "x-default=Title")
    + alternatives("dc:description", "x-default=one&#xA;two")
    + alternatives("dc:rights", "en=© Anna")
    + listed("dc:subject", "sea", "Käte", "sea")
    + listed("dc:creator", "Anna", "Bert", kind="Seq")
)


def test_an_editor_says_who_what_and_how_good() -> None:
    said = from_xmp(RICH, 'xmp:Rating="4" tiff:Orientation="6" tiff:Make="Canon"').said

    assert (said.title, said.caption, said.copyright) == ("Title", "one\ntwo", "© Anna")
    assert said.keywords == ("sea", "Käte")
    assert said.creators == ("Anna", "Bert")
    assert (said.rating, said.orientation, said.make) == (4, 6, "Canon")


@pytest.mark.parametrize(
    "codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
)  # fmt: skip
def test_a_packet_is_read_in_its_encoding(codec: str) -> None:
    assert xmp.read(packet(RICH).encode(codec)).said.keywords == ("sea", "Käte")


def test_a_sidecar_may_declare_its_encoding() -> None:
    content = '<?xml version="1.0" encoding="UTF-8"?>\n' + packet(RICH).removeprefix("\ufeff")

    assert xmp.read(content.encode()).said.title == "Title"


def test_padding_after_a_packet_does_not_matter() -> None:
    assert xmp.read(packet(RICH).encode() + b"  \n" * 1000 + b"\0").said.title == "Title"


def test_prefixes_are_the_packets_own() -> None:
    content = (
        '<R:RDF xmlns:R="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><R:Description>'
        '<subject xmlns="http://purl.org/dc/elements/1.1/"><R:Bag><R:li>sea</R:li></R:Bag></subject>'
        '<dc:title xmlns:dc="http://example.org/">not this</dc:title>'
        '<xmp:title xmlns:xmp="http://purl.org/dc/elements/1.1/">this</xmp:title>'
        "</R:Description></R:RDF>"
    )

    told = xmp.read(content.encode())

    assert (told.said.title, told.said.keywords) == ("this", ("sea",))
    assert told.everything["http://example.org/:title"] == "not this"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-05-04T10:11:12.034-02:30", Moment(time="2026-05-04T10:11:12", subsecond="034",
                                                 offset="-02:30")),
        ("2026-05-04T10:11:12Z", Moment(time="2026-05-04T10:11:12", offset="+00:00")),
        ("2026-05-04T10:11", Moment(time="2026-05-04T10:11:00")),
        ("2026:05:04 10:11:12", Moment(time="2026-05-04T10:11:12")),
        ("2026-05-04", None),
        ("2026", None),
        ("0000-00-00T00:00:00", None),
    ],
)  # fmt: skip
def test_a_time_is_as_exact_as_it_is_written(written: str, read: Moment | None) -> None:
    assert from_xmp(attributes=f'photoshop:DateCreated="{written}"').said.taken == read


def test_the_document_s_time_is_only_a_hint() -> None:
    told = from_xmp(attributes='xmp:CreateDate="2026-05-04T10:11:12"')

    assert (told.said.taken, told.hinted.taken) == (None, Moment(time="2026-05-04T10:11:12"))


@pytest.mark.parametrize(
    ("written", "stars"),
    [
        ("5", 5),
        ("-1", -1),
        ("0", 0),
        ("3.0", 3),
        ("6", None),
        ("-2", None),
        ("", None),
        ("x", None),
    ],
)
def test_a_rating_is_a_number_of_stars_or_rejected(written: str, stars: int | None) -> None:
    assert from_xmp(f"<xmp:Rating>{written}</xmp:Rating>").said.rating == stars


def test_windows_percent_are_a_hint() -> None:
    assert from_xmp(attributes='MicrosoftPhoto:Rating="75"').hinted.rating == 4


@pytest.mark.parametrize(
    ("latitude", "longitude", "altitude", "read"),
    [
        ("33,30.6S", "18,15.0E", "25/2", Place(latitude=-33.51, longitude=18.25, altitude=12.5)),
        ("33,30,36S", "18,15,0W", "", Place(latitude=-33.51, longitude=-18.25)),
        ("-33.5", "+18.25", "12", Place(latitude=-33.5, longitude=18.25, altitude=12.0)),
        ("1,1N", "1,1E", "1/0", Place(latitude=1 + 1 / 60, longitude=1 + 1 / 60)),
        ("91,0N", "1,0E", "", None),
        ("0,0N", "0,0E", "", None),
        ("north", "1,0E", "", None),
    ],
)
def test_a_place_is_in_degrees(
    latitude: str, longitude: str, altitude: str, read: Place | None
) -> None:
    written = f'exif:GPSLatitude="{latitude}" exif:GPSLongitude="{longitude}"'

    told = from_xmp(attributes=f'{written} exif:GPSAltitude="{altitude}"')

    assert told.said.place == read


def test_places_are_kept_out_of_the_whole_at_any_depth() -> None:
    inside = (
        '<Iptc4xmpExt:LocationCreated><rdf:Bag><rdf:li rdf:parseType="Resource">'
        "<exif:GPSLatitude>1,1N</exif:GPSLatitude><Iptc4xmpExt:City>Kiel</Iptc4xmpExt:City>"
        "</rdf:li></rdf:Bag></Iptc4xmpExt:LocationCreated>"
    )

    told = from_xmp(inside, 'exif:GPSMapDatum="WGS-84" dc:format="image/jpeg"')

    assert told.everything == {
        "dc:format": "image/jpeg",
        "Iptc4xmpExt:LocationCreated": [{"Iptc4xmpExt:City": "Kiel"}],
    }
    assert told.private == {
        "exif:GPSMapDatum": "WGS-84",
        "Iptc4xmpExt:LocationCreated/0/exif:GPSLatitude": "1,1N",
    }


@pytest.mark.parametrize("name", ["GpsLatitude", "GpsLongtitude", "Latitude", "lat", "long"])
def test_places_under_other_names_are_kept_out_too(name: str) -> None:
    """DJI's drones write GpsLongtitude; W3C's vocabulary has lat and long."""
    told = from_xmp(f'<a:{name} xmlns:a="http://example.org/">1.5</a:{name}>')

    assert (dict(told.everything), dict(told.private)) == (
        {},
        {f"http://example.org/:{name}": "1.5"},
    )


@pytest.mark.parametrize(
    ("inside", "value"),
    [
        ("<dc:x>text</dc:x>", "text"),
        ('<dc:x rdf:parseType="Resource"><dc:y>1</dc:y></dc:x>', {"dc:y": "1"}),
        ('<dc:x><rdf:Description dc:y="1"/></dc:x>', {"dc:y": "1"}),
        ('<dc:x dc:y="1" dc:z="2"/>', {"dc:y": "1", "dc:z": "2"}),
        ('<dc:x rdf:resource="http://example.org/"/>', "http://example.org/"),
        ('<dc:x rdf:parseType="Resource"><rdf:value>v</rdf:value><dc:q>q</dc:q></dc:x>', "v"),
        ('<dc:x><rdf:Description rdf:value="v" dc:q="q"/></dc:x>', "v"),
        ("<dc:x/>", ""),
        ("<dc:x><rdf:Seq/></dc:x>", []),
        ("<dc:x><rdf:Alt><rdf:li>a</rdf:li></rdf:Alt></dc:x>", ["a"]),
        ('<dc:x><rdf:Alt><rdf:li xml:lang="DE">a</rdf:li></rdf:Alt></dc:x>', {"de": "a"}),
    ],
)
def test_every_form_of_a_value_is_read(inside: str, value: object) -> None:
    """ISO 16684-1, 7.4 to 7.9: the same in RDF may be written in many ways."""
    assert rdf.properties(packet(inside).encode()) == {"dc:x": value}


def test_the_first_of_several_descriptions_with_a_property_counts() -> None:
    second = '</rdf:Description><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">'
    inside = f"<dc:x>1</dc:x>{second}<dc:x>2</dc:x><dc:y>3</dc:y>"

    assert rdf.properties(packet(inside).encode()) == {"dc:x": "1", "dc:y": "3"}


LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">&b;</rdf:RDF>'
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LAUGHS, "document type"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "document type"),
        ("<!DOCTYPE x><x/>", "document type"),
        (packet("<dc:x>" * 60 + "</dc:x>" * 60), "40 elements deep"),
        (packet("<dc:x>" * 100_000), "40 elements deep"),
        (packet("<dc:x/>" * 60_000), "50,000 parts"),
        (packet(attributes=" ".join(f'dc:a{n}=""' for n in range(60_000))), "50,000 parts"),
        (packet(attributes=" ".join(f'xmlns:a{n}="n"' for n in range(300))), "200 prefixes"),
        (packet("x" * 5 * 1024 * 1024), "more than the 4,194,304"),
        (packet("<dc:x>"), r"no XML: mismatched tag in line \d+$"),
        (packet("<dc:x>&unknown;</dc:x>"), "no XML"),
        (packet('<dc:x a="1" a="1"/>'), "no XML"),
        ("<html/>", "no RDF"),
        ("", "no XML"),
        ("<", "no XML: unclosed token in line 1$"),
    ],
    ids=range(15),
)
def test_what_is_no_xmp_or_hostile_is_refused_in_words(content: str, reason: str) -> None:
    with pytest.raises(UnreadableMetadataError, match=reason):
        xmp.read(content.encode())


@pytest.mark.parametrize("content", [b"\xff", b"\xff\xfe\0", b"<\0\0\xd8", b"\xfe\xff\xd8\0\xd8\0"])
def test_what_is_in_no_encoding_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(UnreadableMetadataError):
        xmp.read(content)


def test_a_long_namespace_is_not_written_out_for_each_attribute() -> None:
    """A parser that resolves prefixes itself would need 20 GB for this packet."""
    attributes = " ".join(f'a:b{n}=""' for n in range(20_000))

    told = from_xmp(f'<a:x xmlns:a="{"n" * 1_000_000}" {attributes}/>')

    assert told.everything["incomplete"] is True
