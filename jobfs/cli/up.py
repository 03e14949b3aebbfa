"""`jobfs up` and `jobfs wait`: everything at once."""

import click

from jobfs import supervisor
from jobfs.cli.studio import Studio


@click.command()
@click.pass_obj
def up(studio: Studio) -> None:
    """Run everything: mount, login and workers.

    What dies is started again. SIGTERM or Ctrl-C lets uploads that are under way finish for at most 30
    seconds, then ends.
    """
    studio.check()
    supervisor.up(studio.config, config_file=studio.config_file)


@click.command()
@click.option(
    "--timeout", type=click.FloatRange(min=0), default=30, show_default=True, metavar="SECONDS",
    help="How long to wait; then the exit status is 1.",
)  # fmt: skip
@click.pass_obj
def wait(studio: Studio, timeout: float) -> None:
    """Wait until mount, login and a worker are ready."""
    studio.check()
    supervisor.wait(studio.config, timeout)
