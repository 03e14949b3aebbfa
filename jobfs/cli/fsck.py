"""`jobfs fsck`: do the rows of the database and the bytes of the store go together?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from jobfs.cli.checking import Check
from jobfs.cli.output import json_option, print_listing
from jobfs.cli.progress import progress

if TYPE_CHECKING:
    from jobfs.cli.studio import Studio

#: Folders of the store, of either kind.
FOLDERS = 256


@click.command()
@click.option("--repair", is_flag=True, help="Put right what can be.")
@click.option("--hash", "hashed", is_flag=True, help="Read every original, compare its SHA-256.")
@json_option
@click.pass_obj
def fsck(studio: Studio, *, repair: bool, hashed: bool, as_json: bool) -> None:
    """Compare rows and bytes, both ways.

    Safe while the studio runs: what is being sent or made is left alone. Exit status 0: nothing is wrong;
    1: something is, or is still after --repair. Repairing makes renditions again, asks for ingest that
    was forgotten, counts quotas anew, and moves originals that no row names into the folder `found` of
    the data folder, where you may look at them; it deletes no original. Bytes that are lost come back
    from a backup only, or by being sent again.
    """
    check = Check(studio, repair=repair, hashed=hashed, now=time.time())
    with progress(check.length() + 2 * FOLDERS, "checking") as bar:
        for _ in check.rows():
            bar.update(1)
        for kind in ("blobs", "renditions"):
            for number in range(FOLDERS):
                check.folder(kind, number)
                bar.update(1)
        check.contradictions()
    columns = ("kind", "path", "text", "repaired", "advice")
    lines = [fault.facts() for fault in check.faults]
    if lines or as_json:
        print_listing(lines, columns, as_json=as_json, timezone=studio.timezone)
    left = sum(not fault.repaired for fault in check.faults)
    if not as_json:
        click.echo(f"checked {check.number:,} files: {len(lines)} faults, {left} left", err=True)
    if left:
        raise click.exceptions.Exit(1)
