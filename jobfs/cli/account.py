"""`jobfs account`: who can log in, and how."""

import grp
import pwd
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

import click

from jobfs.catalog import accounts, feed, grants, usage
from jobfs.catalog.accounts import Account
from jobfs.catalog.engine import Connection
from jobfs.cli.named import ACCOUNT
from jobfs.cli.output import Facts, json_option, print_facts, print_listing
from jobfs.cli.quota import as_size, usage_facts
from jobfs.cli.refusals import SystemNameError
from jobfs.cli.studio import Studio
from jobfs.cli.takeover import wait_for_login
from jobfs.domain.accounts import uid_of
from jobfs.domain.names import account_name
from jobfs.domain.quotas import Usage
from jobfs.login import keys, passwords

KEY_FILE = click.File(encoding="utf-8", errors="replace")


@click.command()
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--key", "key_files", type=KEY_FILE, multiple=True, metavar="FILE",
    help="A public key, of OpenSSH or PuTTY (SSH2); may be given several times.",
)  # fmt: skip
@click.option("--all-jobs", is_flag=True, help="Grant every job, also those to come.")
@click.option(
    "--quota", callback=as_size, metavar="SIZE",
    help="How much it may have in its jobs, like 500MB or 1.5TB; else as much as there is room.",
)  # fmt: skip
@click.option(
    "--no-status-files", is_flag=True,
    help="Do not show it the files in which jobfs tells what has arrived.",
)  # fmt: skip
@click.pass_obj
def add(
    studio: Studio,
    name: str,
    *,
    password_stdin: bool,
    key_files: tuple[TextIO, ...],
    all_jobs: bool,
    quota: int | None,
    no_status_files: bool,
) -> None:
    """Add an account.

    Without a password or a key, a password is made, and printed this once.
    """
    name = _fit_name(name)
    public_keys = [keys.parse(file.read()) for file in key_files]
    made = None if password_stdin or key_files else passwords.generate()
    password = _read_password() if password_stdin else made
    now = datetime.now(UTC)
    password_hash = None if password is None else passwords.hash_password(password)
    with studio.writing() as connection:
        account_id = accounts.add(
            connection, name, password_hash=password_hash, all_jobs=all_jobs, quota=quota,
            status_files=not no_status_files, now=now,
        )  # fmt: skip
        for key in public_keys:
            accounts.add_key(connection, account_id, key, now=now)
        position = feed.last_of_transaction(connection)
    wait_for_login(studio, position)
    click.echo(f"added account {name}")
    _show_once(made)


@click.command("list")
@json_option
@click.pass_obj
def list_accounts(studio: Studio, *, as_json: bool) -> None:
    """List every account."""
    with studio.reading() as connection:
        used = usage.by_account(connection)
        listing = [
            {
                **_facts(account),
                **usage_facts(Usage(used.get(account.id, 0), account.quota), as_json=as_json),
                "keys": len(account.keys),
            }
            for account in accounts.listing(connection)
        ]
    columns = (
        "name", "enabled", "password", "keys", "all_jobs", "quota", "used", "uid", "created_at"
    )  # fmt: skip
    print_listing(listing, columns, as_json=as_json, timezone=studio.timezone)


@click.command()
@click.argument("name", type=ACCOUNT)
@json_option
@click.pass_obj
def show(studio: Studio, name: str, *, as_json: bool) -> None:
    """Show one account, its keys and its jobs."""
    with studio.reading() as connection:
        account = accounts.by_name(connection, name)
        granted = grants.of_account(connection, account.id)
        found = usage.of_account(connection, account.id)
    facts = {
        **_facts(account),
        **usage_facts(found, as_json=as_json),
        "keys": [{"fingerprint": key.fingerprint, "comment": key.comment} for key in account.keys],
        "jobs": [{"job": grant.job, "right": grant.right} for grant in granted],
    }
    print_facts(facts, as_json=as_json, timezone=studio.timezone)


@click.command()
@click.argument("name", type=ACCOUNT)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.pass_obj
def passwd(studio: Studio, name: str, *, password_stdin: bool) -> None:
    """Give an account another password.

    Without --password-stdin one is made, and printed this once. Keys go on to log in.
    """
    made = None if password_stdin else passwords.generate()
    password_hash = passwords.hash_password(made or _read_password())

    def change(connection: Connection, account: Account) -> None:
        accounts.set_password(connection, account.id, password_hash)

    _change(studio, name, change)
    click.echo(f"changed the password of {name}")
    _show_once(made)


@click.command()
@click.argument("name", type=ACCOUNT)
@click.pass_obj
def enable(studio: Studio, name: str) -> None:
    """Let an account log in again."""

    def change(connection: Connection, account: Account) -> None:
        accounts.set_enabled(connection, account.id, enabled=True)

    _change(studio, name, change)
    click.echo(f"enabled {name}")


@click.command()
@click.argument("name", type=ACCOUNT)
@click.pass_obj
def disable(studio: Studio, name: str) -> None:
    """Keep an account from logging in.

    Its open connections are ended; what it sent stays.
    """

    def change(connection: Connection, account: Account) -> None:
        accounts.set_enabled(connection, account.id, enabled=False)

    _change(studio, name, change)
    click.echo(f"disabled {name}")


@click.command("status-files")
@click.argument("name", type=ACCOUNT)
@click.argument("switch", type=click.Choice(["on", "off"]))
@click.pass_obj
def status_files(studio: Studio, name: str, switch: str) -> None:
    """Show an account the files in which jobfs tells what has arrived, or not.

    They are _STATUS.txt, _PROBLEMS.csv and _RECEIPT.sha256 in its jobs, and _NO_JOBS.txt and
    _CLOSED_JOBS.txt beside them. What is on, or off, is so at the next look.
    """

    def change(connection: Connection, account: Account) -> None:
        accounts.set_status_files(connection, account.id, shown=switch == "on")

    _change(studio, name, change)
    click.echo(f"turned the status files of {name} {switch}")


@click.command()
@click.argument("name", type=ACCOUNT)
@click.pass_obj
def remove(studio: Studio, name: str) -> None:
    """Remove an account; its photos stay.

    Its open connections are ended, and its name is free for another account.
    """

    def change(connection: Connection, account: Account) -> None:
        accounts.remove(connection, account.id, now=datetime.now(UTC))

    _change(studio, name, change)
    click.echo(f"removed account {name}")


def _change(studio: Studio, name: str, change: Callable[[Connection, Account], None]) -> None:
    """Change an account, and return when running SFTP servers go by the change."""
    with studio.writing() as connection:
        change(connection, accounts.by_name(connection, name))
        position = feed.last_of_transaction(connection)
    wait_for_login(studio, position)


def _fit_name(text: str) -> str:
    """Return a name that can be given to an account, as far as this machine is concerned."""
    name = account_name(text)
    if name in {entry.pw_name for entry in pwd.getpwall()}:
        raise SystemNameError(f"{name!r} is an account of this machine's own: take another name")
    if name in {entry.gr_name for entry in grp.getgrall()}:
        raise SystemNameError(f"{name!r} is a group of this machine's own: take another name")
    return name


def _read_password() -> str:
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")


def _show_once(password: str | None) -> None:
    if password is not None:
        click.echo(f"password: {password}")
        click.echo("The password is shown this once and kept nowhere.", err=True)


def _facts(account: Account) -> Facts:
    return {
        "id": account.id, "name": account.name, "uid": uid_of(account.id),
        "enabled": account.enabled, "password": account.password_hash is not None,
        "all_jobs": account.all_jobs, "status_files": account.status_files,
        "created_at": account.created_at,
    }  # fmt: skip
