"""The first schema: tables, indexes, and the triggers that append events for plain SQL."""

import sqlalchemy as sa
from alembic import op

from jobfs.catalog.schema import Instant, TransactionId

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# An event's columns as each database writes them. SQLite's %f has milliseconds; the schema's texts
# have six digits.
SQLITE_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'"
SQLITE_NS = "CAST(strftime('%s', 'now') AS INTEGER) * 1000000000"
POSTGRESQL_NS = "(extract(epoch FROM clock_timestamp()) * 1000000000)::bigint"


def sqlite_event(table: str, action: str, when: str, kind: str, columns: str, values: str) -> str:
    """A trigger of SQLite that appends one event."""
    name = f"event_{kind.replace('.', '_')}"
    return (
        f"CREATE TRIGGER {name} AFTER {action} ON {table} {when} BEGIN"
        f" INSERT INTO event (at, kind, {columns}) VALUES ({SQLITE_NOW}, '{kind}', {values}); END"
    )


def postgresql_event(
    table: str, action: str, when: str, kind: str, columns: str, values: str
) -> list[str]:
    """A trigger of PostgreSQL that appends one event and rings the bell."""
    name = f"event_{kind.replace('.', '_')}"
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" INSERT INTO event (at, kind, {columns}) VALUES (clock_timestamp(), '{kind}', {values});"
        " PERFORM pg_notify('jobfs', ''); RETURN NULL; END $$",
        f"CREATE TRIGGER {name} AFTER {action} ON {table} FOR EACH ROW {when}"
        f" EXECUTE FUNCTION {name}()",
    ]


CHANGED = "{json}('old', old.{column}, 'new', new.{column}){text}"

#: table, action, condition, kind of event, columns, values; {data:column} is "old and new as JSON".
EVENTS = [
    ("job", "INSERT", "", "job.added", "job_id", "new.id"),
    ("job", "UPDATE OF status", "WHEN (old.status <> new.status)", "job.status",
     "job_id, data", "new.id, {status}"),
    ("job", "UPDATE OF name", "WHEN (old.name <> new.name)", "job.renamed",
     "job_id, data", "new.id, {name}"),
    ("job_grant", "INSERT", "", "grant.added", "account_id, job_id", "new.account_id, new.job_id"),
    ("job_grant", "UPDATE", "", "grant.changed", "account_id, job_id",
     "new.account_id, new.job_id"),
    ("job_grant", "DELETE", "", "grant.removed", "account_id, job_id",
     "old.account_id, old.job_id"),
    ("account", "INSERT", "", "account.added", "account_id", "new.id"),
    ("account", "UPDATE", "", "account.changed", "account_id", "new.id"),
    ("account_key", "INSERT", "", "key.added", "account_id", "new.account_id"),
    ("account_key", "DELETE", "", "key.removed", "account_id", "old.account_id"),
]  # fmt: skip


def changes(json: str, text: str) -> dict[str, str]:
    """Old and new value of a column as a JSON text, for those columns whose events carry them."""
    return {
        column: CHANGED.format(json=json, text=text, column=column) for column in ("status", "name")
    }


SQLITE = [
    sqlite_event(*event[:-1], event[-1].format(**changes("json_object", ""))) for event in EVENTS
] + [
    # A job's own directory is an entry like any other, so that it has an inode number and times.
    "CREATE TRIGGER job_directory AFTER INSERT ON job BEGIN"
    " INSERT INTO entry (job_id, name, name_key, directory, mtime_ns, ctime_ns, atime_ns)"
    f" VALUES (new.id, '', '', 1, {SQLITE_NS}, {SQLITE_NS}, {SQLITE_NS}); END",
    # Plain SQL that renames a job need not know of name_key; lower() knows ASCII only.
    "CREATE TRIGGER job_name_key AFTER UPDATE OF name ON job"
    " WHEN old.name <> new.name AND old.name_key = new.name_key"
    " AND lower(old.name) <> lower(new.name) BEGIN"
    " UPDATE job SET name_key = lower(new.name) WHERE id = new.id; END",
]

POSTGRESQL = [
    statement
    for event in EVENTS
    for statement in postgresql_event(
        *event[:-1], event[-1].format(**changes("json_build_object", "::text"))
    )
] + [
    "CREATE FUNCTION job_directory() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO entry (job_id, name, name_key, directory, mtime_ns, ctime_ns, atime_ns)"
    f" VALUES (new.id, '', '', true, {POSTGRESQL_NS}, {POSTGRESQL_NS}, {POSTGRESQL_NS});"
    " RETURN NULL; END $$",
    "CREATE TRIGGER job_directory AFTER INSERT ON job FOR EACH ROW"
    " EXECUTE FUNCTION job_directory()",
    "CREATE FUNCTION job_name_key() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " IF old.name_key = new.name_key AND lower(old.name) <> lower(new.name) THEN"
    " new.name_key := lower(new.name); END IF; RETURN new; END $$",
    "CREATE TRIGGER job_name_key BEFORE UPDATE OF name ON job FOR EACH ROW"
    " EXECUTE FUNCTION job_name_key()",
]

TRIGGERS = {"sqlite": SQLITE, "postgresql": POSTGRESQL}


def upgrade() -> None:
    """Make every table, index and trigger."""
    op.create_table(
        "account",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("all_jobs", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.CheckConstraint("id BETWEEN 1 AND 1048575", name=op.f("ck_account_id_fits_inode")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_account_name",
        "account",
        ["name"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "blob",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size", NUMBER, server_default=sa.text("0"), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blob")),
        sa.UniqueConstraint("key", name=op.f("uq_blob_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "event",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("xid", NUMBER, server_default=TransactionId(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", NUMBER, nullable=True),
        sa.Column("job_id", NUMBER, nullable=True),
        sa.Column("entry_id", NUMBER, nullable=True),
        sa.Column("upload_id", NUMBER, nullable=True),
        sa.Column("photo_id", NUMBER, nullable=True),
        sa.Column("data", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_feed", "event", ["xid", "id"], unique=False)
    op.create_table(
        "job",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("status", sa.Text(), server_default="planned", nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "length(name) BETWEEN 1 AND 120 AND replace(name, '/', '') = name AND substr(name, 1, 1) NOT IN ('.', '_', ' ') AND substr(name, length(name), 1) NOT IN ('.', ' ')",
            name=op.f("ck_job_name"),
        ),
        sa.CheckConstraint(
            "status IN ('planned', 'prepay', 'selling', 'archived')", name=op.f("ck_job_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("name", name=op.f("uq_job_name")),
        sa.UniqueConstraint("name_key", name=op.f("uq_job_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "role",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", NUMBER, nullable=False),
        sa.Column("start_tick", NUMBER, nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("ready_at", Instant(), nullable=True),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("taken_xid", NUMBER, server_default=sa.text("0"), nullable=False),
        sa.Column("taken_id", NUMBER, server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("kind IN ('mount', 'login', 'worker')", name=op.f("ck_role_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "studio",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("ingest_paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_studio_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studio")),
    )
    op.create_table(
        "account_key",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("account_id", NUMBER, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_account_key_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_key")),
        sa.UniqueConstraint(
            "account_id", "fingerprint", name=op.f("uq_account_key_account_id_fingerprint")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "entry",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("parent_id", NUMBER, nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("directory", sa.Boolean(), nullable=False),
        sa.Column("created_by", NUMBER, nullable=True),
        sa.Column("mtime_ns", NUMBER, nullable=False),
        sa.Column("ctime_ns", NUMBER, nullable=False),
        sa.Column("atime_ns", NUMBER, nullable=False),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.Column("removed_by", NUMBER, nullable=True),
        sa.Column("replaced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("id BETWEEN 1 AND 1099511627775", name=op.f("ck_entry_id_fits_inode")),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_entry_created_by")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_entry_job_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["entry.id"], name=op.f("fk_entry_parent_id")),
        sa.ForeignKeyConstraint(["removed_by"], ["account.id"], name=op.f("fk_entry_removed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_entry_job_id"), "entry", ["job_id"], unique=False)
    op.create_index(
        "ix_entry_directories",
        "entry",
        ["parent_id"],
        unique=False,
        sqlite_where=sa.text("directory AND removed_at IS NULL"),
        postgresql_where=sa.text("directory AND removed_at IS NULL"),
    )
    op.create_index(
        "ix_entry_listing",
        "entry",
        ["parent_id", "id"],
        unique=False,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_index("ix_entry_namesakes", "entry", ["parent_id", "name_key"], unique=False)
    op.create_index(
        "ix_entry_trash",
        "entry",
        ["removed_at"],
        unique=False,
        sqlite_where=sa.text("removed_at IS NOT NULL"),
        postgresql_where=sa.text("removed_at IS NOT NULL"),
    )
    op.create_index(
        "uq_entry_job_root",
        "entry",
        ["job_id"],
        unique=True,
        sqlite_where=sa.text("parent_id IS NULL"),
        postgresql_where=sa.text("parent_id IS NULL"),
    )
    op.create_index(
        "uq_entry_parent_id_name_key",
        "entry",
        ["parent_id", "name_key"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "job_grant",
        sa.Column("account_id", NUMBER, nullable=False),
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("access", sa.Text(), nullable=False),
        sa.CheckConstraint("access IN ('read', 'add', 'edit')", name=op.f("ck_job_grant_access")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_job_grant_account_id")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_grant_job_id")),
        sa.PrimaryKeyConstraint("account_id", "job_id", name=op.f("pk_job_grant")),
    )
    op.create_index(op.f("ix_job_grant_job_id"), "job_grant", ["job_id"], unique=False)
    op.create_table(
        "upload",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("entry_id", NUMBER, nullable=False),
        sa.Column("blob_id", NUMBER, nullable=False),
        sa.Column("base_id", NUMBER, nullable=True),
        sa.Column("account_id", NUMBER, nullable=True),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("size", NUMBER, server_default=sa.text("0"), nullable=False),
        sa.Column("format", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("advice", sa.Text(), nullable=True),
        sa.Column("role_id", NUMBER, nullable=True),
        sa.Column("late", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("judged_at", Instant(), nullable=True),
        sa.Column("superseded_at", Instant(), nullable=True),
        sa.Column("superseded_by", NUMBER, nullable=True),
        sa.CheckConstraint("current = (superseded_at IS NULL)", name=op.f("ck_upload_superseded")),
        sa.CheckConstraint(
            "(state = 'receiving') = (role_id IS NOT NULL)", name=op.f("ck_upload_writer")
        ),
        sa.CheckConstraint(
            "state IN ('receiving', 'waiting', 'interrupted', 'incomplete', 'received', 'ingested', 'unsupported', 'damaged', 'failed')",
            name=op.f("ck_upload_state"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_upload_account_id")),
        sa.ForeignKeyConstraint(["base_id"], ["upload.id"], name=op.f("fk_upload_base_id")),
        sa.ForeignKeyConstraint(["blob_id"], ["blob.id"], name=op.f("fk_upload_blob_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_upload_entry_id")),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name=op.f("fk_upload_role_id")),
        sa.ForeignKeyConstraint(
            ["superseded_by"], ["account.id"], name=op.f("fk_upload_superseded_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_upload_blob_id"), "upload", ["blob_id"], unique=False)
    op.create_index(op.f("ix_upload_entry_id"), "upload", ["entry_id"], unique=False)
    op.create_index(
        "ix_upload_receiving",
        "upload",
        ["role_id"],
        unique=False,
        sqlite_where=sa.text("role_id IS NOT NULL"),
        postgresql_where=sa.text("role_id IS NOT NULL"),
    )
    op.create_index(
        "ix_upload_base",
        "upload",
        ["base_id"],
        unique=False,
        sqlite_where=sa.text("base_id IS NOT NULL"),
        postgresql_where=sa.text("base_id IS NOT NULL"),
    )
    op.create_index(
        "ix_upload_trash",
        "upload",
        ["superseded_at"],
        unique=False,
        sqlite_where=sa.text("superseded_at IS NOT NULL"),
        postgresql_where=sa.text("superseded_at IS NOT NULL"),
    )
    op.create_index(
        "uq_upload_current",
        "upload",
        ["entry_id"],
        unique=True,
        sqlite_where=sa.text("current"),
        postgresql_where=sa.text("current"),
    )
    op.create_table(
        "photo",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("entry_id", NUMBER, nullable=False),
        sa.Column("upload_id", NUMBER, nullable=False),
        sa.Column("current", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("width", NUMBER, nullable=False),
        sa.Column("height", NUMBER, nullable=False),
        sa.Column("taken", sa.Text(), nullable=True),
        sa.Column("taken_subsecond", sa.Text(), nullable=True),
        sa.Column("taken_offset", sa.Text(), nullable=True),
        sa.Column("make", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_photo_entry_id")),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_photo_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
        sa.UniqueConstraint("upload_id", name=op.f("uq_photo_upload_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_photo_entry_id"), "photo", ["entry_id"], unique=False)
    op.create_table(
        "task",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("upload_id", NUMBER, nullable=False),
        sa.Column("not_before", Instant(), nullable=False),
        sa.Column("attempts", NUMBER, server_default=sa.text("0"), nullable=False),
        sa.Column("claim_token", sa.Text(), nullable=True),
        sa.Column("claimed_until", Instant(), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("failed_at", Instant(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_task_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("upload_id", name=op.f("uq_task_upload_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_task_free",
        "task",
        ["not_before", "id"],
        unique=False,
        sqlite_where=sa.text("failed_at IS NULL"),
        postgresql_where=sa.text("failed_at IS NULL"),
    )
    op.create_table(
        "rendition",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("photo_id", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("width", NUMBER, nullable=False),
        sa.Column("height", NUMBER, nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_rendition_photo_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rendition")),
        sa.UniqueConstraint("photo_id", "name", name=op.f("uq_rendition_photo_id_name")),
        sqlite_autoincrement=True,
    )
    connection = op.get_bind()
    for statement in TRIGGERS[connection.dialect.name]:
        connection.exec_driver_sql(statement)
