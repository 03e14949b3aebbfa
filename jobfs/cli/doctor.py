"""`jobfs doctor`: is this machine fit, and what to do where it is not."""

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from jobfs.cli.checks import catalog, machine, places
from jobfs.cli.checks.findings import Finding, Result
from jobfs.cli.output import json_option, print_facts, printable
from jobfs.cli.refusals import UnfitError
from jobfs.cli.studio import Studio
from jobfs.config import file_in_use
from jobfs.daemon import login_config

_COLOURS = {Result.OK: "green", Result.WARNING: "yellow", Result.UNFIT: "red"}
_LABEL, _CHECK = 9, 13  # characters


@click.command()
@json_option
@click.pass_obj
def doctor(studio: Studio, *, as_json: bool) -> None:
    """Find out whether this machine is fit.

    Before `jobfs init`, and while jobfs runs: kernel, programs, folders, settings, database, clocks and
    room. With what is not as it should be stands what helps. Exit status 1 and a sentence if something
    is unfit; a warning is something that works, but not as well as it could. It changes nothing.
    """
    findings = []
    for finding in examination(studio):
        findings.append(finding)
        if not as_json:
            _print(finding)
    unfit = list(dict.fromkeys(one.check for one in findings if one.result is Result.UNFIT))
    if as_json:
        checks = [asdict(one) for one in findings]
        print_facts({"fit": not unfit, "checks": checks}, as_json=True, timezone=studio.timezone)
    if unfit:
        raise UnfitError(f"this machine is not fit for jobfs: {', '.join(unfit)}")
    if not as_json:
        click.echo("This machine is fit for jobfs.")


def examination(studio: Studio) -> Iterator[Finding]:
    """Yield what is found, check by check."""
    config, login = studio.config, login_config(studio.config)
    yield from machine.root()
    yield from machine.fuse()
    yield from machine.programs()
    yield from machine.mounting()
    yield from machine.ssh_server()
    yield from machine.names()
    yield from machine.confinement()
    yield from machine.resizing()
    if os.geteuid() != 0:
        return  # all that follows is root's alone to look at
    yield from machine.open_files(catalog.mount_here(studio))
    yield from places.secrets(config, file_in_use(studio.config_file))
    yield from places.chroot(config.jobfs.mountpoint)
    yield from places.mountpoint(config.jobfs.mountpoint)
    yield from places.addresses(login)
    yield from places.host_keys(login.hostkeys)
    yield from places.data(config.jobfs.data)
    yield from places.space(config.jobfs.data)
    yield from catalog.database(studio)
    yield from catalog.files(config.jobfs.data)


def _print(finding: Finding) -> None:
    """Print a finding, in colour on a terminal, and what helps below it."""
    result = f"{finding.result:{_LABEL}}"
    if sys.stdout.isatty():
        result = click.style(result, fg=_COLOURS[finding.result])
    click.echo(f"{result}{finding.check:{_CHECK}}{printable(finding.text)}")
    if finding.remedy is not None:
        click.echo(f"{'':{_LABEL + _CHECK}}{finding.remedy}")
