"""How long work shows on a terminal how far it is; in a pipe it says nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Protocol

    class Bar(Protocol):
        """Something that is told of progress."""

        def update(self, n_steps: int) -> None:
            """Note *n_steps* more."""


def progress(length: int, label: str) -> AbstractContextManager[Bar]:
    """Give a bar for a block of work, of *length* steps."""
    hidden = not sys.stderr.isatty()
    return click.progressbar(length=max(1, length), label=label, file=sys.stderr, hidden=hidden)
