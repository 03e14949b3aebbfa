"""What becomes of uploads, told in the log: one line each, once it is certain.

Every change of an upload's state passes `jobfs.catalog.uploads`, which notes it here; the transaction tells
it when it has been committed. So what is undone is never told, and nothing is told by two rooms.
"""

import logging
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import aliased

from jobfs import metrics
from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import AccountRow, EntryRow
from jobfs.domain.uploads import UploadState

if TYPE_CHECKING:
    from jobfs.catalog.uploads import Upload

log = logging.getLogger(__name__)

_NOTED = "jobfs.outcomes"  # among the notes that SQLAlchemy keeps with a connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What has become of an upload: the fields of a line; None: nothing to say.

    account   who sends it; None: an administrator
    path      as photographers see it, from the job on
    size      bytes
    duration  seconds: since it was begun, for what ends the sending; since it was received, waiting
              included, for what comes of it then
    photo     the photo it has become, by its id
    reason    what the photographer is told
    cause     what there is to add for whoever looks into it
    """

    outcome: UploadState
    upload: int
    account: str | None
    job: str
    path: str
    size: int
    duration: float
    photo: int | None
    reason: str | None
    cause: str | None

    def tell(self) -> None:
        """Write the line, and count it."""
        metrics.UPLOADS.of(self.outcome).add()
        metrics.UPLOAD_BYTES.of(self.outcome).add(self.size)
        if self.outcome is UploadState.INGESTED:
            metrics.INGESTED.of().note(self.duration)
        level = logging.ERROR if self.outcome is UploadState.FAILED else logging.INFO
        facts = {name: fact for name in _FACTS if (fact := getattr(self, name)) is not None}
        name = self.path.rpartition("/")[2]
        log.log(level, "upload of %r: %s", name, self.outcome, extra=facts)


_FACTS = tuple(one.name for one in fields(Outcome))


def begin(connection: Connection) -> list[Outcome]:
    """Return the list of what the transaction will note: to be told when it is committed."""
    noted: list[Outcome] = []
    connection.info[_NOTED] = noted
    return noted


def note(
    connection: Connection,
    upload: "Upload",
    outcome: UploadState,
    *,
    size: int,
    now: datetime,
    photo: int | None = None,
    reason: str | None = None,
    cause: str | None = None,
) -> None:
    """Note what an upload becomes, which is still told as it was."""
    noted: list[Outcome] | None = connection.info.get(_NOTED)
    if noted is None:
        return  # a transaction that nobody tells of: a migration's, a test's
    received = upload.judged_at if upload.state is UploadState.RECEIVED else None
    noted.append(
        Outcome(
            outcome=outcome, upload=upload.id, account=_account(connection, upload),
            job=upload.job_name, path=_path(connection, upload), size=size,
            duration=round((now - (received or upload.started_at)).total_seconds(), 3),
            photo=photo, reason=reason, cause=cause,
        )
    )  # fmt: skip


def _account(connection: Connection, upload: "Upload") -> str | None:
    if upload.account_id is None:
        return None
    name: str = _ACCOUNT.one(connection, account=upload.account_id).name
    return name


def _path(connection: Connection, upload: "Upload") -> str:
    names, above = [upload.name], upload.parent_id
    while above is not None:
        *some, above = _DIRECTORIES.one(connection, entry=above)
        names += [name for name in some if name is not None]
    names[-1] = upload.job_name  # whose directory's own name is empty
    return "/".join(reversed(names))


# Built once, see `jobfs.catalog.entries`.
_ACCOUNT = Prepared(select(AccountRow.name).where(AccountRow.id == bindparam("account")))
_ALBUM, _JOB = aliased(EntryRow), aliased(EntryRow)
#: A directory and two above it, which is nearly always all, and what is above those. A recursive query
#: takes three times as long as one for each.
_DIRECTORIES = Prepared(
    select(
        EntryRow.name.label("inner"), _ALBUM.name.label("middle"), _JOB.name.label("outer"),
        _JOB.parent_id.label("above"),
    )
    .outerjoin(_ALBUM, _ALBUM.id == EntryRow.parent_id)
    .outerjoin(_JOB, _JOB.id == _ALBUM.parent_id)
    .where(EntryRow.id == bindparam("entry"))
)  # fmt: skip
