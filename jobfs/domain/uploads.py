"""The life of an upload: its states, and every legal change from one to another."""

import enum
from collections.abc import Mapping
from enum import StrEnum

from jobfs.domain.refusals import IllegalChangeError


class UploadState(StrEnum):
    """How far an upload has come. The names are the same in the database, attributes and JSON."""

    RECEIVING = "receiving"  # a handle may still write
    WAITING = "waiting"  # closed, but under a temporary name or without content
    INTERRUPTED = "interrupted"  # the connection died; the client can resume
    INCOMPLETE = "incomplete"  # closed, but bytes are missing; the client can resume
    RECEIVED = "received"  # whole and durable; ingest will come
    INGESTED = "ingested"  # a photo
    UNSUPPORTED = "unsupported"  # kept, and nothing jobfs makes a photo of
    DAMAGED = "damaged"  # whole by its structure, but its pixels do not decode
    FAILED = "failed"  # ingest gave up for a reason of its own


#: States in which the bytes never change again: writing starts a new version.
SEALED = frozenset(
    {
        UploadState.RECEIVED,
        UploadState.INGESTED,
        UploadState.UNSUPPORTED,
        UploadState.DAMAGED,
        UploadState.FAILED,
    }
)


class Change(enum.Enum):
    """What can happen to an upload."""

    REOPENED = enum.auto()  # a handle writes to what was closed before
    POSTPONED = enum.auto()  # closed or renamed, and not to be judged yet
    CUT_OFF = enum.auto()  # the connection or the mount died
    FOUND_SHORT = enum.auto()  # judged: bytes are missing
    FOUND_WHOLE = enum.auto()  # judged: complete
    FOUND_FOREIGN = enum.auto()  # judged: no image
    INGESTED = enum.auto()
    NOT_DECODED = enum.auto()
    GAVE_UP = enum.auto()
    RETRIED = enum.auto()  # an administrator asks for ingest again


_JUDGED = {
    Change.POSTPONED: UploadState.WAITING,
    Change.FOUND_SHORT: UploadState.INCOMPLETE,
    Change.FOUND_WHOLE: UploadState.RECEIVED,
    Change.FOUND_FOREIGN: UploadState.UNSUPPORTED,
}
_RESUMABLE = _JUDGED | {
    Change.REOPENED: UploadState.RECEIVING,
    Change.CUT_OFF: UploadState.INTERRUPTED,
}
_RETRIABLE = {Change.RETRIED: UploadState.RECEIVED}

#: Every legal change. A pair that is absent is illegal, and no other code sets a state.
TRANSITIONS: Mapping[UploadState, Mapping[Change, UploadState]] = {
    UploadState.RECEIVING: _RESUMABLE,
    UploadState.WAITING: _RESUMABLE,
    UploadState.INTERRUPTED: _RESUMABLE,
    UploadState.INCOMPLETE: _RESUMABLE,
    UploadState.RECEIVED: {
        Change.INGESTED: UploadState.INGESTED,
        Change.NOT_DECODED: UploadState.DAMAGED,
        Change.FOUND_FOREIGN: UploadState.UNSUPPORTED,
        Change.GAVE_UP: UploadState.FAILED,
    },
    UploadState.INGESTED: {},
    UploadState.UNSUPPORTED: _RETRIABLE,
    UploadState.DAMAGED: _RETRIABLE,
    UploadState.FAILED: _RETRIABLE,
}


def after(state: UploadState, change: Change) -> UploadState:
    """Return the state that follows; raises IllegalChangeError if none does."""
    try:
        return TRANSITIONS[state][change]
    except KeyError:
        raise IllegalChangeError(state, change.name) from None
