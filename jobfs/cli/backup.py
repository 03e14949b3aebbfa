"""`jobfs backup`: a whole copy of a studio that goes on working meanwhile."""

from pathlib import Path

import click

from jobfs.blobs import archive
from jobfs.blobs.archive import Archive
from jobfs.blobs.refusals import ForeignFolderError
from jobfs.catalog import contents, opening
from jobfs.catalog.refusals import MissingSchemaError
from jobfs.cli.archiving import Making
from jobfs.cli.progress import progress
from jobfs.cli.studio import Studio


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--verify", is_flag=True, help="Read every file of the backup again at the end.")
@click.pass_obj
def backup(studio: Studio, folder: Path, *, verify: bool) -> None:
    """Copy the whole studio into a folder.

    Database, photos, renditions, host keys and the settings without passwords; while the studio goes on
    receiving. A backup into a DIR that holds an earlier one copies only what is new, and deletes there
    what has been deleted here; until it is whole, the earlier one stays as it was. What is copied is
    compared with what was received. `jobfs restore DIR` makes a studio of it again.
    """
    studio.check()
    folder = folder.absolute()
    _refuse_nested(studio, folder)
    with archive.writing(folder, _founded(studio)) as target:
        making = Making(studio, target)
        with opening.answering(studio.config.database_url):
            making.make()
        if verify:
            _verify(target)
    click.echo(f"backup in {folder}: {len(target.sums)} files, {making.size:,} bytes copied")
    making.complain()


def _founded(studio: Studio) -> str:
    with studio.reading() as connection:
        founded = contents.founded(connection)
    if founded is None:
        raise MissingSchemaError(f"{studio.catalog.name} holds no studio: run `jobfs init`")
    return founded.isoformat()


def _refuse_nested(studio: Studio, folder: Path) -> None:
    for place in (studio.config.jobfs.data, studio.config.jobfs.mountpoint):
        if folder.is_relative_to(place) or place.is_relative_to(folder):
            raise ForeignFolderError(f"{folder} and {place} lie in each other: name another folder")


def _verify(target: Archive) -> None:
    with progress(len(target.sums), "verifying") as bar:
        for name in target.sums:
            target.verify(name)
            bar.update(1)
