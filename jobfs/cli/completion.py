"""`jobfs completion`: what a shell needs to complete commands, options and names."""

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

#: By which the shell asks `jobfs` for completions; click derives it from the program's name.
_VARIABLE = "_JOBFS_COMPLETE"


class _Bash(BashComplete):
    """Click's own lets bash split names of jobs at blanks, and expand their stars."""

    source_template = r"""%(complete_func)s() {
    local line type value
    while IFS= read -r line; do
        type=${line%%%%,*} value=${line#*,}
        case $type in
            dir) COMPREPLY=(); compopt -o dirnames ;;
            file) COMPREPLY=(); compopt -o default ;;
            plain)
                case ${COMP_WORDS[COMP_CWORD]} in
                    [\"\']*) ;;
                    *) printf -v value %%q "$value" ;;
                esac
                COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1")
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _Fish(FishComplete):
    """Click's own cuts names of jobs at commas."""

    source_template = r"""function %(complete_func)s
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp) \
        COMP_CWORD=(commandline -t) %(prog_name)s)
    for completion in $response
        set -l metadata (string split --max 1 "," -- $completion)
        switch $metadata[1]
            case dir
                __fish_complete_directories $metadata[2]
            case file
                __fish_complete_path $metadata[2]
            case plain
                echo $metadata[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


_SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": ZshComplete, "fish": _Fish}


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands.

    The next shell then completes commands, options and their choices, and names of jobs and accounts, at
    Tab. deploy/install --systemd and the image have put it where each shell looks. Elsewhere, put it
    into /usr/share/bash-completion/completions/jobfs for bash; into a file _jobfs in a folder of $fpath
    for zsh; into /etc/fish/completions/jobfs.fish for fish.
    """
    script = _SHELLS[shell](context.find_root().command, {}, "jobfs", _VARIABLE).source()
    click.echo(script, nl=not script.endswith("\n"))
