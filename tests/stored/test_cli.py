"""The command line, by the commands a person types, on both databases."""

import io
import os
import pty
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import text

from jobfs import processes
from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import accounts, feed, roles, tasks
from jobfs.catalog.engine import Catalog
from jobfs.cli import takeover
from jobfs.domain.tasks import Priority
from jobfs.domain.uploads import UploadState
from jobfs.login import hostkeys, passwords
from tests.stored.commands import Run, command, json_of
from tests.stored.filled import NOON, Job

#: All that a sheet is made of.
TAGS = (
    "html head meta title style body header p h1 h2 h3 bdi strong a nav ol ul li span main section"
    " figure div img figcaption table thead tbody tr th td footer"
)
ATTRIBUTES = "lang charset name http-equiv content class id href src alt loading title aria-label"

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti anna@laptop"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINVZp/BSv8lTh5z0q4Yk3Ihf9DYpxl4mpV4Y8dPbHyxl ben"
FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


# --- jobs ---


def test_a_job_is_added_listed_and_shown(jobfs: Run) -> None:
    jobfs("job", "add", "Schule Süd", "--title", "Abitur 2026", "--status", "prepay")

    (listed,) = json_of(jobfs("job", "list", "--json"))
    shown = json_of(jobfs("job", "show", "Schule Süd", "--json"))

    assert listed["name"] == "Schule Süd"
    assert (listed["title"], listed["status"]) == ("Abitur 2026", "prepay")
    assert (listed["files"], listed["photos"], listed["problems"]) == (0, 0, 0)
    assert shown == {**listed, "accounts": []}


def test_a_refusal_is_a_sentence_on_stderr_and_status_1(jobfs: Run) -> None:
    jobfs("job", "add", "Wedding")

    refused = jobfs("job", "add", "wedding", status=1)

    assert refused.stdout == ""
    assert refused.stderr == (
        "Error: there is a job 'Wedding' already; 'wedding' differs in case only\n"
    )


def test_wrong_usage_is_status_2(jobfs: Run) -> None:
    jobfs("job", "status", "Wedding", "sold", status=2)
    jobfs("job", "nonsense", status=2)
    jobfs("queue", "retry", status=2)
    jobfs("queue", "retry", "1", "--all-failed", status=2)


def test_a_mistyped_job_is_answered_with_the_one_that_was_meant(jobfs: Run) -> None:
    jobfs("job", "add", "Wedding")

    refused = jobfs("job", "status", "Weding", "selling", status=1)

    assert "did you mean 'Wedding'?" in refused.stderr


def test_a_job_changes_its_status_and_its_name(jobfs: Run) -> None:
    jobfs("job", "add", "Before")
    before = json_of(jobfs("job", "show", "Before", "--json"))

    said = jobfs("job", "status", "Before", "PLANNED")
    jobfs("job", "status", "Before", "selling")
    jobfs("job", "rename", "Before", "After")

    after = json_of(jobfs("job", "show", "After", "--json"))
    assert said.stdout == "job Before is Planned (Inactive)\n"
    assert after == {**before, "name": "After", "status": "selling"}


def test_people_see_the_studios_time_and_programs_see_utc(jobfs: Run, catalog: Catalog) -> None:
    with catalog.writing() as connection:
        Job.add(connection, "Wedding")  # at noon, UTC, in June

    assert "2026-06-01 14:00:00 +0200" in jobfs("job", "list").stdout
    (listed,) = json_of(jobfs("job", "list", "--json"))
    assert listed["created_at"] == "2026-06-01T12:00:00.000Z"


def test_a_listing_in_a_pipe_is_aligned_and_has_a_line_per_job(jobfs: Run) -> None:
    jobfs("job", "add", "A")
    jobfs("job", "add", "A much longer name", "--title", "two\nlines and \x1b[31mred")

    heading, first, second = jobfs("job", "list").stdout.splitlines()

    assert heading.startswith("NAME                STATUS   FILES")
    assert first.startswith("A                   planned  0")
    assert second.endswith("two?lines and ?[31mred")


def test_an_empty_listing_is_an_empty_json_document(jobfs: Run) -> None:
    for listing in (["job", "list"], ["account", "list"], ["problems"], ["queue", "list"]):
        assert json_of(jobfs(*listing, "--json")) == []


# --- accounts ---


def test_an_account_without_password_or_key_gets_a_password_that_logs_it_in(
    jobfs: Run, catalog: Catalog
) -> None:
    added = jobfs("account", "add", "anna")

    match = re.fullmatch(r"added account anna\npassword: (\S+)\n", added.stdout)
    assert match is not None
    with catalog.reading() as connection:
        anna = accounts.by_name(connection, "anna")
    assert anna.password_hash is not None
    assert passwords.verify(match[1], anna.password_hash)


def test_a_password_comes_from_standard_input_and_is_not_printed(
    jobfs: Run, catalog: Catalog
) -> None:
    added = jobfs("account", "add", "anna", "--password-stdin", stdin="geheim süß\r\n")
    jobfs("account", "add", "ben", "--password-stdin", stdin="\n", status=1)

    assert added.output == "added account anna\n"
    with catalog.reading() as connection:
        anna = accounts.by_name(connection, "anna")
    assert anna.password_hash is not None
    assert passwords.verify("geheim süß", anna.password_hash)


def test_an_account_with_a_key_has_no_password(jobfs: Run, tmp_path: Path) -> None:
    file = tmp_path / "id.pub"
    file.write_text(f"{KEY}\n")

    jobfs("account", "add", "anna", "--key", str(file), "--all-jobs")

    anna = json_of(jobfs("account", "show", "anna", "--json"))
    assert (anna["password"], anna["all_jobs"], anna["enabled"]) == (False, True, True)
    assert [key["comment"] for key in anna["keys"]] == ["anna@laptop"]


def test_a_private_key_is_refused_and_no_account_is_made(jobfs: Run) -> None:
    private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n"

    refused = jobfs("account", "add", "anna", "--key", "-", stdin=private, status=1)

    assert "this is a private key" in refused.stderr
    assert json_of(jobfs("account", "list", "--json")) == []


@pytest.mark.parametrize("name", ["root", "nobody", "tape", "Anna", "anna/../root", "-x", ""])
def test_a_name_of_the_system_or_no_login_name_is_refused(jobfs: Run, name: str) -> None:
    jobfs("account", "add", "--", name, status=1)

    assert json_of(jobfs("account", "list", "--json")) == []


def test_keys_are_added_shown_and_removed(jobfs: Run) -> None:
    jobfs("account", "add", "anna")

    jobfs("account", "key", "add", "anna", "-", stdin=KEY)
    jobfs("account", "key", "add", "anna", "-", stdin=KEY, status=1)
    added = jobfs("account", "key", "add", "anna", "-", stdin=OTHER_KEY)
    match = FINGERPRINT.search(added.stdout)
    assert match is not None
    jobfs("account", "key", "remove", "anna", match[0])
    jobfs("account", "key", "remove", "anna", match[0], status=1)

    anna = json_of(jobfs("account", "show", "anna", "--json"))
    assert [key["comment"] for key in anna["keys"]] == ["anna@laptop"]
    assert "SHA256:" in jobfs("account", "show", "anna").stdout


def test_an_account_is_disabled_enabled_and_removed(jobfs: Run) -> None:
    jobfs("account", "add", "anna")

    jobfs("account", "disable", "anna")
    disabled = json_of(jobfs("account", "show", "anna", "--json"))
    jobfs("account", "enable", "anna")
    enabled = json_of(jobfs("account", "show", "anna", "--json"))
    jobfs("account", "remove", "anna")

    assert (disabled["enabled"], enabled["enabled"]) == (False, True)
    jobfs("account", "show", "anna", status=1)


def test_a_new_password_is_made_or_read(jobfs: Run, catalog: Catalog) -> None:
    jobfs("account", "add", "anna")

    made = jobfs("account", "passwd", "anna").stdout.splitlines()[1].removeprefix("password: ")
    with catalog.reading() as connection:
        anna = accounts.by_name(connection, "anna")
    assert passwords.verify(made, anna.password_hash or "")

    jobfs("account", "passwd", "anna", "--password-stdin", stdin="another")
    with catalog.reading() as connection:
        anna = accounts.by_name(connection, "anna")
    assert passwords.verify("another", anna.password_hash or "")


def test_a_card_says_everything_to_type_and_nothing_secret(jobfs: Run, tmp_path: Path) -> None:
    folder = tmp_path / "store" / "login" / "hostkeys"
    hostkeys.make(folder)
    password = jobfs("account", "add", "anna").stdout.splitlines()[1].removeprefix("password: ")

    card = jobfs("account", "card", "anna").stdout
    jobfs("account", "card", "anna", "--filezilla", str(tmp_path / "site.xml"))

    for fact in ("127.0.0.1", "2022", "anna", "SFTP", "Plainview <Portraits>"):
        assert fact in card
    assert all(key.fingerprint in card for key in hostkeys.known(folder))
    assert password not in card
    assert "<User>anna</User>" in (tmp_path / "site.xml").read_text()


def test_a_card_before_init_is_refused(jobfs: Run) -> None:
    jobfs("account", "add", "anna")

    assert "run `jobfs init`" in jobfs("account", "card", "anna", status=1).stderr


def test_grants_are_given_changed_and_taken(jobfs: Run) -> None:
    jobfs("account", "add", "anna")
    jobfs("job", "add", "Wedding")

    jobfs("grant", "anna", "Wedding")
    jobfs("grant", "anna", "Wedding", "--right", "read")
    granted = json_of(jobfs("job", "show", "Wedding", "--json"))["accounts"]
    jobfs("revoke", "anna", "Wedding")
    jobfs("revoke", "anna", "Wedding")

    assert granted == [{"account": "anna", "right": "read"}]
    assert json_of(jobfs("account", "show", "anna", "--json"))["jobs"] == []
    jobfs("grant", "ben", "Wedding", status=1)
    jobfs("grant", "anna", "Nothing", status=1)


def test_one_job_cannot_be_taken_from_an_account_that_has_all(jobfs: Run) -> None:
    jobfs("account", "add", "anna", "--all-jobs")
    jobfs("job", "add", "Wedding")

    assert "--all-jobs" in jobfs("revoke", "anna", "Wedding", status=1).stderr


# --- what running SFTP servers have taken over ---


def test_a_change_of_accounts_returns_when_login_has_taken_it_over(
    jobfs: Run, catalog: Catalog
) -> None:
    role_id = start_login(catalog, os.getpid())
    taker = threading.Thread(target=take_the_next_change, args=(catalog, role_id))
    taker.start()

    added = jobfs("account", "add", "anna", "--password-stdin", stdin="geheim")

    taker.join()
    with catalog.reading() as connection:
        (login,) = roles.known(connection, kind="login")
        assert login.taken == feed.end(connection)
    assert added.stderr == ""


def test_a_login_role_that_does_not_follow_is_named(
    jobfs: Run, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_login(catalog, os.getpid())
    monkeypatch.setattr(takeover, "PATIENCE", 0.1)

    added = jobfs("account", "add", "anna")

    assert f"process {os.getpid()}) has not taken the change over" in added.stderr


def test_nobody_waits_for_a_login_role_that_is_dead(jobfs: Run, catalog: Catalog) -> None:
    child = subprocess.Popen(["true"])
    start_login(catalog, child.pid)
    child.wait()

    assert jobfs("account", "add", "anna", "--password-stdin", stdin="geheim").stderr == ""


# --- photos, problems, tasks ---


def test_photos_are_listed_with_where_they_belong(jobfs: Run, catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job = Job.add(connection, "Wedding")
        key = new_key()
        job.thumbnail(job.photo(job.upload("Class 1/GROUP/a.jpg", UploadState.INGESTED)), key)
        job.photo(job.upload("b.jpg", UploadState.INGESTED), current=False)

    (photo,) = json_of(jobfs("photo", "list", "Wedding", "--json"))
    everything = json_of(jobfs("photo", "list", "Wedding", "--all", "--json"))

    assert photo["path"] == "Class 1/GROUP/a.jpg"
    assert (photo["album"], photo["section"], photo["state"]) == ("Class 1", "group", "ingested")
    assert (photo["width"], photo["height"], photo["size"]) == (300, 200, 100)
    (thumbnail,) = photo["renditions"]
    assert (thumbnail["name"], thumbnail["width"], thumbnail["height"]) == ("thumbnail", 256, 171)
    assert thumbnail["path"].endswith(f"/renditions/{key[:2]}/{key}")
    assert [(photo["path"], photo["current"]) for photo in everything] == [
        ("Class 1/GROUP/a.jpg", True), ("b.jpg", False),
    ]  # fmt: skip


def test_problems_are_listed_for_one_job_or_all(jobfs: Run, catalog: Catalog) -> None:
    with catalog.writing() as connection:
        Job.add(connection, "One").upload("a.jpg", UploadState.INTERRUPTED, size=812)
        Job.add(connection, "Two").upload("b.jpg", UploadState.DAMAGED)

    (one,) = json_of(jobfs("problems", "One", "--json"))
    both = json_of(jobfs("problems", "--json"))

    assert {"path", "kind", "text", "advice", "size", "at"} <= one.keys()
    assert (one["job"], one["path"], one["kind"], one["size"]) == (
        "One",
        "a.jpg",
        "interrupted",
        812,
    )
    assert one["at"] == "2026-06-01T12:00:05.000Z"
    assert [problem["path"] for problem in both] == ["a.jpg", "b.jpg"]
    assert "interrupted" in jobfs("problems").stdout


def test_a_failed_task_is_listed_and_retried(jobfs: Run, catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job = Job.add(connection, "Wedding")
        tasks.enqueue(connection, job.upload("a.jpg", UploadState.FAILED), now=NOON)
        connection.execute(text("UPDATE task SET attempts = 5, error = 'no memory'"))
        connection.execute(text("UPDATE task SET failed_at = not_before"))

    (failed,) = json_of(jobfs("queue", "list", "--json"))
    said = jobfs("queue", "retry", "--all-failed")
    (waiting,) = json_of(jobfs("queue", "list", "--json"))
    jobfs("queue", "retry", str(failed["id"]))

    assert (failed["path"], failed["state"], failed["error"]) == (
        "Wedding/a.jpg", "failed", "no memory",
    )  # fmt: skip
    assert said.stdout == "failed tasks that begin again: 1\n"
    assert (waiting["state"], waiting["attempts"]) == ("waiting", 0)
    jobfs("queue", "retry", str(failed["id"] + 1), status=1)


def test_a_paused_queue_says_so(jobfs: Run) -> None:
    jobfs("queue", "pause")

    assert "paused" in jobfs("queue", "list").stderr
    assert jobfs("queue", "pause").stdout == "was paused already\n"
    jobfs("queue", "resume")
    assert jobfs("queue", "list").stderr == ""


def test_the_queue_says_how_much_there_is_to_do(jobfs: Run, catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job = Job.add(connection, "Wedding")
        for name, asked in (("a.jpg", Priority.IMPORT), ("b.jpg", Priority.UPLOAD)):
            upload = job.upload(name, UploadState.RECEIVED)
            tasks.enqueue(connection, upload, now=datetime.now(UTC), priority=asked)

    listed = json_of(jobfs("queue", "list", "--json"))
    facts = json_of(jobfs("queue", "show", "--json"))
    jobfs("queue", "pause")
    shown = jobfs("queue", "show")

    assert [(task["priority"], task["path"]) for task in listed] == [
        ("upload", "Wedding/b.jpg"),
        ("import", "Wedding/a.jpg"),
    ]
    assert facts["paused"] is False
    assert {word: facts[word]["waiting"] for word in ("upload", "import", "rerender")} == {
        "upload": 1, "import": 1, "rerender": 0,
    }  # fmt: skip
    assert facts["upload"]["age"] >= 0
    assert facts["rerender"]["age"] is None
    assert re.search(r"^import +1 +0 +0 +\d+$", shown.stdout, re.MULTILINE)
    assert "paused" in shown.stderr


# --- the sheet ---


def test_a_sheet_shows_albums_sections_and_thumbnails(
    jobfs: Run, catalog: Catalog, tmp_path: Path
) -> None:
    photo_id = wedding_with_a_photo(catalog, tmp_path, "Class 1/group/a.jpg")

    jobfs("job", "sheet", "Wedding", str(tmp_path / "sheet"))

    page = (tmp_path / "sheet" / "index.html").read_text(encoding="utf-8")
    for word in ("Plainview &lt;Portraits&gt;", "Class 1", "group", "a.jpg", "300 × 200"):  # noqa: RUF001
        assert word in page
    assert f'src="thumbnails/{photo_id}.jpg"' in page
    with Image.open(tmp_path / "sheet" / "thumbnails" / f"{photo_id}.jpg") as thumbnail:
        assert thumbnail.size == (30, 20)


def test_no_name_can_put_anything_into_a_sheet(
    jobfs: Run, catalog: Catalog, tmp_path: Path
) -> None:
    hostile = '"><script>alert(1)<'
    wedding_with_a_photo(catalog, tmp_path, f"{hostile}/{hostile}\x1b\n.jpg")
    with catalog.writing() as connection:
        connection.execute(text("UPDATE job SET title = '<b>&$facts'"))
        Job.add(connection, "Other").upload(hostile, UploadState.DAMAGED)

    jobfs("job", "sheet", "Wedding", str(tmp_path / "sheet"))
    jobfs("job", "sheet", "Other", str(tmp_path / "other"))

    for folder in ("sheet", "other"):
        page = (tmp_path / folder / "index.html").read_text(encoding="utf-8")
        seen = Elements(page)
        assert seen.tags <= set(TAGS.split())
        assert seen.attributes <= set(ATTRIBUTES.split())
        assert hostile in seen.text
        assert "\x1b" not in page
    assert "&lt;b&gt;&amp;$facts" in (tmp_path / "sheet" / "index.html").read_text("utf-8")


def test_a_sheet_replaces_an_earlier_one_and_nothing_else(
    jobfs: Run, catalog: Catalog, tmp_path: Path
) -> None:
    photo_id = wedding_with_a_photo(catalog, tmp_path, "a.jpg")
    jobfs("job", "sheet", "Wedding", str(tmp_path / "sheet"))
    with catalog.writing() as connection:
        connection.execute(text("UPDATE photo SET current = false"))

    jobfs("job", "sheet", "Wedding", str(tmp_path / "sheet"))
    refused = jobfs("job", "sheet", "Wedding", str(tmp_path), status=1)

    assert not (tmp_path / "sheet" / "thumbnails" / f"{photo_id}.jpg").exists()
    assert "There are no photos" in (tmp_path / "sheet" / "index.html").read_text("utf-8")
    assert "neither empty nor an earlier sheet" in refused.stderr
    assert not (tmp_path / "index.html").exists()


# --- databases that cannot be used ---


def test_a_database_without_a_schema_is_told_to_be_initialised(
    database_url: str, config_file: Path
) -> None:
    for arguments in (["job", "list"], ["worker"], ["wait"]):
        refused = command(config_file)(*arguments, status=1)

        assert refused.stderr.startswith("Error: ")
        assert "run `jobfs init`" in refused.stderr
    if database_url.startswith("sqlite"):
        assert not Path(database_url.removeprefix("sqlite:///")).exists()


def test_a_newer_schema_is_refused(jobfs: Run, catalog: Catalog) -> None:
    with catalog.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    assert "used by a newer version" in jobfs("job", "list", status=1).stderr


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://jobfs:SECRET@127.0.0.1:1/jobfs",
        "postgresql://jobfs:SECRET@/jobfs?host=/nonexistent",
        "postgresql://jobfs:SECRET@/jobfs?host=/nonexistent&no_such_option=1",
        "postgresql://jobfs:SEC@RET@host:port/jobfs",
        "sqlite:////proc/version/jobfs.sqlite3",
    ],
)
@pytest.mark.parametrize("arguments", [["job", "list"], ["init"], ["mount"], ["wait"]])
def test_a_database_out_of_reach_is_one_sentence_without_its_password(
    tmp_path: Path, url: str, arguments: list[str]
) -> None:
    file = tmp_path / "jobfs.toml"
    file.write_text(f"[jobfs]\ndata = 'data'\nmountpoint = 'mount'\ndatabase = '{url}'\n")

    refused = command(file)(*arguments, status=1)

    assert refused.stdout == ""
    assert re.fullmatch(r"Error: [^\n]*database[^\n]*\n", refused.stderr)
    assert "SEC" not in refused.stderr
    assert "RET" not in refused.stderr


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "jobfs.toml"
    file.write_text("[studio]\nname = 7\n")

    refused = command(file)("job", "list", status=2)

    assert refused.stderr.startswith(f"Error: {file}:2: [studio] name: found 7")


# --- as a program ---


def test_the_program_speaks_to_pipes_and_terminals(jobfs: Run, config_file: Path) -> None:
    jobfs("job", "add", "Wedding")
    program = [sys.executable, "-m", "jobfs", "--config", str(config_file), "job", "list"]

    piped = subprocess.run(program, capture_output=True, check=True, text=True)
    shown = on_a_terminal(program)
    refused = subprocess.run(
        [*program[:-1], "show", "Nothing"], capture_output=True, check=False, text=True
    )

    assert piped.stdout.splitlines()[1].split()[:2] == ["Wedding", "planned"]
    assert "\x1b" not in piped.stdout
    assert "Wedding" in shown
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "Error: there is no job 'Nothing'\n"


def test_init_makes_a_studio_and_can_be_repeated(config_file: Path) -> None:
    jobfs = command(config_file)

    jobfs("init")
    jobfs("init")
    jobfs("job", "add", "Wedding")
    jobfs("queue", "pause")
    jobfs("account", "add", "anna")

    assert "SHA256:" in jobfs("account", "card", "anna").stdout


class Elements(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def start_login(catalog: Catalog, pid: int) -> int:
    process = processes.process(pid)
    assert process is not None
    with catalog.writing() as connection:
        return roles.start(connection, "login", process, now=datetime.now(UTC))


def take_the_next_change(catalog: Catalog, role_id: int) -> None:
    """Act as a login role: wait for an event, then note it as taken."""
    pause = threading.Event()
    events: list[feed.Event] = []
    while not events:
        pause.wait(0.02)
        with catalog.reading() as connection:
            events = feed.after(connection, feed.START)
    with catalog.writing() as connection:
        roles.took(connection, role_id, events[-1].position)


def wedding_with_a_photo(catalog: Catalog, tmp_path: Path, path: str) -> int:
    store = BlobStore(tmp_path / "store")
    image = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(image, "JPEG")
    key = new_key()
    store.put_renditions({key: image.getvalue()})
    with catalog.writing() as connection:
        job = Job.add(connection, "Wedding")
        photo_id = job.photo(job.upload(path, UploadState.INGESTED))
        job.thumbnail(photo_id, key)
    return photo_id


def on_a_terminal(program: list[str]) -> str:
    """Return what a program writes to a terminal."""
    ours, theirs = pty.openpty()
    subprocess.run(program, stdout=theirs, check=True)
    os.close(theirs)
    written = os.read(ours, 65536).decode()
    os.close(ours)
    return written
