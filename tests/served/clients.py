"""What real SFTP clients are run with; `matrix.programs` has them all."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.served.studio import PATIENCE, Studio


@dataclass(frozen=True, slots=True)
class Answer:
    """How a client ended, and what it said."""

    status: int
    said: str


def run(
    studio: Studio, command: list[str], *, typed: str = "", folder: Path | None = None
) -> Answer:
    """Run a client, which knows nothing but the folder *home*."""
    done = subprocess.run(
        command, input=typed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(studio), cwd=folder, timeout=PATIENCE, check=False,
    )  # fmt: skip
    return Answer(done.returncode, done.stdout)


def environment(studio: Studio) -> dict[str, str]:
    """Return the environment of a client."""
    return {"PATH": os.defpath, "HOME": str(studio.home), "LC_ALL": "C.UTF-8"}


def options(studio: Studio, name: str = "anna") -> list[str]:
    """Return what OpenSSH's clients need to log an account in with its key."""
    chosen = {
        "IdentityFile": studio.home / name,
        "UserKnownHostsFile": studio.home / "known_hosts",
        "StrictHostKeyChecking": "accept-new",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "BatchMode": "yes",
        "LogLevel": "ERROR",
    }
    return ["-F", "none", *(f"-o{key}={value}" for key, value in chosen.items())]


def sftp_command(studio: Studio, *arguments: str, name: str = "anna") -> list[str]:
    """Return the command of OpenSSH's sftp, to be fed with commands of its own."""
    port = str(studio.port)
    return ["sftp", *options(studio, name), "-P", port, *arguments, f"{name}@127.0.0.1"]


def sftp(studio: Studio, folder: Path, job: str) -> Answer:
    """OpenSSH's sftp: put -r of everything, with its times."""
    batch = f'cd "{job}"\nput -rp *\n'
    return run(studio, sftp_command(studio, "-b", "-"), typed=batch, folder=folder)


def curl_speaks_sftp() -> bool:
    """Tell whether this machine's libcurl was built with an SSH library."""
    shown = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True)
    return " sftp " in shown.stdout
