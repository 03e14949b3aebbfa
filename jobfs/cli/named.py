"""Arguments that name a job or an account: a shell can complete them.

They are words like others, and whether there is such a job is found out later. Completion is asked for at
each Tab, maybe by somebody who may not read the settings, or while there is no studio yet: then it knows
no names, and says nothing.
"""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem
from click.types import StringParamType

from jobfs.cli.studio import Studio
from jobfs.errors import JobfsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import click

    from jobfs.catalog.engine import Connection

#: Seconds in which a database must answer somebody who has pressed Tab.
_PATIENCE = 2


class Named(StringParamType):
    """A word, of which *names* lists those that exist."""

    def __init__(self, names: Callable[[Connection], Iterable[str]]) -> None:
        self._names = names

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem[str]]:
        """Return the names that begin so, in whichever Unicode spelling."""
        beginning = unicodedata.normalize("NFC", incomplete)
        known: Iterable[str] = ()
        with suppress(JobfsError, OSError):
            known = self._known(ctx.find_root().params.get("config_file"))
        return [CompletionItem(name) for name in known if name.startswith(beginning)]

    def _known(self, config_file: Path | None) -> list[str]:
        from jobfs.catalog import opening  # noqa: PLC0415 - help needs none of it

        url = Studio(config_file).config.database_url
        catalog = opening.opened(url, durable=True, patience=_PATIENCE)
        try:
            with opening.reading(catalog) as connection:
                return list(self._names(connection))
        finally:
            catalog.dispose()


def _jobs(connection: Connection) -> Iterable[str]:
    from jobfs.catalog import jobs  # noqa: PLC0415

    return jobs.names(connection)


def _accounts(connection: Connection) -> Iterable[str]:
    from jobfs.catalog import accounts  # noqa: PLC0415

    return (account.name for account in accounts.listing(connection))


JOB = Named(_jobs)
ACCOUNT = Named(_accounts)
