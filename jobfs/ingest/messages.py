"""What a worker and its decoders say to each other, as bytes.

A decoder may have been taken over by what it has read. So an answer is data and never code, as pickles
would be: it is decoded by its type, and taken only if it answers what was asked.
"""

from collections.abc import Sequence

import msgspec

from jobfs.domain import codes
from jobfs.domain.uploads import UploadState
from jobfs.ingest.confinement import Layer
from jobfs.ingest.outcomes import Broken, Decoded, Described, Made, Outcome, Refused, Wanted

#: Bytes of a message: some renditions and a file's metadata are a few megabytes.
LARGEST = 64 * 1024**2
_LONGEST_SENTENCE = 1000  # characters
_MOST_PIXELS = 2**40
_LONGEST_WORK = 7 * 24 * 3600.0  # seconds
_JPEG = b"\xff\xd8\xff"


class DecodeRequest(msgspec.Struct, frozen=True, kw_only=True, tag="decode"):
    """Make a picture's renditions within *seconds* of CPU time; *pixel_limit* is width times height."""

    wanted: tuple[Wanted, ...]
    pixel_limit: int
    seconds: int


class DescribeRequest(msgspec.Struct, frozen=True, kw_only=True, tag="describe"):
    """Read a sidecar within *seconds* of CPU time."""

    seconds: int


Request = DecodeRequest | DescribeRequest


class MalformedError(Exception):
    """A decoder has said something that no decoder says; the worker ends it."""


class _Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An outcome; one field is there."""

    decoded: Decoded | None = None
    described: Described | None = None
    refused: Refused | None = None
    broken: Broken | None = None


_requests = msgspec.msgpack.Decoder[Request](Request)
_answers = msgspec.msgpack.Decoder(_Answer)
_greetings = msgspec.msgpack.Decoder(frozenset[Layer])
_encoder = msgspec.msgpack.Encoder()


def request(asked: Request) -> bytes:
    """Return a request as bytes."""
    return _encoder.encode(asked)


def requested(message: bytes) -> Request:
    """Return what a worker asks for."""
    asked: Request = _requests.decode(message)
    return asked


def greeting(layers: frozenset[Layer]) -> bytes:
    """Return what a decoder says first: what confines it."""
    return _encoder.encode(layers)


def greeted(message: bytes | bytearray) -> frozenset[Layer]:
    """Return what confines a decoder, as it says. Raises MalformedError."""
    try:
        return _greetings.decode(message)
    except msgspec.DecodeError as error:
        raise MalformedError(f"its greeting cannot be read: {error}") from None


def answer(outcome: Outcome) -> bytes:
    """Return an outcome as bytes."""
    match outcome:
        case Decoded():
            return _encoder.encode(_Answer(decoded=outcome))
        case Described():
            return _encoder.encode(_Answer(described=outcome))
        case Refused():
            return _encoder.encode(_Answer(refused=outcome))
        case Broken():
            return _encoder.encode(_Answer(broken=outcome))


def answered(message: bytes | bytearray, asked: Request) -> Outcome:
    """Return what a decoder has found. Raises MalformedError if that cannot be what was asked for."""
    try:
        said = _answers.decode(message)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedError(f"its answer cannot be read: {error}") from None
    outcome = said.decoded or said.described or said.refused or said.broken
    if outcome is None or not _is_fitting(outcome, asked):
        raise MalformedError("its answer is none to what it was asked")
    return outcome


def _is_fitting(outcome: Outcome, asked: Request) -> bool:
    match outcome, asked:
        case Decoded(), DecodeRequest(wanted=wanted):
            return _are_made(outcome.renditions, wanted) and _is_believable(outcome)
        case Described(), DescribeRequest():
            return True
        case Refused(kind=kind, reason=reason, advice=advice), _:
            is_kind = kind in {UploadState.DAMAGED, UploadState.UNSUPPORTED}
            return is_kind and max(len(reason), len(advice)) <= _LONGEST_SENTENCE
        case Broken(reason=reason, cause=cause), _:
            return max(len(reason), len(cause)) <= _LONGEST_SENTENCE
        case _:
            return False


def _are_made(made: Sequence[Made], wanted: Sequence[Wanted]) -> bool:
    """Whether these are the renditions that were wanted, each once and no larger."""
    edges = {rendition.name: rendition.edge for rendition in wanted}
    return sorted(one.name for one in made) == sorted(edges) and all(
        min(one.width, one.height) > 0
        and max(one.width, one.height) <= edges[one.name]
        and one.data.startswith(_JPEG)
        for one in made
    )


def _is_believable(decoded: Decoded) -> bool:
    size, found = (decoded.width, decoded.height), decoded.codes
    return (
        min(size) > 0
        and size[0] * size[1] <= _MOST_PIXELS
        and len(found) <= codes.MOST
        and all(code.text == codes.kept(code.text) for code in found)
        and 0 <= decoded.rendering < _LONGEST_WORK
    )
