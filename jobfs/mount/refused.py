"""Names that were refused, for the status file of the job in which somebody tried them.

OpenSSH says "Bad message" to the client, and no row is made: this mount's memory is all there is. A
photographer stays on one mount, and tries again after it was started anew.
"""

from collections import deque
from datetime import UTC, datetime, timedelta

from jobfs.domain.reports.status import RefusedName
from jobfs.domain.reports.words import MOST

#: How long a refusal is told.
_TOLD = timedelta(days=1)
#: Jobs, as seen by an account each, of which names are remembered; the oldest go first.
_MOST_JOBS = 1000


class RefusedNames:
    """The names that were refused in one mount, by account and job."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], deque[RefusedName]] = {}

    def note(self, account_id: int, job_id: int, name: bytes, why: str) -> None:
        """Remember a name; the same one once."""
        shown = name.decode("utf-8", errors="replace")
        known = self._names.setdefault((account_id, job_id), deque(maxlen=MOST))
        if all(refused.name != shown for refused in known):
            known.appendleft(RefusedName(datetime.now(UTC), shown, why))
        while len(self._names) > _MOST_JOBS:
            del self._names[next(iter(self._names))]

    def of(self, account_id: int, job_id: int) -> list[RefusedName]:
        """Return the names that an account was refused in a job, the newest first."""
        known = self._names.get((account_id, job_id), ())
        since = datetime.now(UTC) - _TOLD
        return [refused for refused in known if refused.at >= since]
