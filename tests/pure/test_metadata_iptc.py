import pytest

from jobfs.domain.metadata import iptc, photoshop
from jobfs.domain.metadata.values import Moment, Source
from jobfs.domain.refusals import UnreadableMetadataError
from tests.pure.metadata import UTF_8_NAMED, field, resource

LATIN_NAMED = field(90, b"\x1b.A", record=1)


def read(*fields: bytes) -> Source:
    return iptc.read(b"".join(fields))


def test_an_agency_says_who_what_and_when() -> None:
    said = read(
        UTF_8_NAMED,
        field(0, b"\0\2"),
        field(5, "Title"),
        field(120, "Erste Zeile\rzweite Zeile"),
        field(25, "sea"), field(25, "Käte"), field(25, "sea"),
        field(80, "Anna"), field(80, "Bert"),
        field(116, "© Anna"),
        field(55, "20260504"), field(60, "101112+0200"),
    ).said  # fmt: skip

    assert said.title == "Title"
    assert said.caption == "Erste Zeile\nzweite Zeile"
    assert said.keywords == ("sea", "Käte")
    assert said.creators == ("Anna", "Bert")
    assert said.copyright == "© Anna"
    assert said.taken == Moment(time="2026-05-04T10:11:12", offset="+02:00")


@pytest.mark.parametrize("named", [b"", UTF_8_NAMED, LATIN_NAMED, field(90, b"?", record=1)])
def test_latin_1_is_read_whatever_the_block_says(named: bytes) -> None:
    assert read(named, field(5, "Käte".encode("latin-1"))).said.title == "Käte"


@pytest.mark.parametrize("named", [b"", UTF_8_NAMED, field(90, b"", record=1)])
def test_utf_8_is_read_even_if_it_is_not_named(named: bytes) -> None:
    assert read(named, field(5, "Käte")).said.title == "Käte"


def test_latin_1_that_looks_like_utf_8_is_believed_if_it_is_named() -> None:
    assert read(LATIN_NAMED, field(5, "Ã¤".encode("latin-1"))).said.title == "Ã¤"


def test_a_text_cut_within_a_character_loses_that_character_alone() -> None:
    assert read(UTF_8_NAMED, field(5, ("x" * 63 + "ä").encode()[:64])).said.title == "x" * 63


@pytest.mark.parametrize(
    ("date", "time"),
    [("20260504", ""), ("", "101112+0200"), ("00000000", "000000"), ("20261301", "101112")],
)
def test_a_day_alone_is_no_time(date: str, time: str) -> None:
    assert read(field(55, date), field(60, time)).said.taken is None


def test_digitising_and_a_headline_are_hints() -> None:
    told = read(field(62, "20260504"), field(63, "101112"), field(105, "Headline"))

    assert (told.said.taken, told.said.title) == (None, None)
    assert told.hinted.taken == Moment(time="2026-05-04T10:11:12")
    assert told.hinted.title == "Headline"


def test_the_whole_has_the_standards_names() -> None:
    told = read(field(25, "sea"), field(90, "Kiel"), field(202, bytes(9)), field(240, b"\0\1\2"))

    assert told.everything == {"Keywords": ["sea"], "City": "Kiel", "2:240": "(3 bytes)"}


def test_a_long_field_has_a_length_of_its_own() -> None:
    content = b"x" * 40_000
    long = b"\x1c\x02\x78\x80\x04" + len(content).to_bytes(4, "big") + content

    assert read(long, field(5, "Title")).said.title == "Title"
    assert read(long).said.caption == "x" * 5000


@pytest.mark.parametrize(
    "rest", [b"\0\0\0", b"\x1c\x02\x78\xff\xff", b"\x1c\x02\x78\x00\x10short", b"\x1c\x02"]
)
def test_what_is_cut_or_follows_is_not_there(rest: bytes) -> None:
    told = read(field(5, "Title"), rest)

    assert told.said.title == "Title"
    assert told.everything == {"ObjectName": "Title"}


@pytest.mark.parametrize("block", [b"", b"\0", b"8BIM"])
def test_what_is_no_iptc_is_refused_in_words(block: bytes) -> None:
    with pytest.raises(UnreadableMetadataError, match="IPTC does not begin"):
        iptc.read(block)


def test_photoshops_resources_are_found_behind_names_of_any_length() -> None:
    block = b"".join(
        (resource(1, b"odd"), resource(2, b"even", b"a"), resource(3, b"", b"ab"), resource(2, b""))
    )

    assert photoshop.resources(block) == {1: b"odd", 2: b"even", 3: b""}


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_cut_resource_is_not_there(cut: int) -> None:
    block = resource(1, b"first") + resource(2, b"second")

    assert photoshop.resources(block[:-cut]).get(1) == b"first"
    assert photoshop.resources(block[:-cut]).get(2) is None


@pytest.mark.parametrize("digest", [None, b"", bytes(16)])
def test_without_a_digest_nothing_has_changed(digest: bytes | None) -> None:
    assert not photoshop.is_changed(b"anything", digest)
