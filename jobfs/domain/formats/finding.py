"""What an inspection of a file's structure finds, and the sentences it finds it with."""

import enum
from dataclasses import dataclass


class Structure(enum.Enum):
    """What a file's structure says about its end."""

    EMPTY = "empty"
    WHOLE = "whole"
    TRUNCATED = "truncated"  # bytes are missing
    UNKNOWN_END = "unknown end"  # an image, but where it ends cannot be told
    NOT_AN_IMAGE = "not an image"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of an inspection; *reason* is a plain clause for a photographer."""

    structure: Structure
    format: str | None
    reason: str


def whole(format_name: str) -> Finding:
    """Find that nothing is missing."""
    return Finding(Structure.WHOLE, format_name, f"the {format_name} file is complete")


def truncated(
    format_name: str, size: int, where: str = "ends in the middle of the picture"
) -> Finding:
    """Find that bytes are missing: of *size* bytes, the last are not the picture's last."""
    arrived = "1 byte" if size == 1 else f"{size:,} bytes"
    reason = f"the {format_name} file {where}; {arrived} arrived"
    return Finding(Structure.TRUNCATED, format_name, reason)


def unknown_end(format_name: str, why: str) -> Finding:
    """Find an image whose end cannot be told."""
    reason = f"where the {format_name} file ends cannot be told: {why}"
    return Finding(Structure.UNKNOWN_END, format_name, reason)


def not_an_image(reason: str = "this is not an image of a known format") -> Finding:
    """Find something else."""
    return Finding(Structure.NOT_AN_IMAGE, None, reason)
