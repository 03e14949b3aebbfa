"""`jobfs account card`: what to send to a photographer."""

import socket
from typing import TextIO

import click

from jobfs import daemon
from jobfs.catalog import accounts
from jobfs.catalog.accounts import Account
from jobfs.cli.named import ACCOUNT
from jobfs.cli.refusals import NoHostKeysError
from jobfs.cli.studio import Studio
from jobfs.config import Config, SshdConfig
from jobfs.login import card as cards
from jobfs.login import hostkeys
from jobfs.login.card import Card
from jobfs.login.hostkeys import HostKey


@click.command()
@click.argument("name", type=ACCOUNT)
@click.option(
    "--filezilla", "site_file", type=click.File("w", encoding="utf-8", lazy=True), metavar="FILE",
    help="Write a site for FileZilla's File > Import instead.",
)  # fmt: skip
@click.pass_obj
def card(studio: Studio, name: str, site_file: TextIO | None) -> None:
    """Print what to send to a photographer.

    Everything to type into an SFTP client, and the fingerprints to compare. No password: jobfs does
    not know it.
    """
    with studio.reading() as connection:
        account = accounts.by_name(connection, name)
    facts = _facts(studio.config, account)
    if site_file is None:
        click.echo(cards.text(facts), nl=False)
    else:
        site_file.write(cards.filezilla(facts))


def _facts(config: Config, account: Account) -> Card:
    host, port = _address(config.sshd)
    return Card(
        studio=config.studio.name, contact=config.studio.contact, host=host, port=port,
        account=account.name, password=account.password_hash is not None,
        keys=[(key.fingerprint, key.comment) for key in account.keys],
        host_keys=_host_keys(config),
    )  # fmt: skip


def _address(sshd: SshdConfig) -> tuple[str, int]:
    """Return where photographers connect: as configured, else where sshd listens first."""
    host, _, port = sshd.listen[0].rpartition(":")
    is_every_address = host in {"0.0.0.0", "[::]", "*"}  # noqa: S104 - compared, not bound
    return sshd.card_host or (socket.gethostname() if is_every_address else host), int(port)


def _host_keys(config: Config) -> list[HostKey]:
    folder = daemon.login_config(config).hostkeys
    known = hostkeys.known(folder)
    if not known:
        raise NoHostKeysError(f"there are no host keys in {folder}: run `jobfs init`")
    return known
