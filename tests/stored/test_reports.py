"""The files that jobfs writes for photographers: where they stand, and what they tell of the rows."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, select, update

from jobfs.catalog import accounts, grants, jobs
from jobfs.catalog.schema import BlobRow, EntryRow, JobRow, UploadRow
from jobfs.domain import inodes
from jobfs.domain.inodes import Kind
from jobfs.domain.jobs import JobStatus, Right
from jobfs.domain.metadata.sidecars import FORMAT as XMP
from jobfs.domain.reports.files import IN_JOB, Address, Report, row
from jobfs.domain.reports.status import RefusedName
from jobfs.domain.reports.words import Studio
from jobfs.domain.uploads import UploadState
from jobfs.tree import reports, views
from jobfs.tree.refusals import NoSuchEntryError
from tests.stored.filled import NOON, Job
from tests.stored.studio import account, job, look, root_of

NOW = NOON + timedelta(hours=1)
STUDIO = Studio("Uwe", ZoneInfo("UTC"))
HASH = "ab" * 32


@pytest.fixture
def wedding(connection: Connection, anna: int) -> Job:
    """Anna's job."""
    assert anna
    return Job(connection, jobs.by_name(connection, "Wedding").id)


@pytest.fixture
def tell(connection: Connection, anna: int, wedding: Job) -> Callable[..., str]:
    """Return what Anna reads in a report of her job."""

    def told(report: Report, *, now: datetime = NOW, refused: tuple[RefusedName, ...] = ()) -> str:
        number = inodes.pack(Kind.REPORT, anna, row(Address(report, wedding.id)))
        text = reports.text(connection, number, studio=STUDIO, refused=list(refused), now=now)
        return text.content.decode("utf-8-sig")

    return told


def names(connection: Connection, directory: int) -> list[str]:
    """Return all that is listed in a directory, in pages of two."""
    found: list[str] = []
    after = 0
    while page := views.children(connection, directory, after=after, limit=2):
        found += [node.name for node, _ in page]
        after = page[-1].cookie
    return found


def hashed(connection: Connection, upload_id: int, sha256: str = HASH) -> int:
    """Note that an upload was read back."""
    blob = select(UploadRow.blob_id).where(UploadRow.id == upload_id).scalar_subquery()
    connection.execute(update(BlobRow).where(BlobRow.id == blob).values(sha256=sha256))
    return upload_id


OURS = [report.file_name for report in IN_JOB]


# --- where they stand ---


def test_every_job_directory_ends_with_them(
    connection: Connection, anna: int, wedding: Job
) -> None:
    wedding.upload("a.jpg", UploadState.RECEIVED)
    wedding.upload("Class 1/b.jpg", UploadState.RECEIVED)

    assert names(connection, look(connection, anna, "Wedding").inode) == ["a.jpg", "Class 1", *OURS]
    assert names(connection, look(connection, anna, "Wedding/Class 1").inode) == ["b.jpg"]


@pytest.mark.parametrize("name", OURS)
def test_each_is_found_by_its_name_and_its_number(
    connection: Connection, anna: int, name: str
) -> None:
    found = look(connection, anna, f"Wedding/{name}")

    assert found == views.node(connection, found.inode)
    assert (found.name, found.mode & 0o777, found.uid, found.links) == (
        name,
        0o444,
        20000 + anna,
        1,
    )


@pytest.mark.parametrize("path", ["Wedding/_NO_JOBS.txt", "Wedding/_status.txt", "_STATUS.txt"])
def test_none_stands_elsewhere(connection: Connection, anna: int, path: str) -> None:
    with pytest.raises(NoSuchEntryError):
        look(connection, anna, path)


def test_nobody_finds_those_of_a_job_that_is_not_shown(connection: Connection, anna: int) -> None:
    ben = account(connection, "ben")
    seen = look(connection, anna, "Wedding/_STATUS.txt").inode
    in_bens_view = inodes.pack(Kind.REPORT, ben, inodes.unpack(seen).row)
    read = partial(reports.text, studio=STUDIO, refused=[], now=NOW)

    for number in (in_bens_view, inodes.pack(Kind.REPORT, anna, row(Address(Report.STATUS, 999)))):
        for look_at in (views.node, read):
            with pytest.raises(NoSuchEntryError):
                look_at(connection, number)
    jobs.set_status(connection, jobs.by_name(connection, "Wedding").id, JobStatus.SELLING)
    for look_at in (views.node, read):
        with pytest.raises(NoSuchEntryError):
            look_at(connection, seen)


def test_an_account_can_have_them_switched_off(connection: Connection, anna: int) -> None:
    seen = look(connection, anna, "Wedding/_STATUS.txt").inode
    accounts.set_status_files(connection, anna, shown=False)
    jobless = accounts.add(connection, "ben", status_files=False, now=NOON)

    assert names(connection, look(connection, anna, "Wedding").inode) == []
    assert names(connection, root_of(jobless)) == []
    for find in (partial(look, path="Wedding/_STATUS.txt"),):
        with pytest.raises(NoSuchEntryError):
            find(connection, anna)
    with pytest.raises(NoSuchEntryError):
        views.node(connection, seen)
    accounts.set_status_files(connection, anna, shown=True)
    assert views.node(connection, seen).name == "_STATUS.txt"


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("Wedding/_STATUS.txt", True), ("Wedding/_STATUS.txt.filepart", True),
        ("Wedding/.in._RECEIPT.sha256.", True), ("Wedding/a.jpg", False),
        ("Wedding/Class 1/_STATUS.txt", False),
    ],
)  # fmt: skip
def test_a_name_is_jobfs_s_own_in_a_jobs_own_directory(
    connection: Connection, anna: int, wedding: Job, path: str, *, kept: bool
) -> None:
    wedding.folder(("Class 1",))
    above, _, name = path.rpartition("/")

    parent = look(connection, anna, above).inode

    assert reports.is_kept(connection, parent, name.encode()) is kept
    assert reports.may_be_kept(parent, name.encode()) is (name != "a.jpg")


@pytest.mark.parametrize(
    ("name", "kept"),
    [("_NO_JOBS.txt", True), ("_CLOSED_JOBS.txt.filepart", True), ("_STATUS.txt", False)],
)
def test_other_names_are_jobfs_s_own_beside_the_jobs(
    connection: Connection, anna: int, name: str, *, kept: bool
) -> None:
    assert reports.may_be_kept(root_of(anna), name.encode()) is kept
    assert reports.is_kept(connection, root_of(anna), name.encode()) is kept


# --- beside the jobs ---


def test_who_has_no_planned_job_is_told_so(connection: Connection, anna: int) -> None:
    assert names(connection, root_of(anna)) == ["Wedding"]

    jobs.set_status(connection, jobs.by_name(connection, "Wedding").id, JobStatus.SELLING)

    assert names(connection, root_of(anna)) == ["_NO_JOBS.txt", "_CLOSED_JOBS.txt"]
    assert look(connection, anna, "_NO_JOBS.txt").mode & 0o777 == 0o444


def test_jobs_that_left_planned_are_named_for_thirty_days(
    connection: Connection, anna: int
) -> None:
    kept = job(connection, "Kept", anna)
    not_hers = job(connection, "Not hers")
    long_ago = job(connection, "Long ago", anna)
    job(connection, "Never planned", anna, status=JobStatus.SELLING)
    for job_id in (kept, not_hers, long_ago):
        jobs.set_status(connection, job_id, JobStatus.ARCHIVED)
    for job_id, days in ((kept, 29), (long_ago, 31)):
        closed_at = datetime.now(UTC) - timedelta(days=days)
        connection.execute(update(JobRow).where(JobRow.id == job_id).values(closed_at=closed_at))

    assert names(connection, root_of(anna)) == ["Wedding", "_CLOSED_JOBS.txt"]
    number = look(connection, anna, "_CLOSED_JOBS.txt").inode
    text = reports.text(connection, number, studio=STUDIO, refused=[], now=NOW).content.decode()
    assert "  Kept\r\n" in text
    assert not any(name in text for name in ("Not hers", "Long ago", "Never", "Wedding"))


def test_who_has_every_job_is_told_of_every_closed_one(connection: Connection) -> None:
    boss = account(connection, "boss", all_jobs=True)
    jobs.set_status(connection, job(connection, "Prom"), JobStatus.SELLING)

    assert names(connection, root_of(boss)) == ["_NO_JOBS.txt", "_CLOSED_JOBS.txt"]


# --- _STATUS.txt ---


def test_the_status_counts_files_by_their_state(wedding: Job, tell: Callable[..., str]) -> None:
    for number, state in enumerate((UploadState.RECEIVED, *[UploadState.INGESTED] * 3)):
        wedding.upload(f"Class 1/{number}.jpg", state)
    first = wedding.upload("late.jpg", UploadState.INTERRUPTED)
    wedding.upload("late.jpg", UploadState.INGESTED, instead_of=first)
    wedding.upload("short.jpg", UploadState.INCOMPLETE)
    sidecar = wedding.upload("Class 1/0.xmp", UploadState.INGESTED)
    this = update(UploadRow).where(UploadRow.id == sidecar)
    wedding.connection.execute(this.values(format=XMP))

    text = tell(Report.STATUS)

    assert "  6  received" in text
    assert "  4  ingested" in text
    assert "  1  waiting" in text
    assert "  1  problems" in text
    assert "  1  kept as sent" in text


def test_the_status_names_what_waits_for_its_final_name(
    wedding: Job, tell: Callable[..., str]
) -> None:
    wedding.upload("Class 1/IMG_1.JPG.filepart", UploadState.WAITING, size=812_000)
    wedding.upload("Class 1/.DS_Store", UploadState.WAITING)
    wedding.upload("none.jpg", UploadState.WAITING, size=0)

    text = tell(Report.STATUS)

    assert "- Class 1/IMG_1.JPG.filepart: 812,000 bytes" in text
    assert "- none.jpg\r\n" in text
    assert ".DS_Store" not in text


def test_the_status_lists_the_last_ten_minutes(wedding: Job, tell: Callable[..., str]) -> None:
    """Uploads of these tests were judged five seconds after noon."""
    for number in range(25):
        wedding.upload(f"Class 1/{number}.jpg", UploadState.RECEIVED)
    wedding.upload("Class 1/._0.jpg", UploadState.WAITING)

    lately = tell(Report.STATUS, now=NOON + timedelta(minutes=10))
    later = tell(Report.STATUS, now=NOON + timedelta(minutes=10, seconds=6))

    assert "  12:00:05  Class 1/24.jpg: received" in lately
    assert "... and 5 more" in lately
    assert "Nothing has arrived." in later


def test_a_status_is_as_long_until_the_first_of_its_files_came_ten_minutes_ago(
    connection: Connection, anna: int, wedding: Job
) -> None:
    number = inodes.pack(Kind.REPORT, anna, row(Address(Report.STATUS, wedding.id)))
    wedding.upload("Class 1/0.jpg", UploadState.RECEIVED)
    read = partial(reports.text, connection, number, studio=STUDIO, refused=[])

    first = read(now=NOON + timedelta(minutes=1))

    assert first.lasts is not None
    last = read(now=first.lasts - timedelta(microseconds=1))
    over = read(now=first.lasts + timedelta(seconds=1))
    assert len(first.content) == len(last.content)
    assert last.lasts == first.lasts
    assert b"0.jpg" not in over.content
    assert over.lasts is not None
    assert over.lasts > NOON + timedelta(days=365)


def test_a_sidecar_that_was_read_is_told_to_be_no_photo(
    connection: Connection, wedding: Job, tell: Callable[..., str]
) -> None:
    upload = wedding.upload("a.xmp", UploadState.INGESTED)
    connection.execute(update(UploadRow).where(UploadRow.id == upload).values(format="XMP"))

    text = tell(Report.STATUS, now=NOON + timedelta(minutes=1))

    assert "  a.xmp: kept as it is, no photo" in text


def test_the_status_warns_of_folders_and_refused_names(
    wedding: Job, tell: Callable[..., str]
) -> None:
    wedding.upload("Class 1/Gruppe/a.jpg", UploadState.INGESTED)
    wedding.upload("Class 2/100MSDCF/a.jpg", UploadState.INGESTED)

    text = tell(Report.STATUS, refused=(RefusedName(NOON, "f?r.jpg", "not UTF-8"),))

    assert '- "Class 1/Gruppe": ' in text
    assert '- "Class 2/100MSDCF" is neither' in text
    assert "- f?r.jpg" in text
    assert "  0  problems" in text


def test_the_status_tells_the_room_of_the_account_that_looks(
    connection: Connection, anna: int, tell: Callable[..., str]
) -> None:
    accounts.set_quota(connection, anna, 2_000_000)

    assert "2 MB left of 2 MB" in tell(Report.STATUS)


# --- _PROBLEMS.csv and _RECEIPT.sha256 ---


def test_the_problems_are_those_that_the_administrator_sees(
    wedding: Job, tell: Callable[..., str]
) -> None:
    wedding.upload(
        "=A/b.jpg",
        UploadState.INTERRUPTED,
        size=7,
        reason="It ends early.",
        advice="Send it again.",
    )
    wedding.upload("A/Gruppe/c.jpg", UploadState.INGESTED)

    lines = list(csv.reader(io.StringIO(tell(Report.PROBLEMS), newline="")))

    assert lines[1] == ["'=A/b.jpg", "7", "It ends early.", "Send it again."]
    assert lines[2][:2] == ["A/Gruppe", ""]
    assert len(lines) == 3


def test_only_what_was_read_back_and_decoded_is_in_the_receipt(
    connection: Connection, wedding: Job, tell: Callable[..., str]
) -> None:
    hashed(connection, wedding.upload("Class 1/b.jpg", UploadState.INGESTED))
    hashed(connection, wedding.upload("a.jpg", UploadState.INGESTED))
    wedding.upload("unread.jpg", UploadState.INGESTED)
    for state in UploadState:
        if state not in {UploadState.INGESTED, UploadState.RECEIVING}:
            hashed(connection, wedding.upload(f"{state}.jpg", state))
    sidecar = hashed(connection, wedding.upload("a.xmp", UploadState.INGESTED))
    connection.execute(update(UploadRow).where(UploadRow.id == sidecar).values(format=XMP))

    lines = tell(Report.RECEIPT).splitlines()

    assert [line for line in lines if not line.startswith("#")] == [
        f"{HASH}  Class 1/b.jpg", f"{HASH}  a.jpg"
    ]  # fmt: skip
    apart = [line for line in lines if "stored, unverified" in line]
    assert apart == ["# stored, unverified: a.xmp", "# stored, unverified: unsupported.jpg"]


def test_the_receipt_of_a_file_that_was_sent_again_waits_for_the_new_bytes(
    connection: Connection, wedding: Job, tell: Callable[..., str]
) -> None:
    first = hashed(connection, wedding.upload("a.jpg", UploadState.INGESTED))
    assert f"{HASH}  a.jpg" in tell(Report.RECEIPT)

    wedding.upload("a.jpg", UploadState.RECEIVED, instead_of=first)

    assert HASH not in tell(Report.RECEIPT)
    assert "1 more file is not safe yet" in tell(Report.RECEIPT)


def test_accounts_of_one_job_see_each_others_files(
    connection: Connection, wedding: Job, tell: Callable[..., str]
) -> None:
    ben = account(connection, "ben")
    grants.grant(connection, ben, wedding.id, Right.READ)
    upload = hashed(connection, wedding.upload("bens.jpg", UploadState.INGESTED))
    connection.execute(update(UploadRow).where(UploadRow.id == upload).values(account_id=ben))

    assert f"{HASH}  bens.jpg" in tell(Report.RECEIPT)
    number = inodes.pack(Kind.REPORT, ben, row(Address(Report.RECEIPT, wedding.id)))
    theirs = reports.text(connection, number, studio=STUDIO, refused=[], now=NOW).content.decode()
    assert theirs == tell(Report.RECEIPT)


def test_a_file_that_was_deleted_is_told_of_no_more(
    connection: Connection, wedding: Job, tell: Callable[..., str]
) -> None:
    hashed(connection, wedding.upload("a.jpg", UploadState.INGESTED))
    connection.execute(update(EntryRow).where(EntryRow.name == "a.jpg").values(removed_at=NOON))

    assert HASH not in tell(Report.RECEIPT)
    assert "  0  received" in tell(Report.STATUS)
