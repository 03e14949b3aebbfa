"""`jobfs account key`: the public keys that log an account in."""

from datetime import UTC, datetime
from typing import TextIO

import click

from jobfs.catalog import accounts, feed
from jobfs.cli.account import KEY_FILE
from jobfs.cli.named import ACCOUNT
from jobfs.cli.studio import Studio
from jobfs.cli.takeover import wait_for_login
from jobfs.login import keys


@click.command()
@click.argument("account", type=ACCOUNT)
@click.argument("file", type=KEY_FILE)
@click.pass_obj
def add(studio: Studio, account: str, file: TextIO) -> None:
    """Let a public key log an account in.

    FILE is a public key of OpenSSH or of PuTTY (SSH2); "-" is standard input.
    """
    key = keys.parse(file.read())
    with studio.writing() as connection:
        account_id = accounts.by_name(connection, account).id
        accounts.add_key(connection, account_id, key, now=datetime.now(UTC))
        position = feed.last_of_transaction(connection)
    wait_for_login(studio, position)
    click.echo(f"added key {key.fingerprint} to {account}")


@click.command()
@click.argument("account", type=ACCOUNT)
@click.argument("fingerprint")
@click.pass_obj
def remove(studio: Studio, account: str, fingerprint: str) -> None:
    """Take a public key away from an account.

    FINGERPRINT is "SHA256:...", as `jobfs account show` prints it.
    """
    with studio.writing() as connection:
        account_id = accounts.by_name(connection, account).id
        accounts.remove_key(connection, account_id, fingerprint)
        position = feed.last_of_transaction(connection)
    wait_for_login(studio, position)
    click.echo(f"removed key {fingerprint} from {account}")
