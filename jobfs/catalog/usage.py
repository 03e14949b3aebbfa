"""What accounts use of their quotas; triggers keep the count, see `jobfs.catalog.schema.AccountUsageRow`."""

from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, func, select, update

from jobfs.catalog import feed
from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import AccountRow, AccountUsageRow
from jobfs.catalog.uploads import Upload
from jobfs.domain.events import EventKind
from jobfs.domain.quotas import Usage, nearness

_ACCOUNT = bindparam("account", type_=BigInteger)
_USED = func.coalesce(func.sum(AccountUsageRow.bytes), 0)
_USAGE = Prepared(
    select(
        AccountRow.quota,
        select(_USED).where(AccountUsageRow.account_id == _ACCOUNT).scalar_subquery().label("used"),
    ).where(AccountRow.id == _ACCOUNT)
)
#: Locks it; rows that refer to the account may still be made.
_LIMITED = Prepared(
    select(AccountRow.id, AccountRow.quota, AccountRow.warned)
    .where(AccountRow.id == _ACCOUNT, AccountRow.quota.is_not(None))
    .with_for_update(key_share=True)
)


def of_account(connection: Connection, account_id: int) -> Usage:
    """Return what an account uses; one that is not there uses nothing, and has no quota."""
    row = _USAGE.first(connection, account=account_id)
    return Usage(0, None) if row is None else Usage(int(row.used), row.quota)


def by_account(connection: Connection) -> dict[int, int]:
    """Return the bytes that each account uses; one that has sent nothing may be missing."""
    query = select(AccountUsageRow.account_id, _USED).group_by(AccountUsageRow.account_id)
    return {account_id: int(used) for account_id, used in connection.execute(query)}


def warn(connection: Connection, upload: Upload) -> None:
    """Announce it if an upload that was just settled has brought its account near its quota.

    To be called last: it locks the account, so that of two closes at the same time the second one
    counts what the first one has brought, and nobody waits for anything else while holding that lock.
    """
    account = _limited(connection, upload)
    if account is None:
        return
    used = of_account(connection, account.id).used
    percent, is_news = nearness(
        account.quota, before=used - upload.size, after=used, announced=account.warned
    )
    if percent != account.warned:
        this = update(AccountRow).where(AccountRow.id == account.id)
        connection.execute(this.values(warned=percent))
    if is_news:
        feed.append(
            connection, EventKind.QUOTA_REACHED, account_id=account.id, job_id=upload.job_id,
            entry_id=upload.entry_id, upload_id=upload.id,
            data={"percent": percent, "used": used, "quota": account.quota},
        )  # fmt: skip


def _limited(connection: Connection, upload: Upload) -> Any | None:
    """Lock and return the account that an upload counts for, if it does, and the account has a quota."""
    if upload.account_id is None or upload.removed or not upload.current:
        return None
    return _LIMITED.first(connection, account=upload.account_id)
