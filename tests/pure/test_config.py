import re
import tomllib
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from rich.pretty import pretty_repr

from jobfs.config import Config, ConfigError, Rendition, from_environment, load

SHIPPED = Path(__file__).parents[2] / "deploy" / "jobfs.toml"
NO_FILE = Path("/nonexistent/jobfs.toml")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a test writes its settings."""
    return tmp_path / "jobfs.toml"


def load_text(file: Path, text: str) -> Config:
    file.write_text(text, encoding="utf-8")
    return load(file, {})


def load_variables(**environ: str) -> Config:
    return load(None, environ, default_file=NO_FILE)


def complaint(file: Path, text: str) -> str:
    with pytest.raises(ConfigError) as refusal:
        load_text(file, text)
    return str(refusal.value)


# --- which file ---


def test_without_file_and_variables_every_setting_has_its_default() -> None:
    assert load_variables() == Config()


def test_the_default_file_is_read_if_it_exists(file: Path) -> None:
    file.write_text("[ingest]\nworkers = 3\n")

    assert load(None, {}, default_file=file).ingest.workers == 3


def test_the_option_goes_before_the_variable_and_that_before_the_default(tmp_path: Path) -> None:
    for number, name in enumerate(("option", "variable", "default"), start=1):
        (tmp_path / name).write_text(f"[ingest]\nworkers = {number}\n")
    environ = {"JOBFS_CONFIG": str(tmp_path / "variable")}

    by_option = load(tmp_path / "option", environ, default_file=tmp_path / "default")
    by_variable = load(None, environ, default_file=tmp_path / "default")

    assert (by_option.ingest.workers, by_variable.ingest.workers) == (1, 2)


def test_an_empty_variable_names_no_file() -> None:
    assert load_variables(JOBFS_CONFIG="") == Config()


def test_the_settings_of_the_process_come_from_its_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[ingest]\nworkers = 3\n")
    monkeypatch.setenv("JOBFS_INGEST__DECODERS", "5")

    ingest = from_environment(file).ingest

    assert (ingest.workers, ingest.decoders) == (3, 5)


def test_a_named_file_that_is_missing_is_named_in_the_error(file: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{file} (--config): cannot be read: No such")):
        load(file, {})


def test_a_missing_file_named_by_the_variable_names_the_variable_too(file: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{file} (JOBFS_CONFIG): cannot be read")):
        load(None, {"JOBFS_CONFIG": str(file)})


def test_a_default_file_that_exists_but_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path}: cannot be read: Is a dir")):
        load(None, {}, default_file=tmp_path)


def test_a_file_that_is_not_utf8_is_an_error(file: Path) -> None:
    file.write_bytes(b'[studio]\nname = "M\xfcller"\n')

    with pytest.raises(ConfigError, match="not UTF-8"):
        load(file, {})


# --- every kind of value ---


def test_a_file_sets_every_kind_of_value(file: Path) -> None:
    config = load_text(
        file,
        """
        [jobfs]
        data = "/data"
        mountpoint = "/mnt/jobs"
        durability = "process"
        log_level = "debug"
        [studio]
        name = "Plainview"
        timezone = "Europe/Berlin"
        [sshd]
        listen = ["127.0.0.1:22", "[::1]:65535", "sftp.example.org:2222"]
        [ingest]
        memory_limit = "1.5 GiB"
        time_limit = 0.5
        pixel_limit = 1_000
        """,
    )

    assert (config.jobfs.data, config.jobfs.mountpoint) == (Path("/data"), Path("/mnt/jobs"))
    assert (config.jobfs.durability, config.jobfs.log_level) == ("process", "debug")
    assert (config.studio.name, config.studio.timezone) == ("Plainview", "Europe/Berlin")
    assert config.sshd.listen == ("127.0.0.1:22", "[::1]:65535", "sftp.example.org:2222")
    assert config.ingest.memory_limit == 1536 * 1024**2
    assert config.ingest.time_limit == timedelta(milliseconds=500)
    assert config.ingest.pixel_limit == 1000


@pytest.mark.parametrize(
    ("written", "bytes_"),
    [
        ("500000000", 500_000_000),
        ('"500000000 B"', 500_000_000),
        ('"500 MB"', 500_000_000),
        ('"500MiB"', 500 * 1024**2),
        ('"1 TB"', 10**12),
        ('"512000 KiB"', 512000 * 1024),
    ],
)
def test_a_size_is_a_number_of_bytes_or_a_text_with_a_unit(
    file: Path, written: str, bytes_: int
) -> None:
    assert load_text(file, f"[ingest]\nmemory_limit = {written}").ingest.memory_limit == bytes_


def test_relative_paths_start_at_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()

    config = load_text(
        tmp_path / "etc" / "jobfs.toml", '[jobfs]\ndata = "../data"\nmountpoint = "jobs"\n'
    )

    assert config.jobfs.data == tmp_path / "data"
    assert config.jobfs.mountpoint == tmp_path / "etc" / "jobs"


def test_relative_paths_start_at_the_folder_of_a_file_that_is_named_relatively(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jobfs.toml").write_text('[jobfs]\ndata = "data"\n')
    monkeypatch.chdir(tmp_path)

    assert load(Path("jobfs.toml"), {}).jobfs.data == tmp_path / "data"


def test_relative_paths_in_variables_start_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert load_variables(JOBFS_JOBFS__DATA="data").jobfs.data == tmp_path / "data"


def test_a_rendition_can_be_changed_in_part_and_another_added(file: Path) -> None:
    config = load_text(
        file,
        "[renditions]\nthumbnail.edge = 300\nweb-small = { edge = 640, quality = 70 }\n"
        "[renditions.large]\nquality = 95\n",
    )

    assert config.renditions == {
        "thumbnail": Rendition(edge=300, quality=99),
        "preview": Rendition(edge=1024, quality=98),
        "large": Rendition(edge=2048, quality=95),
        "web-small": Rendition(edge=640, quality=70),
    }


def test_empty_sections_say_nothing(file: Path) -> None:
    assert load_text(file, "[jobfs]\n[renditions]\n") == Config()


# --- what is refused, and with which words ---


@pytest.mark.parametrize(
    ("written", "found", "allowed"),
    [
        ("jobfs.data = 5", "found 5", "a path in quotes"),
        ('jobfs.data = ""', 'found ""', "a path in quotes"),
        ('jobfs.data = "a\\u0000b"', "found", "a path in quotes"),
        ("jobfs.data.here = 5", "no such setting", "data, mountpoint, database"),
        ('jobfs.database = "mysql://x/y"', 'found "mysql://x/y"', '"postgresql://'),
        ('jobfs.database = "sqlite:///jobfs.db"', "found", "sqlite:////ABSOLUTE/FILE"),
        ('jobfs.durability = "disk"', 'found "disk"', '"power" or "process"'),
        ('jobfs.log_level = "INFO"', 'found "INFO"', '"debug", "info"'),
        ("studio.name = 5", "found 5", "a text in quotes"),
        ('studio.contact = "two\\nlines"', 'found "two', "of one line"),
        ('studio.contact = "ends\\n"', 'found "ends', "of one line"),
        ('studio.timezone = "Berlin"', 'found "Berlin"', '"Europe/Berlin"'),
        ('studio.timezone = ["UTC"]', 'found ["UTC"]', '"Europe/Berlin"'),
        ("sshd.listen = []", "found []", "a list like"),
        ('sshd.listen = "0.0.0.0:2222"', 'found "0.0.0.0:2222"', "a list like"),
        ('sshd.listen = ["0.0.0.0"]', 'found ["0.0.0.0"]', "a list like"),
        ('sshd.listen = ["h:0"]', "found", "ports from 1 to 65535"),
        ('sshd.listen = ["h:65536"]', "found", "ports from 1 to 65535"),
        ('sshd.listen = ["[::g]:22"]', "found", "a list like"),
        ('sshd.listen = ["::1:22"]', "found", "a list like"),
        ("ingest.workers = -1", "found -1", "from 0 to 256"),
        ("ingest.workers = true", "found true", "from 0 to 256"),
        ('ingest.workers = "2"', 'found "2"', "from 0 to 256"),
        ("ingest.workers = 1979-05-27", 'found "1979-05-27"', "from 0 to 256"),
        ("ingest.memory_limit = 1024", "found 1024", "at least 256 MiB"),
        ('ingest.memory_limit = "2 gigs"', 'found "2 gigs"', 'a text like "2 GiB"'),
        ("ingest.time_limit = 0", "found 0", "above 0"),
        ("ingest.time_limit = nan", "found NaN", "above 0"),
        ("ingest.lease = inf", "found Infinity", "at most 86400"),
        ("renditions.large.edge = 2", "found 2", "from 16 to 16384"),
        ("retention.trash_days = 0", "found 0", "from 1 to 3650"),
        ("renditions.large.quality = 101", "found 101", "from 1 to 100"),
        ("renditions.large.size = 1", "no such setting", "edge, quality"),
        ("renditions.large.edge.x = 1", "no such setting", "edge, quality"),
        ("renditions.large = 2048", "found 2048", "NAME = { edge = 256"),
        ("renditions.large = {}", "found {}", "NAME = { edge = 256"),
        ("renditions.Large = {edge = 20}", "found the name 'Large'", "small letters"),
        ("renditions.tiny = {edge = 20}", "missing", "from 1 to 100"),
        ("ingest.wrokers = 2", "no such setting", "workers, decoders"),
        ("ingset.workers = 2", "no such section", "jobfs, studio, sshd, ingest, renditions"),
        ("ingset = {}", "no such section", "jobfs, studio, sshd, ingest, renditions"),
        ("workers = 2", "no such section", "jobfs, studio, sshd, ingest, renditions"),
        ("ingest = 2", "found 2", "a section with settings"),
        ("ingest = []", "found []", "a section with settings"),
        ("renditions = 2", "found 2", "NAME = { edge = 256"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_allowed(
    file: Path, written: str, found: str, allowed: str
) -> None:
    message = complaint(file, f"# the first line\n{written}\n")

    assert message.startswith(f"{file}:2: [")
    assert found in message
    assert allowed in message.partition("; allowed: ")[2]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[studio]\n\n[ingest]\ndecoders = 1\n  workers = -1", "5: [ingest] workers"),
        ("[ ingest ] # here\n'workers' = -1", "2: [ingest] workers"),
        ('[sshd]\nlisten = [\n  "a:1",\n  "b",\n]', "2: [sshd] listen"),
        ("[renditions.large]\nquality = 1\nedge = 1", "3: [renditions.large] edge"),
        ("[renditions]\nlarge = { edge = 1 }", "2: [renditions.large] edge"),
        ("[[studio]]\nname = 'x'", "1: [studio]"),
    ],
)
def test_the_line_of_a_setting_is_found_in_every_way_of_writing_it(
    file: Path, text: str, place: str
) -> None:
    assert complaint(file, text).startswith(f"{file}:{place}: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [("[jobfs]\ndata = /srv\n", 2), ("[studio]\nname = 'a'\nname = 'b'\n", 3), ("x = [\n1", 2)],
)
def test_what_is_not_toml_is_told_with_its_line(file: Path, text: str, line: int) -> None:
    assert complaint(file, text).startswith(f"{file}:{line}: not TOML: ")


@pytest.mark.parametrize(
    ("data", "mountpoint", "reason"),
    [
        ("/srv/jobfs", "/srv/jobfs/mount", "would walk into the mount"),
        ("/srv/jobfs", "/srv/jobfs", "would walk into the mount"),
        ("/srv/jobfs", "/var/../srv/jobfs/mount", "would walk into the mount"),
        ("/srv/jobfs/data", "/srv/jobfs", "would cover the data"),
    ],
)
def test_data_and_mountpoint_inside_each_other_are_refused_with_the_reason(
    file: Path, data: str, mountpoint: str, reason: str
) -> None:
    message = complaint(file, f'[jobfs]\ndata = "{data}"\nmountpoint = "{mountpoint}"\n')

    assert message.startswith(f"{file}:3: [jobfs] mountpoint: ")
    assert reason in message


def test_data_around_the_default_mountpoint_is_told_with_the_line_of_data(file: Path) -> None:
    assert complaint(file, '[jobfs]\ndata = "/srv"\n').startswith(f"{file}:2: [jobfs] data: ")


def test_a_path_that_only_begins_like_another_is_not_inside_it(file: Path) -> None:
    load_text(file, '[jobfs]\ndata = "/srv/jobfs"\nmountpoint = "/srv/jobfs-mount"\n')


# --- variables ---


def test_a_variable_goes_before_the_file(file: Path) -> None:
    file.write_text("[ingest]\nworkers = 3\ndecoders = 3\n")

    ingest = load(file, {"JOBFS_INGEST__WORKERS": "4"}).ingest

    assert (ingest.workers, ingest.decoders) == (4, 3)


@pytest.mark.parametrize("text", ["Plainview School #2", '"Plainview School #2" # quoted'])
def test_a_variable_is_toml_or_bare_text(text: str) -> None:
    assert load_variables(JOBFS_STUDIO__NAME=text).studio.name == "Plainview School #2"


def test_a_variable_may_hold_a_list_a_table_or_nothing() -> None:
    config = load_variables(
        JOBFS_SSHD__LISTEN='["127.0.0.1:2022"]',
        JOBFS_RENDITIONS__LARGE="{ edge = 4096, quality = 90 }",
        JOBFS_RENDITIONS__PREVIEW__EDGE="1200",
        JOBFS_STUDIO__CONTACT="",
    )

    assert config.sshd.listen == ("127.0.0.1:2022",)
    assert config.renditions["large"] == Rendition(edge=4096, quality=90)
    assert config.renditions["preview"] == Rendition(edge=1200, quality=98)
    assert config.studio.contact == ""


def test_text_that_ends_like_a_second_setting_stays_text() -> None:
    with pytest.raises(ConfigError, match="of one line"):
        load_variables(JOBFS_STUDIO__NAME='"a"\nother = "b"')


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("JOBFS_INGEST__WORKERS", "many", r'\[ingest\] workers: found "many"; allowed: a whole'),
        ("JOBFS_INGEST__WROKERS", "2", r"\[ingest\] wrokers: no such setting; allowed: workers"),
        ("JOBFS_INGSET__WORKERS", "2", r"\[ingset\] workers: no such section; allowed: jobfs"),
        ("JOBFS_INGEST__WORKERS", "", r'found ""'),
        ("JOBFS_JOBFS__MOUNTPOINT", "/var/lib/jobfs/m", r"\[jobfs\] mountpoint: mountpoint /var"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{variable}: .*{words}|^{variable}: {words}"):
        load_variables(**{variable: value})


def test_variables_that_container_engines_invent_are_no_settings() -> None:
    config = load_variables(JOBFS_PORT="tcp://10.0.0.1:22", JOBFS_SERVICE_HOST="10.0.0.1")

    assert config == Config()


# --- the database ---


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("", "sqlite:////var/lib/jobfs/jobfs.sqlite3"),
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
        ("postgresql://jobfs@db/jobfs", "postgresql+psycopg://jobfs@db/jobfs"),
        ("postgres://jobfs@db/jobfs", "postgresql+psycopg://jobfs@db/jobfs"),
        (
            "postgresql+psycopg:///jobfs?host=/run/postgresql&passfile=/etc/jobfs/pgpass",
            "postgresql+psycopg:///jobfs?host=/run/postgresql&passfile=/etc/jobfs/pgpass",
        ),
    ],
)
def test_the_database_url_has_the_driver_and_the_default_file(
    file: Path, written: str, url: str
) -> None:
    assert load_text(file, f'[jobfs]\ndatabase = "{written}"\n').database_url == url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://jobfs:s3cret@db/jobfs",
        "postgresql://jobfs:an@s3cret/x@db/jobfs",
        "postgresql://db/jobfs?user=jobfs&password=s3cret&sslmode=require",
    ],
)
def test_a_password_in_the_database_url_is_never_shown(file: Path, url: str) -> None:
    config = load_text(file, f'[jobfs]\ndatabase = "{url}"\n')

    for shown in (repr(config), str(config), pretty_repr(config), f"{config.jobfs}"):
        assert "s3cret" not in shown
        assert "***" in shown
    assert config.database_url == url.replace("postgresql:", "postgresql+psycopg:")


@pytest.mark.parametrize(
    "written",
    [
        'database = "mysql://jobfs:s3cret@db/jobfs"',
        'database = "postgresql:/jobfs:s3cret@db/jobfs"',
        'database = "jobfs:s3cret@db/jobfs"',
        'database = "host=db user=jobfs password = s3cret"',
        'database = ["postgresql://jobfs:s3cret@db/jobfs"]',
        'databse = "postgresql://jobfs:s3cret@db/jobfs"',
        "database = 'postgresql://jobfs:s3cret@db/jobfs",
        "database = postgresql://jobfs:s3cret@db/jobfs",
    ],
)
def test_a_password_in_a_wrong_setting_is_not_shown_either(file: Path, written: str) -> None:
    assert "s3cret" not in complaint(file, f"[jobfs]\n{written}\n")


@pytest.mark.parametrize("content", ["s3 cr@t/", "s3 cr@t/\n", "s3 cr@t/\r\n"])
def test_the_database_password_can_stand_in_a_file_of_its_own(file: Path, content: str) -> None:
    """Container engines and systemd hand secrets over as files."""
    (file.parent / "secret").write_bytes(content.encode())

    config = load_text(
        file,
        '[jobfs]\ndatabase = "postgresql://jobfs@db/jobfs"\ndatabase_password_file = "secret"\n',
    )

    assert config.database_url == "postgresql+psycopg://jobfs:s3%20cr%40t%2F@db/jobfs"
    assert "s3" not in repr(config)


@pytest.mark.parametrize(
    ("database", "content", "said"),
    [
        ("postgresql://jobfs@db/jobfs", None, "secret cannot be read: No such file"),
        ("postgresql://jobfs@db/jobfs", b"\xff", "secret cannot be read: it is not UTF-8"),
        ("postgresql://jobfs@db/jobfs", b"\n", "secret is empty"),
        ("postgresql://jobfs:other@db/jobfs", b"s3cret", "no account without a password"),
        ("postgresql://db/jobfs", b"s3cret", "no account without a password"),
        ("", b"s3cret", "no account without a password"),
    ],
)
def test_a_password_file_that_is_of_no_use_is_refused(
    file: Path, database: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (file.parent / "secret").write_bytes(content)

    told = complaint(file, f'[jobfs]\ndatabase = "{database}"\ndatabase_password_file = "secret"\n')

    assert f"{file}:3: [jobfs] database_password_file: " in told
    assert said in told
    assert "s3cret" not in told
    assert "other" not in told


# --- deploy/jobfs.toml ---


def test_the_shipped_file_changes_nothing() -> None:
    assert load(SHIPPED, {}) == Config()


def test_the_shipped_file_shows_every_setting_with_its_default_and_no_other(file: Path) -> None:
    shown = re.sub(r"(?m)^#(?=[a-z])", "", SHIPPED.read_text())

    config = load_text(file, shown)

    assert config == Config()
    written = {(section, key) for section, keys in tomllib.loads(shown).items() for key in keys}
    assert written == {
        (section, key)
        for section, keys in msgspec.structs.asdict(Config()).items()
        for key in (keys if isinstance(keys, dict) else msgspec.structs.asdict(keys))
    }


def test_every_setting_in_the_shipped_file_stands_below_its_explanation() -> None:
    lines = SHIPPED.read_text().splitlines()

    for above, line in pairwise(lines):
        if re.match("#[a-z]", line):
            assert above.startswith("# "), line
