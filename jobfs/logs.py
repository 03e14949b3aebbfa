"""Logs on stderr: for people on a terminal, one JSON object a line everywhere else."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

#: What every record has, and no line tells but by other names.
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def configure(level: str, *, role: str) -> None:
    """Send what is logged, by whatever library, to stderr; *role* stands on every line."""
    _look_for_nothing_that_is_not_told()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_for_people(role) if sys.stderr.isatty() else _Lines(role))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _look_for_nothing_that_is_not_told() -> None:
    """Spare each line the look for the source line, thread and process. Source: Python's logging HOWTO."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class _Lines(logging.Formatter):
    """Makes a JSON object of a record: what happened, where, when, and the facts that it was given.

    An upload has a line of its own, so this is made of little.
    """

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        """Return a record's line."""
        given = vars(record).items()
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "event": record.getMessage(),
            "logger": record.name,
            "level": record.levelname.lower(),
            **{name: fact for name, fact in given if name not in _OF_EVERY_RECORD},
            "timestamp": at.isoformat().replace("+00:00", "Z"),
            "role": self._role,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=repr)


def _for_people(role: str) -> logging.Formatter:
    import structlog  # noqa: PLC0415 - 4 MB that nobody needs but a terminal

    shared: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _naming(role),
    ]
    ending: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.dev.ConsoleRenderer(),
    ]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=ending)


def _naming(role: str) -> "Processor":
    def name_role(_logger: object, _method: str, line: "EventDict") -> "EventDict":
        line["role"] = role
        return line

    return name_role
