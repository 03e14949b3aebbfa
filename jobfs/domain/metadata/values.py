"""What is known of a picture besides its pixels, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When the shutter opened, by the clock on the wall.

    time       "YYYY-MM-DDTHH:MM:SS"
    subsecond  the digits after the decimal point, as they were written; None if there were none
    offset     of that clock from UTC, "+HH:MM"; None if it is not known: then nobody can tell
               which instant it was, and no time zone is assumed
    """

    time: str
    subsecond: str | None = None
    offset: str | None = None

    @property
    def is_wall_clock(self) -> bool:
        """Whether it is only known what the clock showed, and not where it hung."""
        return self.offset is None

    @property
    def text(self) -> str:
        """The time in ISO 8601, as exact as it is known, and with an offset only if that is known."""
        fraction = f".{self.subsecond}" if self.subsecond else ""
        return f"{self.time}{fraction}{self.offset or ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the camera was. Private: people are photographed where they live.

    latitude   degrees, north positive
    longitude  degrees, east positive
    altitude   metres above the sea; None if unknown
    """

    latitude: float
    longitude: float
    altitude: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What people search by. None, or nothing in a tuple, is what was not said.

    serial       the camera body's number
    lens         the lens's model
    orientation  1 to 8, as in the Exif standard
    title        a short name; one line, as all texts but the caption
    caption      what the picture shows; may have several lines
    creators     who took it, first named first
    rating       0 (none given) to 5; -1 is "rejected"
    """

    taken: Moment | None = None
    make: str | None = None
    model: str | None = None
    serial: str | None = None
    lens: str | None = None
    orientation: int | None = None
    title: str | None = None
    caption: str | None = None
    keywords: tuple[str, ...] = ()
    creators: tuple[str, ...] = ()
    copyright: str | None = None
    rating: int | None = None
    place: Place | None = None


NOTHING = Facts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one place says: a block in a file, the whole file, or a sidecar.

    said        what stands where it belongs
    hinted      stand-ins, such as the time of digitising; they count where no source has *said* it
    everything  the whole, but for coordinates and what else a receiver wrote
    private     that rest
    """

    said: Facts = NOTHING
    hinted: Facts = NOTHING
    # of Json, which msgspec cannot read back, as it is recursive
    everything: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata(Facts):
    """All that is known of a picture: facts to search by, and the whole to look at.

    everything  for JSON; the keys are "Exif", "IPTC", "XMP", "unreadable" (why, by block) and
                "sidecars" (a list). Texts have no NUL and no lone surrogate, which databases
                refuse. At most `bounds.MOST` characters for a block or sidecar.
    private     the same for coordinates and what else a receiver wrote. Names of places that
                somebody typed are not here, but in `everything`
    """

    everything: Mapping[str, Json] = field(default_factory=dict)
    private: Mapping[str, Json] = field(default_factory=dict)
