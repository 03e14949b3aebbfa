"""The schema. These docstrings are the reference for every column.

Conventions: ids are 64-bit and never reused (the kernel may hold an inode number long after its row
is gone); `..._at` is an instant in UTC; `..._ns` is nanoseconds since 1970 as the kernel counts them;
a `removed_at` that is not NULL says the row is history: names are unique among the others only.
The rows are written and read with Core statements; no mapped object ever leaves `catalog/`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from jobfs.domain.jobs import JobStatus, Right
from jobfs.domain.reports.files import MAX_JOB
from jobfs.domain.tasks import Priority
from jobfs.domain.uploads import UploadState

#: The widest row id that fits into an inode number, see `jobfs.domain.inodes`.
MAX_ROW = 2**40 - 1
#: The most accounts an inode number and the range of uids leave room for.
MAX_ACCOUNT = 2**20 - 1


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime; naive ones are refused.

    PostgreSQL keeps a timestamptz. SQLite keeps "YYYY-MM-DD HH:MM:SS.ffffff" in UTC, a text that sorts
    as the instants do and that its own strftime() can write in a trigger.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Return what hands a value to the driver: for SQLite in a third of the time that it takes else."""
        return _utc_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Hand *value* to the driver in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError(f"an instant needs a time zone: {value!r}")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the database's *value* its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def _utc_text(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise TypeError(f"an instant needs a time zone: {value!r}")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


class Base(DeclarativeBase):
    """The registry of all tables; every constraint has a name, so that errors can be recognised."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (read by SQLAlchemy at class creation)
        # SQLite numbers rows by itself in a column that says INTEGER, and only there.
        int: BigInteger().with_variant(Integer, "sqlite"),
        str: Text,
        float: Double,
        datetime: Instant,
    }


class TransactionId(FunctionElement[int]):
    """The id of the running transaction on PostgreSQL, 0 on SQLite."""

    inherit_cache = True


@compiles(TransactionId, "sqlite")
def _on_sqlite(_element: TransactionId, _compiler: SQLCompiler, **_: Any) -> str:
    return "0"


@compiles(TransactionId, "postgresql")
def _on_postgresql(_element: TransactionId, _compiler: SQLCompiler, **_: Any) -> str:
    return "(pg_current_xact_id()::text::bigint)"


def _one_of(column: str, values: Any) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class StudioRow(Base):
    """The installation: one row.

    created_at      when `jobfs init` first ran
    ingest_paused   workers claim no task while true
    """

    __tablename__ = "studio"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[datetime]
    ingest_paused: Mapped[bool] = mapped_column(server_default=text("false"))


class AccountRow(Base):
    """Somebody who can log in over SFTP.

    id             also the uid: 20000 + id (see `jobfs.domain.accounts`); at most 20 bits, since it is
                   part of every inode number
    name           the login name; unique among accounts that are not removed
    password_hash  crypt(3) yescrypt; NULL: only keys log in
    all_jobs       every job is granted with the right `edit`, whatever `job_grant` says
    enabled        false: no login; running connections are ended
    quota          bytes that its files may add up to; NULL: no limit
    warned         the percentage of the quota that was announced last (see `jobfs.domain.quotas`); 0: none
    status_files   it is shown the files that jobfs writes, see `jobfs.domain.reports`
    removed_at     the account is gone; its row stays, for the uploads it made
    """

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint(f"id BETWEEN 1 AND {MAX_ACCOUNT}", name="id_fits_inode"),
        CheckConstraint("quota >= 0", name="quota"),
        Index("uq_account_name", "name", unique=True, sqlite_where=text("removed_at IS NULL"),
              postgresql_where=text("removed_at IS NULL")),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    password_hash: Mapped[str | None]
    all_jobs: Mapped[bool] = mapped_column(server_default=text("false"))
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    quota: Mapped[int | None]
    warned: Mapped[int] = mapped_column(server_default=text("0"))
    status_files: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class AccountUsageRow(Base):
    """A change of what an account's files add up to; their sum is what the account uses.

    Triggers on `upload` and `entry` append a row for each change: a version counts, for the account
    that sends it, while its file shows it and stands in a directory. So nobody counts files to know it,
    and no path through the code can forget it. Rows are added and not changed: nobody waits for a lock,
    which on PostgreSQL would make the closes of one account queue, and deadlock with removals.
    Every 61st row swallows all others of its account.

    bytes  more, or less if negative
    """

    __tablename__ = "account_usage"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    bytes: Mapped[int]


class AccountKeyRow(Base):
    """A public key that logs an account in.

    key          as in an authorized_keys file: type and base64, without options
    fingerprint  "SHA256:..." as ssh-keygen -l prints it
    comment      the rest of the line
    """

    __tablename__ = "account_key"
    __table_args__ = (
        UniqueConstraint("account_id", "fingerprint"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    key: Mapped[str]
    fingerprint: Mapped[str]
    comment: Mapped[str]
    added_at: Mapped[datetime]


class JobRow(Base):
    """A photo assignment; a directory while its status is `planned`.

    id        part of the inode numbers of its status files: at most 37 bits
    name      the directory's name: `jobfs.domain.names.job_name`; the checks here are what SQL can say
              of that rule, so that a plain UPDATE cannot make a name that no directory can have
    name_key  NFC and case-folded: unique, so that no two jobs differ in case only
    title     for people; may be empty
    status    `jobfs.domain.jobs.JobStatus`
    closed_at when it left `planned`; NULL while it is, or if it never was. A trigger keeps it
    """

    __tablename__ = "job"
    __table_args__ = (
        _one_of("status", JobStatus),
        CheckConstraint(
            "length(name) BETWEEN 1 AND 120 AND replace(name, '/', '') = name"
            " AND substr(name, 1, 1) NOT IN ('.', '_', ' ')"
            " AND substr(name, length(name), 1) NOT IN ('.', ' ')",
            name="name",
        ),
        CheckConstraint(f"id BETWEEN 1 AND {MAX_JOB}", name="id_fits_inode"),
        UniqueConstraint("name"),
        UniqueConstraint("name_key"),
        Index(
            "ix_job_closed",
            "closed_at",
            sqlite_where=text("closed_at IS NOT NULL"),
            postgresql_where=text("closed_at IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str]
    title: Mapped[str] = mapped_column(server_default=text("''"))
    status: Mapped[str] = mapped_column(server_default=JobStatus.PLANNED.value)
    closed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class GrantRow(Base):
    """What an account may do in a job (the table's name avoids SQL's word `grant`).

    access  `jobfs.domain.jobs.Right`
    """

    __tablename__ = "job_grant"
    __table_args__ = (_one_of("access", Right),)

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True, index=True)
    access: Mapped[str]


class EntryRow(Base):
    """A name in a directory of a job, and the file or directory it names.

    id          the row part of the inode number, at most 40 bits
    parent_id   the directory it stands in; NULL for the job's own directory, which a trigger makes with
                the job and whose name is the job's
    name        as sent; ''  for the job's own directory
    name_key    NFC of the name: unique in the directory among entries that are not removed
    stem_key    what files of one picture share, see `jobfs.domain.names.stem_key`; '' for the job's own
                directory
    directory   else a file
    created_by  the account that made it; NULL if none did
    mtime_ns    as the client set it, else the last write; for directories the last change of a name
    removed_at  in the trash since; parent_id and name then say where it stood
    removed_by  the account that removed or replaced it
    replaced    it is in the trash because another entry was renamed to its name
    sent_as     the temporary name by which its client knows it still: its job left `planned` before the
                client could rename it, and jobfs did; NULL for all others
    """

    __tablename__ = "entry"
    __table_args__ = (
        CheckConstraint(f"id BETWEEN 1 AND {MAX_ROW}", name="id_fits_inode"),
        Index("uq_entry_parent_id_name_key", "parent_id", "name_key", unique=True,
              sqlite_where=text("removed_at IS NULL"),
              postgresql_where=text("removed_at IS NULL")),
        Index("uq_entry_job_root", "job_id", unique=True,
              sqlite_where=text("parent_id IS NULL"), postgresql_where=text("parent_id IS NULL")),
        Index("ix_entry_directories", "parent_id",
              sqlite_where=text("directory = 1 AND removed_at IS NULL"),
              postgresql_where=text("directory AND removed_at IS NULL")),
        Index("ix_entry_listing", "parent_id", "id", sqlite_where=text("removed_at IS NULL"),
              postgresql_where=text("removed_at IS NULL")),
        Index("ix_entry_stems", "parent_id", "stem_key", sqlite_where=text("removed_at IS NULL"),
              postgresql_where=text("removed_at IS NULL")),
        # Those of a name that are in the trash, too; and what a row to be deleted is the parent of.
        Index("ix_entry_namesakes", "parent_id", "name_key"),
        Index("ix_entry_trash", "removed_at", sqlite_where=text("removed_at IS NOT NULL"),
              postgresql_where=text("removed_at IS NOT NULL")),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), index=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"))
    name: Mapped[str]
    name_key: Mapped[str]
    stem_key: Mapped[str] = mapped_column(server_default=text("''"))
    directory: Mapped[bool]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    mtime_ns: Mapped[int]
    ctime_ns: Mapped[int]
    atime_ns: Mapped[int]
    removed_at: Mapped[datetime | None]
    removed_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    replaced: Mapped[bool] = mapped_column(server_default=text("false"))
    sent_as: Mapped[str | None]


class BlobRow(Base):
    """Bytes in the store. Once an upload of it is received they never change.

    key     the store's name for it: 32 random hexadecimal digits. Not the id: after a power cut the row
            of a create may be gone while its file is still there
    size    bytes as of the last judgement
    sha256  hexadecimal; NULL until ingest has read the bytes back. Of bytes that were judged incomplete:
            as of that judgement, so that the same ones are known when they are sent again
    """

    __tablename__ = "blob"
    __table_args__ = (UniqueConstraint("key"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    size: Mapped[int] = mapped_column(server_default=text("0"))
    sha256: Mapped[str | None]
    created_at: Mapped[datetime]


class UploadRow(Base):
    """One sending of one file's content: a version of an entry.

    current     the version that the entry shows; one per file
    base_id     the received version a rewrite began with, or whose bytes were set aside under a name of
                their own (`F_original`); NULL for an upload from nothing, and once that version is gone
                from the trash
    account_id  who sends it; NULL if an administrator without an account did
    state       `jobfs.domain.uploads.UploadState`
    format      "JPEG", ..., or "XMP" for a sidecar; NULL until judged, or when it is neither
    gap         offset of the first byte that had not arrived at the last judgement, though later ones had, or
                were announced; NULL if none is missing as far as is known
    reason      why it is not (yet) a photo, in words for a photographer; NULL when there is nothing to say
    advice      what to do about it; NULL with reason
    role_id     the mount that is writing it; not NULL exactly while the state is `receiving`
    late        it was finished after its job had left `planned`
    judged_at   NULL until its first close
    superseded_at  when another version took its place; NULL exactly while it is current
    superseded_by  the account that sent the other, or whose rewrite died; NULL if an administrator
                   restored the other
    """

    __tablename__ = "upload"
    __table_args__ = (
        _one_of("state", UploadState),
        CheckConstraint("(state = 'receiving') = (role_id IS NOT NULL)", name="writer"),
        CheckConstraint("current = (superseded_at IS NULL)", name="superseded"),
        Index("uq_upload_current", "entry_id", unique=True, sqlite_where=text("current = 1"),
              postgresql_where=text("current")),
        Index("ix_upload_receiving", "role_id", sqlite_where=text("role_id IS NOT NULL"),
              postgresql_where=text("role_id IS NOT NULL")),
        Index("ix_upload_base", "base_id", sqlite_where=text("base_id IS NOT NULL"),
              postgresql_where=text("base_id IS NOT NULL")),
        # What a client may have to name, or to set the time of, though its job is closed.
        Index("ix_upload_latecomers", "account_id", "judged_at",
              sqlite_where=text("current AND (late OR state = 'waiting')"),
              postgresql_where=text("current AND (late OR state = 'waiting')")),
        Index("ix_upload_trash", "superseded_at",
              sqlite_where=text("superseded_at IS NOT NULL"),
              postgresql_where=text("superseded_at IS NOT NULL")),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), index=True)
    blob_id: Mapped[int] = mapped_column(ForeignKey("blob.id"), index=True)
    base_id: Mapped[int | None] = mapped_column(ForeignKey("upload.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    current: Mapped[bool]
    state: Mapped[str]
    size: Mapped[int] = mapped_column(server_default=text("0"))
    format: Mapped[str | None]
    reason: Mapped[str | None]
    advice: Mapped[str | None]
    role_id: Mapped[int | None] = mapped_column(ForeignKey("role.id"))
    gap: Mapped[int | None]
    late: Mapped[bool] = mapped_column(server_default=text("false"))
    started_at: Mapped[datetime]
    judged_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]
    superseded_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))


class PhotoRow(Base):
    """An image accepted into an album; which album and section follows from the entry's path.

    A raw file and a JPEG of one capture have a row each and are one photo to people, known by the JPEG's
    id: see `jobfs.catalog.pairs`. All that refers to a row follows when its id changes.

    beside_id          of a raw file: the JPEG with which it is one photo; NULL: it is one of its own
    entry_id           where it stands, or stood
    upload_id          the version its renditions show
    current            false: another photo has taken its name (both were wanted)
    format             what its content is: "JPEG", "CR2", ...
    width, height      pixels, as seen, so after the orientation was applied
    shot               what the camera recorded, as the file itself says: `jobfs.domain.exif.Shot` as JSON.
                       By it the same picture is known again; what follows is for people, and counts
                       sidecars too, in the order that `jobfs.domain.metadata.merging` says
    taken              wall-clock time of the camera, "YYYY-MM-DDTHH:MM:SS"; NULL if unknown
    taken_subsecond    the digits behind the second, as the camera wrote them
    taken_offset       "+HH:MM"; NULL: nobody says, so `taken` is wall-clock time only
    make, model        the camera's
    serial             the camera body's number
    orientation        1 to 8, as in the Exif standard; renditions are turned already
    title              one line; the other texts likewise, but the caption
    creators           who took it, first named first: a JSON array; NULL if nobody says
    rating             0 (none given) to 5; -1 is "rejected"
    """

    __tablename__ = "photo"
    __table_args__ = (
        UniqueConstraint("upload_id"),
        Index("ix_photo_beside", "beside_id", sqlite_where=text("beside_id IS NOT NULL"),
              postgresql_where=text("beside_id IS NOT NULL")),
        Index("ix_photo_taken", "taken", sqlite_where=text("taken IS NOT NULL"),
              postgresql_where=text("taken IS NOT NULL")),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), index=True)
    upload_id: Mapped[int] = mapped_column(ForeignKey("upload.id"))
    beside_id: Mapped[int | None] = mapped_column(ForeignKey("photo.id", onupdate="CASCADE"))
    current: Mapped[bool] = mapped_column(server_default=text("true"))
    format: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    taken: Mapped[str | None]
    taken_subsecond: Mapped[str | None]
    taken_offset: Mapped[str | None]
    make: Mapped[str | None]
    model: Mapped[str | None]
    serial: Mapped[str | None]
    created_at: Mapped[datetime]
    shot: Mapped[str] = mapped_column(server_default=text("'{}'"))
    lens: Mapped[str | None]
    orientation: Mapped[int | None]
    title: Mapped[str | None]
    caption: Mapped[str | None]
    creators: Mapped[str | None]
    copyright: Mapped[str | None]
    rating: Mapped[int | None]


class PhotoKeywordRow(Base):
    """One keyword of a photo.

    position     from 0, in the order in which they were written
    keyword_key  NFC and case-folded, to search by
    """

    __tablename__ = "photo_keyword"

    photo_id: Mapped[int] = mapped_column(
        ForeignKey("photo.id", onupdate="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    keyword: Mapped[str]
    keyword_key: Mapped[str] = mapped_column(index=True)


class PhotoMetadataRow(Base):
    """All that is known of a photo besides its pixels, to look at; not in `photo`, which is read often.

    whole  `jobfs.domain.metadata.values.Metadata.everything` as JSON: Exif, IPTC, XMP, sidecars. No
           coordinates
    """

    __tablename__ = "photo_metadata"

    photo_id: Mapped[int] = mapped_column(
        ForeignKey("photo.id", onupdate="CASCADE"), primary_key=True, autoincrement=False
    )
    whole: Mapped[str]


class PhotoPlaceRow(Base):
    """Where a photo was taken. Private: whoever may read the other tables need not read this one.

    latitude, longitude  degrees, north and east positive; NULL if what was written is no place
    altitude             metres above the sea; NULL if unknown
    private              coordinates and what else a receiver wrote, as JSON:
                         `jobfs.domain.metadata.values.Metadata.private`
    """

    __tablename__ = "photo_place"

    photo_id: Mapped[int] = mapped_column(
        ForeignKey("photo.id", onupdate="CASCADE"), primary_key=True, autoincrement=False
    )
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    altitude: Mapped[float | None]
    private: Mapped[str]


class PhotoCodeRow(Base):
    """A QR or bar code that can be seen in a photo. What it says means nothing yet.

    number    from 0, in the order in which they were found
    format    "QR Code", "Code 128", ...
    text      what it says: `jobfs.domain.codes.kept`
    position  its four corners as JSON: `jobfs.domain.codes.Code.position`
    """

    __tablename__ = "photo_code"

    photo_id: Mapped[int] = mapped_column(
        ForeignKey("photo.id", onupdate="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    format: Mapped[str]
    text: Mapped[str]
    position: Mapped[str]


class UploadMetadataRow(Base):
    """What a photo's file, or a sidecar, says by itself; what is known of a photo is made of it.

    Private, as it holds coordinates.

    source  `jobfs.domain.metadata.values.Source` as JSON
    """

    __tablename__ = "upload_metadata"

    upload_id: Mapped[int] = mapped_column(
        ForeignKey("upload.id"), primary_key=True, autoincrement=False
    )
    source: Mapped[str]


class RenditionRow(Base):
    """An image made from a photo; can be made again at any time.

    key   the store's name for it, fresh each time it is made
    size  bytes
    """

    __tablename__ = "rendition"
    __table_args__ = (UniqueConstraint("photo_id", "name"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    photo_id: Mapped[int] = mapped_column(ForeignKey("photo.id", onupdate="CASCADE"))
    name: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    key: Mapped[str]


class TaskRow(Base):
    """Work to be done on an upload; the row goes when the work is done.

    priority       `jobfs.domain.tasks.Priority`: 0 an upload, 1 an import, 2 a photo to be rendered again;
                   the lower begins first. One that a later upload of its entry waits for has that one's
    not_before     not to be claimed earlier; among those of one priority the lower begins first
    attempts       claims so far
    claim_token    of the worker that has it; NULL: free. A result is recorded only with the token
    claimed_until  the lease; past it the task is free again, whoever had it
    claimed_by     host and process id, for people
    failed_at      given up: `error` says why; `jobfs queue retry` frees it
    """

    __tablename__ = "task"
    __table_args__ = (
        UniqueConstraint("upload_id"),
        CheckConstraint(f"priority BETWEEN {min(Priority)} AND {max(Priority)}", name="priority"),
        Index("ix_task_free", "priority", "not_before", "id",
              sqlite_where=text("failed_at IS NULL"), postgresql_where=text("failed_at IS NULL")),
        Index("ix_task_claimed", "claimed_until", sqlite_where=text("claim_token IS NOT NULL"),
              postgresql_where=text("claim_token IS NOT NULL")),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    upload_id: Mapped[int] = mapped_column(ForeignKey("upload.id"))
    priority: Mapped[int] = mapped_column(server_default=text("0"))
    not_before: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    claim_token: Mapped[str | None]
    claimed_until: Mapped[datetime | None]
    claimed_by: Mapped[str | None]
    failed_at: Mapped[datetime | None]
    error: Mapped[str | None]


class EventRow(Base):
    """One line of what happened, appended in the transaction that made it happen.

    xid   PostgreSQL: the transaction's id, since ids are handed out before transactions commit and
          "everything above the last id" would lose events; SQLite has one writer: 0
    kind  see `jobfs.domain.events`
    data  a JSON object of further facts; NULL: none

    The ids name rows of other tables but are no foreign keys: an event outlives what it speaks of.
    """

    __tablename__ = "event"
    __table_args__ = (
        # Empty on SQLite, whose ids are in the order of its transactions.
        Index("ix_event_feed", "xid", "id", sqlite_where=text("xid <> 0")),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    xid: Mapped[int] = mapped_column(server_default=TransactionId())
    at: Mapped[datetime]
    kind: Mapped[str]
    account_id: Mapped[int | None]
    job_id: Mapped[int | None]
    entry_id: Mapped[int | None]
    upload_id: Mapped[int | None]
    photo_id: Mapped[int | None]
    data: Mapped[str | None]


class ErasureRow(Base):
    """Something that was erased, so that a backup made before does not bring it back.

    kind  `jobfs.catalog.erasures.Kind`: rows, which are told again when a backup is restored; or bytes that
          are still to be deleted from the store, whose rows here go with them
    name  the id, or the key in the store
    at    it reaches nothing that began later: a restored studio may give an id a second time
    """

    __tablename__ = "erasure"

    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class RoleRow(Base):
    """A process of jobfs that is, or was, at work.

    kind             mount, login or worker
    host             the machine and its boot, see `jobfs.processes`
    pid, start_tick  the process, as /proc/PID/stat tells it (field 22)
    ready_at         NULL while it is starting
    seen_at          its last sign of life, every few seconds
    taken_xid, taken_id   the position in the event feed up to which it has acted
    confinement      of a worker: what the kernel keeps its decoders from, as a JSON array of
                     `jobfs.ingest.confinement.Layer`; NULL of all others and before it is known
    """

    __tablename__ = "role"
    __table_args__ = (_one_of("kind", ("mount", "login", "worker")), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int]
    start_tick: Mapped[int]
    started_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
    seen_at: Mapped[datetime]
    taken_xid: Mapped[int] = mapped_column(server_default=text("0"))
    taken_id: Mapped[int] = mapped_column(server_default=text("0"))
    confinement: Mapped[str | None]
