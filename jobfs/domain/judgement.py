"""Is an upload whole? Decided from evidence, when its handle is closed or its name changes."""

from dataclasses import dataclass

from jobfs.domain import names
from jobfs.domain.completeness import Finding, Structure
from jobfs.domain.uploads import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of an upload at its close.

    closed    the opener closed it; false: it died with the file open
    failed    a write failed, so bytes that the client sent are not there
    gap       offset of the first byte that was never sent though later ones were; None: none
    finding   what the content's structure says
    size      bytes
    """

    closed: bool = True
    failed: bool = False
    gap: int | None = None
    finding: Finding
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What follows: how the state changes, and what a photographer is told if there is a problem."""

    change: Change
    format: str | None = None
    reason: str | None = None
    advice: str | None = None


_SEND_AGAIN = "Send the file again; most programs can resume it."


def judge(name: str, evidence: Evidence) -> Verdict:
    """Judge the upload behind *name*. The order of the rules is product.md's, section 4."""
    if names.is_temporary(name) or names.is_junk(name) or names.is_original_backup(name):
        return Verdict(change=Change.POSTPONED)
    if evidence.size == 0 and evidence.closed:
        return Verdict(change=Change.POSTPONED)
    if not evidence.closed:
        return Verdict(
            change=Change.CUT_OFF,
            reason=f"the connection ended during the upload; {evidence.size:,} bytes arrived",
            advice=_SEND_AGAIN,
        )
    return _judge_bytes(name, evidence)


def _judge_bytes(name: str, evidence: Evidence) -> Verdict:
    if evidence.failed:
        return _short("a part of the file could not be stored while it was sent")
    if evidence.gap is not None:
        return _short(f"the part from byte {evidence.gap:,} on was never sent")
    finding = evidence.finding
    if finding.structure is Structure.TRUNCATED:
        return _short(finding.reason, finding.format)
    if finding.structure is Structure.NOT_AN_IMAGE:
        return _foreign(name)
    # UNKNOWN_END, too: decoding every pixel will tell.
    return Verdict(change=Change.FOUND_WHOLE, format=finding.format)


def _short(reason: str, format_name: str | None = None) -> Verdict:
    return Verdict(change=Change.FOUND_SHORT, format=format_name, reason=reason, advice=_SEND_AGAIN)


def _foreign(name: str) -> Verdict:
    if names.is_sidecar(name):
        return Verdict(change=Change.FOUND_FOREIGN)
    return Verdict(
        change=Change.FOUND_FOREIGN,
        reason="the file is no image that jobfs knows; it is kept as it is",
        advice="If it is a photo, open it on your computer and send it as a JPEG.",
    )
