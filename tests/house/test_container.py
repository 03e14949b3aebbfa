"""That what is written about the image in several places is one thing."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def needs(text: str) -> set[str]:
    """Return what a text says that a container must be given."""
    return set(re.findall(r"--(?:device|cap-add|security-opt|volume) [\w=:/]+", text))


def test_a_container_needs_the_same_wherever_it_is_told() -> None:
    """tests/prove-image runs it so."""
    proven = needs((ROOT / "tests/prove-image").read_text())

    assert len(proven) == 4
    for page in (DOCKERFILE, (ROOT / "README.md").read_text()):
        assert needs(page) == proven
    assert needs((ROOT / "docs/container.md").read_text()) >= proven


@pytest.mark.parametrize("name", ["compose.yaml", "compose.embedded.yaml"])
def test_compose_gives_a_container_what_it_needs(name: str) -> None:
    text = (ROOT / "deploy" / name).read_text()

    for line in ("- /dev/fuse", "- SYS_ADMIN", "- apparmor=unconfined", ":/var/lib/jobfs"):
        assert line in text
    assert "privileged" not in text.replace("no-new-privileges", "")


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    lines = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if line.startswith("COPY ")]

    copied = {source for sources in lines for source in sources if not source.startswith("--from")}

    assert copied - {"/opt/jobfs"} == allowed
    assert all((ROOT / source).exists() for source in allowed)
