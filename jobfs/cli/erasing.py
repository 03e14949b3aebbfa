"""`jobfs photo erase` and `jobfs job remove`: what goes for good, and at once."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from jobfs.blobs import ledger
from jobfs.catalog import erasing, jobs, opening, photo_listing
from jobfs.catalog.erasing import Extent
from jobfs.catalog.refusals import InUseError
from jobfs.cli.named import JOB
from jobfs.cli.output import printable
from jobfs.cli.progress import progress
from jobfs.cli.refusals import BytesLeftError
from jobfs.cli.studio import Studio
from jobfs.ingest import erasing as finishing

#: Seconds between two looks whether a worker has let go of a photo, and until the hourly round shall look.
_PAUSE, _PATIENCE = 0.2, 30.0


@click.command()
@click.argument("photo_id", metavar="ID", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def erase(studio: Studio, photo_id: int, *, yes: bool) -> None:
    """Erase a photo, whatever the trash would keep.

    Its originals, a raw file and its sidecars among them, every version of them, renditions, metadata,
    codes, and what is in the trash under its name. What another photo shows that had the name before, or
    took it, stays. An event stays, without a name. Whoever is reading the file may read on to its end.

    A backup made before still holds it: make another into the same folder. Restoring one erases it again.
    """
    with studio.reading() as connection:
        photo = photo_listing.one(connection, photo_id)
        extent = erasing.extent_of_photo(connection, photo_id)
    if not yes:
        _confirm(f"{photo.job}/{photo.path}", extent)
    with studio.writing() as connection:
        erasing.photo(connection, photo_id, now=datetime.now(UTC))
    _finish_bytes(studio)
    click.echo(f"erased photo {photo_id}: {_words(extent)}")


@click.command()
@click.argument("name", type=JOB)
@click.option("--erase", is_flag=True, help="With all its files, those in its trash included.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(studio: Studio, name: str, *, erase: bool, yes: bool) -> None:
    """Remove a job.

    One that holds files, be it in its trash, only with --erase: then every photo goes for good, with all
    that `jobfs photo erase` says. The job vanishes from connected clients first. If the command is
    interrupted, a worker goes on within the hour, or the same command does.
    """
    with studio.reading() as connection:
        job = jobs.by_name(connection, name)
        extent = erasing.extent_of_job(connection, job.id)
    if not erase:
        with studio.writing() as connection:
            erasing.remove_empty(connection, job.id, now=datetime.now(UTC))
        _finish_bytes(studio)
        click.echo(f"removed job {printable(name)}")
        return
    if not yes:
        _confirm(job.name, extent)
    with studio.writing() as connection:
        erasing.begin_job(connection, job.id, now=datetime.now(UTC))
    _erase_job(studio, job.id, extent)
    click.echo(f"removed job {printable(name)}: {_words(extent)}")


def _erase_job(studio: Studio, job_id: int, extent: Extent) -> None:
    """Erase a job step by step; raises InUseError if somebody does not let go of a part of it."""
    patient_until = time.monotonic() + _PATIENCE
    with progress(extent.versions, "erasing") as bar:
        while True:
            with studio.writing() as connection:
                step = erasing.job_step(connection, job_id, now=datetime.now(UTC))
            _finish_bytes(studio)
            if step is None:
                return
            bar.update(step)
            if step == 0 and time.monotonic() > patient_until:
                raise InUseError(
                    "what is left of the job is in the hands of a worker or is still being sent: a"
                    " worker erases it within the hour, or repeat the command"
                )
            if not step:
                threading.Event().wait(_PAUSE)


def _finish_bytes(studio: Studio) -> None:
    with deleting(), opening.answering(studio.catalog.name):
        finishing.finish_bytes(studio.catalog, studio.store)


@contextmanager
def deleting() -> Iterator[None]:
    """Say, of bytes that cannot be deleted in the block, what becomes of them. Raises BytesLeftError."""
    try:
        yield
    except OSError as error:
        raise BytesLeftError(
            f"the rows are erased, but {error.filename} cannot be deleted: {error.strerror}; a worker"
            f" tries again every hour. Until then {ledger.NAME} does not tell of it"
        ) from error


def _confirm(what: str, extent: Extent) -> None:
    click.confirm(f"Erase {printable(what)} for good: {_words(extent)}?", abort=True)


def _words(extent: Extent) -> str:
    return f"{extent.files} files, {extent.versions} versions, {extent.size:,} bytes"
