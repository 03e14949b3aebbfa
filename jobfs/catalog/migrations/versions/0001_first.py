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
    # Not of `warned`, which is no news to anybody who acts on accounts.
    ("account", "UPDATE OF name, password_hash, all_jobs, enabled, quota, status_files, removed_at",
     "", "account.changed", "account_id", "new.id"),
    ("account_key", "INSERT", "", "key.added", "account_id", "new.account_id"),
    ("account_key", "DELETE", "", "key.removed", "account_id", "old.account_id"),
]  # fmt: skip


def changes(json: str, text: str) -> dict[str, str]:
    """Old and new value of a column as a JSON text, for those columns whose events carry them."""
    return {
        column: CHANGED.format(json=json, text=text, column=column) for column in ("status", "name")
    }


#: What counts towards its account's use, and ends to: for {row} "new" or "old", {sign} "" or "-".
COUNTED = (
    "INSERT INTO account_usage (account_id, bytes) SELECT {row}.account_id, {sign}{row}.size FROM entry"
    " WHERE id = {row}.entry_id AND removed_at IS NULL"
    " AND {row}.current AND {row}.size > 0 AND {row}.account_id IS NOT NULL"
)
MORE, LESS = COUNTED.format(row="new", sign=""), COUNTED.format(row="old", sign="-")
#: name, table, action, condition, statements, and the entries that PostgreSQL locks before. Under that lock
#: the change of a version and the removal of its file see each other, in whatever order they commit.
USAGE = [
    ("usage_upload_added", "upload", "INSERT", "new.current AND new.size > 0",
     [MORE], "new.entry_id"),
    ("usage_upload_changed", "upload", "UPDATE OF entry_id, account_id, current, size",
     "(old.current OR new.current) AND (old.current <> new.current OR old.size <> new.size"
     " OR old.entry_id <> new.entry_id"
     " OR coalesce(old.account_id, 0) <> coalesce(new.account_id, 0))",
     [LESS, MORE], "old.entry_id, new.entry_id"),
    ("usage_upload_deleted", "upload", "DELETE", "old.current AND old.size > 0",
     [LESS], "old.entry_id"),
    ("usage_entry_removed", "entry", "UPDATE OF removed_at",
     "(old.removed_at IS NULL) <> (new.removed_at IS NULL)",
     ["INSERT INTO account_usage (account_id, bytes)"
      " SELECT account_id, CASE WHEN new.removed_at IS NULL THEN size ELSE -size END FROM upload"
      " WHERE entry_id = new.id AND current AND size > 0 AND account_id IS NOT NULL"],
     ""),
]  # fmt: skip
#: Rows of account_usage until an account's are added up. A prime: accounts that take turns all come by.
FOLD = 61


def sqlite_usage() -> list[str]:
    """The triggers of SQLite that keep account_usage."""
    counting = [
        f"CREATE TRIGGER {name} AFTER {action} ON {table} WHEN {condition} BEGIN"
        f" {'; '.join(statements)}; END"
        for name, table, action, condition, statements, _ in USAGE
    ]
    return [
        *counting,
        f"CREATE TRIGGER usage_folded AFTER INSERT ON account_usage WHEN new.id % {FOLD} = 0 BEGIN"
        " UPDATE account_usage SET bytes ="
        " (SELECT sum(bytes) FROM account_usage WHERE account_id = new.account_id)"
        " WHERE id = new.id;"
        " DELETE FROM account_usage WHERE account_id = new.account_id AND id <> new.id; END",
    ]


def postgresql_usage() -> list[str]:
    """The triggers of PostgreSQL that keep account_usage.

    Whoever folds takes the rows that nobody else is folding, so none waits and none counts twice.
    """
    made = []
    for name, table, action, condition, statements, locked in USAGE:
        lock = f"PERFORM 1 FROM entry WHERE id IN ({locked}) ORDER BY id FOR NO KEY UPDATE;"
        made += [
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" {lock if locked else ''} {'; '.join(statements)}; RETURN NULL; END $$",
            f"CREATE TRIGGER {name} AFTER {action} ON {table} FOR EACH ROW WHEN ({condition})"
            f" EXECUTE FUNCTION {name}()",
        ]
    return [
        *made,
        "CREATE FUNCTION usage_folded() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " WITH taken AS (DELETE FROM account_usage WHERE id IN (SELECT id FROM account_usage"
        " WHERE account_id = new.account_id AND id <> new.id FOR UPDATE SKIP LOCKED) RETURNING bytes)"
        " UPDATE account_usage SET bytes = bytes + (SELECT coalesce(sum(bytes), 0) FROM taken)"
        " WHERE id = new.id; RETURN NULL; END $$",
        "CREATE TRIGGER usage_folded AFTER INSERT ON account_usage FOR EACH ROW"
        f" WHEN (mod(new.id, {FOLD}) = 0) EXECUTE FUNCTION usage_folded()",
    ]


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
    # When clients may no longer expect to finish what they have begun.
    "CREATE TRIGGER job_closed AFTER UPDATE OF status ON job"
    " WHEN (old.status = 'planned') <> (new.status = 'planned') BEGIN UPDATE job SET closed_at ="
    f" CASE WHEN new.status <> 'planned' THEN {SQLITE_NOW} END WHERE id = new.id; END",
    *sqlite_usage(),
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
    "CREATE FUNCTION job_closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " IF (old.status = 'planned') <> (new.status = 'planned') THEN new.closed_at :="
    " CASE WHEN new.status <> 'planned' THEN clock_timestamp() END; END IF; RETURN new; END $$",
    "CREATE TRIGGER job_closed BEFORE UPDATE OF status ON job FOR EACH ROW"
    " EXECUTE FUNCTION job_closed()",
    *postgresql_usage(),
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
        sa.Column("quota", NUMBER, nullable=True),
        sa.Column("warned", NUMBER, server_default=sa.text("0"), nullable=False),
        sa.Column("status_files", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.CheckConstraint("id BETWEEN 1 AND 1048575", name=op.f("ck_account_id_fits_inode")),
        sa.CheckConstraint("quota >= 0", name=op.f("ck_account_quota")),
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
        "erasure",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_erasure")),
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
    op.create_index(
        "ix_event_feed", "event", ["xid", "id"], unique=False, sqlite_where=sa.text("xid <> 0")
    )
    op.create_table(
        "job",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("status", sa.Text(), server_default="planned", nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "length(name) BETWEEN 1 AND 120 AND replace(name, '/', '') = name AND substr(name, 1, 1) NOT IN ('.', '_', ' ') AND substr(name, length(name), 1) NOT IN ('.', ' ')",
            name=op.f("ck_job_name"),
        ),
        sa.CheckConstraint(
            "status IN ('planned', 'prepay', 'selling', 'archived')", name=op.f("ck_job_status")
        ),
        sa.CheckConstraint("id BETWEEN 1 AND 137438953471", name=op.f("ck_job_id_fits_inode")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("name", name=op.f("uq_job_name")),
        sa.UniqueConstraint("name_key", name=op.f("uq_job_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_job_closed",
        "job",
        ["closed_at"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NOT NULL"),
        postgresql_where=sa.text("closed_at IS NOT NULL"),
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
        sa.Column("confinement", sa.Text(), nullable=True),
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
        "account_usage",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("account_id", NUMBER, nullable=False),
        sa.Column("bytes", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_account_usage_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_usage")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_account_usage_account_id"), "account_usage", ["account_id"], unique=False
    )
    op.create_table(
        "entry",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("parent_id", NUMBER, nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("stem_key", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("directory", sa.Boolean(), nullable=False),
        sa.Column("created_by", NUMBER, nullable=True),
        sa.Column("mtime_ns", NUMBER, nullable=False),
        sa.Column("ctime_ns", NUMBER, nullable=False),
        sa.Column("atime_ns", NUMBER, nullable=False),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.Column("removed_by", NUMBER, nullable=True),
        sa.Column("replaced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("sent_as", sa.Text(), nullable=True),
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
        sqlite_where=sa.text("directory = 1 AND removed_at IS NULL"),
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
        "ix_entry_stems",
        "entry",
        ["parent_id", "stem_key"],
        unique=False,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
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
        sa.Column("gap", NUMBER, nullable=True),
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
        "ix_upload_latecomers",
        "upload",
        ["account_id", "judged_at"],
        unique=False,
        sqlite_where=sa.text("current AND (late OR state = 'waiting')"),
        postgresql_where=sa.text("current AND (late OR state = 'waiting')"),
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
        sqlite_where=sa.text("current = 1"),
        postgresql_where=sa.text("current"),
    )
    op.create_table(
        "photo",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("entry_id", NUMBER, nullable=False),
        sa.Column("upload_id", NUMBER, nullable=False),
        sa.Column("beside_id", NUMBER, nullable=True),
        sa.Column("current", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("width", NUMBER, nullable=False),
        sa.Column("height", NUMBER, nullable=False),
        sa.Column("taken", sa.Text(), nullable=True),
        sa.Column("taken_subsecond", sa.Text(), nullable=True),
        sa.Column("taken_offset", sa.Text(), nullable=True),
        sa.Column("make", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("shot", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("lens", sa.Text(), nullable=True),
        sa.Column("orientation", NUMBER, nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("caption", sa.Text(), nullable=True),
        sa.Column("creators", sa.Text(), nullable=True),
        sa.Column("copyright", sa.Text(), nullable=True),
        sa.Column("rating", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(
            ["beside_id"], ["photo.id"], name=op.f("fk_photo_beside_id"), onupdate="CASCADE"
        ),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_photo_entry_id")),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_photo_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
        sa.UniqueConstraint("upload_id", name=op.f("uq_photo_upload_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_photo_entry_id"), "photo", ["entry_id"], unique=False)
    op.create_index(
        "ix_photo_beside",
        "photo",
        ["beside_id"],
        unique=False,
        sqlite_where=sa.text("beside_id IS NOT NULL"),
        postgresql_where=sa.text("beside_id IS NOT NULL"),
    )
    op.create_index(
        "ix_photo_taken",
        "photo",
        ["taken"],
        unique=False,
        sqlite_where=sa.text("taken IS NOT NULL"),
        postgresql_where=sa.text("taken IS NOT NULL"),
    )
    op.create_table(
        "photo_keyword",
        sa.Column("photo_id", NUMBER, nullable=False),
        sa.Column("position", NUMBER, autoincrement=False, nullable=False),
        sa.Column("keyword", sa.Text(), nullable=False),
        sa.Column("keyword_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["photo.id"], name=op.f("fk_photo_keyword_photo_id"), onupdate="CASCADE"
        ),
        sa.PrimaryKeyConstraint("photo_id", "position", name=op.f("pk_photo_keyword")),
    )
    op.create_index(
        op.f("ix_photo_keyword_keyword_key"), "photo_keyword", ["keyword_key"], unique=False
    )
    op.create_table(
        "photo_metadata",
        sa.Column("photo_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("whole", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["photo.id"], name=op.f("fk_photo_metadata_photo_id"), onupdate="CASCADE"
        ),
        sa.PrimaryKeyConstraint("photo_id", name=op.f("pk_photo_metadata")),
    )
    op.create_table(
        "photo_code",
        sa.Column("photo_id", NUMBER, nullable=False),
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["photo.id"], name=op.f("fk_photo_code_photo_id"), onupdate="CASCADE"
        ),
        sa.PrimaryKeyConstraint("photo_id", "number", name=op.f("pk_photo_code")),
    )
    op.create_table(
        "photo_place",
        sa.Column("photo_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("altitude", sa.Double(), nullable=True),
        sa.Column("private", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["photo.id"], name=op.f("fk_photo_place_photo_id"), onupdate="CASCADE"
        ),
        sa.PrimaryKeyConstraint("photo_id", name=op.f("pk_photo_place")),
    )
    op.create_table(
        "upload_metadata",
        sa.Column("upload_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["upload.id"], name=op.f("fk_upload_metadata_upload_id")
        ),
        sa.PrimaryKeyConstraint("upload_id", name=op.f("pk_upload_metadata")),
    )
    op.create_table(
        "task",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("upload_id", NUMBER, nullable=False),
        sa.Column("priority", NUMBER, server_default=sa.text("0"), nullable=False),
        sa.Column("not_before", Instant(), nullable=False),
        sa.Column("attempts", NUMBER, server_default=sa.text("0"), nullable=False),
        sa.Column("claim_token", sa.Text(), nullable=True),
        sa.Column("claimed_until", Instant(), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("failed_at", Instant(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("priority BETWEEN 0 AND 2", name=op.f("ck_task_priority")),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_task_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("upload_id", name=op.f("uq_task_upload_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_task_free",
        "task",
        ["priority", "not_before", "id"],
        unique=False,
        sqlite_where=sa.text("failed_at IS NULL"),
        postgresql_where=sa.text("failed_at IS NULL"),
    )
    op.create_index(
        "ix_task_claimed",
        "task",
        ["claimed_until"],
        unique=False,
        sqlite_where=sa.text("claim_token IS NOT NULL"),
        postgresql_where=sa.text("claim_token IS NOT NULL"),
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
        sa.ForeignKeyConstraint(
            ["photo_id"], ["photo.id"], name=op.f("fk_rendition_photo_id"), onupdate="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rendition")),
        sa.UniqueConstraint("photo_id", "name", name=op.f("uq_rendition_photo_id_name")),
        sqlite_autoincrement=True,
    )
    connection = op.get_bind()
    for statement in TRIGGERS[connection.dialect.name]:
        connection.exec_driver_sql(statement)
