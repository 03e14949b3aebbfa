"""`jobfs doctor`: whether a machine is fit, and what helps where it is not."""

import os
import pty
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from jobfs.blobs.store import Space
from jobfs.catalog import clock
from jobfs.catalog.engine import Catalog
from jobfs.catalog.schema import EventRow
from jobfs.cli.checks import catalog as databases
from jobfs.cli.checks import machine, places
from jobfs.cli.checks.findings import REMEDIES, Result
from jobfs.ingest.confinement import Layer
from tests.conftest import PostgreSQL
from tests.served.login_studio import free_port
from tests.stored.commands import Run, command, json_of

HOUR = timedelta(hours=1)
GB = 10**9


@dataclass(frozen=True)
class Machine:
    """A machine with nothing of jobfs but its settings; sshd would take its folder for a chroot's parent."""

    folder: Path
    port: int

    @property
    def config_file(self) -> Path:
        """The settings."""
        return self.folder / "jobfs.toml"

    @property
    def jobfs(self) -> Run:
        """The command."""
        return command(self.config_file)

    def write(self, database: str = "", *, mountpoint: str = "mnt") -> None:
        """Write the settings anew."""
        self.config_file.write_text(
            f"[jobfs]\ndata = 'data'\nmountpoint = '{mountpoint}'\ndatabase = '{database}'\n"
            f"[sshd]\nlisten = ['127.0.0.1:{self.port}']\n"
        )

    def found(self, check: str, *, status: int = 0) -> list[dict[str, Any]]:
        """Return what a check has found, in an examination that ends with *status*."""
        facts = json_of(self.jobfs("doctor", "--json", status=status))
        assert facts["fit"] == (status == 0)
        return [one for one in facts["checks"] if one["check"] == check]

    def is_unfit(self, check: str) -> str:
        """Return what makes the machine unfit, which nothing else does."""
        said = self.jobfs("doctor", status=1)
        assert said.stderr == f"Error: this machine is not fit for jobfs: {check}\n"
        (found,) = (one for one in self.found(check, status=1) if one["result"] == "unfit")
        assert found["remedy"] == REMEDIES[check]
        assert f"{found['remedy']}\n" in said.stdout
        return str(found["text"])


@pytest.fixture
def here() -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="jobfs-tests-", dir="/run"))
    folder.chmod(0o755)
    here = Machine(folder, free_port())
    here.write()
    yield here
    shutil.rmtree(folder)


# --- the whole ---


def test_a_machine_can_be_examined_before_and_after_init_and_is_not_changed(here: Machine) -> None:
    before = here.jobfs("doctor").stdout
    assert list(here.folder.iterdir()) == [here.config_file]

    here.jobfs("init")
    after = here.jobfs("doctor").stdout

    assert "will be made" in before
    assert before.endswith("This machine is fit for jobfs.\n")
    assert "root's alone: 3" in after
    assert "it is this version's" in after
    assert after.endswith("This machine is fit for jobfs.\n")


def test_every_check_has_a_remedy_and_every_remedy_a_check(here: Machine) -> None:
    here.jobfs("init")

    facts = json_of(here.jobfs("doctor", "--json"))

    assert {one["check"] for one in facts["checks"]} == set(REMEDIES)
    assert {one["remedy"] for one in facts["checks"] if one["result"] == "ok"} == {None}


def test_there_is_colour_on_a_terminal_alone(here: Machine) -> None:
    reading, writing = pty.openpty()
    line = [sys.executable, "-m", "jobfs", "--config", str(here.config_file), "doctor"]
    with subprocess.Popen(line, stdout=writing, stderr=writing) as process:
        os.close(writing)
        first = os.read(reading, 1000)
        process.terminate()
    os.close(reading)

    assert first.startswith(b"\x1b[32mok")
    assert "\x1b" not in here.jobfs("doctor").stdout


# --- the machine ---


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    (finding,) = machine.programs()

    assert finding.result is Result.UNFIT
    assert finding.text.startswith("not installed: fusermount3, mount, ")


def test_a_process_that_may_not_mount_is_unfit() -> None:
    """So it is in a container that was not given SYS_ADMIN."""
    look = "from jobfs.cli.checks import machine; print(*machine.mounting())"
    without = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]

    done = subprocess.run(
        [*without, sys.executable, "-c", look], capture_output=True, text=True, check=True
    )

    assert "Result.UNFIT" in done.stdout
    assert "the kernel does not let this process mount" in done.stdout


def test_a_limit_of_a_thousand_open_files_is_warned_of() -> None:
    look = "from jobfs.cli.checks import machine; print(*machine.open_files())"
    limited = ["prlimit", "--nofile=1024", sys.executable, "-c", look]

    done = subprocess.run(limited, capture_output=True, text=True, check=True)

    assert "Result.WARNING" in done.stdout
    assert "what is started from here may have only 1024 open" in done.stdout


def test_decoders_are_confined_for_a_trial() -> None:
    (finding,) = machine.confinement()

    lacking = {layer for layer in Layer if layer in finding.text}
    assert finding.result is (Result.OK if lacking == set(Layer) else Result.WARNING)


def test_a_quick_resizer_that_does_not_load_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cykooz_resizer.py").write_text("raise ImportError('no such wheel')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    (finding,) = machine.resizing()

    assert finding.result is Result.WARNING
    assert finding.text == "renditions take 1.7 times as long: no such wheel"


def test_a_quick_resizer_with_which_no_decoder_could_begin_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As one would be that was built for another processor."""
    (tmp_path / "cykooz_resizer.py").write_text("import os; os.kill(os.getpid(), 4)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    (finding,) = machine.resizing()

    assert finding.result is Result.UNFIT
    assert finding.text == "cykooz_resizer cannot be loaded, nor a decoder begun: SIGILL"


def test_somebody_else_than_root_is_told_so(here: Machine) -> None:
    asked = [sys.executable, "-m", "jobfs", "--config", str(here.config_file), "doctor"]
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

    done = subprocess.run([*nobody, *asked], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stdout.startswith("unfit    root         only root can run jobfs")
    assert "root" in done.stderr


# --- folders and files ---


def test_a_folder_above_the_mountpoint_that_others_can_write_is_named(here: Machine) -> None:
    above = here.folder / "open"
    above.mkdir()
    above.chmod(0o777)
    here.write(mountpoint="open/below/mnt")

    assert here.is_unfit("chroot") == f"others than root can write: {above}"


def test_a_folder_above_the_mountpoint_that_is_somebody_elses_is_named(here: Machine) -> None:
    above = here.folder / "hers"
    above.mkdir()
    os.chown(above, 1000, 0)
    here.write(mountpoint="hers/mnt")

    assert here.is_unfit("chroot") == f"others than root can write: {above}"


def test_a_mountpoint_with_something_in_it_is_unfit(here: Machine) -> None:
    (here.folder / "mnt").mkdir()
    (here.folder / "mnt/lost.jpg").touch()

    assert "no empty folder" in here.is_unfit("mountpoint")


def test_an_address_that_is_taken_is_unfit(here: Machine) -> None:
    with socket.create_server(("127.0.0.1", here.port)):
        text = here.is_unfit("addresses")

    assert f"another program listens on 127.0.0.1:{here.port}" in text


def test_host_keys_that_others_can_read_are_unfit(here: Machine) -> None:
    here.jobfs("init")
    key = here.folder / "data/login/hostkeys/ssh_host_rsa_key"
    key.chmod(0o640)

    assert here.is_unfit("host keys") == f"others can read: {key}"


def test_data_that_others_can_write_is_unfit(here: Machine) -> None:
    here.jobfs("init")
    (here.folder / "data").chmod(0o777)

    assert "others than root can write to" in here.is_unfit("data")


@pytest.mark.parametrize(
    "url",
    ["postgresql://jobfs:secret@127.0.0.1:1/jobfs", "postgresql://127.0.0.1:1/x?password=secret"],
)
def test_settings_with_a_password_that_everybody_can_read_are_unfit(
    here: Machine, url: str
) -> None:
    here.write(url)
    here.config_file.chmod(0o644)

    (open_one,) = here.found("settings", status=1)
    here.config_file.chmod(0o600)
    (closed,) = here.found("settings", status=1)  # nobody answers there

    assert (open_one["result"], closed["result"]) == ("unfit", "ok")
    assert str(here.config_file) in open_one["text"]
    assert "secret" not in here.jobfs("doctor", status=1).output


def test_settings_without_a_password_may_be_read(here: Machine) -> None:
    here.config_file.chmod(0o644)

    (found,) = here.found("settings")

    assert found["text"] == "no password in a file"


def test_a_password_file_that_everybody_can_read_is_unfit(here: Machine) -> None:
    secret = here.folder / "password"
    secret.write_text("secret\n")
    secret.chmod(0o644)
    here.write("postgresql://jobfs@127.0.0.1:1/jobfs")
    whole = here.config_file.read_text()
    setting = f"[jobfs]\ndatabase_password_file = '{secret}'\n"
    here.config_file.write_text(whole.replace("[jobfs]\n", setting))

    (found,) = here.found("settings", status=1)

    assert found["result"] == "unfit"
    assert found["text"].endswith(f"a password in: {secret}")


@pytest.mark.parametrize(
    ("room", "result"),
    [
        (Space(1000 * GB, 500 * GB, 10**6, 900_000), Result.OK),
        (Space(1000 * GB, 500 * GB, 0, 0), Result.OK),  # a file system without a limit of files
        (Space(1000 * GB, 190 * GB, 10**6, 900_000), Result.WARNING),
        (Space(1000 * GB, 500 * GB, 10**6, 100_000), Result.WARNING),
        (Space(1000 * GB, GB, 10**6, 900_000), Result.UNFIT),
        (Space(1000 * GB, 500 * GB, 10**6, 999), Result.UNFIT),
    ],
)
def test_room_is_judged_by_bytes_and_by_files(room: Space, result: Result) -> None:
    assert places.judged(room).result is result


# --- the database and the clocks ---


def test_a_database_that_does_not_answer_is_unfit(here: Machine) -> None:
    here.write("postgresql://127.0.0.1:1/jobfs")

    assert "cannot be used" in here.is_unfit("database")


def test_a_schema_of_another_version_is_told(here: Machine) -> None:
    here.jobfs("init")
    catalog = Catalog(f"sqlite:///{here.folder}/data/jobfs.sqlite3")
    with catalog.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    catalog.dispose()

    assert "which this jobfs does not know" in here.is_unfit("schema")


def test_postgresql_is_asked_for_its_time(here: Machine, migrated_postgresql: str) -> None:
    here.write(migrated_postgresql.replace("+psycopg", ""))

    assert [one["result"] for one in here.found("database")] == ["ok"]
    told = [one["text"] for one in here.found("clock")]
    assert [one for one in told if one.startswith("the database server's and this machine's")]


def test_an_empty_database_waits_for_init(here: Machine, postgresql: PostgreSQL) -> None:
    url = postgresql.new_database()
    here.write(url.replace("+psycopg", ""))

    (found,) = here.found("database")
    postgresql.drop(url)

    assert found["text"] == "the database has nothing in it yet: `jobfs init` makes it"


@pytest.mark.parametrize(
    ("seconds", "result"),
    [(0.1, Result.OK), (-3, Result.WARNING), (3, Result.WARNING), (-90, Result.UNFIT)],
)
def test_clocks_may_differ_by_two_seconds(seconds: float, result: Result) -> None:
    found = databases.differing("database server", timedelta(seconds=seconds))

    assert found.result is result


def test_a_file_from_the_future_says_that_a_clock_was_wrong(here: Machine) -> None:
    here.jobfs("init")
    later = (datetime.now(UTC) + HOUR).timestamp()
    file = here.folder / "data/jobfs.sqlite3"
    os.utime(file, (later, later))

    *_, found = here.found("clock")

    assert found["result"] == "warning"
    assert found["text"].startswith(f"{file} was changed at ")


def test_an_event_from_the_future_says_that_a_clock_was_wrong(here: Machine) -> None:
    here.jobfs("init")
    here.jobfs("job", "add", "Wedding")
    catalog = Catalog(f"sqlite:///{here.folder}/data/jobfs.sqlite3")
    with catalog.writing() as connection:
        connection.execute(update(EventRow).values(at=datetime.now(UTC) + HOUR))
        assert clock.latest(connection) is not None
    catalog.dispose()

    texts = [one["text"] for one in here.found("clock") if one["result"] == "warning"]

    assert [one for one in texts if one.startswith("the newest event is of ")]
