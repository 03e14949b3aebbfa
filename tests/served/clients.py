"""Real SFTP clients, each sending the contents of a folder to a job as the account anna."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.served.studio import PASSWORD, PATIENCE, Studio


@dataclass(frozen=True, slots=True)
class Answer:
    """How a client ended, and what it said."""

    status: int
    said: str


Send = Callable[[Studio, Path, str], Answer]


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


def scp(studio: Studio, folder: Path, job: str) -> Answer:
    """OpenSSH's scp, which speaks SFTP since 9.0."""
    places = [str(place) for place in sorted(folder.iterdir())]
    target = f"anna@127.0.0.1:{job}/"
    return run(studio, ["scp", *options(studio), "-P", str(studio.port), "-rp", *places, target])


def lftp(studio: Studio, job: str, *commands: str) -> Answer:
    """Run commands of lftp in a job; it logs in through ssh, with the key."""
    ssh = shlex.join(["ssh", "-a", "-x", *options(studio)])
    script = [
        f'set sftp:connect-program "{ssh}"', "set cmd:fail-exit yes", "set net:max-retries 1",
        f"open -u anna, sftp://127.0.0.1:{studio.port}", f'cd "/{job}"', *commands,
    ]  # fmt: skip
    return run(studio, ["lftp", "--norc", "-c", "; ".join(script)])


def lftp_mirror(studio: Studio, folder: Path, job: str) -> Answer:
    """Send with lftp's mirror -R, which says each file that it transfers."""
    return lftp(studio, job, f'mirror -R -v "{folder}" .')


def lftp_put(studio: Studio, folder: Path, job: str) -> Answer:
    """Send with lftp's put, file by file, into directories made before."""
    commands = []
    for place in sorted(folder.rglob("*")):
        path = place.relative_to(folder)
        commands.append(f'mkdir "{path}"' if place.is_dir() else f'put "{place}" -o "{path}"')
    return lftp(studio, job, *commands)


def rclone(studio: Studio, folder: Path, job: str) -> Answer:
    """Send with rclone, which says at the end what it has transferred."""
    remote = f":sftp,host=127.0.0.1,port={studio.port},user=anna,key_file={studio.home}/anna:{job}"
    settings = str(studio.home / "rclone.conf")
    Path(settings).touch()
    return run(studio, ["rclone", "--config", settings, "copy", "-v", str(folder), remote])


def psftp(studio: Studio, folder: Path, job: str) -> Answer:
    """PuTTY's psftp, with the password, and the fingerprints of the account's card."""
    fingerprints = re.findall(r"SHA256:\S+", studio.jobfs("account", "card", "anna"))
    pins = [word for fingerprint in set(fingerprints) for word in ("-hostkey", fingerprint)]
    places = sorted(folder.iterdir())
    puts = [f'put {"-r " if place.is_dir() else ""}"{place.name}"' for place in places]
    script = "\n".join([f'cd "{job}"', *puts, ""])
    (studio.home / "psftp").write_text(script, encoding="utf-8")
    command = ["psftp", "-batch", *pins, "-P", str(studio.port), "-pw", PASSWORD]
    batch = ["-b", str(studio.home / "psftp"), "anna@127.0.0.1"]
    return run(studio, [*command, *batch], folder=folder)


def curl(studio: Studio, folder: Path, job: str) -> Answer:
    """Send with curl's sftp://, which makes directories as it needs them."""
    key = studio.home / "anna"
    words = ["curl", "-sS", "-k", "-u", "anna:", "--key", str(key), "--pubkey", f"{key}.pub"]
    words += ["--ftp-create-dirs"]
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        path = quote(f"{job}/{file.relative_to(folder)}")
        words += ["-T", str(file), f"sftp://127.0.0.1:{studio.port}/{path}"]
    return run(studio, words)


def curl_speaks_sftp() -> bool:
    """Tell whether this machine's libcurl was built with an SSH library."""
    shown = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True)
    return " sftp " in shown.stdout
