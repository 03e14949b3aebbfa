"""`jobfs init`, and the roles that `jobfs up` runs, each alone."""

import click

from jobfs import daemon, logs
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
@click.option("--init", is_flag=True, help="Do first what `jobfs init` does.")
@click.pass_obj
def mount(studio: Studio, *, supervised: bool, init: bool) -> None:
    """Run the mount alone.

    It does not serve where it cannot see whether the programs that write to it close their files or
    are killed.
    """
    if init:
        logs.configure(studio.config.jobfs.log_level, role="mount")
        with opening.answering(studio.config.database_url):
            daemon.initialise(studio.config)
    _run("mount", studio, supervised=supervised)


@click.command()
@_supervised
@click.pass_obj
def login(studio: Studio, *, supervised: bool) -> None:
    """Run the SFTP server alone.

    `jobfs mount` has to serve already, and in a pid namespace in which it sees the processes of this
    one: otherwise it could not tell whole uploads from cut off ones.
    """
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
