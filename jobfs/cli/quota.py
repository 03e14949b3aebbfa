"""`jobfs account quota`: how much an account may have in its jobs."""

import click

from jobfs.catalog import accounts, feed, usage
from jobfs.cli.named import ACCOUNT
from jobfs.cli.output import Facts, json_option, print_facts
from jobfs.cli.studio import Studio
from jobfs.cli.takeover import wait_for_login, wait_for_mounts
from jobfs.domain.quotas import Usage, parse_size, size_in_words
from jobfs.domain.refusals import BadSizeError

#: What is said instead of a size to lift a limit, and shown where there is none.
NONE = "none"


def as_size(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    """Return what an option or argument says in bytes; to click, a mistake in it is wrong usage."""
    if text is None:
        return None
    try:
        return parse_size(text)
    except BadSizeError as error:
        raise click.BadParameter(str(error)) from error


def _as_size_or_none(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> int | str | None:
    is_none = text is not None and text.lower() == NONE
    return NONE if is_none else as_size(context, parameter, text)


@click.command()
@click.argument("name", type=ACCOUNT)
@click.argument("size", callback=_as_size_or_none, required=False, metavar="[SIZE|none]")
@json_option
@click.pass_obj
def quota(studio: Studio, name: str, size: int | str | None, *, as_json: bool) -> None:
    """Show or set how much an account may have in its jobs.

    SIZE is like 500MB, 2GiB or 1.5TB; none lifts the limit; without either, the quota is shown. What
    counts is what the account has sent and its jobs show; what is in the trash does not. A write that
    would cross the quota fails; what is there already stays.
    """
    if size is not None:
        _set(studio, name, None if isinstance(size, str) else size)
    with studio.reading() as connection:
        found = usage.of_account(connection, accounts.by_name(connection, name).id)
    facts = {"name": name, **usage_facts(found, as_json=as_json)}
    print_facts(facts, as_json=as_json, timezone=studio.timezone)


def usage_facts(found: Usage, *, as_json: bool) -> Facts:
    """Return what an account may use, uses and has left: bytes for programs, words for people."""
    if as_json:
        return {"quota": found.quota, "used": found.used, "left": found.left}
    used = size_in_words(found.used)
    if found.quota is None or found.left is None:
        return {"quota": NONE, "used": used}
    return {"quota": size_in_words(found.quota), "used": used, "left": size_in_words(found.left)}


def _set(studio: Studio, name: str, size: int | None) -> None:
    """Set a quota, and return when running mounts go by it."""
    with studio.writing() as connection:
        accounts.set_quota(connection, accounts.by_name(connection, name).id, size)
        position = feed.last_of_transaction(connection)
    wait_for_login(studio, position)
    wait_for_mounts(studio, position)
