"""`jobfs job import`: a folder tree becomes a job's, as if it had been sent."""

import sys
from pathlib import Path

import click

from jobfs.catalog import accounts, jobs
from jobfs.cli import sources
from jobfs.cli.bringing import Bringing
from jobfs.cli.named import ACCOUNT, JOB
from jobfs.cli.output import printable
from jobfs.cli.progress import progress
from jobfs.cli.studio import Studio
from jobfs.domain.quotas import size_in_words


@click.command("import")
@click.argument("name", type=JOB)
@click.argument(
    "source", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--account", "account", metavar="NAME", type=ACCOUNT,
    help="Whose files they will be, and whose quota counts; else an administrator's.",
)  # fmt: skip
@click.pass_obj
def import_folder(studio: Studio, name: str, source: Path, account: str | None) -> None:
    """Bring a folder tree into a job, as if it had been sent.

    DIR's folders become the job's: albums, and what is in them, with their times. The job's status is
    no matter, and the studio may be at work. Run it again after an interruption, or when DIR has
    changed: only what is missing in the job, or differs, is copied. Nothing is deleted.

    Exit status 1 if something was refused (links, names that no file of a job can have), or is a
    problem; the lines say what.
    """
    with studio.reading() as connection:
        job = jobs.by_name(connection, name)
        account_id = None if account is None else accounts.by_name(connection, account).id
    with sources.folder(source) as descriptor:
        length = sources.bytes_below(descriptor) if sys.stderr.isatty() else 0
        with progress(length, job.name) as bar:
            bringing = Bringing(studio, job.id, account_id, bar)
            bringing.bring(descriptor)
    if not _is_all_well(bringing):
        raise click.exceptions.Exit(1)


def _is_all_well(bringing: Bringing) -> bool:
    faults = bringing.problems()
    for refusal in bringing.refused:
        click.echo(f"refused: {refusal.path}: {refusal.reason}", err=True)
    for fault in faults:
        click.echo(f"{fault.kind}: {printable(fault.path)}: {printable(fault.text)}", err=True)
    click.echo(
        f"copied {bringing.copied:,} files ({size_in_words(bringing.size)}),"
        f" {bringing.unchanged:,} were there, {len(bringing.refused):,} refused,"
        f" {len(faults):,} with problems"
    )
    return not (bringing.refused or faults)
