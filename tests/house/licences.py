"""The licences of what is installed with jobfs, from the packages' own words.

`python -m tests.house.licences` writes docs/licences.md anew; after `deploy/lock --upgrade`, when the
packages are installed.
"""

import re
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "licences.md"

_INTRODUCTION = """\
# Licences

What `requirements.lock` installs beside jobfs, with the licence that each package names; its text is in the
package's `*.dist-info` folder. Debian's packages have theirs in `/usr/share/doc`.

| package | licence |
|---|---|
"""


def locked() -> list[str]:
    """Return the name of every package in the lock that is installed on Linux."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    found = [re.match(r"([\w.-]+)==\S+(.*)", line) for line in lines]
    names = [
        match[1]
        for match in found
        if match and not re.search(r"os_name == 'nt'|sys_platform == 'win32'", match[2])
    ]
    return list(dict.fromkeys(names))  # some stand there in two versions, each for other Pythons


def licence(package: str) -> str:
    """Return a package's licence as its metadata tell it; the newest way to tell it comes first."""
    try:
        told = metadata(package)
    except PackageNotFoundError:
        raise SystemExit(f"{package} is in requirements.lock, but not installed") from None
    every = told.get_all("Classifier") or []
    classes = [line.rpartition(" :: ")[2] for line in every if line.startswith("License ::")]
    free = _field(told, "License").partition("\n")[0]
    return _field(told, "License-Expression") or free or ", ".join(classes) or "not told"


def _field(told: PackageMetadata, name: str) -> str:
    """Return a field, or nothing: asking for one that is not there by index is on its way out."""
    return str((told.get_all(name) or [""])[0])


def page() -> str:
    """Return the text of docs/licences.md."""
    return _INTRODUCTION + "".join(f"| {name} | {licence(name)} |\n" for name in locked())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
