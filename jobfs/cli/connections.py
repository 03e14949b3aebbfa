"""`jobfs connections`: who is logged in over SFTP, and how to end that."""

from datetime import UTC, datetime

import click

from jobfs import processes
from jobfs.catalog import accounts, roles
from jobfs.cli.named import ACCOUNT
from jobfs.cli.output import Facts, json_option, print_listing
from jobfs.cli.refusals import NoSuchConnectionError, StillConnectedError
from jobfs.cli.studio import Studio
from jobfs.daemon import login_config
from jobfs.login import served
from jobfs.login.served import Served


@click.command("list")
@json_option
@click.pass_obj
def list_connections(studio: Studio, *, as_json: bool) -> None:
    """List who is logged in over SFTP.

    The account, the address it comes from, since when, and the process of sshd that serves it. A client
    that sends several files at once has several connections. Where SFTP servers run on several machines,
    each is asked for its own.
    """
    listing = [facts(one) for one in _here(studio)]
    columns = ("account", "address", "since", "pid")
    print_listing(listing, columns, as_json=as_json, timezone=studio.timezone)
    for machine in elsewhere(studio):
        click.echo(f"More may be on {machine}: ask there.", err=True)


@click.command()
@click.argument("which", type=ACCOUNT, metavar="ACCOUNT|PID")
@click.pass_obj
def end(studio: Studio, which: str) -> None:
    """End connections of an account, or a single one.

    At once, also in the middle of a file, which its client can then resume or send again. It ends when
    they are gone. The account can log in again, and client programs often do so by themselves; to keep
    it out, `jobfs account disable`.
    """
    doomed = _chosen(studio, which)
    left = served.end(doomed)
    if left:
        pids = ", ".join(str(one.pid) for one in left)
        raise StillConnectedError(
            f"told to end, but not gone within {served.PATIENCE:g} s: process {pids};"
            " does the mount answer? Look at `jobfs health`"
        )
    click.echo(f"connections ended: {len(doomed)}")


def facts(one: Served) -> Facts:
    """Return what is told of a connection."""
    return {
        "account": one.account, "address": one.address, "since": one.since, "pid": one.monitor.pid
    }  # fmt: skip


def elsewhere(studio: Studio) -> list[str]:
    """Return the names of other machines, or containers, that let photographers in."""
    now = datetime.now(UTC)
    with studio.reading() as connection:
        known = roles.known(connection, kind="login")
    hosts = {role.host for role in known if role.is_alive(now)} - {processes.host()}
    return sorted(host.partition(" ")[0] for host in hosts)


def _here(studio: Studio) -> list[Served]:
    return served.listing(login_config(studio.config))


def _chosen(studio: Studio, which: str) -> list[Served]:
    """Return the connections that a word names; raises if there is no such account or process."""
    if which.isdecimal():  # no account's name begins with a digit
        found = [one for one in _here(studio) if one.monitor.pid == int(which)]
        if not found:
            raise NoSuchConnectionError(
                f"no connection has the process {which}: see `jobfs connections list`"
            )
        return found
    found = [one for one in _here(studio) if one.account == which]
    if not found:
        with studio.reading() as connection:
            accounts.by_name(connection, which)
    return found
