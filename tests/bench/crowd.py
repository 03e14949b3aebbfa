"""Studios with as many jobs, accounts and photos as a busy one has after years, made by plain SQL.

Only rows are made, and no bytes: what is measured with them never reads an old photo's content. Each
photo has the rows that a small one leaves behind, but for its metadata.
"""

# ruff: noqa: S608 (all parts of the statements stand in this file)

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, text

from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.schema import Instant
from jobfs.domain.events import EventKind

#: When all of it happened.
_THEN = datetime(2026, 5, 4, 12, tzinfo=UTC)
#: What the databases say differently: 32 random hexadecimal digits, and a JSON text's escape.
_RANDOM = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "md5(random()::text || i)"}
#: Tables that are given ids here, whose own numbering must go on behind them.
_NUMBERED = ("entry", "blob", "upload", "photo")

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :number)"
_OF_PLACE = "FROM n JOIN place p ON p.number = i / :each"
_RENDITIONS = (("thumbnail", 256, 9_000), ("preview", 1024, 90_000), ("large", 2048, 350_000))
_EVENTS = (EventKind.ENTRY_CREATED, EventKind.UPLOAD_JUDGED, EventKind.PHOTO_INGESTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much a studio has; photos are those of each job."""

    jobs: int
    planned: int
    photos: int
    accounts: int


def fill(catalog: Catalog, size: Size) -> None:
    """Add jobs with photos, the last ones planned; and accounts with a key and ten jobs each."""
    with catalog.writing(durable=False) as connection:
        if catalog.is_sqlite:
            connection.exec_driver_sql("PRAGMA cache_size = -1000000")  # KiB
        first = _next(connection, "job")
        _run(connection, _JOBS, number=size.jobs, first=first, planned=size.jobs - size.planned)
        _run(connection, _ACCOUNTS, number=size.accounts)
        _run(connection, _KEYS)
        _run(connection, _GRANTS, number=size.accounts * 10, first=first, jobs=size.jobs)
        _add_photos(connection, "job_id >= :first", size.photos, first=first)


def add_photos(catalog: Catalog, job: str, number: int) -> list[str]:
    """Add photos to one job's own directory; return their names."""
    with catalog.writing(durable=False) as connection:
        found = text("SELECT id FROM job WHERE name = :name")
        job_id = connection.execute(found, {"name": job}).scalar_one()
        _add_photos(connection, "job_id = :job", number, job=job_id)
        listed = text("SELECT name FROM entry WHERE job_id = :job AND NOT directory ORDER BY id")
        return list(connection.execute(listed, {"job": job_id}).scalars())


def add_albums(catalog: Catalog, job: str, albums: int, number: int) -> None:
    """Add albums to a job, and so many photos to each."""
    with catalog.writing(durable=False) as connection:
        found = text("SELECT id FROM entry WHERE parent_id IS NULL AND job_id ="
                     " (SELECT id FROM job WHERE name = :name)")  # fmt: skip
        root = connection.execute(found, {"name": job}).scalar_one()
        _run(connection, _ALBUMS, number=albums, root=root)
        _add_photos(connection, "parent_id = :root AND directory", number, root=root)


def _add_photos(connection: Connection, where: str, each: int, **known: int) -> None:
    """Add *each* photos to every directory for which a condition holds."""
    _run(connection, "DROP TABLE IF EXISTS place")
    _run(connection, "CREATE TEMPORARY TABLE place (number INTEGER PRIMARY KEY, job_id INTEGER,"
                     " directory_id INTEGER)")  # fmt: skip
    places = (
        "INSERT INTO place SELECT row_number() OVER (ORDER BY id) - 1, job_id, id FROM entry"
        f" WHERE directory AND {where}"
    )
    directories = connection.execute(text(places), known).rowcount
    if not directories * each:
        return
    values: dict[str, Any] = {"number": directories * each, "each": each}
    values |= {table: _next(connection, table) for table in _NUMBERED}
    values["account"] = connection.execute(text("SELECT min(id) FROM account")).scalar_one()
    for statement in _photo_statements(connection.dialect.name):
        _run(connection, statement, **values)
    if connection.dialect.name == "postgresql":
        for table in _NUMBERED:
            _run(connection, f"SELECT setval(pg_get_serial_sequence('{table}', 'id'),"
                             f" (SELECT max(id) FROM {table}))")  # fmt: skip


def _next(connection: Connection, table: str) -> int:
    """Return the first id that no row of a table has."""
    found: int = connection.execute(
        text(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")
    ).scalar_one()
    return found


def _run(connection: Connection, statement: str, **values: Any) -> None:
    typed = text(statement)
    if ":then" in statement:
        typed = typed.bindparams(bindparam("then", _THEN, Instant))
    known = {name: one for name, one in values.items() if f":{name}" in statement}
    connection.execute(typed, known)


_JOBS = (
    "INSERT INTO job (name, name_key, title, status, created_at) "
    f"{_NUMBERS} SELECT 'School ' || (10000 + i), 'school ' || (10000 + i), '',"
    " CASE WHEN i < :planned THEN 'archived' ELSE 'planned' END, :then FROM n"
)
_ACCOUNTS = (
    f"INSERT INTO account (name, created_at) {_NUMBERS} SELECT 'photographer' || i, :then FROM n"
)
_KEYS = (
    "INSERT INTO account_key (account_id, key, fingerprint, comment, added_at)"
    " SELECT id, 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI' || substr('"
    + "A"
    * 43
    + "', 1, 43 - length(name)) || name, 'SHA256:' || name, name, :then FROM account"
    " WHERE name LIKE 'photographer%'"
)
_GRANTS = (
    "INSERT INTO job_grant (account_id, job_id, access) "
    f"{_NUMBERS} SELECT DISTINCT a.id, :first + (i * 7919) % :jobs, 'edit' FROM n"
    " JOIN account a ON a.name = 'photographer' || (i / 10)"
)
_ALBUMS = (
    "INSERT INTO entry (job_id, parent_id, name, name_key, stem_key, directory, mtime_ns, ctime_ns,"
    f" atime_ns) {_NUMBERS} SELECT e.job_id, e.id, 'Class ' || i, 'Class ' || i, 'class ' || i, true,"
    " 0, 0, 0 FROM n JOIN entry e ON e.id = :root"
)


def _photo_statements(dialect: str) -> list[str]:
    key = _RANDOM[dialect]
    name, stem = "'IMG_' || (1000000 + i)", "'img_' || (1000000 + i)"
    time = "1777896000000000000"
    return [
        "INSERT INTO entry (id, job_id, parent_id, name, name_key, stem_key, directory, created_by,"
        f" mtime_ns, ctime_ns, atime_ns) {_NUMBERS} SELECT :entry + i, p.job_id, p.directory_id,"
        f" {name} || '.JPG', {name} || '.JPG', {stem}, false, :account, {time}, {time}, {time} {_OF_PLACE}",
        "INSERT INTO blob (id, key, size, sha256, created_at)"
        f" {_NUMBERS} SELECT :blob + i, {key}, 5000000 + i, {key} || {key}, :then FROM n",
        "INSERT INTO upload (id, entry_id, blob_id, account_id, current, state, size, format, started_at,"
        f" judged_at) {_NUMBERS} SELECT :upload + i, :entry + i, :blob + i, :account, true, 'ingested',"
        " 5000000 + i, 'JPEG', :then, :then FROM n",
        "INSERT INTO photo (id, entry_id, upload_id, format, width, height, created_at, taken, make, model,"
        f" serial) {_NUMBERS} SELECT :photo + i, :entry + i, :upload + i, 'JPEG', 6000, 4000, :then,"
        " '2026-05-04T12:00:00', 'Canon', 'Canon EOS R6', '012345678' FROM n",
        *(
            "INSERT INTO rendition (photo_id, name, width, height, size, key)"
            f" {_NUMBERS} SELECT :photo + i, '{name}', {edge}, {edge * 2 // 3}, {size}, {key} FROM n"
            for name, edge, size in _RENDITIONS
        ),
        *(
            "INSERT INTO event (at, kind, account_id, job_id, entry_id, upload_id, photo_id)"
            f" {_NUMBERS} SELECT :then, '{kind}', :account, p.job_id, :entry + i, :upload + i, :photo + i"
            f" {_OF_PLACE}"
            for kind in _EVENTS
        ),
    ]  # fmt: skip
