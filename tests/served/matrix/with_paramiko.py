"""Sends what is named with paramiko: PORT KEY JOB NAME..., in the working directory.

After --get it fetches a file instead: PATH NAME.

Ctrl-C stops it as the button of a program with windows would: between two pieces of a file.
"""

import signal
import sys
import threading
from pathlib import Path

import paramiko

stopped = threading.Event()


class StoppedError(Exception):
    """Somebody has pressed Ctrl-C."""


def main(port: str, key: str, job: str, *names: str) -> None:
    """Log in and send."""
    signal.signal(signal.SIGINT, stop)
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            "127.0.0.1", int(port), "anna", key_filename=key, allow_agent=False,
            look_for_keys=False,
        )  # fmt: skip
        with client.open_sftp() as sftp:
            if names[0] == "--get":
                sftp.get(f"{job}/{names[1]}", names[2])
                return
            for name in names:
                send(sftp, Path(name), job)


def send(sftp: paramiko.SFTPClient, place: Path, job: str) -> None:
    """Send a file, or make a directory and send what is in it."""
    if not place.is_dir():
        sftp.put(str(place), f"{job}/{place}", callback=go_on)
        return
    sftp.mkdir(f"{job}/{place}")
    for inside in sorted(place.iterdir()):
        send(sftp, inside, job)


def stop(*_: object) -> None:
    """Remember that somebody wants no more to be sent."""
    stopped.set()


def go_on(*_: int) -> None:
    """Stop if somebody wants that."""
    if stopped.is_set():
        raise StoppedError


if __name__ == "__main__":
    main(*sys.argv[1:])
