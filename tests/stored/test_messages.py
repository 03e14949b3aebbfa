"""What a worker takes from a decoder that may have been taken over: data that answers, or nothing."""

import os
import pickle
import socket
import struct
from dataclasses import replace

import pytest
import trio

from jobfs.domain.codes import MOST, Code
from jobfs.domain.exif import Shot
from jobfs.domain.metadata.values import Source
from jobfs.domain.uploads import UploadState
from jobfs.ingest import handover, messages
from jobfs.ingest.messages import LARGEST, DecodeRequest, DescribeRequest, MalformedError
from jobfs.ingest.outcomes import Broken, Decoded, Described, Made, Outcome, Refused, Wanted

DECODE = DecodeRequest(
    wanted=(Wanted(name="small", edge=256, quality=80),), pixel_limit=100, seconds=9
)
SMALL = Made(name="small", width=256, height=171, data=b"\xff\xd8\xff and so on")
CODE = Code(format="QR Code", text="A1", position=((0.1, 0.1), (0.2, 0.1), (0.2, 0.2), (0.1, 0.2)))
PICTURE = Decoded(
    format="JPEG", width=3000, height=2000, shot=Shot(make="Nikon"), metadata=Source(),
    codes=(CODE,), renditions=(SMALL,),
)  # fmt: skip
REFUSED = Refused(kind=UploadState.DAMAGED, reason="it is", advice="send another", cause="a byte")


@pytest.mark.parametrize(
    "outcome", [PICTURE, REFUSED, Broken(reason="it is", advice="wait", cause="a fall")]
)
def test_an_answer_arrives_as_it_was_given(outcome: Outcome) -> None:
    assert messages.answered(messages.answer(outcome), DECODE) == outcome


def test_a_request_arrives_as_it_was_made() -> None:
    for request in (DECODE, DescribeRequest(seconds=3)):
        assert messages.requested(messages.request(request)) == request


class Trap:
    """A pickle of it ends whoever loads it."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (3,)


@pytest.mark.parametrize(
    "said", [b"", b"\xc1", b"\x81\xa7decoded\xc0", pickle.dumps(Trap()), b"\x91" * 100_000]
)
def test_what_is_no_answer_is_not_taken(said: bytes) -> None:
    with pytest.raises(MalformedError):
        messages.answered(said, DECODE)


UNFITTING: dict[str, Outcome] = {
    "no rendition": replace(PICTURE, renditions=()),
    "a rendition too many": replace(PICTURE, renditions=(SMALL, SMALL)),
    "another rendition": replace(PICTURE, renditions=(replace(SMALL, name="../../x"),)),
    "one that is too large": replace(PICTURE, renditions=(replace(SMALL, width=257),)),
    "one that is no JPEG": replace(PICTURE, renditions=(replace(SMALL, data=b"<html>"),)),
    "no size": replace(PICTURE, width=0),
    "no end of pixels": replace(PICTURE, width=2**62),
    "work that took no time at all, or for ever": replace(PICTURE, rendering=float("nan")),
    "too many codes": replace(PICTURE, codes=(CODE,) * (MOST + 1)),
    "a text that no database takes": replace(PICTURE, codes=(replace(CODE, text="a\0"),)),
    "another state": replace(REFUSED, kind=UploadState.INGESTED),
    "a novel": replace(REFUSED, reason="x" * 10_000),
    "a sidecar's description": Described(metadata=Source()),
}


@pytest.mark.parametrize("answer", UNFITTING)
def test_what_does_not_fit_the_request_is_not_taken(answer: str) -> None:
    with pytest.raises(MalformedError):
        messages.answered(messages.answer(UNFITTING[answer]), DECODE)


async def test_no_room_is_made_for_an_answer_that_is_too_long() -> None:
    ours, theirs = socket.socketpair()
    with theirs, trio.socket.from_stdlib_socket(ours) as worker:
        theirs.sendall(struct.pack(">I", LARGEST + 1))

        with pytest.raises(MalformedError):
            await handover.receive(worker)


async def test_an_answer_that_breaks_off_is_none() -> None:
    ours, theirs = socket.socketpair()
    with trio.socket.from_stdlib_socket(ours) as worker:
        theirs.sendall(struct.pack(">I", 100) + b"half")
        theirs.close()

        assert await handover.receive(worker) is None
