"""How long the database takes, and how often it refuses: what `jobfs.database` measures of transactions."""

from time import perf_counter
from types import TracebackType

from jobfs import metrics
from jobfs.catalog.refusals import CatalogUnavailableError


class Transactions:
    """The measures of transactions of one kind, "read" or "write"."""

    __slots__ = ("durations", "failures")

    def __init__(self, kind: str) -> None:
        self.durations = metrics.DATABASE.of(kind)
        self.failures = metrics.DATABASE_FAILURES.of(kind)


READS, WRITES = Transactions("read"), Transactions("write")


class Measured:
    """Measures the transaction in a block, from the wish for it to its answer.

    A class, since generators take several times as long, and the shortest transactions some microseconds.
    """

    __slots__ = ("_began", "_those")

    def __init__(self, those: Transactions) -> None:
        self._those = those

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._those.durations.note(perf_counter() - self._began)
        if isinstance(error, CatalogUnavailableError):
            self._those.failures.add()
