"""The files from which sshd learns of accounts."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobfs.catalog.accounts import Account, Key
from jobfs.login import files
from jobfs.login.namespace import nsswitch

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HASH = "$y$j9T$EMXhimm3JACTH12J76WRf1$ena7Fl20nqnFiYtVsy1mt5r8w/MVdUgZK0QJ/lBjTK9"


def account(
    number: int,
    name: str,
    *,
    password: str | None = HASH,
    key: str | None = None,
    enabled: bool = True,
) -> Account:
    line = () if key is None else (Key(id=1, line=key, fingerprint="SHA256:x", comment="c"),)
    return Account(
        id=number, name=name, password_hash=password, all_jobs=False, enabled=enabled,
        quota=None, status_files=True, created_at=NOON, keys=line,
    )  # fmt: skip


def test_an_account_has_a_uid_and_a_private_group_of_its_own(tmp_path: Path) -> None:
    files.write(tmp_path, [account(7, "bob", key="ssh-ed25519 AAAA")])

    passwd = (tmp_path / "passwd").read_text()
    assert passwd == "bob:x:20007:20007:jobfs account 7:/:/usr/sbin/nologin\n"
    assert (tmp_path / "group").read_text() == "jobfs-bob:x:20007:\n"
    assert (tmp_path / "shadow").read_text() == f"bob:{HASH}:::::::\n"
    assert (tmp_path / "keys/bob").read_text() == "ssh-ed25519 AAAA\n"


def test_an_account_without_a_password_is_not_locked(tmp_path: Path) -> None:
    files.write(tmp_path, [account(1, "bob", password=None)])

    assert (tmp_path / "shadow").read_text() == "bob:*:::::::\n"


def test_only_what_changed_is_written_again(tmp_path: Path) -> None:
    bob, eve = account(1, "bob", key="ssh-ed25519 AAAA"), account(2, "eve", key="ssh-rsa BBBB")
    files.write(tmp_path, [bob, eve])
    before = {file: file.stat().st_ino for file in tmp_path.rglob("*") if file.is_file()}

    files.write(tmp_path, [bob, account(2, "eve", key="ssh-rsa CCCC")])

    changed = {file.name for file, inode in before.items() if file.stat().st_ino != inode}
    assert changed == {"eve"}


def test_who_is_gone_leaves_no_key_behind(tmp_path: Path) -> None:
    files.write(tmp_path, [account(1, "bob", key="ssh-ed25519 AAAA")])

    files.write(tmp_path, [account(2, "eve")])

    assert list((tmp_path / "keys").iterdir()) == []
    assert "bob" not in (tmp_path / "passwd").read_text()


def test_a_draft_of_a_run_that_was_killed_is_no_hindrance(tmp_path: Path) -> None:
    files.write(tmp_path, [account(1, "bob")])
    for draft in (".passwd.new", "keys/.eve.new"):
        (tmp_path / draft).write_text("half a li")

    files.write(tmp_path, [account(1, "bob"), account(2, "eve", key="ssh-ed25519 AAAA")])

    assert (tmp_path / "passwd").read_text().count("\n") == 2
    assert [file.name for file in (tmp_path / "keys").iterdir()] == ["eve"]


def test_only_root_reads_the_hashes(tmp_path: Path) -> None:
    files.write(tmp_path, [account(1, "bob")])

    assert (tmp_path / "shadow").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "password", ["x:0:0", "$y$a\nroot::::::::", "plain", "!$y$abc", "$y$a b", "$6$ü"]
)
def test_a_hash_that_would_break_its_line_opens_nothing(
    tmp_path: Path, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody may write the column with plain SQL."""
    files.write(tmp_path, [account(1, "bob", password=password)])

    assert (tmp_path / "shadow").read_text() == "bob:*:::::::\n"
    assert "no usable password" in caplog.text


@pytest.mark.parametrize(
    "line", ['command="sh" ssh-ed25519 AAAA', "ssh-ed25519 AAAA\nssh-rsa BBBB", "AAAA"]
)
def test_a_key_that_would_break_its_line_opens_nothing(
    tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    files.write(tmp_path, [account(1, "bob", key=line)])

    assert list((tmp_path / "keys").iterdir()) == []
    assert "no line of type and base64" in caplog.text


@pytest.mark.parametrize(
    ("stranger", "reason"),
    [
        (account(1, "ann"), "one of that name or uid"),
        (account(2, "bob"), "one of that name or uid"),
        (account(3, "../etc"), "no name for an account"),
        (account(3, "a:b"), "no name for an account"),
    ],
)
def test_an_account_that_could_be_taken_for_somebody_else_is_left_out(
    tmp_path: Path, stranger: Account, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    system = tmp_path / "passwd"
    system.write_text("ann:x:1000:1000::/home/ann:/bin/sh\nldap:x:20002:20002::/:/bin/sh\n")

    admitted = files.admitted([stranger, account(9, "eve")], system=system)

    assert [one.name for one in admitted] == ["eve"]
    assert reason in caplog.text


def test_a_disabled_account_is_left_out_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    accounts = [account(1, "bob", enabled=False)]

    assert files.admitted(accounts, system=tmp_path / "passwd") == []
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_nsswitch_differs_in_accounts_only() -> None:
    of_machine = (
        "# mine\npasswd: files systemd ldap\ngroup:files\ninitgroups: ldap\nhosts: files dns\n"
    )

    assert nsswitch(of_machine).splitlines() == [
        "passwd: files extrausers",
        "group: files extrausers",
        "shadow: files extrausers",
        "# mine",
        "hosts: files dns",
    ]
