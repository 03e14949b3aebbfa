"""`jobfs queue`: the tasks that make photos of uploads."""

from datetime import UTC, datetime

import click

from jobfs.catalog import tasks
from jobfs.catalog.tasks import Backlog
from jobfs.cli.output import Facts, json_option, print_facts, print_listing
from jobfs.cli.studio import Studio
from jobfs.tree import tellings

#: What is said wherever somebody may wonder why nothing begins.
PAUSED = "The queue is paused: `jobfs queue resume` lets workers begin again."


@click.command("list")
@json_option
@click.pass_obj
def list_tasks(studio: Studio, *, as_json: bool) -> None:
    """List the tasks that are not done, in the order in which they will begin.

    Those that wait, those that a worker has, and those that have failed for good. Uploads come before
    imports, and imports before photos to be rendered again; among equals the oldest comes first.
    """
    with studio.reading() as connection:
        listing = tellings.queue(connection)
        is_paused = tasks.is_paused(connection)
    columns = ("id", "priority", "state", "path", "attempts", "not_before", "claimed_by", "error")
    print_listing(listing, columns, as_json=as_json, timezone=studio.timezone)
    if is_paused:
        click.echo(PAUSED, err=True)


@click.command()
@json_option
@click.pass_obj
def show(studio: Studio, *, as_json: bool) -> None:
    """Show how much there is to do, and for how long it has waited.

    For uploads, for imports and for photos to be rendered again: how many tasks wait, are worked on
    and have failed, and the age of the one that has waited for longest, in seconds.
    """
    with studio.reading() as connection:
        backlogs = tasks.backlogs(connection, now=datetime.now(UTC))
        is_paused = tasks.is_paused(connection)
    each = {backlog.priority.word: counts(backlog) for backlog in backlogs}
    if as_json:
        print_facts({"paused": is_paused, **each}, as_json=True, timezone=studio.timezone)
        return
    lines = [{"priority": word, **facts} for word, facts in each.items()]
    print_listing(lines, tuple(lines[0]), as_json=False, timezone=studio.timezone)
    if is_paused:
        click.echo(PAUSED, err=True)


@click.command()
@click.argument("task_id", type=int, metavar="[ID]", required=False)
@click.option("--all-failed", is_flag=True, help="Every task that has failed.")
@click.pass_obj
def retry(studio: Studio, task_id: int | None, *, all_failed: bool) -> None:
    """Try tasks again that have failed.

    The one with the number ID, or --all-failed.
    """
    if (task_id is not None) == all_failed:
        raise click.UsageError("Give either the ID of a task or --all-failed.")
    now = datetime.now(UTC)
    with studio.writing() as connection:
        if task_id is None:
            message = f"failed tasks that begin again: {tasks.retry_all(connection, now=now)}"
        else:
            tasks.retry(connection, task_id, now=now)
            message = f"task {task_id} begins again"
    click.echo(message)


@click.command()
@click.pass_obj
def pause(studio: Studio) -> None:
    """Let workers begin no more tasks, wherever they run.

    Uploads are received as ever; what a worker has begun is finished. It holds until `jobfs queue
    resume`, whatever is started again meanwhile.
    """
    with studio.writing() as connection:
        changed = tasks.pause(connection)
    click.echo("paused" if changed else "was paused already")


@click.command()
@click.pass_obj
def resume(studio: Studio) -> None:
    """Let workers begin tasks again."""
    with studio.writing() as connection:
        changed = tasks.resume(connection)
    click.echo("resumed" if changed else "was not paused")


def counts(backlog: Backlog) -> Facts:
    """Return what is told of the tasks of a priority; the age in seconds."""
    age = None if backlog.age is None else int(backlog.age.total_seconds())
    return {
        "waiting": backlog.waiting, "working": backlog.working, "failed": backlog.failed, "age": age
    }  # fmt: skip
