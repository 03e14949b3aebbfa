"""Accounts and their public keys. The events are appended by triggers."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from jobfs.catalog.refusals import (
    AccountExistsError,
    KeyExistsError,
    NoSuchAccountError,
    NoSuchKeyError,
)
from jobfs.catalog.schema import AccountKeyRow, AccountRow
from jobfs.domain.names import account_name


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """What logs somebody in: *line* is type and base64, *fingerprint* "SHA256:..."."""

    line: str
    fingerprint: str
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(PublicKey):
    """A public key on record."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who can log in; the columns are explained in `jobfs.catalog.schema.AccountRow`."""

    id: int
    name: str
    password_hash: str | None
    all_jobs: bool
    enabled: bool
    quota: int | None
    status_files: bool
    created_at: datetime
    keys: tuple[Key, ...]


def add(
    connection: Connection,
    name: str,
    *,
    password_hash: str | None = None,
    all_jobs: bool = False,
    quota: int | None = None,
    status_files: bool = True,
    now: datetime,
) -> int:
    """Make an account and return its id; raises BadAccountNameError and AccountExistsError."""
    account = insert(AccountRow).values(
        name=account_name(name), password_hash=password_hash, all_jobs=all_jobs, quota=quota,
        status_files=status_files, created_at=now,
    )  # fmt: skip
    if connection.execute(_accounts().where(AccountRow.name == name)).first() is not None:
        raise AccountExistsError(name)
    try:
        return connection.execute(account.returning(AccountRow.id)).scalar_one()
    except IntegrityError as error:  # another transaction was faster
        if "uq_account_name" not in str(error.orig):
            raise
        raise AccountExistsError(name) from error


def by_name(connection: Connection, name: str) -> Account:
    """Return the account called *name*; raises NoSuchAccountError."""
    row = connection.execute(_accounts().where(AccountRow.name == name)).one_or_none()
    if row is None:
        raise NoSuchAccountError(name)
    keys = select(AccountKeyRow).where(AccountKeyRow.account_id == row.id)
    return _account(row, connection.execute(keys.order_by(AccountKeyRow.id)))


def listing(connection: Connection) -> list[Account]:
    """Return every account that is not removed, by name."""
    keys: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for key in connection.execute(select(AccountKeyRow).order_by(AccountKeyRow.id)):
        keys[key.account_id].append(key)
    rows = connection.execute(_accounts().order_by(AccountRow.name))
    return [_account(row, keys[row.id]) for row in rows]


def set_password(connection: Connection, account_id: int, password_hash: str | None) -> None:
    """Change the password; None: only keys log in."""
    _change(connection, account_id, password_hash=password_hash)


def set_enabled(connection: Connection, account_id: int, *, enabled: bool) -> None:
    """Let somebody log in again, or no longer."""
    _change(connection, account_id, enabled=enabled)


def set_quota(connection: Connection, account_id: int, quota: int | None) -> None:
    """Limit the bytes that an account's files may add up to; None: no limit."""
    _change(connection, account_id, quota=quota)


def set_status_files(connection: Connection, account_id: int, *, shown: bool) -> None:
    """Show an account the files that jobfs writes, or no longer."""
    _change(connection, account_id, status_files=shown)


def remove(connection: Connection, account_id: int, *, now: datetime) -> None:
    """End an account. Its row stays for the uploads it made; its name is free for another."""
    connection.execute(delete(AccountKeyRow).where(AccountKeyRow.account_id == account_id))
    _change(connection, account_id, enabled=False, password_hash=None, removed_at=now)


def add_key(connection: Connection, account_id: int, key: PublicKey, *, now: datetime) -> None:
    """Let *key* log an account in; raises KeyExistsError."""
    present = _key(account_id, key.fingerprint)
    if connection.execute(select(AccountKeyRow.id).where(*present)).first() is not None:
        raise KeyExistsError(key.fingerprint)
    row = insert(AccountKeyRow).values(
        account_id=account_id, key=key.line, fingerprint=key.fingerprint, comment=key.comment,
        added_at=now,
    )  # fmt: skip
    try:
        connection.execute(row)
    except IntegrityError as error:  # another transaction was faster
        if "uq_account_key" not in str(error.orig):
            raise
        raise KeyExistsError(key.fingerprint) from error


def remove_key(connection: Connection, account_id: int, fingerprint: str) -> None:
    """Let a key log the account in no longer; raises NoSuchKeyError."""
    gone = delete(AccountKeyRow).where(*_key(account_id, fingerprint))
    if connection.execute(gone).rowcount == 0:
        raise NoSuchKeyError(fingerprint)


def _key(account_id: int, fingerprint: str) -> tuple[Any, Any]:
    return AccountKeyRow.account_id == account_id, AccountKeyRow.fingerprint == fingerprint


def _accounts() -> Select[*tuple[Any, ...]]:
    return select(
        AccountRow.id, AccountRow.name, AccountRow.password_hash, AccountRow.all_jobs,
        AccountRow.enabled, AccountRow.quota, AccountRow.status_files, AccountRow.created_at,
    ).where(AccountRow.removed_at.is_(None))  # fmt: skip


def _change(connection: Connection, account_id: int, **values: Any) -> None:
    connection.execute(update(AccountRow).where(AccountRow.id == account_id).values(**values))


def _account(row: Row[Any], keys: Iterable[Row[Any]]) -> Account:
    return Account(
        id=row.id, name=row.name, password_hash=row.password_hash, all_jobs=row.all_jobs,
        enabled=row.enabled, quota=row.quota, status_files=row.status_files,
        created_at=row.created_at,
        keys=tuple(map(_key_on_record, keys)),
    )  # fmt: skip


def _key_on_record(row: Row[Any]) -> Key:
    return Key(id=row.id, line=row.key, fingerprint=row.fingerprint, comment=row.comment)
