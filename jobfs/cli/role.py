"""`jobfs init`, and the roles that `jobfs up` runs, each alone."""

import click

from jobfs import daemon
from jobfs.catalog import opening
from jobfs.cli.studio import Studio


@click.command()
@click.pass_obj
def init(studio: Studio) -> None:
    """Make directories, database and host keys.

    Safe to repeat: what is there stays, and the database is brought to this version of jobfs.
    """
    with opening.answering(studio.config.database_url):
        daemon.initialise(studio.config)
    click.echo(f"ready: {studio.config.jobfs.data}")


#: For `jobfs up`, which holds the other end of the role's standard input.
_supervised = click.option("--supervised", is_flag=True, hidden=True)


@click.command()
@_supervised
@click.pass_obj
def mount(studio: Studio, *, supervised: bool) -> None:
    """Run the mount alone."""
    _run("mount", studio, supervised=supervised)


@click.command()
@_supervised
@click.pass_obj
def login(studio: Studio, *, supervised: bool) -> None:
    """Run the SFTP server alone."""
    _run("login", studio, supervised=supervised)


@click.command()
@_supervised
@click.pass_obj
def worker(studio: Studio, *, supervised: bool) -> None:
    """Run one worker alone."""
    _run("worker", studio, supervised=supervised)


def _run(kind: str, studio: Studio, *, supervised: bool) -> None:
    studio.check()
    daemon.run(kind, studio.config, supervised=supervised)
