"""What a setting may be: the kinds of values, each with the words for it, and how they are read."""

import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import available_timezones

import msgspec
from msgspec import Meta

from jobfs.settings import Setting

# The description ends an error's "allowed: ...".
Text = Annotated[
    str, Meta(pattern=r"^[^\x00-\x1f\x7f]*\Z", description="a text in quotes, of one line")
]
Folder = Annotated[Path, Meta(description="a path in quotes")]
SecretFile = Annotated[Path | None, Meta(description='"" or a path in quotes')]
DatabaseUrl = Annotated[
    str, Meta(description='"", "sqlite:////ABSOLUTE/FILE" or "postgresql://USER@HOST/NAME"')
]
Durability = Annotated[Literal["power", "process"], Meta(description='"power" or "process"')]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    Meta(description='"debug", "info", "warning" or "error"'),
]
Timezone = Annotated[str, Meta(description='a time zone of this system, like "Europe/Berlin"')]
Addresses = Annotated[
    tuple[str, ...],
    Meta(description='a list like ["0.0.0.0:2222", "[::]:2222"], with ports from 1 to 65535'),
]
Count = Annotated[int, Meta(ge=1, le=256, description="a whole number from 1 to 256")]
CountOrNone = Annotated[int, Meta(ge=0, le=256, description="a whole number from 0 to 256")]
Pixels = Annotated[int, Meta(ge=1, description="a whole number above 0")]
Bytes = Annotated[
    int, Meta(description='a number of bytes or a text like "2 GiB", at least 256 MiB')
]
Seconds = Annotated[
    timedelta, Meta(description="a number of seconds above 0, at most 86400 (a day)")
]
Edge = Annotated[int, Meta(ge=16, le=16384, description="a whole number from 16 to 16384")]
Days = Annotated[int, Meta(ge=1, le=3650, description="a whole number of days from 1 to 3650")]
DaysOrNone = Annotated[int, Meta(ge=0, le=36500, description="a number of days, to 36500, or 0")]
Host = Annotated[str, Meta(description='"" or an IP address like "127.0.0.1"')]
Port = Annotated[int, Meta(ge=0, le=65535, description="a number from 1 to 65535, or 0 for none")]
Quality = Annotated[int, Meta(ge=1, le=100, description="a whole number from 1 to 100")]


def checked(setting: Setting, kind: Any) -> object:
    """Return the value in its own type; raises ConfigError that says what is allowed."""
    read = _READERS.get(kind)
    try:
        return read(setting) if read else msgspec.convert(setting.value, kind)
    except (ValueError, msgspec.ValidationError):
        raise setting.refusal(f"found {setting.shown()}", allowed(kind)) from None


def allowed(kind: Any) -> str:
    """Return the words for what *kind* admits."""
    return str(kind.__metadata__[0].description)


# --- values that TOML has no type for; each raises ValueError or msgspec.ValidationError ---


def _folder(setting: Setting) -> Path:
    """Return an absolute path without "..", by its name alone."""
    name = msgspec.convert(setting.value, Annotated[str, Meta(min_length=1, pattern=r"^[^\0]*\Z")])
    return Path(os.path.normpath(setting.folder / name))


def _secret_file(setting: Setting) -> Path | None:
    """Return an absolute path, or None for ""."""
    return None if setting.value == "" else _folder(setting)


def _database(setting: Setting) -> str:
    """Return a URL of a database that jobfs can use, or ""."""
    forms = r"^(|sqlite:////[^\s?]+|(postgres|postgresql|postgresql\+psycopg)://\S+)\Z"
    url: str = msgspec.convert(setting.value, Annotated[str, Meta(pattern=forms)])
    return url


def _timezone(setting: Setting) -> str:
    """Return a name that zoneinfo knows here."""
    if str(setting.value) not in available_timezones():
        raise ValueError(setting.value)
    return str(setting.value)


def _host(setting: Setting) -> str:
    """Return an IP address, or ""."""
    return "" if setting.value == "" else str(ip_address(str(setting.value)))


def _addresses(setting: Setting) -> tuple[str, ...]:
    """Return addresses of the form host:port, with IPv6 hosts in brackets."""
    at_least_one = Annotated[tuple[str, ...], Meta(min_length=1)]
    addresses = msgspec.convert(setting.value, at_least_one)
    for address in addresses:
        match = re.fullmatch(r"(?:\[(\S+)\]|[\w.-]+):([1-9][0-9]{0,4})", address, re.ASCII)
        if match is None or int(match[2]) >= 2**16:
            raise ValueError(address)
        if match[1]:
            IPv6Address(match[1])
    return addresses


def _bytes(setting: Setting) -> int:
    """Return a number of bytes: of 1000 with K, M, G, T, of 1024 with Ki, Mi, Gi, Ti."""
    size = setting.value
    if isinstance(size, str):
        match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]+)?) ?([KMGT]?)(i?)B", size)
        if match is None:
            raise ValueError(size)
        thousand = 1024 if match[3] else 1000
        size = int(float(match[1]) * thousand ** "_KMGT".index(match[2] or "_"))
    number: int = msgspec.convert(size, Annotated[int, Meta(ge=256 * 1024**2)])
    return number


def _seconds(setting: Setting) -> timedelta:
    """Return a duration."""
    day = 86400
    return timedelta(seconds=msgspec.convert(setting.value, Annotated[float, Meta(gt=0, le=day)]))


#: How a value is read that is of one of these kinds.
_READERS: Final[Mapping[object, Callable[[Setting], object]]] = {
    Folder: _folder,
    SecretFile: _secret_file,
    DatabaseUrl: _database,
    Timezone: _timezone,
    Host: _host,
    Addresses: _addresses,
    Bytes: _bytes,
    Seconds: _seconds,
}
