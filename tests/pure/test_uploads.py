import errno
from itertools import product

import pytest

from jobfs.domain.refusals import IllegalChangeError
from jobfs.domain.uploads import SEALED, TRANSITIONS, Change, UploadState, after

#: Every legal change, written down a second time: a change of the rules must be made twice.
LEGAL = {
    "receiving": {
        "REOPENED": "receiving",
        "POSTPONED": "waiting",
        "CUT_OFF": "interrupted",
        "FOUND_SHORT": "incomplete",
        "FOUND_WHOLE": "received",
        "FOUND_FOREIGN": "unsupported",
    },
    "waiting": {
        "REOPENED": "receiving",
        "POSTPONED": "waiting",
        "CUT_OFF": "interrupted",
        "FOUND_SHORT": "incomplete",
        "FOUND_WHOLE": "received",
        "FOUND_FOREIGN": "unsupported",
    },
    "interrupted": {
        "REOPENED": "receiving",
        "POSTPONED": "waiting",
        "CUT_OFF": "interrupted",
        "FOUND_SHORT": "incomplete",
        "FOUND_WHOLE": "received",
        "FOUND_FOREIGN": "unsupported",
    },
    "incomplete": {
        "REOPENED": "receiving",
        "POSTPONED": "waiting",
        "CUT_OFF": "interrupted",
        "FOUND_SHORT": "incomplete",
        "FOUND_WHOLE": "received",
        "FOUND_FOREIGN": "unsupported",
    },
    "received": {
        "INGESTED": "ingested",
        "NOT_DECODED": "damaged",
        "FOUND_FOREIGN": "unsupported",
        "GAVE_UP": "failed",
    },
    "ingested": {},
    "unsupported": {"RETRIED": "received"},
    "damaged": {"RETRIED": "received"},
    "failed": {"RETRIED": "received"},
}

PAIRS = [
    pytest.param(state, change, id=f"{state}-{change.name.lower()}")
    for state, change in product(UploadState, Change)
]


@pytest.mark.parametrize(("state", "change"), PAIRS)
def test_a_change_leads_where_the_table_says_or_is_refused(
    state: UploadState, change: Change
) -> None:
    expected = LEGAL[state].get(change.name)

    if expected is not None:
        assert after(state, change) == expected
        return
    with pytest.raises(IllegalChangeError, match=f"{state} .* {change.name}") as refusal:
        after(state, change)
    assert refusal.value.errno == errno.EIO


def test_every_state_has_a_line() -> None:
    assert set(TRANSITIONS) == set(UploadState)


def test_received_bytes_are_never_written_again() -> None:
    for state in SEALED:
        assert UploadState.RECEIVING not in TRANSITIONS[state].values()


def test_only_what_is_not_sealed_can_be_written_on() -> None:
    writable = {state for state in UploadState if Change.REOPENED in TRANSITIONS[state]}

    assert writable == set(UploadState) - SEALED


def test_every_state_can_be_reached() -> None:
    reached = {UploadState.RECEIVING}
    for _ in UploadState:
        reached |= {to for state in reached for to in TRANSITIONS[state].values()}

    assert reached == set(UploadState)
