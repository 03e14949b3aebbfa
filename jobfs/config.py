"""Settings: read once, checked, frozen, handed on in slices.

A room gets its own section, never the whole. The defaults are the ones written here and nowhere
else; `deploy/jobfs.toml` shows them to an operator, and a test compares the two.
"""

import os
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from jobfs.kinds import (
    Addresses,
    Bytes,
    Count,
    CountOrNone,
    DatabaseUrl,
    Days,
    DaysOrNone,
    Durability,
    Edge,
    Folder,
    Host,
    LogLevel,
    Pixels,
    Port,
    Quality,
    Seconds,
    SecretFile,
    Text,
    Timezone,
    allowed,
    checked,
)
from jobfs.settings import (
    ConfigError,
    Names,
    Setting,
    in_file,
    in_variables,
    redacted,
    with_password,
)

__all__ = [
    "Config",
    "ConfigError",
    "IngestConfig",
    "JobfsConfig",
    "MetricsConfig",
    "Rendition",
    "RetentionConfig",
    "SshdConfig",
    "StudioConfig",
    "from_environment",
    "load",
]

DEFAULT_FILE: Final = Path("/etc/jobfs/jobfs.toml")  # read if it exists and no other is named
FILE_VARIABLE: Final = "JOBFS_CONFIG"
SQLITE_NAME: Final = "jobfs.sqlite3"  # the embedded database, inside data


class JobfsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where things are kept, and how safely."""

    data: Folder = Path("/var/lib/jobfs")  # blobs, renditions, host keys, the SQLite file
    mountpoint: Folder = Path("/srv/jobfs")  # the folder that shows every account's view
    database: DatabaseUrl = ""  # as written; Config.database_url is the one to connect to
    database_password_file: SecretFile = (
        None  # its password goes into `database`; None: no such file
    )
    durability: Durability = "power"  # what received photos survive: loss of power, or kill -9
    refuse_incomplete: bool = True  # closing a file that is not whole fails, so that clients notice
    log_level: LogLevel = "info"  # the least urgent lines that are logged

    def __repr__(self) -> str:
        """Show every setting, but never the database's password."""
        return f"JobfsConfig({', '.join(f'{name}={value!r}' for name, value in self._shown())})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Show the same in rich's tracebacks."""
        return self._shown()

    def _shown(self) -> list[tuple[str, object]]:
        settings = msgspec.structs.asdict(self) | {"database": redacted(self.database)}
        return list(settings.items())


class StudioConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What photographers are told about the studio."""

    name: Text = "Photo studio"  # on account cards and job sheets
    contact: Text = ""  # whom a photographer asks: a person, a telephone number, an address
    timezone: Timezone = "UTC"  # in which people see times; JSON is always UTC


class SshdConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where photographers connect."""

    listen: Addresses = ("0.0.0.0:2222", "[::]:2222")  # host:port, IPv6 hosts in brackets
    card_host: Text = ""  # public host name on account cards; "" is this machine's own


class IngestConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How uploads become photos."""

    workers: CountOrNone = 1  # worker processes that `jobfs up` starts; 0: they run elsewhere
    decoders: Count = 2  # images a worker decodes at once; more than the cores only waits
    memory_limit: Bytes = 2 * 1024**3  # bytes of one decoder; 200 megapixels in RGB are 600 MB
    time_limit: Seconds = timedelta(minutes=2)  # for one image, then its decoder is killed
    pixel_limit: Pixels = 200_000_000  # width times height; the largest cameras make 150 million
    lease: Seconds = timedelta(minutes=5)  # after which a silent worker's task is free again


class Rendition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of image that is made from every photo."""

    edge: Edge  # pixels of the longest side; a smaller photo is not enlarged
    quality: Quality  # of the JPEG


class RetentionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long things are kept that nobody needs any more."""

    trash_days: Days = 30  # what was deleted or overwritten; an administrator can restore it

    events_days: DaysOrNone = 365  # the record of what happened; 0: for ever

    @property
    def trash(self) -> timedelta:
        """How long something stays in the trash."""
        return timedelta(days=self.trash_days)


def standard_renditions() -> dict[str, Rendition]:
    """Return what every studio has; settings may change these and add others.

    The qualities keep the colour of noisy camera pictures within a mean difference (CIEDE2000) of 1 from
    the picture itself; the smaller a picture, the more of it is detail.
    """
    return {
        "thumbnail": Rendition(edge=256, quality=99),
        "preview": Rendition(edge=1024, quality=98),
        "large": Rendition(edge=2048, quality=97),
    }


class MetricsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Prometheus asks each role; it needs no password."""

    host: Host = "127.0.0.1"  # which address answers; "": none
    mount: Port = 9722
    login: Port = 9723
    worker: Port = 9724  # of the first one on a machine; others take the next that are free


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting, one field per section of the file."""

    jobfs: JobfsConfig = JobfsConfig()
    studio: StudioConfig = StudioConfig()
    sshd: SshdConfig = SshdConfig()
    ingest: IngestConfig = IngestConfig()
    renditions: Mapping[str, Rendition] = msgspec.field(default_factory=standard_renditions)
    retention: RetentionConfig = RetentionConfig()
    metrics: MetricsConfig = MetricsConfig()

    @property
    def database_url(self) -> str:
        """The database with its driver, as SQLAlchemy takes it. Not for logs: see `redacted`."""
        scheme, separator, rest = self.jobfs.database.partition("://")
        if not separator:
            return f"sqlite:///{self.jobfs.data / SQLITE_NAME}"
        return f"{'sqlite' if scheme == 'sqlite' else 'postgresql+psycopg'}://{rest}"


def from_environment(path: Path | None) -> Config:
    """Return the settings of this process; *path* is its `--config` option, if given."""
    return load(path, os.environ)  # noqa: TID251 - the one place that may


def file_in_use(path: Path | None) -> Path | None:
    """Return the file of settings that this process reads, if there is one; *path* as above."""
    named = os.environ.get(FILE_VARIABLE)  # noqa: TID251 - the one place that may
    file = (path or Path(named or DEFAULT_FILE)).absolute()
    return file if file.exists() else None


def load(
    path: Path | None, environ: Mapping[str, str], *, default_file: Path = DEFAULT_FILE
) -> Config:
    """Return the settings of one file, changed by the variables in *environ*.

    The file is *path*, else the one that JOBFS_CONFIG names, else *default_file* if it exists.
    JOBFS_<SECTION>__<KEY> sets one setting in TOML syntax; what is not TOML is taken as text.
    Relative paths start at the file's folder, in variables at the working directory.

    Raises ConfigError, which names the file and line, or the variable, that must be changed.
    """
    everything = (*_in_file(path, environ, default_file), *in_variables(environ))
    written = {setting.names: setting for setting in everything if not _is_empty_section(setting)}
    values = {names: checked(setting, _kind(setting)) for names, setting in written.items()}
    config = Config(
        jobfs=_with_password(JobfsConfig(**_section("jobfs", values)), written),
        studio=StudioConfig(**_section("studio", values)),
        sshd=SshdConfig(**_section("sshd", values)),
        ingest=IngestConfig(**_section("ingest", values)),
        renditions=_renditions(written, values),
        retention=RetentionConfig(**_section("retention", values)),
        metrics=MetricsConfig(**_section("metrics", values)),
    )
    _refuse_nesting(config.jobfs, written)
    return config


def _in_file(
    path: Path | None, environ: Mapping[str, str], default_file: Path
) -> Iterable[Setting]:
    """Return the settings of the file that applies, if there is one."""
    if path is not None:
        return in_file(path.absolute(), asked_by="--config")
    if named := environ.get(FILE_VARIABLE):
        return in_file(Path(named).absolute(), asked_by=FILE_VARIABLE)
    try:
        return list(in_file(default_file, asked_by=""))
    except FileNotFoundError:
        return ()


# --- from what was written to sections ---

_SECTIONS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "jobfs": JobfsConfig,
    "studio": StudioConfig,
    "sshd": SshdConfig,
    "ingest": IngestConfig,
    "renditions": Rendition,  # one level deeper, below a name
    "retention": RetentionConfig,
    "metrics": MetricsConfig,
}


def _is_empty_section(setting: Setting) -> bool:
    """Tell a known section without settings, which is nothing to complain about."""
    return len(setting.names) == 1 and setting.names[0] in _SECTIONS and setting.value == {}


def _kind(setting: Setting) -> Any:
    """Return the annotation that the setting's value must satisfy, if there is such a setting."""
    section, *keys = setting.names
    if section not in _SECTIONS:
        raise setting.refusal("no such section", ", ".join(_SECTIONS))
    if section == "renditions":
        _check_rendition(setting)
        keys = keys[1:]
    if not keys:
        raise setting.refusal(f"found {setting.shown()}", "a section with settings")
    kinds = _kinds(_SECTIONS[section])
    if len(keys) > 1 or keys[0] not in kinds:
        raise setting.refusal("no such setting", ", ".join(kinds))
    return kinds[keys[0]]


def _check_rendition(setting: Setting) -> None:
    """Refuse what has no fit name, or no settings below its name."""
    if len(setting.names) < len(("renditions", "NAME", "edge")):
        raise setting.refusal(f"found {setting.shown()}", "NAME = { edge = 256, quality = 80 }")
    if not re.fullmatch("[a-z][a-z0-9-]*", setting.names[1]):
        fit = "names of small letters, digits and hyphens, that begin with a letter"
        raise setting.refusal(f"found the name {setting.names[1]!r}", fit)


def _kinds(section: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the annotation of each setting in *section*."""
    return {field.name: field.type for field in msgspec.structs.fields(section)}


def _section(section: str, values: Mapping[Names, object]) -> dict[str, Any]:
    """Return the values of one section by key."""
    return {names[1]: value for names, value in values.items() if names[0] == section}


def _renditions(
    written: Mapping[Names, Setting], values: Mapping[Names, object]
) -> dict[str, Rendition]:
    """Return the standard renditions with the written ones laid over them."""
    standard = standard_renditions().items()
    tables: dict[str, dict[str, Any]] = {name: msgspec.structs.asdict(it) for name, it in standard}
    ours = [names for names in written if names[0] == "renditions"]
    for _, name, key in ours:
        tables.setdefault(name, {})[key] = values["renditions", name, key]
    for names in ours:
        for key, kind in _kinds(Rendition).items():
            if key not in tables[names[1]]:
                absent = written[names]._replace(names=(*names[:2], key))
                raise absent.refusal("missing", allowed(kind))
    return {name: Rendition(**table) for name, table in tables.items()}


def _with_password(places: JobfsConfig, written: Mapping[Names, Setting]) -> JobfsConfig:
    """Put the password of a file into the database's URL, if there is such a file."""
    file = places.database_password_file
    if file is None:
        return places
    setting = written["jobfs", "database_password_file"]
    return msgspec.structs.replace(places, database=with_password(places.database, file, setting))


def _refuse_nesting(places: JobfsConfig, written: Mapping[Names, Setting]) -> None:
    """Refuse data and mountpoint that lie in each other.

    By their names alone: to resolve a mountpoint would ask a mount that may be dead.
    """
    if places.mountpoint.is_relative_to(places.data):
        reason = "backups and repairs of data would walk into the mount"
    elif places.data.is_relative_to(places.mountpoint):
        reason = "the mount would cover the data"
    else:
        return
    culprit = written.get(("jobfs", "mountpoint")) or written["jobfs", "data"]
    raise culprit.refusal(
        f"mountpoint {places.mountpoint} and data {places.data} lie in each other: {reason}",
        "two folders apart",
    )
