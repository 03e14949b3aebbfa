"""Backups and what is made of them, by the commands a person types, from and to both databases."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from jobfs import processes
from jobfs.blobs import archive
from jobfs.blobs.store import BlobStore
from jobfs.catalog import migrate, roles
from jobfs.catalog import studio as studios
from jobfs.catalog.engine import Catalog
from jobfs.cli.main import main
from jobfs.login import hostkeys
from tests.conftest import PostgreSQL
from tests.stored import newer, studio
from tests.stored.studio import NOON, plain_sql
from tests.stored.test_copying import dump
from tests.stored.wedding import BLUE, GREEN, RED, Wedding


class Place:
    """Where a studio's settings say that it is."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        folder.mkdir()
        self.data = folder / "data"
        self.config_file = folder / "jobfs.toml"
        self.config_file.write_text(
            f"[jobfs]\ndata = '{self.data}'\nmountpoint = '{folder}/mount'\n"
            f"database = '{database_url}'\n"
        )
        self.catalog = Catalog(database_url or f"sqlite:///{self.data}/jobfs.sqlite3")
        self.store = BlobStore(self.data)

    def jobfs(self, *arguments: object) -> Result:
        """Run a command."""
        words = ["--config", str(self.config_file), *map(str, arguments)]
        return CliRunner().invoke(main, words)

    def files(self) -> dict[str, bytes]:
        """Return all that the store holds."""
        kinds = [self.data / kind for kind in ("blobs", "renditions")]
        return {
            str(path.relative_to(self.data)): path.read_bytes()
            for kind in kinds
            for path in kind.rglob("*")
            if path.is_file()
        }


#: The kinds of databases that a test wants for the fixtures `place` and `other`; else SQLite.
KINDS = ["sqlite", "postgresql"]
from_both = pytest.mark.parametrize("place", KINDS, indirect=True)
to_both = pytest.mark.parametrize("other", KINDS, indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, keys: Path) -> Iterator[Place]:
    """A studio that `jobfs init` has made."""
    place = Place(tmp_path / "studio", database(request))
    shutil.copytree(keys, place.data / "login/hostkeys")
    assert place.jobfs("init").exit_code == 0
    yield place
    place.catalog.dispose()


@pytest.fixture
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place where no studio is."""
    place = Place(tmp_path / "other", database(request))
    yield place
    place.catalog.dispose()


def database(request: pytest.FixtureRequest) -> str:
    """Return the setting for an empty database of the kind that the test wants."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return ""
    server = request.getfixturevalue("postgresql")
    assert isinstance(server, PostgreSQL)
    return server.new_database()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """What stands for host keys: nothing here reads them, and making real ones takes long."""
    folder = tmp_path / "hostkeys"
    folder.mkdir(mode=0o700)
    for private in hostkeys.files(folder):
        private.write_text(f"{private.name}\n")
        private.chmod(0o600)
        private.with_name(f"{private.name}.pub").write_text("public\n")
    return folder


@pytest.fixture
def wedding(place: Place) -> Wedding:
    """The studio with photos in it, a trash, and something that is being received."""
    with place.catalog.writing() as connection:
        anna = studio.account(connection)
        job = studio.job(connection, "Wedding", anna)
    wedding = Wedding(place.catalog, place.store, job, anna)
    wedding.mkdir("Wedding/Würzburg 2")
    wedding.ingest(wedding.send("Wedding/Würzburg 2/a.jpg", RED))
    wedding.ingest(wedding.overwrite("Wedding/Würzburg 2/a.jpg", BLUE))
    wedding.send("Wedding/b.jpg", GREEN)
    wedding.unlink("Wedding/b.jpg")
    plain_sql(place.catalog, "UPDATE blob SET sha256 = NULL")  # the helper's are not real ones
    return wedding


def made(place: Place, folder: Path, *options: str) -> str:
    """Make a backup, which must succeed; return what was said."""
    done = place.jobfs("backup", folder, *options)
    assert done.exit_code == 0, done.output
    return done.stdout


def listed(folder: Path) -> dict[str, str]:
    """Return what a backup's list says."""
    lines = (folder / archive.SUMS).read_text().splitlines()[1:]
    return {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}


def refused(place: Place, *arguments: object) -> str:
    """Run a command that must be refused; return its sentence."""
    done = place.jobfs(*arguments)
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("Error: ")
    return done.stderr


@from_both
@to_both
def test_what_is_restored_is_what_was_backed_up(
    place: Place, wedding: Wedding, other: Place, tmp_path: Path
) -> None:
    made(place, tmp_path / "backup")

    done = other.jobfs("restore", tmp_path / "backup")

    assert done.exit_code == 0, done.output
    rows = dump(place.catalog)
    assert rows["role"]
    assert dump(other.catalog) == {**rows, "role": []}
    assert other.files() == place.files()
    for name in ("ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"):
        ours, theirs = (one.data / "login/hostkeys" / name for one in (other, place))
        assert ours.read_bytes() == theirs.read_bytes()
        assert ours.stat().st_mode == theirs.stat().st_mode
    assert not (other.data / archive.RESTORING).exists()
    restored = Wedding(other.catalog, other.store, wedding.job_id, wedding.anna)
    assert restored.content("Wedding/Würzburg 2/a.jpg") == BLUE
    restored.send("Wedding/Würzburg 2/new.jpg", RED)


@pytest.mark.usefixtures("wedding")
def test_the_list_is_one_that_sha256sum_reads(place: Place, tmp_path: Path) -> None:
    made(place, tmp_path / "backup")

    command = ["sha256sum", "--check", "--strict", "--quiet", archive.SUMS]
    done = subprocess.run(command, cwd=tmp_path / "backup", capture_output=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    inside = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert len(inside) == len(listed(tmp_path / "backup")) + 2
    assert {Path(name).name for name in place.files()} <= {path.name for path in inside}


def test_nobody_but_root_may_look_into_a_backup(place: Place, tmp_path: Path) -> None:
    made(place, tmp_path / "new" / "backup")

    files = [path for path in (tmp_path / "new/backup").rglob("*") if path.is_file()]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "new/backup").stat().st_mode & 0o777 == 0o700


@from_both
def test_the_next_backup_copies_only_what_is_new(
    place: Place, wedding: Wedding, tmp_path: Path
) -> None:
    made(place, tmp_path / "backup")
    before = {path: path.stat().st_ino for path in (tmp_path / "backup/blobs").rglob("*")}
    upload = wedding.send("Wedding/c.jpg", GREEN)

    said = made(place, tmp_path / "backup", "--verify")

    after = {path: path.stat().st_ino for path in (tmp_path / "backup/blobs").rglob("*")}
    key = upload.blob_key
    assert {path.name for path in after.keys() - before.keys()} <= {key, key[:2]}
    assert {path: after[path] for path in before if path.is_file()} == {
        path: inode for path, inode in before.items() if path.is_file()
    }
    assert f"{len(GREEN):,} bytes copied" in said


def test_what_was_purged_is_gone_from_the_next_backup(
    place: Place, wedding: Wedding, tmp_path: Path
) -> None:
    made(place, tmp_path / "backup")
    key, *_ = wedding.purge().originals
    place.store.drop_original(key)
    assert (tmp_path / "backup/blobs" / key[:2] / key).exists()

    made(place, tmp_path / "backup")

    assert not (tmp_path / "backup/blobs" / key[:2] / key).exists()
    assert len([path for path in (tmp_path / "backup").iterdir() if path.is_dir()]) == 3


@to_both
def test_an_upload_under_way_comes_back_interrupted_with_what_had_arrived(
    place: Place, wedding: Wedding, other: Place, tmp_path: Path
) -> None:
    upload = wedding.do(studio.open_new, place.store, wedding.anna, "Wedding/d.jpg", RED[:100])
    with place.store.original(upload.blob_key).open("r+b") as file:
        file.seek(10**6)
        file.write(b"behind a hole")
    made(place, tmp_path / "backup")
    wedding.do(studio.close, place.store, upload)

    assert other.jobfs("restore", tmp_path / "backup").exit_code == 0

    restored = Wedding(other.catalog, other.store, wedding.job_id, wedding.anna)
    arrived = restored.content("Wedding/d.jpg")
    assert arrived.rstrip(b"\0") == RED[:100]
    assert len(arrived) < 10**6  # the file system's holes are of whole blocks
    node = restored.do(studio.look, wedding.anna, "Wedding/d.jpg")
    assert node.size == len(arrived)
    with other.catalog.reading() as connection:
        assert roles.known(connection) == []


@to_both
def test_a_rewrite_under_way_shows_what_was_received_before(
    place: Place, wedding: Wedding, other: Place, tmp_path: Path
) -> None:
    wedding.rewrite("Wedding/Würzburg 2/a.jpg")
    made(place, tmp_path / "backup")

    assert other.jobfs("restore", tmp_path / "backup").exit_code == 0

    restored = Wedding(other.catalog, other.store, wedding.job_id, wedding.anna)
    assert restored.content("Wedding/Würzburg 2/a.jpg") == BLUE


def test_what_the_store_has_lost_is_told_and_the_rest_is_kept(
    place: Place, wedding: Wedding, other: Place, tmp_path: Path
) -> None:
    upload = wedding.send("Wedding/c.jpg", GREEN)
    place.store.drop_original(upload.blob_key)

    sentence = refused(place, "backup", tmp_path / "backup")

    assert f"1 are missing in {place.data} and 0 are not what was received" in sentence
    assert f"blobs/{upload.blob_key[:2]}/{upload.blob_key}" in sentence
    assert other.jobfs("restore", tmp_path / "backup").exit_code == 0
    assert other.files() == place.files()


def test_a_file_that_is_not_what_was_received_is_told(
    place: Place, wedding: Wedding, tmp_path: Path
) -> None:
    upload = wedding.send("Wedding/c.jpg", GREEN)
    digest = hashlib.sha256(GREEN).hexdigest()
    plain_sql(place.catalog, f"UPDATE blob SET sha256 = '{digest}' WHERE id = {upload.blob_id}")  # noqa: S608
    made(place, tmp_path / "backup")
    shutil.rmtree(tmp_path / "backup")
    place.store.original(upload.blob_key).write_bytes(GREEN[:-1] + b"?")

    sentence = refused(place, "backup", tmp_path / "backup")

    assert "0 are missing" in sentence
    assert "1 are not what was received" in sentence


def test_a_damaged_backup_is_refused_by_the_name_of_the_file(
    place: Place, wedding: Wedding, other: Place, tmp_path: Path
) -> None:
    upload = wedding.send("Wedding/c.jpg", GREEN)
    made(place, tmp_path / "backup")
    damaged = tmp_path / "backup/blobs" / upload.blob_key[:2] / upload.blob_key
    damaged.write_bytes(GREEN[:-1] + b"?")

    assert f"{damaged} is damaged" in refused(other, "restore", tmp_path / "backup")
    damaged.unlink()
    assert f"{damaged} is missing" in refused(other, "restore", tmp_path / "backup")

    assert "repeat `jobfs restore`" in refused(other, "up")
    damaged.write_bytes(GREEN)
    assert other.jobfs("restore", tmp_path / "backup").exit_code == 0
    assert other.files() == place.files()


def test_a_damaged_database_is_refused_by_its_name(
    place: Place, other: Place, tmp_path: Path
) -> None:
    made(place, tmp_path / "backup")
    (file,) = (tmp_path / "backup").glob("*/jobfs.sqlite3")
    file.write_bytes(file.read_bytes()[:-1])

    assert f"{file} is damaged" in refused(other, "restore", tmp_path / "backup")


def test_verifying_finds_what_has_changed_in_a_backup(
    place: Place, wedding: Wedding, tmp_path: Path
) -> None:
    upload = wedding.send("Wedding/c.jpg", GREEN)
    made(place, tmp_path / "backup")
    damaged = tmp_path / "backup/blobs" / upload.blob_key[:2] / upload.blob_key
    damaged.write_bytes(GREEN[:-1] + b"?")

    sentence = refused(place, "backup", tmp_path / "backup", "--verify")

    assert f"{damaged} is damaged" in sentence


@pytest.mark.parametrize("missing", [archive.SUMS, archive.OWNER])
def test_what_is_no_whole_backup_is_refused(
    place: Place, other: Place, tmp_path: Path, missing: str
) -> None:
    made(place, tmp_path / "backup")
    (tmp_path / "backup" / missing).unlink()

    assert f"it has no file {missing}" in refused(other, "restore", tmp_path / "backup")
    assert not (other.data / archive.RESTORING).exists()


def test_a_list_that_was_cut_off_is_refused(place: Place, other: Place, tmp_path: Path) -> None:
    made(place, tmp_path / "backup")
    sums = tmp_path / "backup" / archive.SUMS
    sums.write_text("".join(sums.read_text().splitlines(keepends=True)[:-1]))

    assert "does not list a whole backup" in refused(other, "restore", tmp_path / "backup")


@from_both
def test_a_studio_is_not_restored_over(place: Place, wedding: Wedding, tmp_path: Path) -> None:
    made(place, tmp_path / "backup")
    before = dump(place.catalog)

    assert "is not empty" in refused(place, "restore", tmp_path / "backup")

    assert dump(place.catalog) == before
    assert wedding.content("Wedding/Würzburg 2/a.jpg") == BLUE


@to_both
def test_an_empty_studio_at_work_is_not_restored_over(
    place: Place, other: Place, tmp_path: Path
) -> None:
    made(place, tmp_path / "backup")
    other.jobfs("init")
    this = processes.process(os.getpid())
    assert this is not None
    with other.catalog.writing() as connection:
        roles.start(connection, "mount", this, now=NOON)

    sentence = refused(other, "restore", tmp_path / "backup")

    assert f"mount runs on {os.uname().nodename} as process {os.getpid()}" in sentence


@to_both
def test_a_restore_that_died_at_its_very_end_is_finished(
    place: Place, other: Place, tmp_path: Path
) -> None:
    made(place, tmp_path / "backup")
    assert other.jobfs("restore", tmp_path / "backup").exit_code == 0
    (own,) = (tmp_path / "backup").glob("*Z")
    (other.data / archive.RESTORING).mkdir()
    (other.data / archive.RESTORING / "from").write_text(own.name)
    before = dump(other.catalog)

    assert other.jobfs("restore", tmp_path / "backup").exit_code == 0

    assert not (other.data / archive.RESTORING).exists()
    assert dump(other.catalog) == before


def test_a_folder_with_something_else_in_it_is_left_alone(place: Place, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/holiday.jpg").touch()

    sentence = refused(place, "backup", tmp_path / "pictures")

    assert "neither empty nor an earlier backup" in sentence
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["holiday.jpg"]


@pytest.mark.usefixtures("wedding")
def test_the_backup_of_another_studio_is_left_alone(
    place: Place, other: Place, tmp_path: Path
) -> None:
    made(place, tmp_path / "backup")
    before = listed(tmp_path / "backup")
    other.jobfs("init")
    with other.catalog.writing() as connection:
        studios.ensure(connection, now=NOON)

    assert "of another studio" in refused(other, "backup", tmp_path / "backup")

    assert listed(tmp_path / "backup") == before


@pytest.mark.parametrize("where", ["data/backup", "mount/backup", ""])
def test_a_backup_does_not_lie_among_what_it_copies(place: Place, where: str) -> None:
    folder = place.data.parent / where

    assert "lie in each other" in refused(place, "backup", folder)


def test_two_backups_into_one_folder_take_turns(place: Place, tmp_path: Path) -> None:
    made(place, tmp_path / "backup")
    with archive.reading(tmp_path / "backup"):
        sentence = refused(place, "backup", tmp_path / "backup")

    assert "another backup or restore is at work in" in sentence


def test_passwords_stay_out_of_a_backup(place: Place, tmp_path: Path) -> None:
    with place.config_file.open("a") as file:
        file.write('[studio]\ncontact = "Anna: anna@studio.example"\n')
        file.write('# database = "postgresql://jobfs:hunter2@db/jobfs"\n')

    made(place, tmp_path / "backup")

    (kept,) = (tmp_path / "backup").glob("*/jobfs.toml")
    assert "hunter2" not in kept.read_text()
    assert "Anna: anna@studio.example" in kept.read_text()


def test_a_backup_that_does_not_fit_is_refused_first(
    place: Place, wedding: Wedding, tmp_path: Path
) -> None:
    wedding.send("Wedding/c.jpg", GREEN)
    plain_sql(place.catalog, "UPDATE blob SET size = 4611686018427387904")

    sentence = refused(place, "backup", tmp_path / "backup")

    assert "has room for" in sentence
    assert not (tmp_path / "backup/blobs").exists()


def test_the_backup_says_how_it_was_made(place: Place, tmp_path: Path) -> None:
    made(place, tmp_path / "backup")

    (about,) = (tmp_path / "backup").glob("*/about.json")
    facts = json.loads(about.read_text())
    assert facts["schema"] == "0001"
    assert (facts["missing"], facts["damaged"]) == ([], [])


def test_a_backup_that_was_killed_leaves_the_earlier_one_whole(
    place: Place, wedding: Wedding, other: Place, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    made(place, backup)
    before, content = listed(backup), place.files()
    wedding.send("Wedding/c.jpg", GREEN)

    kill_while_it_copies(place, backup)

    assert listed(backup) == before
    assert other.jobfs("restore", backup).exit_code == 0
    assert other.files() == content
    made(place, backup, "--verify")
    assert len(list(backup.glob("*Z"))) == 1


@pytest.mark.usefixtures("wedding")
def test_a_first_backup_that_was_killed_is_none_until_it_is_repeated(
    place: Place, other: Place, tmp_path: Path
) -> None:
    kill_while_it_copies(place, tmp_path / "backup")

    assert "was never finished" in refused(other, "restore", tmp_path / "backup")
    made(place, tmp_path / "backup")
    assert other.jobfs("restore", tmp_path / "backup").exit_code == 0
    assert other.files() == place.files()


def kill_while_it_copies(place: Place, backup: Path) -> None:
    """Begin a backup, and kill it when its own folder is there, which is long before its end."""
    before = set(backup.glob("*Z"))
    arguments = ["--config", str(place.config_file), "backup", str(backup)]
    command = [sys.executable, "-m", "jobfs", *arguments]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as running:
        while set(backup.glob("*Z")) == before:
            assert running.poll() is None
        running.kill()
    assert running.returncode == -signal.SIGKILL


@pytest.mark.parametrize("kind", KINDS)
def test_a_studio_moves_to_another_database_and_back(
    place: Place, wedding: Wedding, tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    address = request.getfixturevalue("postgresql").new_database() if kind == "postgresql" else ""
    target = address.replace("+psycopg", "") or f"sqlite:{tmp_path}/moved.sqlite3"
    plain_sql(place.catalog, "UPDATE role SET pid = 4194304")  # the helper's is this process
    before = dump(wedding.catalog)

    done = place.jobfs("db", "copy", f"sqlite:{place.catalog.file}", target)

    assert done.exit_code == 0, done.output
    rows = sum(map(len, before.values()))
    assert f"copied and compared {rows} rows" in done.stdout
    back = f"sqlite:{tmp_path}/back.sqlite3"
    assert place.jobfs("db", "copy", target, back).exit_code == 0
    catalog = Catalog(f"sqlite:///{tmp_path}/back.sqlite3")
    assert dump(catalog) == before
    catalog.dispose()
    assert "is not empty" in refused(place, "db", "copy", f"sqlite:{place.catalog.file}", target)


def test_a_studio_at_work_does_not_move(place: Place, wedding: Wedding, tmp_path: Path) -> None:
    assert wedding.do(studio.mount)

    sentence = refused(
        place, "db", "copy", f"sqlite:{place.catalog.file}", f"sqlite:{tmp_path}/moved.sqlite3"
    )

    assert "the studio is at work: mount runs" in sentence
    assert not (tmp_path / "moved.sqlite3").exists()


@pytest.mark.parametrize(
    "address",
    ["postgresql://jobfs:hunter2@db/jobfs", "postgresql://jobfs@db/jobfs?password=hunter2"],
)
def test_a_password_is_no_argument(place: Place, tmp_path: Path, address: str) -> None:
    for words in ([address, f"sqlite:{tmp_path}/a"], [f"sqlite:{place.catalog.file}", address]):
        sentence = refused(place, "db", "copy", *words)

        assert "PGPASSFILE" in sentence
        assert "hunter2" not in sentence


@pytest.mark.parametrize("address", ["sqlite:", "mysql://db/jobfs", "jobfs.sqlite3", "postgresql"])
def test_what_names_no_database_is_refused(place: Place, address: str) -> None:
    assert "a database is named by sqlite:FILE or" in refused(
        place, "db", "copy", f"sqlite:{place.catalog.file}", address
    )


def test_a_database_that_is_not_there_is_not_made(place: Place, tmp_path: Path) -> None:
    sentence = refused(place, "db", "copy", f"sqlite:{tmp_path}/a", f"sqlite:{tmp_path}/b")

    assert f"there is no database {tmp_path}/a" in sentence
    assert not {tmp_path / "a", tmp_path / "b"} & set(tmp_path.iterdir())


@from_both
def test_the_database_of_an_older_version_is_kept_before_it_is_migrated(
    place: Place, wedding: Wedding, tmp_path: Path
) -> None:
    newer.make(tmp_path / "newer")
    plain_sql(place.catalog, "UPDATE role SET pid = 4194304")  # the helper's is this process
    before = dump(wedding.catalog)

    done = newer.run(tmp_path / "newer", place.config_file, "init")

    assert done.returncode == 0, done.stderr
    (kept,) = (place.data / "backups").iterdir()
    assert kept.name.startswith(f"schema-{migrate.head()}-")
    catalog = Catalog(f"sqlite:///{kept}")
    migrate.check(catalog)
    assert dump(catalog) == before
    catalog.dispose()
    with place.catalog.reading() as connection:
        assert migrate.revision(connection) == newer.REVISION
    assert "was used by a newer version" in refused(place, "up")
    assert "was used by a newer version" in refused(place, "init")


def test_the_database_of_a_studio_at_work_is_not_migrated(
    place: Place, wedding: Wedding, tmp_path: Path
) -> None:
    newer.make(tmp_path / "newer")
    assert wedding.do(studio.mount)

    done = newer.run(tmp_path / "newer", place.config_file, "up")

    assert done.returncode == 1
    assert "the studio is at work: mount runs on" in done.stderr
    migrate.check(place.catalog)


@pytest.mark.usefixtures("wedding")
def test_the_backup_of_an_older_version_is_restored_into_a_newer_one(
    place: Place, other: Place, tmp_path: Path
) -> None:
    newer.make(tmp_path / "newer")
    made(place, tmp_path / "backup")

    done = newer.run(tmp_path / "newer", other.config_file, "restore", str(tmp_path / "backup"))

    assert done.returncode == 0, done.stderr
    assert other.files() == place.files()
    with other.catalog.reading() as connection:
        assert migrate.revision(connection) == newer.REVISION
    newer_backup = str(tmp_path / "newer_backup")
    assert newer.run(tmp_path / "newer", other.config_file, "backup", newer_backup).returncode == 0
    place.catalog.dispose()
    shutil.rmtree(place.data)
    assert "was used by a newer version" in refused(place, "restore", newer_backup)


def test_a_full_disk_is_named(place: Place, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "small", small], check=True)
    try:
        sentence = refused(place, "backup", small / "backup")
    finally:
        subprocess.run(["umount", small], check=True)

    assert f"{small}/backup" in sentence
    assert "full" in sentence


@from_both
@pytest.mark.usefixtures("wedding")
def test_what_was_erased_since_does_not_come_back_with_a_backup(
    place: Place, other: Place, tmp_path: Path
) -> None:
    made(place, tmp_path / "backup")
    (photo_id,) = (photo["id"] for photo in _photos(place))
    assert place.jobfs("photo", "erase", photo_id, "--yes").exit_code == 0
    known = tmp_path / "kept apart.jsonl"
    shutil.copy(place.data / "erasures.jsonl", known)

    done = other.jobfs("restore", tmp_path / "backup", "--erasures", known)

    assert done.exit_code == 0, done.output
    assert _photos(other) == []
    assert other.files() == place.files()
    assert (other.data / "erasures.jsonl").read_text() == known.read_text()


@pytest.mark.usefixtures("wedding")
def test_the_file_of_erasures_in_the_data_folder_counts(
    place: Place, other: Place, tmp_path: Path
) -> None:
    made(place, tmp_path / "backup")
    assert place.jobfs("job", "remove", "Wedding", "--erase", "--yes").exit_code == 0
    other.data.mkdir()
    shutil.copy(place.data / "erasures.jsonl", other.data)

    done = other.jobfs("restore", tmp_path / "backup")

    assert done.exit_code == 0, done.output
    assert json.loads(other.jobfs("job", "list", "--json").stdout) == []
    assert other.files() == {}


@pytest.mark.usefixtures("wedding")
def test_a_backup_after_an_erasure_holds_it_no_more(place: Place, tmp_path: Path) -> None:
    made(place, tmp_path / "backup")
    (photo,) = _photos(place)
    assert place.jobfs("photo", "erase", photo["id"], "--yes").exit_code == 0

    made(place, tmp_path / "backup")

    left = {path.name for path in (tmp_path / "backup").rglob("*") if path.is_file()}
    assert {Path(name).name for name in place.files()} <= left
    assert not any(photo["renditions"][0]["path"].endswith(name) for name in left)


def _photos(place: Place) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        place.jobfs("photo", "list", "Wedding", "--json").stdout
    )
    return found
