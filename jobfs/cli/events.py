"""`jobfs events`: what has happened, from the record that everything appends to."""

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import click

from jobfs.catalog import feed, jobs, roster
from jobfs.catalog.feed import Event, Position
from jobfs.catalog.roster import Names
from jobfs.cli.named import JOB
from jobfs.cli.output import cell, json_option, printable
from jobfs.cli.studio import Studio

#: Seconds between two looks for what is new.
_LOOK = 0.5
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Since(click.ParamType[datetime | timedelta]):
    """An instant: 2026-11-22, 2026-11-22T06:30 (in the studio's time zone), or 90m, 36h, 7d ago."""

    name = "since"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime | timedelta:
        """Return an instant, perhaps without a zone, or for how long back."""
        text = str(value)
        if text[:-1].isdigit() and text[-1] in _UNITS:
            return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            self.fail(
                f"{text!r} is neither a time like 2026-11-22T06:30 nor one ago, like 7d", param, ctx
            )


@click.command()
@click.option("--follow", is_flag=True, help="Go on showing what happens, until interrupted.")
@click.option("--job", metavar="NAME", type=JOB, help="Only what concerns this job.")
@click.option(
    "--since", type=Since(), metavar="TIME", help="From a time on, or so long ago: 36h, 7d."
)
@json_option
@click.pass_obj
def events(
    studio: Studio,
    *,
    follow: bool,
    job: str | None,
    since: datetime | timedelta | None,
    as_json: bool,
) -> None:
    """Show what has happened.

    The record of who did what and when, the oldest first; with --json an object a line. It is kept for
    `[retention] events_days`. --follow begins with what happens from now on, unless --since is given.
    """
    job_id = None
    if job is not None:
        with studio.reading() as connection:
            job_id = jobs.by_name(connection, job).id
    begin = _instant(since, studio)
    for batch, names in _batches(studio, begin, follow=follow):
        for event in batch:
            if (job_id is None or event.job_id == job_id) and (begin is None or event.at >= begin):
                click.echo(_line(event, names, studio, as_json=as_json))


def _instant(since: datetime | timedelta | None, studio: Studio) -> datetime | None:
    if isinstance(since, timedelta):
        return datetime.now(UTC) - since
    if since is not None and since.tzinfo is None:
        return since.replace(tzinfo=studio.timezone)
    return since


def _batches(
    studio: Studio, begin: datetime | None, *, follow: bool
) -> Iterator[tuple[Sequence[Event], Names]]:
    """Yield events and the names that they speak of; without end if *follow*."""
    with studio.reading() as connection:
        position: Position = feed.end(connection) if follow and begin is None else feed.START
    never = threading.Event()
    while True:
        with studio.reading() as connection:
            found = feed.after(connection, position)
            names = roster.names(connection, found)
        if found:
            yield found, names
            position = found[-1].position
        elif not follow:
            return
        else:
            never.wait(_LOOK)


def _line(event: Event, names: Names, studio: Studio, *, as_json: bool) -> str:
    account, job = names.account(event.account_id), names.job(event.job_id)
    if as_json:
        at = event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        facts = {
            "id": event.position.id, "at": at, "kind": event.kind, "account": account, "job": job,
            "account_id": event.account_id, "job_id": event.job_id, "entry_id": event.entry_id,
            "upload_id": event.upload_id, "photo_id": event.photo_id, "data": event.data,
        }  # fmt: skip
        return json.dumps(facts)
    ids = {"entry": event.entry_id, "upload": event.upload_id, "photo": event.photo_id}
    about = [f"{name} {number}" for name, number in ids.items() if number is not None]
    about += [f"{name}={value}" for name, value in event.data.items() if value is not None]
    words = [
        cell(event.at, studio.timezone),
        f"{event.kind:17}",
        account or "-",
        job or "-",
        *about,
    ]
    return printable("  ".join(words))
