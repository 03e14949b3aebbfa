"""Is an upload whole? Decided from evidence, when its handle is closed or its name changes."""

from dataclasses import dataclass
from datetime import timedelta

from jobfs.domain import names, problems
from jobfs.domain.completeness import Finding, Structure
from jobfs.domain.metadata import sidecars
from jobfs.domain.problems import Problem
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


def judge(name: str, evidence: Evidence) -> Verdict:
    """Judge the upload behind *name*. The order of the rules is product.md's, section 4.

    Before them: what a full account could not take is said also of a client's temporary name, since that
    client gives up and will not rename it.
    """
    if evidence.over_quota is not None and not names.is_junk(name):
        change = Change.FOUND_SHORT if evidence.closed else Change.CUT_OFF
        return _verdict(change, problems.over_quota(evidence.over_quota, evidence.size))
    if names.is_temporary(name) or names.is_junk(name) or names.is_original_backup(name):
        return Verdict(change=Change.POSTPONED)
    if evidence.size == 0 and evidence.closed and not evidence.failed:
        return Verdict(change=Change.POSTPONED)
    if not evidence.closed:
        return _verdict(Change.CUT_OFF, problems.cut_off(evidence.size))
    return _judge_bytes(name, evidence)


def _judge_bytes(name: str, evidence: Evidence) -> Verdict:
    if evidence.failed:
        return _verdict(Change.FOUND_SHORT, problems.not_stored())
    finding = evidence.finding
    # Other files may well have holes, as on any disk; a picture has none, nor what is to be one.
    is_foreign = finding.structure is Structure.NOT_AN_IMAGE and not names.is_sent_for_ingest(name)
    if evidence.gap is not None and not is_foreign:
        return _verdict(Change.FOUND_SHORT, problems.never_sent(evidence.gap))
    if finding.structure is Structure.TRUNCATED:
        return _verdict(Change.FOUND_SHORT, problems.truncated(finding.reason), finding.format)
    if finding.structure is Structure.NOT_AN_IMAGE:
        return _no_image(name)
    if finding.structure is Structure.UNKNOWN_END and not evidence.finished:
        return Verdict(change=Change.POSTPONED, quiet=True, format=finding.format)
    return Verdict(change=Change.FOUND_WHOLE, format=finding.format)


def _verdict(change: Change, problem: Problem, format_name: str | None = None) -> Verdict:
    return Verdict(change=change, format=format_name, reason=problem.reason, advice=problem.advice)


def _no_image(name: str) -> Verdict:
    if sidecars.is_xmp(name):  # whether it can be read is for ingest to find out, as with pixels
        return Verdict(change=Change.FOUND_WHOLE, format=sidecars.FORMAT)
    if names.is_sidecar(name):
        return Verdict(change=Change.FOUND_FOREIGN)
    return _verdict(Change.FOUND_FOREIGN, problems.no_image())
