"""What becomes of many files: each goes through the real judgement and the real decoders.

`python -m tests.bench.many_files FOLDER ...`; `--help` says what can be chosen. Meant for files that others
have made to break programs, and for those whose pictures are to be looked at. Nothing is stored of
them, and there is no limit that anything is held against.
"""

import argparse
import html
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TextIO
from urllib.parse import quote

import trio

from jobfs.config import IngestConfig, standard_renditions
from jobfs.domain import completeness
from jobfs.domain.completeness import Structure
from jobfs.ingest.decoder import Decoders, open_decoders
from jobfs.ingest.outcomes import Broken, Decoded, Described, Made, Outcome, Refused

#: How many of the slowest files are told.
SLOWEST = 20
#: What judgement says of files that ingest is asked to decode.
_SENT_ON = {Structure.WHOLE.value, Structure.UNKNOWN_END.value}
#: What a file has come to for which there is neither a photo nor a reason of its own.
_LOST = {"broken", "failed"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What has become of a file.

    found      what judgement says of its structure, and of which format it takes it for
    outcome    photo, description, damaged, unsupported, broken: the decoder died or took too long;
               failed: ingest itself did
    said       a photo's format and size, else the reason
    cause      what stands in the log beside the reason
    took       seconds from the question to the answer, without waiting for a turn
    """

    path: str
    found: str
    format: str | None
    outcome: str
    said: str
    cause: str
    took: float


class Bench:
    """Decodes files, as many at once as there are decoders, and notes what it costs.

    seen       a line for each file
    absent     seconds from a decoder's death until its place answers again, for each death
    peaks      KiB of memory that each decoder has had at most, by its pid
    """

    def __init__(self, decoders: Decoders, pictures: Path | None, lines: TextIO) -> None:
        self._decoders = decoders
        self._pictures = pictures
        self._lines = lines
        self.seen: list[Seen] = []
        self.absent: list[float] = []
        self.peaks: dict[int, int] = {}

    async def run(self, files: Iterable[Path], *, at_once: int) -> None:
        """Decode the files, in their order."""
        left = iter(files)
        async with trio.open_nursery() as nursery:
            for _ in range(at_once):
                nursery.start_soon(self._work, left)

    async def _work(self, left: Iterator[Path]) -> None:
        for file in left:
            seen = await self._see(file)
            self.seen.append(seen)
            print(json.dumps(asdict(seen), ensure_ascii=False), file=self._lines, flush=True)
            self.peaks |= {pid: _peak(pid) for pid in self._decoders.pids}
            if seen.outcome == "broken":
                await self._time_absence()

    async def _see(self, file: Path) -> Seen:
        with _opened(file) as descriptor:
            size = os.fstat(descriptor).st_size
            finding = completeness.inspect(partial(_read_at, descriptor), size)
            began = monotonic()
            told = await self._decode(file, descriptor)
        took = monotonic() - began
        return Seen(str(file), finding.structure.value, finding.format, *told, took)

    async def _decode(self, file: Path, descriptor: int) -> tuple[str, str, str]:
        """Return what decoding comes to, what is said of it, and what the log says."""
        try:
            outcome = await self._decoders.decode(descriptor)
        except Exception as bug:  # noqa: BLE001 (the worker, too, takes it as this file's trouble)
            return "failed", "", f"{type(bug).__name__}: {bug}"
        if self._pictures is not None and isinstance(outcome, Decoded):
            target = self._pictures / _kept(os.fspath(file))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(min(outcome.renditions, key=_width).data)
        return _told(outcome)

    async def _time_absence(self) -> None:
        """Note how long it takes until a decoder more is there; meanwhile the others are at work."""
        began, known = monotonic(), set(self._decoders.pids)
        with _opened(Path(os.devnull)) as nothing:
            while known.issuperset(self._decoders.pids):
                await self._decoders.decode(nothing)
        self.absent.append(monotonic() - began)


def main() -> None:
    """Decode what was asked for, and tell what became of it."""
    asked = _arguments()
    files = sorted(_files(asked.folders))
    began = monotonic()
    with asked.json.open("w", encoding="utf-8") as lines:
        bench = trio.run(_decode_all, files, asked.pictures, lines)
    for line in _report(bench, monotonic() - began):
        print(line)  # noqa: T201 (that is its purpose)
    if asked.pictures is not None:
        (asked.pictures / "index.html").write_text(_sheet(bench.seen), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.many_files", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="every file below these is decoded")
    parser.add_argument(
        "--json",
        type=Path,
        default=Path(os.devnull),
        help="write a line about each file into this one",
    )
    parser.add_argument(
        "--pictures", type=Path, help="keep thumbnails in this folder, and a page that shows them"
    )
    return parser.parse_args()


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in [folder] if folder.is_file() else folder.rglob("*"):
            if path.is_file():
                yield path.resolve()


async def _decode_all(files: Iterable[Path], pictures: Path | None, lines: TextIO) -> Bench:
    """Decode with the settings that a studio has which sets none."""
    config = IngestConfig()
    async with open_decoders(config, standard_renditions()) as decoders:
        bench = Bench(decoders, pictures, lines)
        await bench.run(files, at_once=config.decoders)
    return bench


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read_at(descriptor: int, offset: int, size: int) -> bytes:
    return os.pread(descriptor, size, offset)


def _told(outcome: Outcome) -> tuple[str, str, str]:
    match outcome:
        case Decoded():
            return "photo", f"{outcome.format} {outcome.width} x {outcome.height}", ""
        case Described():
            return "description", "", ""
        case Refused():
            return outcome.kind.value, outcome.reason, outcome.cause
        case Broken():
            return "broken", outcome.reason, outcome.cause


# --- memory ---


def _peak(pid: int) -> int:
    """Return the most resident memory that a process has had, in KiB; 0, if it has gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    most = status.partition("VmHWM:")[2]  # which one that has ended, but is not waited for, lacks
    return int(most.split()[0]) if most else 0


# --- what is told ---


def _report(bench: Bench, took: float) -> Iterator[str]:
    seen = bench.seen
    yield f"{len(seen):,} files in {took:.0f} seconds"
    for (found, outcome), number in sorted(Counter(map(_kinds, seen)).items()):
        yield f"{number:7,} {found}: {outcome}"
    own = _peak(os.getpid()) / 1024
    most = max(bench.peaks.values(), default=0) / 1024
    yield f"memory at its highest, MiB: worker {own:.0f}, a decoder {most:.0f}"
    deaths = len(bench.absent)
    yield f"decoders lost: {deaths}; longest until one answered again: {max(bench.absent, default=0):.2f} s"
    yield from _list("no answer about", [one for one in seen if one.outcome in _LOST])
    yield from _list("whole, but no photo", [one for one in seen if _is_only_judged_whole(one)])
    yield from _list("a photo, but not whole", [one for one in seen if _is_only_decoded(one)])
    yield from _list("the slowest", sorted(seen, key=_took, reverse=True)[:SLOWEST])


def _list(title: str, lines: list[Seen]) -> Iterator[str]:
    yield f"\n{title}: {len(lines):,}"
    for one in lines:
        cause = f" ({one.cause})" if one.cause else ""
        yield f"  {one.took:7.2f} s  {one.path}: {one.found}; {one.outcome}: {one.said}{cause}"


def _is_only_judged_whole(one: Seen) -> bool:
    return one.found in _SENT_ON and one.outcome not in {"photo", *_LOST}


def _is_only_decoded(one: Seen) -> bool:
    return one.found not in _SENT_ON and one.outcome == "photo"


def _kinds(one: Seen) -> tuple[str, str]:
    return f"{one.found} {one.format or ''}".strip(), one.outcome


def _took(one: Seen) -> float:
    return one.took


def _sheet(seen: list[Seen]) -> str:
    """Return a page with every picture and every reason."""
    figures = "\n".join(map(_figure, sorted(seen, key=_path)))
    return f"""<!doctype html><meta charset="utf-8"><title>Many files</title>
<style>
  body {{ background: #808080; font: 12px sans-serif; display: flex; flex-wrap: wrap }}
  figure {{ width: 256px; margin: 4px; overflow-wrap: anywhere }}
</style>
{figures}
"""


def _figure(one: Seen) -> str:
    picture = ""
    if one.outcome == "photo":
        picture = f'<img src="{html.escape(quote(_kept(one.path)))}">'
    words = html.escape(f"{one.path}: {one.outcome}: {one.said}")
    return f"<figure>{picture}<figcaption>{words}</figcaption></figure>"


def _path(one: Seen) -> str:
    return one.path


def _kept(path: str) -> str:
    """Return where, in the folder of pictures, a file's is."""
    return f"{path.lstrip('/')}.jpg"


def _width(rendition: Made) -> int:
    return rendition.width


if __name__ == "__main__":
    main()
