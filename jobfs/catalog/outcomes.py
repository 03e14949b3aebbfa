"""What becomes of uploads, told in the log: one line each, once it is certain.

Every change of an upload's state passes `jobfs.catalog.uploads`, which notes it here; the transaction tells
it when it has been committed. So what is undone is never told, and nothing is told by two rooms.
"""

import logging
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, bindparam, literal, select

from jobfs import metrics
from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import AccountRow, EntryRow, JobRow, UploadRow
from jobfs.domain.uploads import UploadState

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
        known = ((one.name, getattr(self, one.name)) for one in fields(self))
        facts = {name: fact for name, fact in known if fact is not None}
        name = self.path.rpartition("/")[2]
        log.log(level, "upload of %r: %s", name, self.outcome, extra=facts)


def begin(connection: Connection) -> list[Outcome]:
    """Return the list of what the transaction will note: to be told when it is committed."""
    noted: list[Outcome] = []
    connection.info[_NOTED] = noted
    return noted


def note(
    connection: Connection,
    upload_id: int,
    outcome: UploadState,
    *,
    size: int,
    now: datetime,
    photo: int | None = None,
    reason: str | None = None,
    cause: str | None = None,
) -> None:
    """Note what an upload becomes; its row still says when it became what it is."""
    noted: list[Outcome] | None = connection.info.get(_NOTED)
    if noted is None:
        return  # a transaction that nobody tells of: a migration's, a test's
    above = _WHEREABOUTS.all(connection, upload_id=upload_id)
    row = above[0]
    since = row.judged_at if row.state == UploadState.RECEIVED else row.started_at
    noted.append(
        Outcome(
            outcome=outcome, upload=upload_id, account=row.account, job=row.job,
            path="/".join([row.job, *(one.name for one in reversed(above[:-1]))]), size=size,
            duration=round((now - since).total_seconds(), 3), photo=photo, reason=reason,
            cause=cause,
        )
    )  # fmt: skip


_up = (
    select(EntryRow.parent_id, EntryRow.name, literal(0).label("height"))
    .join(UploadRow, UploadRow.entry_id == EntryRow.id)
    .where(UploadRow.id == bindparam("upload_id"))
    .cte(recursive=True)
)
_up = _up.union_all(
    select(EntryRow.parent_id, EntryRow.name, _up.c.height + 1).join(
        _up, EntryRow.id == _up.c.parent_id
    )
)
#: The names from an upload's file up to its job's directory, each with what is known of the upload.
_WHEREABOUTS = Prepared(
    select(
        _up.c.name, JobRow.name.label("job"), AccountRow.name.label("account"),
        UploadRow.state, UploadRow.started_at, UploadRow.judged_at,
    )
    .select_from(_up)
    .join(UploadRow, UploadRow.id == bindparam("upload_id"))
    .join(EntryRow, EntryRow.id == UploadRow.entry_id)
    .join(JobRow, JobRow.id == EntryRow.job_id)
    .outerjoin(AccountRow, AccountRow.id == UploadRow.account_id)
    .order_by(_up.c.height)
)  # fmt: skip
