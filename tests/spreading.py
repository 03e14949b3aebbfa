"""How tests are spread over processes, when pytest-xdist is told `-n auto` as tests/run does.

The tests of a file are run by one process, in the order in which they stand there, so that they
can share what is dear to make. The matrix of clients is dealt out by client instead. What will
take longest is begun first.
"""

from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.workermanage import WorkerController

_MATRIX = "tests/served/matrix/"
#: How long a test takes, in seconds and very roughly; the first place that fits counts.
_SECONDS = {
    "tests/served/": 2.0,
    "tests/mounted/": 0.2,
    "tests/stored/": 0.1,
    "": 0.02,
}


class Spreading(LoadScopeScheduling):  # type: ignore[misc] # it ships no types
    """Deals out files, and clients of the matrix, to processes that have nothing to do."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the name of the part that a test belongs to."""
        file, _, test = nodeid.partition("::")
        client = test.partition("[")[2].partition("-")[0] if file.startswith(_MATRIX) else ""
        return f"{file}[{client}"

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give a process the largest part that is left."""
        largest = max(self.workqueue, key=self._seconds)
        self.workqueue.move_to_end(largest, last=False)
        super()._assign_work_unit(node)

    def _seconds(self, part: str) -> float:
        """Estimate how long a part takes."""
        one = next(seconds for place, seconds in _SECONDS.items() if part.startswith(place))
        return one * len(self.workqueue[part])
