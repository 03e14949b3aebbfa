"""The files from which sshd learns of accounts.

They are passwd, shadow and group of libnss-extrausers, and one file of keys per account; rendered from
the database, they may be thrown away at any time. sshd sees the folder as EXTRAUSERS, the place
compiled into libnss_extrausers (see `jobfs.login.namespace`).
"""

import logging
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from jobfs.catalog.accounts import Account
from jobfs.domain.accounts import uid_of
from jobfs.domain.names import account_name
from jobfs.domain.refusals import BadAccountNameError
from jobfs.syncing import sync

log = logging.getLogger(__name__)

#: Where libnss_extrausers looks. Source: its Makefile and passwd.c.
EXTRAUSERS = Path("/var/lib/extrausers")
#: Every account's private group begins so, and no other group may log in.
GROUP_PREFIX = "jobfs-"
#: The folder of keys within EXTRAUSERS; a file is called as its account is.
KEYS = "keys"

#: Nobody's password, and not "!", which sshd without PAM takes for a locked account that even a key
#: does not open. Source: LOCKED_PASSWD_PREFIX in OpenSSH's configure.ac.
_NO_PASSWORD = "*"  # noqa: S105 (that is the point)
#: What crypt(5) hashes are made of. Anybody may write the columns with plain SQL, so what would
#: break a line of these files is kept out here.
_HASH = re.compile(r"\$[!-)+-9<-\[\]-~]+")
_KEY = re.compile(r"[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}")


def admitted(accounts: Iterable[Account], *, system: Path = Path("/etc/passwd")) -> list[Account]:
    """Return those who may log in: enabled, and not mistakable for somebody in the file *system*."""
    names, uids = _system_accounts(system)
    found = []
    for account in accounts:
        if account.name in names or uid_of(account.id) in uids:
            log.error(
                "account %s (uid %s) cannot log in: %s has one of that name or uid",
                account.name, uid_of(account.id), system,
            )  # fmt: skip
        elif not _is_account_name(account.name):
            log.error("account %r cannot log in: that is no name for an account", account.name)
        elif account.enabled:
            found.append(account)
    return found


def write(folder: Path, accounts: Iterable[Account]) -> None:
    """Make the files in *folder* say that exactly these accounts can log in.

    Whatever moment sshd looks at, an account's name, uid, password and keys belong together: who goes
    or is replaced leaves `passwd` first, and who comes enters it last.
    """
    known = sorted(accounts, key=_by_id)
    passwd = {_passwd_line(account) for account in known}
    _make(folder)
    _make(folder / KEYS)
    staying = [line for line in _lines(folder / "passwd") if line in passwd]
    _replace(folder / "passwd", staying)
    _replace(folder / "shadow", map(_shadow_line, known), mode=0o600)
    _replace(folder / "group", map(_group_line, known))
    _write_keys(folder / KEYS, {account.name: _key_lines(account) for account in known})
    _replace(folder / "passwd", map(_passwd_line, known))


def _by_id(account: Account) -> int:
    return account.id


def _system_accounts(file: Path) -> tuple[set[str], set[int]]:
    """Return the names and uids of a passwd file."""
    fields = [line.split(":") for line in _lines(file) if line.count(":") >= 6]  # noqa: PLR2004 (passwd(5))
    return {name for name, *_ in fields}, {int(uid) for _, _, uid, *_ in fields if uid.isdigit()}


def _is_account_name(name: str) -> bool:
    try:
        account_name(name)
    except BadAccountNameError:
        return False
    return True


def _passwd_line(account: Account) -> str:
    uid = uid_of(account.id)
    # The name is also the directory that sshd takes for the root, so that home is "/" in there.
    return f"{account.name}:x:{uid}:{uid}:jobfs account {account.id}:/:/usr/sbin/nologin"


def _shadow_line(account: Account) -> str:
    password = account.password_hash or _NO_PASSWORD
    if not _HASH.fullmatch(password) and password != _NO_PASSWORD:
        log.error("account %s has no usable password: it is no crypt(5) hash", account.name)
        password = _NO_PASSWORD
    # Every limit of age is empty: passwords do not expire.
    return f"{account.name}:{password}:::::::"


def _group_line(account: Account) -> str:
    return f"{GROUP_PREFIX}{account.name}:x:{uid_of(account.id)}:"


def _key_lines(account: Account) -> list[str]:
    good = [key.line for key in account.keys if _KEY.fullmatch(key.line)]
    if len(good) < len(account.keys):
        log.error("account %s has a key that is no line of type and base64", account.name)
    return good


def _write_keys(folder: Path, keys: Mapping[str, list[str]]) -> None:
    for stale in sorted({path.name for path in folder.iterdir()} - {n for n in keys if keys[n]}):
        (folder / stale).unlink()
    for name, lines in keys.items():
        if lines:
            _replace(folder / name, lines)


def _make(folder: Path) -> None:
    """Make a folder that sshd's StrictModes accepts and that sshd may enter in an account's name."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    os.chown(folder, 0, 0)
    folder.chmod(0o755)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _replace(path: Path, lines: Iterable[str], *, mode: int = 0o644) -> None:
    """Give *path* these lines, at once for whoever reads it; leave it alone if it has them."""
    content = "".join(f"{line}\n" for line in lines).encode()
    if path.is_file() and path.read_bytes() == content:
        return
    # No account's name begins with a dot, so a draft is never taken for a file of keys.
    draft = path.parent / f".{path.name}.new"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor)
        file.write(content)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    draft.rename(path)
    sync(path.parent)
