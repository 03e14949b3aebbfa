import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfs.domain import names
from jobfs.domain.refusals import (
    BadAccountNameError,
    BadJobNameError,
    BadNameError,
    NameTooLongError,
)

CAMERA_NAMES = [
    "IMG_0001.JPG",
    "_MG_1234.CR2",
    "_DSC0042.NEF",
    "DSC_1000.JPG",
    "DSCF0001.RAF",
    "P1010001.RW2",
    "PXL_20260101_120000.MP.jpg",
    "IMG_00~1.JPG",
    "IMG_1-Bearbeitet.jpg",
    "Dr.Max-Mustermann.JPG",
    "St.Ann-Elementary",
    "Klasse 1 (Kopie).jpeg",
    "100MSDCF",
    "partial.jpg",
    "tmp.jpg",
    "Class 1",
    "group",
    "x.xmp",
]

TEMPORARY_NAMES = [
    "IMG_0001.JPG.filepart",
    "IMG_0001.JPG.FILEPART",
    "IMG_0001.JPG.1a2b3c4d.partial",
    "IMG_0001.JPG.partial",
    "IMG_0001.JPG.part",
    "IMG_0001.JPG.ocTransferId1234567.part",
    "IMG_0001.JPG.tmp",
    "ps1A2B.TMP",
    ".syncthing.IMG_0001.JPG.tmp",
    "IMG_0001.JPG.crdownload",
    "IMG_0001.JPG.download",
    "IMG_0001.JPG-9a3f.ffs_tmp",
    ".~tmp~",
    ".rsync-partial",
    ".IMG_0001.JPG.aB3xYz",
    ".in.IMG_0001.JPG",
    ".giosaveX1Y2Z3",
    ".goutputstream-X1Y2Z3",
    ".IMG_0001.JPG.~1a2b",
    "IMG_0001.JPG_exiftool_tmp",
    "IMG_0001.JPG.sb-1a2b3c4d-AbCdEf",
    ".pending-1700000000-IMG_0001.JPG",
    "IMG_0001.JPG-x7Kq92Lm",
    "~$roster.csv",
    "~",
    "IMG_0001.JPG~",
]

JUNK_NAMES = [
    ".DS_Store",
    ".ds_store",
    "._IMG_0001.JPG",
    "._MG_1234.CR2",
    "._",
    "Thumbs.db",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "Desktop.ini",
    ".directory",
    ".Trash",
    ".Trash-1000",
    ".Trashes",
    ".trashed-1700000000-IMG_0001.JPG",
    "@eaDir",
    ".fuse_hidden0000001200000001",
    ".nfs000000000000000100000002",
    "IMG_0001.JPG.lftp-pget-status",
    ".Spotlight-V100",
    "__MACOSX",
    "Icon\r",
    "$RECYCLE.BIN",
    ".~lock.roster.csv#",
    ".notes.swp",
    ".picasa.ini",
    ".nomedia",
]


@pytest.mark.parametrize("name", TEMPORARY_NAMES)
def test_a_clients_temporary_name_waits_for_its_rename(name: str) -> None:
    assert names.is_temporary(name)


@pytest.mark.parametrize("name", JUNK_NAMES)
def test_what_systems_leave_behind_is_junk(name: str) -> None:
    assert names.is_junk(name)


@pytest.mark.parametrize("name", CAMERA_NAMES)
def test_a_name_from_a_camera_or_a_person_is_neither_temporary_nor_junk(name: str) -> None:
    assert not names.is_temporary(name)
    assert not names.is_junk(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG_0001.JPG_original", True),
        ("_original", False),
        ("IMG_original.JPG", False),
        ("IMG_0001.JPG_ORIGINAL", False),
    ],
)
def test_exiftools_backup_is_known_by_its_ending(name: str, expected: bool) -> None:
    assert names.is_original_backup(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG_1.xmp", True),
        ("IMG_1.JPG.XMP", True),
        ("roster.csv", True),
        ("order.Xml", True),
        ("IMG_1.JPG", False),
        ("xmp", False),
    ],
)
def test_a_sidecar_is_known_by_its_extension(name: str, expected: bool) -> None:
    assert names.is_sidecar(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("_STATUS.txt", True),
        ("_PROBLEMS.csv", True),
        ("_RECEIPT.sha256", True),
        ("_STATUS.txt.filepart", True),
        ("_STATUS", False),
        ("_status.txt", False),
        ("x_STATUS.txt", False),
    ],
)
def test_the_names_of_status_files_are_reserved(name: str, expected: bool) -> None:
    assert names.is_reserved(name) is expected
    assert not names.is_reserved(name, at_root=True)


@pytest.mark.parametrize("name", ["_NO_JOBS.txt", "_CLOSED_JOBS.txt", ".in._CLOSED_JOBS.txt."])
def test_beside_the_jobs_other_names_are_reserved(name: str) -> None:
    assert names.is_reserved(name, at_root=True)
    assert not names.is_reserved(name)


@given(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=60))
def test_an_entry_name_comes_back_exactly_as_sent(name: str) -> None:
    assert names.entry_name(name.encode()) == name


def test_an_entry_name_is_not_normalised() -> None:
    assert names.entry_name("Scho\u0308n.jpg".encode()) == "Scho\u0308n.jpg"


@pytest.mark.parametrize("raw", [b"Sch\xf6n.jpg", b"", b"a/b", b"a\0b"])
def test_what_is_not_a_utf8_name_is_refused_with_einval(raw: bytes) -> None:
    with pytest.raises(BadNameError) as refusal:
        names.entry_name(raw)

    assert refusal.value.errno == errno.EINVAL


def test_a_name_has_at_most_255_bytes() -> None:
    assert names.entry_name(b"x" * 255) == "x" * 255

    with pytest.raises(NameTooLongError, match="256 bytes") as refusal:
        names.entry_name("ö".encode() * 128)

    assert refusal.value.errno == errno.ENAMETOOLONG


def test_two_spellings_of_one_name_have_one_key() -> None:
    assert names.entry_key("Scho\u0308n") == names.entry_key("Sch\u00f6n")


def test_case_makes_two_entries() -> None:
    assert names.entry_key("img_1.jpg") != names.entry_key("IMG_1.JPG")


@pytest.mark.parametrize(
    "name",
    ["PlainviewHSFall2026", "Schäferhof Kita", "a", "ö" * 120, "1. Klasse", "a_b.c", "中学校 2026"],
)
def test_an_ordinary_name_may_name_a_job(name: str) -> None:
    assert names.job_name(name) == name


def test_a_job_name_is_kept_in_nfc() -> None:
    assert names.job_name("Scha\u0308fer") == "Sch\u00e4fer"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "is empty"),
        ("x" * 121, "121 characters"),
        ("中" * 100, "longer than 255 bytes"),
        ("a/b", "slash"),
        ("a\nb", "control character"),
        ("a\0b", "control character"),
        ("a\u2028b", "control character"),
        ("a\udc80b", "control character"),
        (".hidden", "begins with a dot"),
        ("_CLOSED", "begins with an underscore"),
        (" a", "begins with a space"),
        ("a.", "ends with a dot"),
        ("a ", "ends with a space"),
    ],
)
def test_a_refused_job_name_is_told_which_rule_it_breaks(name: str, rule: str) -> None:
    with pytest.raises(BadJobNameError, match=rule) as refusal:
        names.job_name(name)

    assert refusal.value.errno == errno.EINVAL


def test_a_refused_job_name_is_told_every_rule_it_breaks() -> None:
    with pytest.raises(BadJobNameError, match=r"slash, and it begins with a dot, and it ends"):
        names.job_name("./x.")


@pytest.mark.parametrize(
    ("one", "other"), [("Fall", "FALL"), ("Straße", "STRASSE"), ("Scha\u0308fer", "SCHÄFER")]
)
def test_job_names_that_differ_in_case_alone_have_one_key(one: str, other: str) -> None:
    assert names.job_key(one) == names.job_key(other)


@pytest.mark.parametrize("name", ["a", "anna", "anna.k-2_x", "a" * 32])
def test_an_ordinary_login_name_may_name_an_account(name: str) -> None:
    assert names.account_name(name) == name


@pytest.mark.parametrize("name", ["", "Anna", "1a", "_a", "a" * 33, "änne", "a b", "a\n", "a/b"])
def test_other_names_may_not_name_an_account(name: str) -> None:
    with pytest.raises(BadAccountNameError) as refusal:
        names.account_name(name)

    assert refusal.value.errno == errno.EINVAL


# --- beside a name that is taken ---


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("a.jpg", "a (restored).jpg", "a (restored 2).jpg"),
        ("a.jpg.filepart", "a.jpg (restored).filepart", "a.jpg (restored 2).filepart"),
        ("Class 1", "Class 1 (restored)", "Class 1 (restored 2)"),
        (".hidden", ".hidden (restored)", ".hidden (restored 2)"),
        ("ends.", "ends. (restored)", "ends. (restored 2)"),
    ],
)
def test_what_is_restored_beside_a_name_keeps_its_ending(
    name: str, first: str, second: str
) -> None:
    assert (names.beside(name, 1), names.beside(name, 2)) == (first, second)


@pytest.mark.parametrize("name", ["ü" * 125 + ".JPG", "a." + "ü" * 126, "x" * 255])
def test_a_name_beside_the_longest_is_no_longer(name: str) -> None:
    beside = names.beside(name, 12)

    assert names.entry_name(beside.encode()) == beside
    assert beside.count(" (restored 12)") == 1


@pytest.mark.parametrize(
    ("temporary", "final"),
    [
        ("a.JPG.filepart", "a.JPG"),
        ("a.JPG.filepart2", "a.JPG"),
        ("a.JPG.1a2b3c4d.partial", "a.JPG"),
        ("a.JPG.partial", "a.JPG"),
        ("a.JPG.part", "a.JPG"),
        (".a.JPG.~12ab.ocTransferId123.part", "a.JPG"),
        ("a.JPG.tmp", "a.JPG"),
        (".syncthing.a.JPG.tmp", "a.JPG"),
        ("a.JPG.crdownload", "a.JPG"),
        ("a.JPG.b4a3.ffs_tmp", "a.JPG"),
        (".in.a.JPG", "a.JPG"),
        (".in.a.JPG.", "a.JPG"),
        (".a.JPG.aB3dE6", "a.JPG"),
        (".a.JPG.~3f", "a.JPG"),
        ("a.JPG_exiftool_tmp", "a.JPG"),
        ("a.JPG.sb-0123abcd-xYz123", "a.JPG"),
        (".pending-17-a.JPG", "a.JPG"),
        ("a.JPG-1a2b3c4d", "a.JPG"),
        ("Gruppe 1 ä.jpeg.filepart", "Gruppe 1 ä.jpeg"),
    ],
)
def test_a_temporary_name_tells_the_final_one(temporary: str, final: str) -> None:
    assert names.is_temporary(temporary)
    assert names.final_name(temporary) == final


@pytest.mark.parametrize(
    "name", ["a.JPG", ".giosaveAbC123", ".goutputstream-XYZ", "~a.JPG", "a.JPG~", ".~tmp~", ".tmp",
             "._a.JPG.part", "a.part.part", ".DS_Store.filepart"],
)  # fmt: skip
def test_of_other_names_the_final_one_is_not_known(name: str) -> None:
    assert names.final_name(name) is None
