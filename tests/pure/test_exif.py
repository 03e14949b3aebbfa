import pytest

from jobfs.domain.captures import Capture
from jobfs.domain.exif import Shot, is_adobe_rgb, orientation, shot

MAIN = {0x010F: "NIKON CORPORATION\0", 0x0110: "NIKON D850", 0x0112: 6}
DETAILS = {
    0x9003: "2026:05:04 10:11:12",
    0x9291: "34",
    0x9011: "+02:00",
    0xA431: "0042",
}


def test_a_camera_says_what_when_and_who() -> None:
    told = shot(MAIN, DETAILS)

    assert told == Shot(
        taken="2026-05-04T10:11:12", subsecond="34", offset="+02:00",
        make="NIKON CORPORATION", model="NIKON D850", serial="0042",
    )  # fmt: skip
    assert told.captured == "2026-05-04T10:11:12.34+02:00"
    assert told.capture == Capture(
        "2026-05-04T10:11:12", "34", "0042", "NIKON CORPORATION", "NIKON D850"
    )


def test_without_an_offset_the_time_is_wall_clock_time() -> None:
    assert shot({}, {0x9003: "2026:05:04 10:11:12"}).captured == "2026-05-04T10:11:12"


def test_a_time_of_digitising_stands_in_for_a_missing_one() -> None:
    details = {0x9003: "    :  :     :  :  ", 0x9004: "2026:05:04 10:11:12", 0x9292: "5"}

    assert shot({}, details).captured == "2026-05-04T10:11:12.5"


@pytest.mark.parametrize(
    "time",
    [
        None, "", "    :  :     :  :  ", "0000:00:00 00:00:00", "2026:13:01 00:00:00",
        "2026:02:30 00:00:00", "2026:01:01 25:00:00", "yesterday", b"\xff\xfe", 20260504, ("2026",),
        "\uff12\uff10\uff12\uff16:05:04 10:11:12",
    ],
)  # fmt: skip
def test_what_is_no_time_is_taken_as_not_there(time: object) -> None:
    assert shot({}, {0x9003: time}).captured is None


@pytest.mark.parametrize("subsecond", ["", " ", "-1", "1e3", "1234567890", 34, b"\xff"])
def test_what_is_no_fraction_is_taken_as_not_there(subsecond: object) -> None:
    assert shot({}, DETAILS | {0x9291: subsecond}).subsecond is None


@pytest.mark.parametrize("offset", ["", "   :  ", "02:00", "+2:00", "+25:00", "+02:99", 2])
def test_what_is_no_offset_is_taken_as_not_there(offset: object) -> None:
    assert shot({}, DETAILS | {0x9011: offset}).offset is None


def test_z_is_an_offset_too() -> None:
    assert shot({}, DETAILS | {0x9011: "Z"}).offset == "+00:00"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Canon\0junk", "Canon"),
        (b"Canon\0", "Canon"),
        (b"\xffCanon", "\N{REPLACEMENT CHARACTER}Canon"),
        ("  Canon \r\n", "Canon"),
        ("Can\x1bon", "Canon"),
        ("\ud800Canon", "Canon"),
        ("\0", None),
        (17, None),
        ("x" * 5000, "x" * 100),
    ],
)
def test_names_are_made_fit_for_a_database(written: object, kept: str | None) -> None:
    """PostgreSQL refuses NUL and lone surrogates."""
    assert shot({0x010F: written}, {}).make == kept


@pytest.mark.parametrize(
    ("value", "turned"),
    [(1, 1), (8, 8), (0, 1), (9, 1), (-1, 1), ("6", 1), (None, 1), ((6,), 1), (6.0, 1)],
)
def test_an_orientation_that_is_none_is_upright(value: object, turned: int) -> None:
    assert orientation({0x0112: value}) == turned


def test_adobe_rgb_is_flagged_by_two_values_together() -> None:
    assert is_adobe_rgb({0xA001: 0xFFFF}, {1: "R03\0"})
    assert not is_adobe_rgb({0xA001: 1}, {1: "R03"})
    assert not is_adobe_rgb({0xA001: 0xFFFF}, {1: "R98"})
    assert not is_adobe_rgb({}, {})
