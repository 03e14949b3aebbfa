"""product.md, section 4, row by row: the earlier row wins."""

from dataclasses import replace

import pytest

from jobfs.domain.completeness import Finding, Structure, inspect
from jobfs.domain.judgement import Evidence, Verdict, judge
from jobfs.domain.uploads import Change
from tests.pure.pictures import noise, reading, saved

WHOLE = Finding(Structure.WHOLE, "JPEG", "the JPEG file is complete")
SHORT = Finding(Structure.TRUNCATED, "JPEG", "the JPEG file ends in the middle; 900 bytes arrived")
UNKNOWN = Finding(Structure.UNKNOWN_END, "TIFF", "where the TIFF file ends cannot be told: why not")
FOREIGN = Finding(Structure.NOT_AN_IMAGE, None, "this is not an image of a known format")
EMPTY = Finding(Structure.EMPTY, None, "the file is empty")
FINDINGS = [WHOLE, SHORT, UNKNOWN, FOREIGN, EMPTY]

TEMPORARY = [
    "IMG_1.JPG.filepart",
    "IMG_1.JPG.1a2b3c4d.partial",
    "IMG_1.JPG.part",
    "IMG_1.JPG.tmp",
    "IMG_1.JPG.crdownload",
    ".~tmp~",
    "IMG_1.JPG.ocTransferId123.part",
    ".in.IMG_1.JPG.",
    ".giosaveAbC123",
    ".IMG_1.JPG.aB3dE6",
    "IMG_1.JPG_exiftool_tmp",
    "~IMG_1.JPG",
]
JUNK = [
    ".DS_Store",
    "._IMG_1.JPG",
    "Thumbs.db",
    "desktop.ini",
    ".directory",
    ".Trash-1000",
    "@eaDir",
]
SET_ASIDE = ["IMG_1.JPG_original"]


def evidence(
    finding: Finding, *, closed: bool = True, failed: bool = False, gap: int | None = None
) -> Evidence:
    size = 0 if finding is EMPTY else 1000
    return Evidence(closed=closed, failed=failed, gap=gap, finding=finding, size=size)


@pytest.mark.parametrize("name", [*TEMPORARY, *JUNK, *SET_ASIDE])
@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.structure.name.lower())
def test_what_is_not_under_its_final_name_waits_whatever_it_holds(
    name: str, finding: Finding
) -> None:
    for found in (
        evidence(finding),
        evidence(finding, closed=False),
        evidence(finding, failed=True),
        evidence(finding, gap=10),
    ):
        verdict = judge(name, found)

        assert verdict.change is Change.POSTPONED
        assert (verdict.reason, verdict.advice) == (None, None)


def test_an_empty_file_waits_for_content() -> None:
    verdict = judge("IMG_1.JPG", evidence(EMPTY))

    assert verdict.change is Change.POSTPONED
    assert verdict.reason is None


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.structure.name.lower())
def test_a_connection_that_died_is_an_interruption_whatever_has_arrived(finding: Finding) -> None:
    for found in (evidence(finding, closed=False), evidence(finding, closed=False, gap=10)):
        verdict = judge("IMG_1.JPG", found)

        assert verdict.change is Change.CUT_OFF


def test_an_interruption_says_how_much_arrived_and_what_to_do() -> None:
    found = Evidence(closed=False, finding=UNKNOWN, size=1_234_567)

    verdict = judge("IMG_1.JPG", found)

    assert verdict.reason == "the connection ended during the upload; 1,234,567 bytes arrived"
    assert verdict.advice is not None
    assert "resume" in verdict.advice
    assert "nothing left to send" in verdict.advice


@pytest.mark.parametrize("finding", [WHOLE, UNKNOWN, FOREIGN, SHORT])
def test_a_write_that_failed_makes_it_incomplete_whatever_the_structure(finding: Finding) -> None:
    verdict = judge("IMG_1.JPG", evidence(finding, failed=True))

    assert verdict.change is Change.FOUND_SHORT
    assert verdict.reason is not None
    assert verdict.reason.startswith("a part of the file could not be stored while it was sent")
    assert verdict.advice is not None


def test_a_file_of_which_nothing_could_be_stored_is_not_an_empty_one() -> None:
    verdict = judge("IMG_1.JPG", Evidence(failed=True, finding=UNKNOWN, size=0))

    assert verdict.change is Change.FOUND_SHORT
    assert verdict.reason is not None
    assert "disk may be full" in verdict.reason


@pytest.mark.parametrize("gap", [0, 12_345])
@pytest.mark.parametrize("finding", [WHOLE, UNKNOWN, FOREIGN, SHORT])
def test_a_part_that_was_never_sent_makes_it_incomplete(finding: Finding, gap: int) -> None:
    verdict = judge("IMG_1.JPG", evidence(finding, gap=gap))

    assert verdict.change is Change.FOUND_SHORT
    assert verdict.reason == f"the part from byte {gap:,} on was never sent"


def test_a_file_that_is_no_photo_by_name_nor_content_may_have_holes() -> None:
    assert judge("disk.img", evidence(FOREIGN, gap=10)).change is Change.FOUND_FOREIGN
    assert judge("disk.img", evidence(WHOLE, gap=10)).change is Change.FOUND_SHORT


def test_missing_bytes_make_it_incomplete_in_the_words_of_the_structure() -> None:
    verdict = judge("IMG_1.JPG", evidence(SHORT))

    assert verdict.change is Change.FOUND_SHORT
    assert verdict.format == "JPEG"
    assert verdict.reason == SHORT.reason
    assert verdict.advice is not None
    assert "overwrite it, not resume it" in verdict.advice  # all that the client had may be here


def test_what_is_whole_is_received_without_a_word() -> None:
    verdict = judge("IMG_1.JPG", evidence(WHOLE))

    assert verdict.change is Change.FOUND_WHOLE
    assert verdict.format == WHOLE.format
    assert (verdict.reason, verdict.advice) == (None, None)


def test_an_image_whose_end_cannot_be_told_waits_for_a_sign_of_its_client() -> None:
    waiting = judge("IMG_1.JPG", evidence(UNKNOWN))
    finished = judge("IMG_1.JPG", replace(evidence(UNKNOWN), finished=True))

    assert (waiting.change, waiting.quiet) == (Change.POSTPONED, True)
    assert (finished.change, finished.quiet) == (Change.FOUND_WHOLE, False)
    for verdict in (waiting, finished):
        assert verdict.format == UNKNOWN.format
        assert (verdict.reason, verdict.advice) == (None, None)


def test_what_is_no_image_is_kept_and_said_to_be_none() -> None:
    verdict = judge("contract.pdf", evidence(FOREIGN))

    assert verdict.change is Change.FOUND_FOREIGN
    assert verdict.format is None
    assert (
        verdict.reason == "the file is no picture of a kind that is known here; it is kept as it is"
    )
    assert verdict.advice is not None


@pytest.mark.parametrize("name", ["IMG_1.xmp", "IMG_1.JPG.XMP"])
def test_a_sidecar_is_received_and_read_by_ingest(name: str) -> None:
    assert judge(name, evidence(FOREIGN)) == Verdict(change=Change.FOUND_WHOLE, format="XMP")


@pytest.mark.parametrize("name", ["roster.csv", "Order.XML"])
def test_a_list_is_kept_without_a_word(name: str) -> None:
    verdict = judge(name, evidence(FOREIGN))

    assert verdict.change is Change.FOUND_FOREIGN
    assert verdict.reason is None


@pytest.mark.parametrize("name", ["IMG_1.txt", "IMG_1", "roster.csv"])
def test_the_content_makes_an_image_and_not_the_name(name: str) -> None:
    content = saved(noise(), "PNG")
    finding = inspect(reading(content), len(content))

    verdict = judge(name, Evidence(finding=finding, size=len(content)))

    assert verdict.change is Change.FOUND_WHOLE
    assert verdict.format == "PNG"


@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
@pytest.mark.parametrize("missing", [1, 2, 30])
def test_a_picture_without_its_end_is_incomplete(format_name: str, missing: int) -> None:
    content = saved(noise(), format_name)[:-missing]
    finding = inspect(reading(content), len(content))

    verdict = judge("IMG_1.JPG", Evidence(finding=finding, size=len(content)))

    assert verdict.change is Change.FOUND_SHORT
    assert verdict.format == format_name


@pytest.mark.parametrize("name", ["IMG_1.JPG", *TEMPORARY])
@pytest.mark.parametrize("size", [0, 1000])
@pytest.mark.parametrize("closed", [True, False])
def test_what_a_full_account_could_not_take_says_so(name: str, size: int, closed: bool) -> None:
    refused = Evidence(closed=closed, failed=True, over_quota=1_500_000, finding=SHORT, size=size)

    verdict = judge(name, refused)

    assert verdict.change is (Change.FOUND_SHORT if closed else Change.CUT_OFF)
    assert verdict.reason is not None
    assert f"its quota of 1.5 MB is used up; {size:,} bytes" in verdict.reason
    assert verdict.advice is not None
    assert "more room" in verdict.advice


@pytest.mark.parametrize("name", JUNK)
def test_junk_that_a_full_account_could_not_take_is_nobody_s_problem(name: str) -> None:
    verdict = judge(name, Evidence(failed=True, over_quota=5, finding=SHORT, size=5))

    assert verdict.reason is None
