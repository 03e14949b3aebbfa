"""The command `jobfs`: every command by name. What they do is in the modules they name."""

from pathlib import Path

import click

import jobfs
from jobfs.cli.lazy import Lazy, LazyGroup
from jobfs.cli.studio import Studio


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    lazy={
        "init": Lazy("jobfs.cli.role:init", "Make directories, database and host keys."),
        "up": Lazy("jobfs.cli.up:up", "Run everything: mount, login and workers."),
        "mount": Lazy("jobfs.cli.role:mount", "Run the mount alone."),
        "login": Lazy("jobfs.cli.role:login", "Run the SFTP server alone."),
        "worker": Lazy("jobfs.cli.role:worker", "Run one worker alone."),
        "health": Lazy("jobfs.cli.health:health", "Find out whether photographers are served."),
        "doctor": Lazy("jobfs.cli.doctor:doctor", "Find out whether this machine is fit."),
        "status": Lazy("jobfs.cli.status:status", "Show the whole studio on one screen."),
        "wait": Lazy(
            "jobfs.cli.up:wait",
            "Wait until what `jobfs up` runs is ready: mount, login and a worker.",
        ),
        "backup": Lazy("jobfs.cli.backup:backup", "Copy the whole studio into a folder."),
        "restore": Lazy(
            "jobfs.cli.restore:restore", "Make the studio that a backup in a folder holds."
        ),
        "fsck": Lazy("jobfs.cli.fsck:fsck", "Compare rows and bytes, both ways."),
        "events": Lazy("jobfs.cli.events:events", "Show what has happened."),
        "grant": Lazy("jobfs.cli.grant:grant", "Let an account into a job."),
        "revoke": Lazy("jobfs.cli.grant:revoke", "Keep an account out of a job again."),
        "completion": Lazy(
            "jobfs.cli.completion:completion", "Print what makes a shell complete commands."
        ),
        "problems": Lazy("jobfs.cli.problems:problems", "List what went wrong, and what to do."),
    },
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings in TOML; else JOBFS_CONFIG names them, else /etc/jobfs/jobfs.toml is read.",
)
@click.version_option(jobfs.__version__, prog_name="jobfs", message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context, config_file: Path | None) -> None:
    """Show a studio's jobs as the folders its photographers see over SFTP.

    Single settings come from variables JOBFS_<SECTION>__<KEY>. Exit status: 0 done, 1 refused with
    a sentence on standard error, 2 wrong usage or settings.
    """
    context.obj = Studio(config_file)
    context.call_on_close(context.obj.close)


@main.group(
    cls=LazyGroup,
    lazy={
        "add": Lazy("jobfs.cli.job:add", "Add a job."),
        "list": Lazy("jobfs.cli.job:list_jobs", "List every job."),
        "show": Lazy("jobfs.cli.job:show", "Show one job and who may do what in it."),
        "status": Lazy("jobfs.cli.job:status", "Open a job to photographers, or close it."),
        "rename": Lazy("jobfs.cli.job:rename", "Give a job another name."),
        "import": Lazy(
            "jobfs.cli.importing:import_folder",
            "Bring a folder tree into a job, as if it had been sent.",
        ),
        "sheet": Lazy("jobfs.cli.sheet:sheet", "Write a page of a job's photos."),
        "remove": Lazy("jobfs.cli.erasing:remove", "Remove a job."),
    },
)
def job() -> None:
    """Make jobs, open and close them."""


@main.group(
    cls=LazyGroup,
    lazy={
        "add": Lazy("jobfs.cli.account:add", "Add an account."),
        "list": Lazy("jobfs.cli.account:list_accounts", "List every account."),
        "show": Lazy("jobfs.cli.account:show", "Show one account, its keys and its jobs."),
        "card": Lazy("jobfs.cli.card:card", "Print what to send to a photographer."),
        "quota": Lazy(
            "jobfs.cli.quota:quota", "Show or set how much an account may have in its jobs."
        ),
        "status-files": Lazy(
            "jobfs.cli.account:status_files",
            "Show an account the files in which jobfs tells what has arrived, or not.",
        ),
        "passwd": Lazy("jobfs.cli.account:passwd", "Give an account another password."),
        "enable": Lazy("jobfs.cli.account:enable", "Let an account log in again."),
        "disable": Lazy("jobfs.cli.account:disable", "Keep an account from logging in."),
        "remove": Lazy("jobfs.cli.account:remove", "Remove an account; its photos stay."),
    },
)
def account() -> None:
    """Give people access."""


@account.group(
    cls=LazyGroup,
    lazy={
        "add": Lazy("jobfs.cli.key:add", "Let a public key log an account in."),
        "remove": Lazy("jobfs.cli.key:remove", "Take a public key away from an account."),
    },
)
def key() -> None:
    """Add and remove an account's public keys."""


@main.group(
    cls=LazyGroup,
    lazy={
        "list": Lazy("jobfs.cli.photo:list_photos", "List a job's photos."),
        "show": Lazy("jobfs.cli.photo:show", "Show all that is known of one photo."),
        "export": Lazy("jobfs.cli.export:export", "Copy a job's photos into a folder."),
        "rerender": Lazy(
            "jobfs.cli.rerender:rerender", "Have the renditions of a job's photos made anew."
        ),
        "erase": Lazy("jobfs.cli.erasing:erase", "Erase a photo, whatever the trash would keep."),
    },
)
def photo() -> None:
    """Look at photos."""


@main.group(
    cls=LazyGroup,
    lazy={
        "list": Lazy("jobfs.cli.trash:list_trash", "List what is in a job's trash."),
        "restore": Lazy("jobfs.cli.trash:restore", "Put something back from the trash."),
        "purge": Lazy("jobfs.cli.trash:purge", "Delete what is in the trash for good."),
    },
)
def trash() -> None:
    """Find and restore what was deleted or overwritten."""


@main.group(
    cls=LazyGroup,
    lazy={
        "list": Lazy(
            "jobfs.cli.queue:list_tasks",
            "List the tasks that are not done, in the order in which they will begin.",
        ),
        "show": Lazy(
            "jobfs.cli.queue:show", "Show how much there is to do, and for how long it has waited."
        ),
        "retry": Lazy("jobfs.cli.queue:retry", "Try tasks again that have failed."),
        "pause": Lazy(
            "jobfs.cli.queue:pause", "Let workers begin no more tasks, wherever they run."
        ),
        "resume": Lazy("jobfs.cli.queue:resume", "Let workers begin tasks again."),
    },
)
def queue() -> None:
    """Watch and steer the tasks that make photos."""


@main.group(
    cls=LazyGroup,
    lazy={
        "list": Lazy("jobfs.cli.connections:list_connections", "List who is logged in over SFTP."),
        "end": Lazy("jobfs.cli.connections:end", "End connections of an account, or a single one."),
    },
)
def connections() -> None:
    """See who is logged in, and end it."""


@main.group(
    cls=LazyGroup,
    lazy={
        "copy": Lazy("jobfs.cli.db:copy_database", "Copy a studio's rows into another database.")
    },
)
def db() -> None:
    """Move to another database."""
