"""Is an upload whole? Decided from evidence, when its handle is closed or its name changes."""

from dataclasses import dataclass
from datetime import timedelta

from jobfs.domain import names
from jobfs.domain.completeness import Finding, Structure
from jobfs.domain.metadata import sidecars
from jobfs.domain.quotas import size_in_words
from jobfs.domain.uploads import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of an upload at its close.

    closed    the opener closed it; false: it died with the file open
    failed    a write failed, so bytes that the client sent are not there
    over_quota  the account's quota, if that is why; else None
    gap       offset of the first byte that was never sent though later ones were; None: none
    finished  the client has shown that nothing more will come: it set the file's time after its last
              write, gave it another name, or was quiet for long
    finding   what the content's structure says
    size      bytes
    sha256    of the bytes, hexadecimal, if their structure says that some are missing; else None
    """

    closed: bool = True
    failed: bool = False
    over_quota: int | None = None
    gap: int | None = None
    finished: bool = False
    finding: Finding
    size: int
    sha256: str | None = None

    @property
    def missing_from(self) -> int | None:
        """The offset of the first byte that is known to be missing; None if none is."""
        if self.gap is None and self.failed:
            return self.size
        return self.gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What follows: how the state changes, and what a photographer is told if there is a problem.

    quiet  it is postponed only until the client has been quiet for QUIET
    """

    change: Change
    quiet: bool = False
    format: str | None = None
    reason: str | None = None
    advice: str | None = None


#: How long nothing may come to an image whose end cannot be told, until it counts as whole.
QUIET = timedelta(seconds=60)

#: What to do about an incomplete file that was sent twice with the very same bytes.
LOOK_AT_THE_CARD = (
    "It was sent twice with the same end: look whether the file on the card or computer is whole."
)
_SEND_AGAIN = "Send the file again; most programs can resume it."


def judge(name: str, evidence: Evidence) -> Verdict:
    """Judge the upload behind *name*. The order of the rules is product.md's, section 4.

    Before them: what a full account could not take is said also of a client's temporary name, since that
    client gives up and will not rename it.
    """
    if evidence.over_quota is not None and not names.is_junk(name):
        return _over_quota(evidence, evidence.over_quota)
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
    finding = evidence.finding
    # Other files may well have holes, as on any disk; a picture has none, nor what is to be one.
    is_foreign = finding.structure is Structure.NOT_AN_IMAGE and not names.is_sent_for_ingest(name)
    if evidence.gap is not None and not is_foreign:
        return _short(f"the part from byte {evidence.gap:,} on was never sent")
    if finding.structure is Structure.TRUNCATED:
        return _short(finding.reason, finding.format)
    if finding.structure is Structure.NOT_AN_IMAGE:
        return _no_image(name)
    if finding.structure is Structure.UNKNOWN_END and not evidence.finished:
        return Verdict(change=Change.POSTPONED, quiet=True, format=finding.format)
    return Verdict(change=Change.FOUND_WHOLE, format=finding.format)


def _short(reason: str, format_name: str | None = None) -> Verdict:
    return Verdict(change=Change.FOUND_SHORT, format=format_name, reason=reason, advice=_SEND_AGAIN)


def _over_quota(evidence: Evidence, quota: int) -> Verdict:
    return Verdict(
        change=Change.FOUND_SHORT if evidence.closed else Change.CUT_OFF,
        reason=f"the account is full: its quota of {size_in_words(quota)} is used up;"
        f" {evidence.size:,} bytes of the file arrived",
        advice="Delete what is not needed, or ask the studio for more room. Then send the file again.",
    )


def _no_image(name: str) -> Verdict:
    if sidecars.is_xmp(name):  # whether it can be read is for ingest to find out, as with pixels
        return Verdict(change=Change.FOUND_WHOLE, format=sidecars.FORMAT)
    if names.is_sidecar(name):
        return Verdict(change=Change.FOUND_FOREIGN)
    return Verdict(
        change=Change.FOUND_FOREIGN,
        reason="the file is no image that jobfs knows; it is kept as it is",
        advice="If it is a photo, open it on your computer and send it as a JPEG.",
    )
