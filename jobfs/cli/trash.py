"""`jobfs trash`: what was deleted or overwritten."""

import sys
from datetime import UTC, datetime, timedelta

import click

from jobfs.catalog import jobs, opening, purging
from jobfs.catalog import trash as catalog
from jobfs.catalog.trash import Item
from jobfs.cli.erasing import deleting
from jobfs.cli.named import JOB
from jobfs.cli.output import Facts, json_option, print_listing, printable
from jobfs.cli.studio import Studio


@click.command("list")
@click.argument("job", type=JOB)
@json_option
@click.pass_obj
def list_trash(studio: Studio, job: str, *, as_json: bool) -> None:
    """List what is in a job's trash.

    The newest first: files that were deleted, or replaced by one that was renamed to their name; and
    versions of files that were overwritten, or interrupted before they were whole. What is kept does
    not expire: a photo still shows it.
    """
    keep = studio.config.retention.trash
    with studio.reading() as connection:
        items = catalog.listing(connection, jobs.by_name(connection, job).id)
    lines = [_facts(item, keep) for item in items]
    columns = ("id", "kind", "path", "size", "state", "removed_at", "removed_by", "kept")
    print_listing(lines, columns, as_json=as_json, timezone=studio.timezone)


@click.command()
@click.argument("item_ids", metavar="ID...", nargs=-1, required=True)
@click.pass_obj
def restore(studio: Studio, item_ids: tuple[str, ...]) -> None:
    """Put something back from the trash.

    ID is as `jobfs trash list` shows it; several may be given, and are restored all or none. A file
    comes back under its name, with the folders it stood in; if the name is taken by now, beside it as
    "NAME (restored).EXT". An earlier version of a file takes the place of the present one, which goes
    to the trash in turn. What was a photo becomes one again.
    """
    now = datetime.now(UTC)
    with studio.writing() as connection:
        paths = [catalog.restore(connection, item_id, now=now) for item_id in item_ids]
    for path in paths:
        click.echo(f"restored {printable(path)}")


@click.command()
@click.argument("job", type=JOB, required=False)
@click.option(
    "--older-than", "days", type=click.IntRange(min=0), default=0, metavar="DAYS",
    help="Only what has been in the trash for more than so many days.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def purge(studio: Studio, job: str | None, *, days: int, yes: bool) -> None:
    """Delete what is in the trash for good.

    In every job, or in JOB only. Versions that a photo still shows are kept; so are photos whose name
    another photo has taken, since both were wanted. If the command is interrupted, the same command, or a
    worker within the hour, deletes what is left.
    """
    limit = datetime.now(UTC) - timedelta(days=days)
    with studio.reading() as connection:
        job_id = None if job is None else jobs.by_name(connection, job).id
        number, size = purging.expired(connection, removed_before=limit, job_id=job_id)
    if not yes:
        click.confirm(f"Delete {number} files and versions, {size:,} bytes, for good?", abort=True)
    with deleting():
        deleted = _purge(studio, number, limit, job_id)
    click.echo(f"files and versions deleted for good: {deleted}")


def _purge(studio: Studio, number: int, limit: datetime, job_id: int | None) -> int:
    """Purge a batch after the other, and what was left of an earlier time; returns how many uploads."""
    from jobfs.ingest import erasing, expiry  # noqa: PLC0415 - the other commands need no event loop

    deleted = 0
    with opening.answering(studio.catalog.name):
        erasing.finish_bytes(studio.catalog, studio.store)
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=number, file=sys.stderr, hidden=hidden) as bar:
        while True:
            with studio.writing() as connection:
                now = datetime.now(UTC)
                purged = purging.purge(connection, removed_before=limit, job_id=job_id, now=now)
            expiry.drop(studio.store, purged)
            with studio.writing() as connection:
                purging.dropped(connection, purged)
            bar.update(purged.uploads)
            deleted += purged.uploads
            if not purged.uploads:
                return deleted


def _facts(item: Item, keep: timedelta) -> Facts:
    return {
        "id": item.id, "kind": item.kind.value, "path": item.path, "size": item.size,
        "state": item.state, "removed_at": item.removed_at, "removed_by": item.removed_by,
        "kept": item.kept, "expires_at": None if item.kept else item.removed_at + keep,
    }  # fmt: skip
