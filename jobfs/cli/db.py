"""`jobfs db`: the database itself."""

from datetime import UTC, datetime

import click

from jobfs.catalog import address, copying, migrate, opening, roles
from jobfs.catalog.engine import Catalog
from jobfs.cli.progress import progress
from jobfs.cli.studio import Studio


@click.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.pass_obj
def copy_database(_studio: Studio, source: str, target: str) -> None:
    """Copy a studio's rows into another database.

    From SQLite to PostgreSQL, or any other way, with the studio stopped. FROM and TO are each
    sqlite:FILE or postgresql://ACCOUNT@HOST/NAME; a password stands in a file, named by ?passfile=FILE
    or by the variable PGPASSFILE. TO is empty. Afterwards every row has been read from both and
    compared, or TO is as empty as before.
    """
    old, new = address.parse(source), address.parse(target)
    catalog = opening.opened(old, durable=True)
    try:
        with opening.answering(old):
            with catalog.reading() as connection:
                roles.refuse_running(connection, now=datetime.now(UTC))
            with opening.answering(new):
                rows = _copy(catalog, Catalog(new, connections=2))
    finally:
        catalog.dispose()
    click.echo(f"copied and compared {rows} rows; now let [jobfs] database name {target}")


def _copy(source: Catalog, target: Catalog) -> int:
    """Copy in one transaction and return the number of rows."""
    try:
        with target.reading() as connection:
            copying.refuse_filled(connection)
        migrate.upgrade(target)
        with copying.snapshot(source) as rows:
            number = copying.count(rows)
            with progress(2 * number, "rows") as bar, target.writing() as connection:
                copying.copy(rows, connection, advance=bar.update)
        return number
    finally:
        target.dispose()
