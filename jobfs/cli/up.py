"""`jobfs up` and `jobfs wait`: everything at once."""

import threading
from time import monotonic

import click

from jobfs import daemon, logs, supervisor
from jobfs.catalog import opening
from jobfs.catalog.refusals import OlderSchemaError
from jobfs.cli.studio import Studio

_LOOK = 0.2  # seconds between two looks at the schema


@click.command()
@click.option("--init", is_flag=True, help="Do first what `jobfs init` does.")
@click.pass_obj
def up(studio: Studio, *, init: bool) -> None:
    """Run everything: mount, login and workers.

    What dies is started again. SIGTERM or Ctrl-C lets uploads that are under way finish for at most 30
    seconds, then ends. The database of an older jobfs is first copied into the folder `backups` in the
    studio's data, then migrated.
    """
    logs.configure(studio.config.jobfs.log_level, role="up")
    with opening.answering(studio.config.database_url):
        prepare = daemon.initialise if init else daemon.migrate_older
        prepare(studio.config)
    studio.check()
    supervisor.up(studio.config, config_file=studio.config_file)


@click.command()
@click.option(
    "--timeout", type=click.FloatRange(min=0), default=30, show_default=True, metavar="SECONDS",
    help="How long to wait; then the exit status is 1.",
)  # fmt: skip
@click.pass_obj
def wait(studio: Studio, timeout: float) -> None:
    """Wait until what `jobfs up` runs is ready: mount, login and a worker."""
    _wait_for_migration(studio, timeout)
    supervisor.wait(studio.config, timeout)


def _wait_for_migration(studio: Studio, timeout: float) -> None:
    """Return when the studio can be worked with: `jobfs up` may just be migrating its database."""
    never, give_up = threading.Event(), monotonic() + timeout
    while True:
        try:
            studio.check()
        except OlderSchemaError:
            if monotonic() > give_up:
                raise
            never.wait(_LOOK)
        else:
            return
