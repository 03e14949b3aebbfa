"""`jobfs restore`: a studio made again of a backup."""

from pathlib import Path

import click

from jobfs.blobs import archive
from jobfs.blobs.archive import Archive
from jobfs.catalog import opening
from jobfs.catalog.engine import Catalog
from jobfs.cli.restoring import Restoring
from jobfs.cli.studio import Studio


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--erasures", "ledgers", multiple=True, metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An erasures.jsonl that is younger than the backup; may be repeated.",
)  # fmt: skip
@click.pass_obj
def restore(studio: Studio, folder: Path, ledgers: tuple[Path, ...]) -> None:
    """Make the studio that a backup in a folder holds.

    Into the data folder and the database of the settings, of whichever kind; both empty, or as `jobfs
    init` has left them. Every file is compared with its SHA-256 in the backup. Folders keep their inode
    numbers and the server its host keys, so no photographer notices. Uploads that were under way are
    interrupted, with what had arrived of them. What was erased is erased again: what the backup knows of,
    the file erasures.jsonl in the data folder, and those that you name. Until the restore has come to its
    end, `jobfs up` refuses; when it was interrupted, repeat it.
    """
    with archive.reading(folder.absolute()) as backup:
        size = _restore(studio, backup, ledgers)
    click.echo(f"restored {folder}: {len(backup.sums)} files, {size:,} bytes copied")
    click.echo("`jobfs up` starts the studio.")


def _restore(studio: Studio, backup: Archive, ledgers: tuple[Path, ...]) -> int:
    """Return how many bytes were copied."""
    url = studio.config.database_url
    studio.config.jobfs.data.mkdir(mode=0o755, parents=True, exist_ok=True)
    with opening.answering(url):
        catalog = Catalog(url, connections=2)
        try:
            restoring = Restoring(studio.config, catalog, backup, ledgers)
            restoring.restore()
        finally:
            catalog.dispose()
    return restoring.size
