"""`_STATUS.txt`: what has become of everything that was sent to a job."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from jobfs.domain import names
from jobfs.domain.quotas import Usage, size_in_words
from jobfs.domain.refusals import BadNameError, NameTooLongError
from jobfs.domain.reports.words import (
    MOST,
    Studio,
    date_and_time,
    number_of,
    printable,
    shortened,
    text,
    time_of_day,
)
from jobfs.domain.uploads import UploadState

#: How far back "the last ten minutes" reach.
LATELY = timedelta(minutes=10)
#: Bytes below which a disk is called full: a card holds more.
_LITTLE = 1 << 30


class Arrival(NamedTuple):
    """A file, by its path below the job, what it is now, and what its judgement said of it."""

    at: datetime
    path: str
    state: UploadState
    reason: str | None = None


class Unfinished(NamedTuple):
    """A file under a client's temporary name."""

    path: str
    size: int
    since: datetime


class RefusedName(NamedTuple):
    """A name that nothing can have, as far as it can be shown, and why."""

    at: datetime
    name: str
    why: str


def why_refused(refusal: BadNameError | NameTooLongError) -> str:
    """Return why a name was refused, and what to do, for its photographer."""
    if isinstance(refusal, NameTooLongError):
        return f"{refusal}. Give it a shorter one, and send it again."
    return (
        "your program did not send the name as UTF-8. Set its character set (or charset, or"
        " encoding) to UTF-8, and send it again."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits, by what it waits for.

    unfinished  its final name
    empty       content; paths
    undecided   a minute of quiet, since the format does not tell its end
    """

    unfinished: Sequence[Unfinished] = ()
    empty: Sequence[str] = ()
    undecided: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is told of a job, to one account.

    states    files by the state of what they show, but for those that wait
    problems  lines of `_PROBLEMS.csv` about files
    folders   sentences about folders
    lately    the newest first; *lately_in_all* how many there are; *oldest* when the first of them came
    free      bytes left on the studio's disk; None: nobody has looked
    """

    job: str
    states: Mapping[UploadState, int]
    waiting: Waiting = Waiting()
    problems: int = 0
    folders: Sequence[str] = ()
    lately: Sequence[Arrival] = ()
    lately_in_all: int = 0
    oldest: datetime | None = None
    refused: Sequence[RefusedName] = ()
    usage: Usage
    free: int | None = None

    def count(self, *states: UploadState) -> int:
        """Return how many files are in one of these states."""
        return sum(self.states.get(state, 0) for state in states)

    @property
    def checked(self) -> int:
        """Files that are safe."""
        return self.count(UploadState.INGESTED)

    @property
    def unchecked(self) -> int:
        """Files that have arrived and wait for their check."""
        return self.count(UploadState.RECEIVED) + self.waiting.undecided


#: States of files all of whose bytes have arrived.
_WHOLE = (
    UploadState.RECEIVED, UploadState.INGESTED, UploadState.UNSUPPORTED, UploadState.DAMAGED,
    UploadState.FAILED,
)  # fmt: skip

#: States of files that the studio does not have as they should be.
_UNSAFE = (
    UploadState.INTERRUPTED, UploadState.INCOMPLETE, UploadState.DAMAGED, UploadState.FAILED,
)  # fmt: skip

_OUTCOMES = {
    UploadState.RECEIVING: "is being sent",
    UploadState.WAITING: "not finished yet",
    UploadState.INTERRUPTED: "PROBLEM: the connection ended before its end",
    UploadState.INCOMPLETE: "PROBLEM: its end is missing",
    UploadState.RECEIVED: "received, waiting to be checked",
    UploadState.INGESTED: "checked, a photo",
    UploadState.UNSUPPORTED: "kept as it is, no photo",
    UploadState.DAMAGED: "PROBLEM: it does not open",
    UploadState.FAILED: "PROBLEM: the studio could not make a photo of it",
}


def render(facts: Facts, *, studio: Studio, now: datetime) -> bytes:
    """Return the text; a section that has nothing to say is left out."""
    sections = [
        [
            f"{printable(facts.job)}: what has arrived",
            f"As of {date_and_time(now, studio.zone)}. Written anew whenever you look.",
        ],
        ["MAY I FORMAT THE CARD?", *_indented(_advice(facts))],
        ["FILES", *_indented(_counts(facts))],
        _section("SENT UNDER A TEMPORARY NAME, AND NOT FINISHED", _unfinished(facts, studio)),
        _section("EMPTY FILES", _empty(facts)),
        _section("FOLDERS", shortened([f"- {note}" for note in facts.folders])),
        _section("REFUSED NAMES", _refused(facts, studio)),
        ["THE LAST TEN MINUTES", *_indented(_lately(facts, studio))],
        ["ROOM", *_indented(_room(facts.usage, facts.free))],
        [f"Questions? Ask {studio.whom_to_ask}."],
    ]
    return text(line for section in sections if section for line in (*section, ""))


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [title, *_indented(lines)] if lines else []


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _advice(facts: Facts) -> list[str]:
    reasons = [
        number_of(count, one, several)
        for count, one, several in (
            (facts.count(*_UNSAFE), "file that is not safe", "files that are not safe"),
            (facts.count(UploadState.RECEIVING), "file being sent", "files being sent"),
            (facts.unchecked, "file not checked yet", "files not checked yet"),
            (len(facts.waiting.unfinished), "unfinished file", "unfinished files"),
            (len(facts.waiting.empty), "empty file", "empty files"),
        )
        if count
    ]
    if reasons:
        return [f"No, not yet: {', '.join(reasons)}."]
    if not facts.checked:
        return ["No: no photo has arrived here."]
    others = facts.count(UploadState.UNSUPPORTED)
    return [
        f"Yes, if the number is right: {number_of(facts.checked, 'photo file')} arrived, and each was",
        "read back and opened to its last pixel. Count the files on the card, or compare it with",
        "_RECEIPT.sha256, as its first lines say.",
        *(
            [f"Not counted: {number_of(others, 'file')} of other kinds, kept as sent."]
            if others
            else []
        ),
    ]


def _counts(facts: Facts) -> list[str]:
    always = [
        (facts.count(*_WHOLE), "received: arrived whole, and kept"),
        (facts.checked, "ingested: photos, checked to the last pixel; _RECEIPT.sha256 lists them"),
        (facts.unchecked, "waiting to be checked; there is nothing for you to do"),
        (facts.problems, "problems with files; _PROBLEMS.csv says which, and what to do"),
    ]
    sometimes = [
        (facts.count(UploadState.RECEIVING), "being sent at this moment"),
        (facts.count(UploadState.UNSUPPORTED), "kept as sent: no photos, so they were not checked"),
    ]
    lines = [*always, *((count, words) for count, words in sometimes if count)]
    width = max(len(f"{count:,}") for count, _ in lines)
    return [f"{count:>{width},}  {words}" for count, words in lines]


def _unfinished(facts: Facts, studio: Studio) -> list[str]:
    lines = [
        f"- {printable(file.path)}: {number_of(file.size, 'byte')},"
        f" last changed {date_and_time(file.since, studio.zone)}{_meant(file.path)}"
        for file in facts.waiting.unfinished
    ]
    if not lines:
        return []
    return [
        *shortened(lines),
        "If your program is still at work, wait. If not, it was stopped: send these files again, and delete",
        "what is left here under the temporary names.",
    ]


def _meant(path: str) -> str:
    name = names.final_name(path.rpartition("/")[2])
    return f"; it was to become {printable(name)}" if name else ""


def _empty(facts: Facts) -> list[str]:
    if not facts.waiting.empty:
        return []
    return [
        *shortened([f"- {printable(path)}" for path in facts.waiting.empty]),
        "Nothing is in them. If they are empty on your card, too, delete them here; if not, send them again.",
    ]


def _refused(facts: Facts, studio: Studio) -> list[str]:
    return [
        line
        for refused in facts.refused[:MOST]
        for line in (
            f"- {printable(refused.name)}, at {date_and_time(refused.at, studio.zone)}:",
            f"  {refused.why}",
        )
    ]


def _lately(facts: Facts, studio: Studio) -> list[str]:
    if not facts.lately:
        return ["Nothing has arrived."]
    return shortened(
        [
            f"{time_of_day(arrival.at, studio.zone)}  {printable(arrival.path)}: {_outcome(arrival)}"
            for arrival in facts.lately
        ],
        total=facts.lately_in_all,
    )


def _outcome(arrival: Arrival) -> str:
    if arrival.reason and arrival.state in _UNSAFE:
        return f"PROBLEM: {arrival.reason}"
    return _OUTCOMES[arrival.state]


def is_little(free: int) -> bool:
    """Whether so many bytes are so few that everybody is told."""
    return free < _LITTLE


def _room(usage: Usage, free: int | None) -> list[str]:
    if free is None or not is_little(free):
        return _room_of_account(usage)
    return [
        f"The studio's disk is full, or nearly: {size_in_words(free)} left, for everybody. Tell the studio.",
        *_room_of_account(usage),
    ]


def _room_of_account(usage: Usage) -> list[str]:
    if usage.quota is None or usage.left is None:
        return ["There is no limit set for you."]
    left = f"{size_in_words(usage.left)} left of {size_in_words(usage.quota)}"
    if usage.left:
        return [f"{left}, in all your jobs together."]
    return [
        f"{left}: nothing more can be sent. Delete what is not needed, or ask the studio for more."
    ]


def sort_waiting(files: Sequence[Unfinished]) -> Waiting:
    """Say what each file that waits is waiting for. What systems made for themselves is left out."""
    return Waiting(
        unfinished=[file for file in files if _is_temporary(file)],
        empty=[file.path for file in _others(files) if file.size == 0],
        undecided=sum(1 for file in _others(files) if file.size > 0),
    )


def _is_temporary(file: Unfinished) -> bool:
    parts = file.path.split("/")
    return any(map(names.is_temporary, parts)) and not any(map(names.is_junk, parts))


def _others(files: Sequence[Unfinished]) -> Iterator[Unfinished]:
    for file in files:
        parts = file.path.split("/")
        set_aside = any(map(names.is_junk, parts)) or names.is_original_backup(parts[-1])
        if not set_aside and not _is_temporary(file):
            yield file
