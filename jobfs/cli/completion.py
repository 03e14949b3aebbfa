"""`jobfs completion`: what a shell needs to complete commands and options."""

import click
from click.shell_completion import get_completion_class

#: By which the shell asks `jobfs` for completions; click derives it from the program's name.
_VARIABLE = "_JOBFS_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands.

    For bash, put it into /etc/bash_completion.d/jobfs; for zsh, into a file _jobfs in a folder of $fpath;
    for fish, into /etc/fish/completions/jobfs.fish. The next shell then completes commands, options and
    their choices at Tab.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "jobfs", _VARIABLE).source())
