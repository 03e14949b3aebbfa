"""What jobfs counts of its own work, and the names under which Prometheus hears of it.

A metric is numbers in memory that grow where the work is done, thousands of times a second. Who counts
has taken its number once (`of`), and adding to it is all that it costs; any thread may. Others are asked for
only when Prometheus asks: see `jobfs.monitoring`. How they are written is `jobfs.exposition`'s affair.
prometheus_client's own counters would cost each request twice as much (0.6 and not 0.25 us), and every
command the time to load them.

Labels are kinds and outcomes. Never an account, a job or a file: there is no end of them, and they are
nobody's business who may read how a machine does.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from time import perf_counter

Labels = tuple[str, ...]


class Number:
    """One number that is counted."""

    __slots__ = ("_lock", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self._lock = Lock()

    def add(self, amount: float = 1) -> None:
        """Count *amount* more; or less, if it is a gauge's."""
        with self._lock:
            self.value += amount


class Durations:
    """How often something has taken how long, in seconds; *bounds* are those it is sorted by."""

    __slots__ = ("_counts", "_lock", "_sum", "bounds")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._lock = Lock()

    def note(self, seconds: float) -> None:
        """Count one that took so long."""
        place = bisect_left(self.bounds, seconds)
        with self._lock:
            self._counts[place] += 1
            self._sum += seconds

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Note how long the block takes, however it ends."""
        began = perf_counter()
        try:
            yield
        finally:
            self.note(perf_counter() - began)

    def read(self) -> tuple[list[int], float]:
        """Return how many there were up to each bound, and above the last, and their sum in seconds."""
        with self._lock:
            return list(self._counts), self._sum


class _Metric:
    """A name, what it means, and the names of its labels."""

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        self.name = name
        self.meaning = meaning
        self.labels = labels


class Counter(_Metric):
    """Numbers that only grow. The name ends in `_total`."""

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        super().__init__(name, meaning, *labels)
        self._numbers: dict[Labels, Number] = {}

    def of(self, *values: str) -> Number:
        """Return the number with these labels, which is shown from now on, even while it is 0."""
        number = self._numbers.get(values)
        return number or self._numbers.setdefault(values, Number())

    def __iter__(self) -> Iterator[tuple[Labels, Number]]:
        """Go over the numbers there are at this moment."""
        return iter(list(self._numbers.items()))


class Gauge(Counter):
    """Numbers that go up and down."""


class Timer(_Metric):
    """Durations of something; the name ends in `_seconds`."""

    def __init__(self, name: str, meaning: str, *labels: str, bounds: tuple[float, ...]) -> None:
        super().__init__(name, meaning, *labels)
        self._bounds = bounds
        self._durations: dict[Labels, Durations] = {}

    def of(self, *values: str) -> Durations:
        """Return the durations with these labels, which are shown from now on, even while there are none."""
        durations = self._durations.get(values)
        return durations or self._durations.setdefault(values, Durations(self._bounds))

    def __iter__(self) -> Iterator[tuple[Labels, Durations]]:
        """Go over the durations there are at this moment."""
        return iter(list(self._durations.items()))


class Asked(_Metric):
    """Numbers that are looked up when somebody asks for them."""


Counted = Counter | Timer
#: What a look has found.
Found = Mapping[Asked, Mapping[Labels, float]]

# Seconds. Of what should be done in milliseconds, and of what may take minutes.
_QUICK = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)
_LONG = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)

ROLE = Gauge("jobfs_role", "1; its labels are what answers.", "role", "version")

# --- the mount ---

UPLOADS = Counter(
    "jobfs_uploads_total", "What uploads were found to be, and what ingest made of them.", "outcome"
)
UPLOAD_BYTES = Counter("jobfs_upload_bytes_total", "Bytes of these uploads.", "outcome")
HANDLE_BYTES = Counter(
    "jobfs_handle_bytes_total", "Bytes that clients have written and read.", "direction"
)
OPEN_HANDLES = Gauge("jobfs_open_handles", "Files that clients have open.", "mode")
KERNEL_REQUESTS = Timer(
    "jobfs_kernel_request_seconds", "How long the kernel waited for an answer.", "request",
    bounds=_QUICK,
)  # fmt: skip
KERNEL_FAILURES = Counter(
    "jobfs_kernel_failures_total",
    "Requests that were answered by an error; `incomplete` is the close of a file that is not whole.",
    "request", "error",
)  # fmt: skip
DATABASE_UP = Asked("jobfs_database_up", "1 if the database answers, else 0.")
QUEUE_TASKS = Asked("jobfs_queue_tasks", "Tasks that are not done.", "priority", "state")
QUEUE_AGE = Asked(
    "jobfs_queue_age_seconds",
    "For how long the oldest task that waits might have begun.",
    "priority",
)
QUEUE_PAUSED = Asked("jobfs_queue_paused", "1 if workers begin no tasks, else 0.")
OLDEST_RECEIVED = Asked(
    "jobfs_uploads_oldest_received_seconds",
    "For how long the oldest upload has been received that is neither a photo nor a problem; or 0.",
)
ARRIVING = Asked("jobfs_uploads_arriving", "Uploads that somebody is sending.")
STORE_BYTES = Asked("jobfs_store_bytes", "Room on the disk of the photos.", "kind")
STORE_FILES = Asked("jobfs_store_files", "Files that this disk can hold.", "kind")

# --- the worker ---

INGESTED = Timer(
    "jobfs_ingested_seconds", "From an upload's receipt until it was a photo.", bounds=_LONG
)
INGEST_STAGES = Timer(
    "jobfs_ingest_stage_seconds", "How long each stage of ingest took.", "stage", bounds=_LONG
)
INGEST_RETRIES = Counter("jobfs_ingest_retries_total", "Times that ingest was put off.")
DECODER_RESTARTS = Counter(
    "jobfs_decoder_restarts_total", "Decoders that were followed by another.", "reason"
)

# --- login ---

LOGINS = Counter("jobfs_logins_total", "Logins, as sshd tells of them.", "outcome")
CONNECTIONS = Asked("jobfs_connections", "Connections that have logged in.")

# --- all of them ---

DATABASE = Timer(
    "jobfs_database_seconds",
    "How long transactions took, waiting for their turn included.", "kind", bounds=_QUICK,
)  # fmt: skip
DATABASE_FAILURES = Counter(
    "jobfs_database_failures_total", "Transactions that the database refused.", "kind"
)

COUNTED: tuple[Counted, ...] = (
    ROLE, UPLOADS, UPLOAD_BYTES, HANDLE_BYTES, OPEN_HANDLES, KERNEL_REQUESTS, KERNEL_FAILURES,
    INGESTED, INGEST_STAGES, INGEST_RETRIES, DECODER_RESTARTS, LOGINS, DATABASE, DATABASE_FAILURES,
)  # fmt: skip
ASKED = (
    DATABASE_UP, QUEUE_TASKS, QUEUE_AGE, QUEUE_PAUSED, OLDEST_RECEIVED, ARRIVING, STORE_BYTES,
    STORE_FILES, CONNECTIONS,
)  # fmt: skip
