"""Settings as somebody wrote them, in TOML or in the environment, each with its place.

Nothing here knows which settings there are: `config` does, and whatever it finds wrong is told
with the file and line, or the variable, that must be changed.
"""

import errno
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from jobfs.errors import JobfsError

Names = tuple[str, ...]  # the way to a setting: section, key; a section in a section adds one


class ConfigError(JobfsError):
    """A setting, or the file with it, cannot be used as it is written.

    EINVAL, the errno of a wrong argument; no file-system call ever answers it, because nothing
    starts without its settings.
    """

    errno = errno.EINVAL
    advice = "Correct it where the sentence says; deploy/jobfs.toml explains every setting."


class Setting(NamedTuple):
    """One setting as it was written. Sections are none, unless they are empty."""

    names: Names
    value: object  # as TOML gives it
    source: str  # "FILE:LINE" or the variable's name
    folder: Path  # where relative paths start

    def shown(self) -> str:
        """Return the value as a message may show it."""
        return redacted(json.dumps(self.value, default=str, ensure_ascii=False))

    def refusal(self, found: str, allowed: str) -> ConfigError:
        """Return the error that says what to change, and where."""
        *sections, key = self.names
        place = f"[{'.'.join(sections)}] {key}" if sections else f"[{key}]"
        return ConfigError(f"{self.source}: {place}: {found}; allowed: {allowed}")


def redacted(text: str) -> str:
    """Return *text* without the passwords of database URLs.

    Generous: from the account's colon to the last "@", since people forget to escape one, and
    from `password=` to the next parameter, since people write a DSN where a URL belongs.
    """
    without_userinfo = re.sub(r"(?s):(?!//).*@", ":***@", text)
    return re.sub(r"(?is)(password\s*=)[^&]*", r"\1***", without_userinfo)


def with_password(url: str, file: Path, setting: Setting) -> str:
    """Return a PostgreSQL URL with the password in *file*, which *setting* names.

    A newline at the end of the file is not part of it. Raises ConfigError if the file cannot be read,
    and for a URL that has a password already, or nobody to have one.
    """
    parts = re.fullmatch(r"(postgres[^:]*://[^:@/?]+)(@.*)", url)
    if parts is None:
        found = "there is no account without a password in [jobfs] database"
        raise setting.refusal(found, '"" or a database like "postgresql://USER@HOST/NAME"')
    try:
        password = file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise setting.refusal(
            f"{file} cannot be read: {reason}", "a file that can be read"
        ) from None
    if not password:
        raise setting.refusal(f"{file} is empty", "a file with a password")
    return f"{parts[1]}:{quote(password, safe='')}{parts[2]}"


def in_file(file: Path, *, asked_by: str) -> Iterator[Setting]:
    """Yield the settings of a TOML file. Relative paths in it start at its folder.

    Raises ConfigError, with *asked_by* in it, for a file that cannot be read; FileNotFoundError
    only if nobody asked for it.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, FileNotFoundError) and not asked_by:
            raise
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        asked = f" ({asked_by})" if asked_by else ""
        raise ConfigError(f"{file}{asked}: cannot be read: {reason}") from error
    lines = _line_numbers(text)
    for names, value in _leaves((), _parsed(text, file)):
        yield Setting(names, value, f"{file}:{_line(names, lines)}", file.parent)


def in_variables(environ: Mapping[str, str]) -> Iterator[Setting]:
    """Yield the settings in variables named JOBFS_<SECTION>__<KEY>.

    Relative paths in them start at the working directory. Variables without the double
    underscore are none of ours: container engines invent some, like JOBFS_PORT.
    """
    for variable in sorted(environ):
        if match := re.fullmatch(r"JOBFS_([^_]\w*?)__(\w+)", variable):
            names = (match[1].lower(), *match[2].lower().split("__"))
            for leaf, value in _leaves(names, _toml_or_text(environ[variable])):
                yield Setting(leaf, value, variable, Path.cwd())


def _leaves(names: Names, value: object) -> Iterator[tuple[Names, object]]:
    """Yield every value that is no table, and every empty table, with its names."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves((*names, key), below)
    elif names:
        yield names, value


def _parsed(text: str, file: Path) -> dict[str, Any]:
    """Return the tables of a TOML text."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = place[1] if place else text.count("\n") + 1  # "at end of document"
        raise ConfigError(f"{file}:{line}: not TOML: {error}") from error


def _toml_or_text(text: str) -> object:
    """Return the value that *text* writes in TOML, or *text* itself if it is no TOML."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text


def _line_numbers(text: str) -> dict[Names, int]:
    """Return the line on which each section and key first stands; tomllib does not tell.

    Keys inside an inline table are not found: their table is.
    """
    lines: dict[Names, int] = {}
    header: Names = ()
    for number, line in enumerate(text.split("\n"), start=1):
        names: Names = ()
        if section := re.match(r"\s*\[\[?([^\[\]]+)\]", line):
            names = header = _names(section[1])
        elif key := re.match(r"""\s*([\w.'" -]+?)\s*=""", line):
            names = (*header, *_names(key[1]))
        for end in range(1, len(names) + 1):
            lines.setdefault(names[:end], number)
    return lines


def _names(dotted: str) -> Names:
    """Return the parts of a TOML key."""
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _line(names: Names, lines: Mapping[Names, int]) -> int:
    """Return the line of a setting, or of the nearest table around it."""
    return next((lines[names[:end]] for end in range(len(names), 0, -1) if names[:end] in lines), 1)
