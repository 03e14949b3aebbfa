from dataclasses import replace

import pytest

from jobfs.domain.captures import Capture, same_capture

SHOT = Capture("2026:05:04 10:11:12", "34", "0042", "NIKON CORPORATION", "NIKON D850")


@pytest.mark.parametrize(
    "other",
    [
        SHOT,
        replace(SHOT, subsecond="340"),
        replace(SHOT, subsecond=None),
        replace(SHOT, subsecond=" "),
        replace(SHOT, serial=None),
        replace(SHOT, serial="\0\0"),
        replace(SHOT, serial=" 0042 "),
        replace(SHOT, make="Nikon Corporation"),
        replace(SHOT, make=None, model=None),
    ],
)
def test_nothing_that_differs_makes_one_exposure(other: Capture) -> None:
    assert same_capture(SHOT, other) is True
    assert same_capture(other, SHOT) is True


@pytest.mark.parametrize(
    "other",
    [
        replace(SHOT, taken="2026:05:04 10:11:13"),
        replace(SHOT, subsecond="35"),
        replace(SHOT, serial="0043"),
        replace(SHOT, make="Canon"),
        replace(SHOT, model="NIKON Z 8"),
    ],
)
def test_one_differing_fact_makes_two_exposures(other: Capture) -> None:
    assert same_capture(SHOT, other) is False
    assert same_capture(other, SHOT) is False


@pytest.mark.parametrize("taken", [None, "", "    :  :     :  :  ", "0000:00:00 00:00:00"])
def test_without_a_capture_time_nothing_can_be_told(taken: str | None) -> None:
    """A camera whose clock was never set writes blanks or zeros."""
    unset = replace(SHOT, taken=taken)

    assert same_capture(SHOT, unset) is None
    assert same_capture(unset, SHOT) is None
    assert same_capture(unset, unset) is None
