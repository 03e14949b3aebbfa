"""What the binding to the kernel takes by itself: file systems that do next to nothing, in Python and in C.

`bare.py` is what a program on pyfuse3 can be at best, `bare.c` the same on libfuse; where files are made,
`bare.py` with rows what the first can be at best if it records them; and where they are sent, `passing.c`
what a program can be at best that has the kernel write them. In a contest they stand beside jobfs: where one
misses a figure's goal, no such program reaches it; what lies between two is their difference.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench import listing, small_ops, uploading
from tests.bench.bares import Bare, alone, bare_side, in_c, in_python, make, passing, with_rows
from tests.bench.comparing import Figure, Options, Pair
from tests.bench.contesting import Contest, Spent, Turn, entered
from tests.bench.sending import send
from tests.bench.sides import FolderSide, JobfsSide, jobfs_side, plain_side
from tests.bench.sources import Load

#: Files that are made and listed without a client, and the bytes of each, which come in one write.
_FILES, _SIZE = 2_000, 60 * 1024

# --- beside jobfs ---


@dataclass(frozen=True, slots=True)
class _Sides:
    """Jobfs, and what is measured beside it, by its name."""

    jobfs: JobfsSide
    others: dict[str, FolderSide]

    def all(self) -> Iterator[tuple[str, JobfsSide | FolderSide]]:
        """Yield them in the order of their turns."""
        yield "jobfs", self.jobfs
        yield from self.others.items()


#: The bare ones by their names; those with rows where files are made, and passthrough where they are sent.
_BARE: Mapping[str, Bare] = {"bare.py": in_python, "bare.c": in_c}
_RECORDING: Mapping[str, Bare] = {"bare.py with rows": with_rows, **_BARE}
_SENT: Mapping[str, Bare] = {**_RECORDING, "passthrough": passing}


@contextmanager
def _sides(options: Options, bare: Mapping[str, Bare] = _BARE) -> Iterator[_Sides]:
    """Give jobfs, bare file systems in its place, and a plain directory."""
    with jobfs_side(options) as jobfs, ExitStack() as stack:
        others = entered(
            stack, {name: bare_side(one, options, jobfs) for name, one in bare.items()}
        )
        others["plain"] = stack.enter_context(plain_side(options, jobfs))
        yield _Sides(jobfs, others)


def _sent(loads: Callable[[Options], list[Load]], options: Options) -> Iterator[Turn]:
    with _sides(options, _SENT) as sides:
        files = loads(options)
        while True:
            took = {name: send(side, files) for name, side in sides.all()}
            yield {name: Spent(one.seconds, one.cpu) for name, one in took.items()}


def _listed(options: Options) -> Iterator[Turn]:
    with _sides(options) as sides, ExitStack() as stack:
        place = listing.fill(sides.jobfs, list(sides.others.values()))
        clients = {
            name: stack.enter_context(listing.connected(side.login)) for name, side in sides.all()
        }
        while True:
            yield {name: Spent(listing.listed(one, place)) for name, one in clients.items()}


def _listed_first(options: Options) -> Iterator[Turn]:
    """List while the kernel remembers nothing; jobfs has just been started, too.

    The bare ones have not: started anew they would know no names.
    """
    with _sides(options) as sides:
        place = listing.fill(sides.jobfs, list(sides.others.values()))
        while True:
            sides.jobfs.studio.stop()
            sides.jobfs.studio.start()
            yield {
                name: Spent(listing.first_listed(side.login, place)) for name, side in sides.all()
            }


def _walked(options: Options) -> Iterator[Turn]:
    with _sides(options) as sides:
        place = listing.fill_tree(sides.jobfs, list(sides.others.values()), options)
        folders = {name: side.folder(place) for name, side in sides.all()}
        while True:
            yield {name: Spent(listing.walked_in_shell(folder)) for name, folder in folders.items()}


def _worked(work: Callable[[Path, Options], float], options: Options) -> Iterator[Turn]:
    with ExitStack() as stack:
        folders = {"jobfs": stack.enter_context(small_ops.job_folder(options))}
        bare = entered(stack, {name: alone(one, options) for name, one in _RECORDING.items()})
        folders |= {name: one.root for name, one in bare.items()}
        folders["example"] = stack.enter_context(small_ops.example(options))
        while True:
            yield {
                name: Spent(work(small_ops.new(folder), options))
                for name, folder in folders.items()
            }


#: What every figure of which there is a contest measures, by the figure's name.
_MEASURED: Mapping[str, Callable[[Options], Iterator[Turn]]] = {
    "upload-large": partial(_sent, uploading.large),
    "upload-small": partial(_sent, uploading.small),
    "upload-parallel": partial(_sent, uploading.crowd),
    "list-warm": _listed,
    "list-cold": _listed_first,
    "tree-shell": _walked,
    "small-ops-postmark": partial(_worked, small_ops.postmark),
    "small-ops-dbench": partial(_worked, small_ops.dbench),
}

CONTESTS = tuple(
    Contest(
        name=f"binding-{figure.name}", figure=figure, turns=_MEASURED[figure.name],
        what=f"{figure.name} of jobfs, and of file systems on pyfuse3 and libfuse that do next to nothing",
    )
    for figure in (*uploading.FIGURES, *listing.FIGURES, *small_ops.FIGURES)
    if figure.name in _MEASURED
)  # fmt: skip


# --- Python over C ---


def _files(options: Options) -> Iterator[Pair]:
    """Compare what a file takes that is looked for, made, written at once, and closed."""
    content = bytes(_SIZE)
    with alone(in_python, options) as ours, alone(in_c, options) as theirs:
        while True:
            us, them = (
                side.cpu_of(partial(make, number=_FILES, content=content), _FILES, filled=False)
                for side in (ours, theirs)
            )
            yield Pair(us, them)


def _entries(options: Options) -> Iterator[Pair]:
    """Compare what an entry takes that is listed."""
    with alone(in_python, options) as ours, alone(in_c, options) as theirs:
        while True:
            us, them = (side.cpu_of(_list, _FILES, filled=True) for side in (ours, theirs))
            yield Pair(us, them)


def _requests(options: Options) -> Iterator[Pair]:
    """Compare what a request takes: the kernel asks for each name that is not there."""
    with alone(in_python, options) as ours, alone(in_c, options) as theirs:
        while True:
            us, them = (
                side.cpu_of(partial(_miss, number=_FILES), _FILES, filled=False)
                for side in (ours, theirs)
            )
            yield Pair(us, them)


def _miss(folder: Path, number: int) -> None:
    assert not any((folder / f"{one}.JPG").exists() for one in range(number))


def _list(folder: Path) -> None:
    assert list(folder.iterdir())


FIGURES = (
    Figure(
        name="binding-request", what="CPU of bare.py for the shortest request, a name that is not there",
        against="CPU of bare.c for it", unit="us", goal=2.0, turns=_requests,
    ),
    Figure(
        name="binding-file", what="CPU of bare.py for a file that is made, written at once and closed",
        against="CPU of bare.c for it", unit="us", goal=2.0, turns=_files,
    ),
    Figure(
        name="binding-entry", what="CPU of bare.py for an entry that is listed",
        against="CPU of bare.c for it", unit="us", goal=2.0, turns=_entries,
    ),
)  # fmt: skip
