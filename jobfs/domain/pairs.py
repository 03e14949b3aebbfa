"""Raw files and JPEGs of one press of the shutter: cameras write both, under one base name."""

from jobfs.domain.captures import Capture, same_capture

FIRST = "JPEG"  # the format of the original that people see; HEIC is none, the contract says JPEG

#: The names of cameras' raw formats; "raw" is that of a camera whose maker has no format to tell it by.
RAW = frozenset({"ARW", "CR2", "CR3", "DNG", "NEF", "ORF", "PEF", "RAF", "RW2", "raw"})


def partners_of(format_name: str) -> frozenset[str]:
    """Return the formats in which the other original of one photo may be; none for most."""
    if format_name == FIRST:
        return RAW
    return frozenset({FIRST}) if format_name in RAW else frozenset()


def may_join(one: Capture, other: Capture) -> bool:
    """Tell whether two files of one base name are certainly one exposure."""
    return same_capture(one, other) is True


def may_stay(one: Capture, other: Capture) -> bool:
    """Tell whether two files that were one exposure may be so still.

    A version without capture data (editors drop them) proves nothing.
    """
    return same_capture(one, other) is not False
