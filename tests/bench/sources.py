"""Files as photographers send them: made once in a run, each unlike every other, none of zeros."""

import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from pathlib import Path

from PIL import Image

from tests.bench.comparing import Options

KB, MB = 1000, 1_000_000
#: How many pictures the files are made of; each file is one of them, with a comment of its own.
_PICTURES = 5
#: Pixels across of the picture whose bytes tell how large one has to be for a size; and how much less
#: is tried for, since a picture can be filled up and not cut.
_SAMPLE, _LESS = 300, 0.96
#: A JPEG's comment (marker FFFE) counts its own length, in 16 bits.
_LONGEST_COMMENT = 0xFFFF - 2


@dataclass(frozen=True, slots=True)
class Load:
    """Files that one connection sends: all that are in *folder*; *size* is bytes, of all of them."""

    folder: Path
    number: int
    size: int


def loads(options: Options, *, connections: int = 1, number: int, size: int) -> list[Load]:
    """Return for each connection *number* JPEGs of about *size* bytes, made if this run has none yet.

    No two connections send a file of the same name. With a corpus, its photos of such a size are the
    pictures; they keep their own sizes.
    """
    return [
        _load(options.folder / f"sent-{size}-{number}-{one}", _pictures(options, size), one, number)
        for one in range(connections)
    ]


def _load(folder: Path, pictures: list[bytes], connection: int, number: int) -> Load:
    if not folder.exists():
        folder.mkdir()
        for position, data in enumerate(islice(cycle(pictures), number)):
            file = folder / f"C{connection}_{position:05}.JPG"
            file.write_bytes(_unlike_others(data))
        os.sync()
    sizes = [file.stat().st_size for file in folder.iterdir()]
    return Load(folder, len(sizes), sum(sizes))


def _unlike_others(data: bytes) -> bytes:
    """Return a JPEG with a comment that no other file has, behind its first marker."""
    return data[:2] + _comment(os.urandom(32)) + data[2:]


def _comment(text: bytes) -> bytes:
    return b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text


def _pictures(options: Options, size: int) -> list[bytes]:
    """Return the corpus' photos of about this size, else made ones."""
    found = list(islice(_of_corpus(options, size), _PICTURES))
    return found or [_made(size, seed) for seed in range(_PICTURES)]


def _of_corpus(options: Options, size: int) -> Iterator[bytes]:
    if options.corpus is None:
        return
    for file in sorted((options.corpus / "photos").iterdir()):
        data = file.read_bytes()
        if data[:2] == b"\xff\xd8" and size / 2 <= len(data) <= size * 2:
            yield data


@cache
def _made(size: int, seed: int) -> bytes:
    """Return a picture of exactly *size* bytes, nearly all of them grain."""
    measured = len(_grain(_SAMPLE, seed))
    width = math.isqrt(int(_SAMPLE**2 * size / measured * _LESS))
    return _filled(_grain(width, seed), size)


def _grain(width: int, seed: int) -> bytes:
    """Return a picture with the grain of a sensor over a smooth ground."""
    grain = Image.effect_noise((width, width * 2 // 3), 40)
    ground = Image.linear_gradient("L").resize(grain.size).rotate(90 * seed)
    picture = Image.merge("RGB", [grain, Image.blend(grain, ground, 0.5), ground])
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _filled(data: bytes, size: int) -> bytes:
    """Return a JPEG filled up to a size with comments of random bytes."""
    while (missing := size - len(data)) > len(_comment(b"")):
        text = min(missing - len(_comment(b"")), _LONGEST_COMMENT)
        data = data[:2] + _comment(os.urandom(text)) + data[2:]
    return data
