"""What a name may be, and what a name alone says about the file that bears it.

In the tables of names that clients and systems leave behind, every pattern says whose it is and
matches whole names. A pattern ignores case where the name passes through systems that do (Windows,
macOS); names made by a Unix program are exact.
"""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from jobfs.domain.refusals import (
    BadAccountNameError,
    BadJobNameError,
    BadNameError,
    NameTooLongError,
)

LONGEST_ENTRY_NAME = 255  # bytes of UTF-8; what every Linux file system and statfs promise
LONGEST_JOB_NAME = 120  # NFC characters
_LONGEST_ENDING = 32  # bytes; what is longer is a dot in a name

_ACCOUNT_NAME = re.compile(r"[a-z][a-z0-9._-]{0,31}")
#: Controls, surrogates (no UTF-8), line and paragraph separators: nobody can type or see them.
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_RESERVED_BEGINNINGS = ("_STATUS.", "_PROBLEMS.", "_RECEIPT.")
_RESERVED_BESIDE_JOBS = ("_NO_JOBS.", "_CLOSED_JOBS.")
_SIDECAR_ENDINGS = (".xmp", ".csv", ".xml")
#: Extensions of what a photographer sends, for patterns that need to see "a photo's name".
_SENT = r"(?:jpe?g|png|tiff?|webp|hei[cf]|hif|avif|cr[23]|nef|arw|dng|raf|orf|rw2|xmp|csv|xml)"

_SENT_NAME = re.compile(rf".+\.(?i:{_SENT})", re.DOTALL)


def _whole_name(patterns: Iterable[str]) -> re.Pattern[str]:
    # DOTALL, because a name may hold a line break
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.DOTALL)


_TEMPORARY = _whole_name(
    (
        r"(?i:.*\.filepart\d*)",  # WinSCP, files of 100 KiB and more
        r"(?i:.*\.partial)",  # rclone >= 1.63 (NAME.<8 hex>.partial), and others
        r"(?i:.*\.part)",  # KIO/Dolphin, Firefox, ownCloud and Nextcloud (*.ocTransferId*.part)
        r"(?i:.*\.tmp)",  # everybody; also Syncthing's .syncthing.NAME.tmp
        r"(?i:.*\.(?:cr|op)?download)",  # Chrome, Opera, Safari
        r"(?i:.*\.ffs_tmp)",  # FreeFileSync
        r"\.~tmp~",  # rsync --delay-updates: a directory of finished files
        r"\.rsync-(?:partial|tmp)",  # rsync --partial-dir and --temp-dir as its manual names them
        r"\..+\.[A-Za-z0-9]{6}",  # rsync: .NAME.XXXXXX, by mkstemp
        r"\.in\..*",  # lftp, xfer:use-temp-file
        r"\.giosave.*",  # gvfs, overwriting over SFTP
        r"\.goutputstream-.*",  # GIO, overwriting on a mounted directory
        r"\..+\.~[0-9a-f]+",  # ownCloud and Nextcloud desktop
        r".+_exiftool_tmp",  # ExifTool, before it renames over NAME
        r".+\.sb-[0-9a-f]{8}-[A-Za-z0-9]{6}",  # macOS safe save, over sshfs and Mountain Duck
        r"\.pending-\d+-.+",  # Android's media store
        rf".+\.(?i:{_SENT})-[A-Za-z0-9]{{6,12}}",  # Cyberduck: NAME-<random>
        r"~.*",  # Office and Photoshop (~$NAME, ~NAME), Syncthing on Windows (~syncthing~NAME)
        r".+~",  # editors' backups (Emacs, Vim, gedit, Kate)
    )
)

#: Temporary names that hold the final one, the more particular before the more general.
_FINAL = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"(?i:\.syncthing\.(.+)\.tmp)",
        r"(?i:(.+)\.filepart\d*)",
        r"(?i:(.+)\.[0-9a-f]{8}\.partial)",
        r"(?i:(.+)\.partial)",
        r"(?i:\.?(.+?)(?:\.~[0-9a-f]+)?\.ocTransferId\d+\.part)",
        r"(?i:(.+)\.part)",
        r"(?i:(.+)\.tmp)",
        r"(?i:(.+)\.(?:cr|op)?download)",
        r"(?i:(.+?)(?:\.[0-9a-f]{4})?\.ffs_tmp)",
        r"\.in\.(.+?)\.?",
        r"\.(.+)\.~[0-9a-f]+",
        r"(.+)_exiftool_tmp",
        r"(.+)\.sb-[0-9a-f]{8}-[A-Za-z0-9]{6}",
        r"\.pending-\d+-(.+)",
        rf"(.+\.(?i:{_SENT}))-[A-Za-z0-9]{{6,12}}",
        r"\.(.+)\.[A-Za-z0-9]{6}",
    )
)

_JUNK = _whole_name(
    (
        r"(?i:\.DS_Store)",  # macOS Finder
        r"\._.*",  # macOS AppleDouble, on any target without extended attributes
        r"(?i:\.(?:AppleDouble|Spotlight-V100|fseventsd|TemporaryItems|apdisk|localized))",  # macOS
        r"(?i:\.(?:DocumentRevisions-V100|VolumeIcon\.icns)|__MACOSX)",  # macOS volumes, archives
        r"Icon\r",  # macOS folder icon
        r"(?i:(?:eh)?Thumbs\.db|desktop\.ini)",  # Windows Explorer
        r"(?i:\$RECYCLE\.BIN|System Volume Information)",  # Windows, on cards and drives
        r"\.directory",  # KDE Dolphin
        r"(?i:\.trash.*)",  # Linux desktops (.Trash-1000), macOS (.Trashes), Android (.trashed-*)
        r"@eaDir|#recycle|\.@__thumb|@Recycle",  # Synology and QNAP
        r"\.fuse_hidden.*",  # libfuse, an open file that was deleted
        r"\.nfs[0-9a-f]{16,}",  # NFS, the same
        r".+\.lftp-pget-status",  # lftp, downloads in pieces
        r"\.~lock\..+#",  # LibreOffice
        r"\..+\.sw[op]",  # Vim
        r"(?i:\.?picasa\.ini|\.BridgeCacheT?|\.BridgeLabelsAndRatings)",  # Picasa, Adobe Bridge
        r"\.nomedia",  # Android
    )
)


def entry_name(raw: bytes) -> str:
    """Return the name the kernel gave as text, in exactly the spelling that was sent.

    Raises NameTooLongError above 255 bytes and BadNameError for what is not UTF-8.
    """
    if len(raw) > LONGEST_ENTRY_NAME:
        raise NameTooLongError(len(raw), LONGEST_ENTRY_NAME)
    shown = raw.decode("utf-8", errors="replace")
    if not raw or b"/" in raw or b"\0" in raw:
        raise BadNameError(f"a name is not empty and has no slash or NUL: {shown!r}")
    if shown.encode("utf-8") != raw:
        raise BadNameError(
            f"the name {shown!r} is not UTF-8: set the client's character set to UTF-8"
        )
    return shown


def entry_key(name: str) -> str:
    """Return what makes *name* the same entry: its NFC form. Case matters."""
    return unicodedata.normalize("NFC", name)


def stem_key(name: str) -> str:
    """Return what the files of one picture share, `x.jpg`, `X.CR2` and `x.xmp`: the name less its ending.

    Without regard to case: cameras write X.JPG, converters X.xmp beside it.
    """
    key = folded(name)
    return key.rpartition(".")[0] or key


def folded(name: str) -> str:
    """Return the name without regard to case and to Unicode's spellings."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def beside(name: str, number: int) -> str:
    """Return the *number*th choice for what is restored while *name* is taken.

    "IMG_1 (restored).JPG", then "IMG_1 (restored 2).JPG"; a long name is cut to make room.
    """
    ending = PurePosixPath(name).suffix
    if _bytes_of(ending) > _LONGEST_ENDING:
        ending = ""
    mark = " (restored)" if number == 1 else f" (restored {number})"
    room = LONGEST_ENTRY_NAME - _bytes_of(mark + ending)
    stem = name.removesuffix(ending).encode()[:room].decode(errors="ignore")
    return stem + mark + ending


def is_temporary(name: str) -> bool:
    """Tell whether a client will rename this to the file's real name once it is sent.

    It may name a directory, too (`.~tmp~`): what lies inside waits for its rename as well.
    """
    return _TEMPORARY.fullmatch(name) is not None


def final_name(name: str) -> str | None:
    """Return the name that a client will give what it sends as *name*; None if that does not tell.

    gvfs's and editors' temporary names are random, or say too little.
    """
    if not is_temporary(name):
        return None
    found = next((match[1] for form in _FINAL if (match := form.fullmatch(name))), None)
    if found is None or is_temporary(found) or is_junk(found):
        return None
    return found


def is_junk(name: str) -> bool:
    """Tell whether a system made this for itself, so that nobody wants to hear of it."""
    return _JUNK.fullmatch(name) is not None


def is_original_backup(name: str) -> bool:
    """Tell whether ExifTool set this file aside as NAME_original before rewriting NAME."""
    return name.endswith("_original") and name != "_original"


def is_sidecar(name: str) -> bool:
    """Tell whether the extension is that of text about photos (XMP, CSV, XML)."""
    return name.lower().endswith(_SIDECAR_ENDINGS)


def is_sent_for_ingest(name: str) -> bool:
    """Tell whether the extension is that of a photo, or of text about photos."""
    return _SENT_NAME.fullmatch(name) is not None


def is_reserved(name: str, *, at_root: bool = False) -> bool:
    """Tell whether, in a job's own directory or *at_root*, this name belongs to jobfs's status files.

    So does the temporary name by which a client sends a file of such a name.
    """
    beginnings = _RESERVED_BESIDE_JOBS if at_root else _RESERVED_BEGINNINGS
    if not any(beginning in name for beginning in beginnings):
        return False  # nearly every name, and there are many
    meant = final_name(name) or name
    return name.startswith(beginnings) or meant.startswith(beginnings)


def job_name(text: str) -> str:
    """Return *text* in NFC, if it may name a job.

    The rules make every job name an easy directory name for any client on any system.
    Raises BadJobNameError, which names every rule that is broken.
    """
    name = unicodedata.normalize("NFC", text)
    broken = _broken_job_rules(name)
    if broken:
        raise BadJobNameError(f"{name!r} cannot be a job's name: it {', and it '.join(broken)}")
    return name


def _broken_job_rules(name: str) -> list[str]:
    rules = {
        "is empty": not name,
        f"has {len(name)} characters, more than {LONGEST_JOB_NAME}": len(name) > LONGEST_JOB_NAME,
        f"is longer than {LONGEST_ENTRY_NAME} bytes": _bytes_of(name) > LONGEST_ENTRY_NAME,
        "contains a slash": "/" in name,
        "contains a control character": any(
            unicodedata.category(character) in _INVISIBLE_CATEGORIES for character in name
        ),
        "begins with a dot": name.startswith("."),
        "begins with an underscore": name.startswith("_"),
        "begins with a space": name[:1].isspace(),
        "ends with a dot": name.endswith("."),
        "ends with a space": name[-1:].isspace(),
    }
    return [rule for rule, is_broken in rules.items() if is_broken]


def _bytes_of(name: str) -> int:
    return len(name.encode("utf-8", errors="surrogatepass"))


def job_key(name: str) -> str:
    """Return what no two jobs may share: the name without regard to case."""
    return folded(name)


def account_name(text: str) -> str:
    """Return *text*, if it may name an account. Raises BadAccountNameError.

    The form is what useradd and every SSH client agree upon; it needs no quoting anywhere.
    """
    if not _ACCOUNT_NAME.fullmatch(text):
        raise BadAccountNameError(
            f"{text!r} cannot be an account's name: it begins with a letter from a to z, goes on "
            "with letters a to z, digits, dots, underscores and hyphens, and has at most 32 "
            "characters"
        )
    return text
