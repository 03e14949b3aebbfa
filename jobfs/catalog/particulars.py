"""What people may ask about the version that a file shows."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from jobfs.catalog.schema import AccountRow, BlobRow, UploadRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """One version; *number* counts its file's versions."""

    state: str
    sha256: str | None
    reason: str | None
    account: str | None
    number: int


def of_shown(connection: Connection, entry_id: int) -> Particulars:
    """Return the particulars of the version that a file shows."""
    versions = select(func.count()).where(UploadRow.entry_id == entry_id).scalar_subquery()
    query = (
        select(UploadRow.state, BlobRow.sha256, UploadRow.reason, AccountRow.name, versions)
        .join(BlobRow, BlobRow.id == UploadRow.blob_id)
        .outerjoin(AccountRow, AccountRow.id == UploadRow.account_id)
        .where(UploadRow.entry_id == entry_id, UploadRow.current)
    )
    state, sha256, reason, account, number = connection.execute(query).one()
    return Particulars(state=state, sha256=sha256, reason=reason, account=account, number=number)
