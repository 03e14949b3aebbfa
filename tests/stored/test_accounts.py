"""Accounts and keys in both databases."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from jobfs.catalog import accounts, feed
from jobfs.catalog.accounts import PublicKey
from jobfs.catalog.engine import Catalog
from jobfs.catalog.refusals import (
    AccountExistsError,
    KeyExistsError,
    NoSuchAccountError,
    NoSuchKeyError,
)
from jobfs.domain.refusals import BadAccountNameError

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
KEY = PublicKey(line="ssh-ed25519 AAAA", fingerprint="SHA256:one", comment="camera")


def test_an_account_comes_back_as_it_was_added(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        account_id = accounts.add(connection, "bob", password_hash="$y$x", all_jobs=True, now=NOON)
        accounts.add_key(connection, account_id, KEY, now=NOON)

    with catalog.reading() as connection:
        bob = accounts.by_name(connection, "bob")

    assert (bob.id, bob.name, bob.password_hash) == (account_id, "bob", "$y$x")
    assert (bob.all_jobs, bob.enabled, bob.created_at) == (True, True, NOON)
    assert [(key.line, key.fingerprint, key.comment) for key in bob.keys] == [
        ("ssh-ed25519 AAAA", "SHA256:one", "camera")
    ]


def test_a_name_is_given_once(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        accounts.add(connection, "bob", now=NOON)

    with pytest.raises(AccountExistsError, match="'bob'"), catalog.writing() as connection:
        accounts.add(connection, "bob", now=NOON)


def test_a_name_that_is_no_login_name_is_refused(catalog: Catalog) -> None:
    with pytest.raises(BadAccountNameError), catalog.writing() as connection:
        accounts.add(connection, "Bob Smith", now=NOON)


def test_an_unknown_name_is_named_in_the_refusal(catalog: Catalog) -> None:
    with (
        catalog.reading() as connection,
        pytest.raises(NoSuchAccountError, match="'nobody-here'"),
    ):
        accounts.by_name(connection, "nobody-here")


def test_the_listing_has_every_account_with_its_own_keys(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        eve = accounts.add(connection, "eve", now=NOON)
        accounts.add(connection, "bob", now=NOON)
        accounts.add_key(connection, eve, KEY, now=NOON)

    with catalog.reading() as connection:
        listed = accounts.listing(connection)

    assert [(one.name, len(one.keys)) for one in listed] == [("bob", 0), ("eve", 1)]


def test_a_removed_account_leaves_its_row_and_frees_its_name(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        first = accounts.add(connection, "bob", password_hash="$y$x", now=NOON)
        accounts.add_key(connection, first, KEY, now=NOON)

    with catalog.writing() as connection:
        accounts.remove(connection, first, now=NOON)
        second = accounts.add(connection, "bob", now=NOON)

    with catalog.reading() as connection:
        bob = accounts.by_name(connection, "bob")
        rows = connection.execute(text("SELECT count(*) FROM account")).scalar_one()
    assert (bob.id, bob.password_hash, bob.keys, rows) == (second, None, (), 2)
    assert second > first


def test_an_account_has_a_key_once(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        bob = accounts.add(connection, "bob", now=NOON)
        accounts.add_key(connection, bob, KEY, now=NOON)

    with pytest.raises(KeyExistsError), catalog.writing() as connection:
        accounts.add_key(connection, bob, KEY, now=NOON)


def test_two_accounts_may_share_a_key(catalog: Catalog) -> None:
    """A studio's laptop logs in as several of its photographers."""
    with catalog.writing() as connection:
        for name in ("bob", "eve"):
            accounts.add_key(connection, accounts.add(connection, name, now=NOON), KEY, now=NOON)

    with catalog.reading() as connection:
        assert [len(one.keys) for one in accounts.listing(connection)] == [1, 1]


def test_a_removed_key_is_gone_and_an_unknown_one_is_refused(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        bob = accounts.add(connection, "bob", now=NOON)
        accounts.add_key(connection, bob, KEY, now=NOON)

    with catalog.writing() as connection:
        accounts.remove_key(connection, bob, KEY.fingerprint)

    with catalog.reading() as connection:
        assert accounts.by_name(connection, "bob").keys == ()
    with pytest.raises(NoSuchKeyError), catalog.writing() as connection:
        accounts.remove_key(connection, bob, KEY.fingerprint)


def test_every_change_of_an_account_is_in_the_feed(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        bob = accounts.add(connection, "bob", now=NOON)
        accounts.set_password(connection, bob, "$y$y")
        accounts.set_enabled(connection, bob, enabled=False)
        accounts.add_key(connection, bob, KEY, now=NOON)
        accounts.remove(connection, bob, now=NOON)

    with catalog.reading() as connection:
        kinds = [event.kind for event in feed.after(connection, feed.START)]
    assert kinds == [
        "account.added", "account.changed", "account.changed", "key.added", "key.removed",
        "account.changed",
    ]  # fmt: skip
