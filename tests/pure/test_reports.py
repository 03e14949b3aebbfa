"""The texts of the files that jobfs writes for photographers."""

import csv
import hashlib
import io
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfs.domain import inodes
from jobfs.domain.names import is_reserved
from jobfs.domain.quotas import Usage
from jobfs.domain.refusals import BadNameError, NameTooLongError
from jobfs.domain.reports import files, problems, receipt, root, status
from jobfs.domain.reports.files import AT_ROOT, IN_JOB, Address, Report
from jobfs.domain.reports.problems import Line
from jobfs.domain.reports.receipt import Verified
from jobfs.domain.reports.root import Closed
from jobfs.domain.reports.status import Arrival, Facts, RefusedName, Unfinished, Waiting
from jobfs.domain.reports.words import MOST, Studio, lengthened
from jobfs.domain.uploads import UploadState

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BERLIN = Studio("Uwe, +49 30 1234", ZoneInfo("Europe/Berlin"))
NOBODY = Studio("", ZoneInfo("UTC"))
NOTHING = Facts(job="Wedding", states={}, usage=Usage(0, None))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def told(facts: Facts, studio: Studio = BERLIN) -> str:
    return status.render(facts, studio=studio, now=NOW).decode()


# --- numbers ---


@given(st.sampled_from(IN_JOB), st.integers(1, files.MAX_JOB))
def test_a_report_of_a_job_is_found_again_by_its_number(report: Report, job_id: int) -> None:
    row = files.row(Address(report, job_id))

    assert files.address(row) == (report, job_id)
    assert row <= inodes.MAX_ROW


@pytest.mark.parametrize("report", AT_ROOT)
def test_a_report_beside_the_jobs_is_found_again_by_its_number(report: Report) -> None:
    assert files.address(files.row(Address(report, 0))) == (report, 0)


@pytest.mark.parametrize("row", [0, 1, 3, 6, 7, 8, 8 + 4, 8 + 7])
def test_other_numbers_are_no_reports(row: int) -> None:
    assert files.address(row) is None


@pytest.mark.parametrize("report", IN_JOB)
def test_no_client_can_take_the_name_of_a_report(report: Report) -> None:
    assert is_reserved(report.file_name)
    assert files.named(report.file_name, IN_JOB) is report
    assert files.named(report.file_name, AT_ROOT) is None


# --- _STATUS.txt ---


def test_what_a_windows_editor_opens_has_its_line_ends() -> None:
    for text in (
        status.render(NOTHING, studio=BERLIN, now=NOW),
        root.no_jobs(BERLIN),
        root.closed_jobs([Closed("Prom", NOW)], BERLIN),
        problems.render([]),
    ):
        assert text.count(b"\n") == text.count(b"\r\n")
        assert text.endswith(b"\r\n")


@given(st.integers(0, 9))
def test_a_text_is_lengthened_by_empty_lines_to_the_byte(more: int) -> None:
    text = root.no_jobs(BERLIN)

    longer = lengthened(text, len(text) + more)

    assert len(longer) == len(text) + more
    assert longer.split() == text.split()
    assert longer.endswith(b"\r\n")


def test_times_are_those_of_the_studio_with_their_offset() -> None:
    assert "As of 2026-06-01 14:00:00 +0200." in told(NOTHING)


def test_the_person_to_ask_is_named_if_the_studio_has_named_one() -> None:
    assert "Ask the studio (Uwe, +49 30 1234)." in told(NOTHING)
    assert "Ask the studio." in told(NOTHING, NOBODY)


def test_files_are_counted_by_what_has_become_of_them() -> None:
    states = {
        UploadState.RECEIVING: 1, UploadState.RECEIVED: 20, UploadState.INGESTED: 1180,
        UploadState.DAMAGED: 2, UploadState.UNSUPPORTED: 3, UploadState.INTERRUPTED: 1,
    }  # fmt: skip

    text = told(replace(NOTHING, states=states, problems=6))

    assert "  1,205  received" in text
    assert "  1,180  ingested" in text
    assert "     20  waiting to be checked" in text
    assert "      6  problems" in text
    assert "      1  being sent" in text
    assert "      3  kept as sent" in text


def test_a_card_may_be_formatted_when_all_that_arrived_is_checked() -> None:
    states = {UploadState.INGESTED: 12, UploadState.UNSUPPORTED: 1}

    text = told(replace(NOTHING, states=states))

    assert "Yes, if the number is right: 12 photo files arrived" in text
    assert "Not counted: 1 file of other kinds" in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (UploadState.RECEIVING, "1 file being sent"),
        (UploadState.RECEIVED, "1 file not checked yet"),
        (UploadState.INTERRUPTED, "1 file that is not safe"),
        (UploadState.INCOMPLETE, "1 file that is not safe"),
        (UploadState.DAMAGED, "1 file that is not safe"),
        (UploadState.FAILED, "1 file that is not safe"),
    ],
)
def test_a_card_may_not_be_formatted_before(state: UploadState, words: str) -> None:
    states = {UploadState.INGESTED: 12, state: 1}

    assert f"No, not yet: {words}." in told(replace(NOTHING, states=states))


def test_a_card_of_which_nothing_has_arrived_may_not_be_formatted() -> None:
    assert "No: no photo has arrived here." in told(NOTHING)


def test_a_file_under_a_temporary_name_is_named_with_what_to_do() -> None:
    left = Unfinished("Class 1/IMG_1.JPG.filepart", 812_000, NOW)

    text = told(replace(NOTHING, waiting=Waiting(unfinished=[left])))

    assert (
        "- Class 1/IMG_1.JPG.filepart: 812,000 bytes, last changed 2026-06-01 14:00:00 +0200;"
        " it was to become IMG_1.JPG" in text
    )
    assert "send these files again, and delete" in text
    assert "No, not yet: 1 unfinished file." in text


def test_what_waits_is_told_apart_and_what_systems_make_is_left_out() -> None:
    paths = {
        "a.jpg.filepart": 9, ".~tmp~/b.jpg": 9, "c.jpg": 0, "d.gif": 9, ".DS_Store": 9, "._e.jpg": 9,
        "@eaDir/f.jpg.part": 9, "g.jpg_original": 9,
    }  # fmt: skip

    waiting = status.sort_waiting([Unfinished(path, size, NOW) for path, size in paths.items()])

    assert [file.path for file in waiting.unfinished] == ["a.jpg.filepart", ".~tmp~/b.jpg"]
    assert waiting.empty == ["c.jpg"]
    assert waiting.undecided == 1


def test_folders_refused_names_and_empty_files_have_sections_when_there_are_any() -> None:
    facts = replace(
        NOTHING, folders=['"Class 1/Gruppe": no group.'], waiting=Waiting(empty=["a.jpg"]),
        refused=[RefusedName(NOW, "x\nx", "it is too long")],
    )  # fmt: skip
    titles = ("FOLDERS", "EMPTY FILES", "REFUSED NAMES", "SENT UNDER A TEMPORARY NAME")

    text = told(facts)

    assert [title in text for title in titles] == [True, True, True, False]
    assert '- "Class 1/Gruppe": no group.' in text
    assert "- x?x, at 2026-06-01 14:00:00 +0200:\r\n    it is too long" in text
    assert not any(title in told(NOTHING) for title in titles)


def test_a_refused_name_is_told_with_its_remedy() -> None:
    assert "UTF-8" in status.why_refused(BadNameError("no"))
    assert "300 bytes" in status.why_refused(NameTooLongError(300, 255))


def test_the_last_ten_minutes_name_the_newest_and_count_the_others() -> None:
    lately = [
        Arrival(NOW - timedelta(seconds=n), f"{n}.jpg", UploadState.RECEIVED) for n in range(MOST)
    ]

    text = told(replace(NOTHING, lately=lately, lately_in_all=1000))

    assert "  14:00:00  0.jpg: received, waiting to be checked" in text
    assert f"  ... and {1000 - MOST} more" in text
    assert "Nothing has arrived." in told(NOTHING)


def test_the_page_for_photographers_explains_every_section() -> None:
    left = Unfinished("a.jpg.part", 1, NOW)
    facts = replace(
        NOTHING, folders=["x"], waiting=Waiting(unfinished=[left], empty=["a.jpg"]),
        refused=[RefusedName(NOW, "x", "y")],
    )  # fmt: skip
    page = (Path(__file__).parents[2] / "docs/photographers/status.md").read_text(encoding="utf-8")

    titles = [line for line in told(facts).splitlines() if line[:4].isupper()]

    assert len(titles) == 8
    assert [title for title in titles if title.partition(",")[0] not in page] == []
    assert all(report.file_name in page for report in Report)


def test_a_problem_of_the_last_ten_minutes_is_told_with_its_reason() -> None:
    full = Arrival(NOW, "a.jpg", UploadState.INCOMPLETE, "the account is full")
    known = Arrival(NOW, "b.jpg", UploadState.INGESTED, "an old one")

    text = told(replace(NOTHING, lately=[full, known], lately_in_all=2))

    assert "a.jpg: PROBLEM: the account is full\r\n" in text
    assert "b.jpg: checked, a photo\r\n" in text


@pytest.mark.parametrize("state", UploadState)
def test_every_state_has_words(state: UploadState) -> None:
    text = told(replace(NOTHING, lately=[Arrival(NOW, "a.jpg", state)], lately_in_all=1))

    assert "a.jpg: " in text


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        (Usage(5, None), "There is no limit"),
        (Usage(1_500_000, 2_000_000), "500 kB left of 2 MB"),
        (Usage(3_000_000, 2_000_000), "0 bytes left of 2 MB: nothing more can be sent"),
    ],
)
def test_the_room_left_is_told(usage: Usage, words: str) -> None:
    assert words in told(replace(NOTHING, usage=usage))


def test_a_disk_that_is_full_is_told_to_everybody() -> None:
    assert "The studio's disk is full" not in told(replace(NOTHING, free=10**12))
    text = told(replace(NOTHING, free=48_000, usage=Usage(0, 2_000_000)))

    assert "The studio's disk is full, or nearly: 48 kB left, for everybody." in text
    assert "2 MB left of 2 MB" in text


# --- _PROBLEMS.csv ---


def test_a_spreadsheet_reads_every_cell() -> None:
    lines = [
        Line('Größe "1", a;b.jpg', 812_000, "Zu\tkurz.", "Send it again."),
        Line("A", None, "b", "c"),
    ]

    text = problems.render(lines)

    assert text.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(text.decode("utf-8-sig"), newline="")))
    assert rows == [
        ["File or folder", "Bytes received", "Problem", "What to do"],
        ['Größe "1", a;b.jpg', "812000", "Zu?kurz.", "Send it again."],
        ["A", "", "b", "c"],
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_name_is_a_formula(start: str) -> None:
    (_, row) = csv.reader(
        io.StringIO(problems.render([Line(f"{start}cmd|'/C calc'!A0", 1, "", "")]).decode())
    )

    assert row[0].startswith("'")


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1))
def test_no_name_breaks_the_table(name: str) -> None:
    text = problems.render([Line(name, 1, name, name)]).decode("utf-8-sig")

    (_, row) = csv.reader(io.StringIO(text, newline=""))
    assert row == [problems.harmless(name), "1", problems.harmless(name), problems.harmless(name)]
    assert text.count("\n") == 2


# --- _RECEIPT.sha256 ---


def given_receipt(
    verified: list[Verified], stored: list[str] | None = None, others: int = 0
) -> bytes:
    return receipt.render("Wedding", verified, stored or [], others=others, studio=BERLIN, now=NOW)


def check(folder: Path, text: bytes) -> subprocess.CompletedProcess[str]:
    """Run sha256sum -c on a receipt, with nothing overlooked that it could complain about."""
    (folder / "_RECEIPT.sha256").write_bytes(text)
    command = ["sha256sum", "--check", "--strict", "--warn", "_RECEIPT.sha256"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


NAMES = [
    "plain.jpg", "Größe & Co.jpg", "two  spaces.jpg", " leading.jpg", "back\\slash.jpg", "line\nbreak.jpg",
    "#comment.jpg", "*star.jpg", "-dash.jpg", "\\n.jpg",
]  # fmt: skip


def test_sha256sum_finds_every_file_as_it_was_sent(tmp_path: Path) -> None:
    verified = []
    (tmp_path / "Class 1").mkdir()
    for path in (*NAMES, *(f"Class 1/{name}" for name in NAMES)):
        (tmp_path / path).write_bytes(path.encode())
        verified.append(Verified(path, digest(path.encode())))

    done = check(tmp_path, given_receipt(verified, stored=["list.csv", "new\nline.csv"], others=7))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(": OK\n") == len(verified)


def test_sha256sum_finds_a_file_that_differs(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"other")

    done = check(tmp_path, given_receipt([Verified("a.jpg", digest(b"sent"))]))

    assert done.returncode == 1
    assert "a.jpg: FAILED" in done.stdout


def test_lines_are_written_as_sha256sum_writes_them(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes(b"")
    command = ["sha256sum", "--", *NAMES]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)

    text = given_receipt([Verified(name, digest(b"")) for name in NAMES])

    assert [
        line for line in text.splitlines() if not line.startswith(b"#")
    ] == done.stdout.splitlines()


def test_what_is_not_verified_is_listed_apart() -> None:
    text = given_receipt([], stored=["Class 1/roster.csv"], others=3).decode()

    assert "# stored, unverified: Class 1/roster.csv\n" in text
    assert "# 3 more files are not safe yet" in text
    assert "A file of yours that is not named here is not" in text
    assert all(line.startswith("#") for line in text.splitlines())


# --- at the root ---


def test_who_has_no_job_is_told_whom_to_ask() -> None:
    assert "Ask the studio (Uwe, +49 30 1234) to open your job." in root.no_jobs(BERLIN).decode()
    assert "Ask the studio to open your job." in root.no_jobs(NOBODY).decode()


def test_jobs_that_were_closed_are_named_with_the_time() -> None:
    text = root.closed_jobs([Closed("Prom", NOW)], BERLIN).decode()

    assert "  2026-06-01 14:00:00 +0200  Prom\r\n" in text
