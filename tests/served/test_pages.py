"""The commands of the pages in docs/, as they stand there, and the links between them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PostgreSQL
from tests.served import pages
from tests.served.pages import DOCS, ELSEWHERE, GENERATED, OTHER_LANGUAGES, Reader, blocks, text
from tests.served.studio import Studio

ROOT = DOCS.parent
PAGES = pages.pages()
#: The page from which a studio is made that the others begin with.
FIRST = "first-studio.md"
#: Pages whose commands are run here, in this order, by one test each; two have tests of their own.
OURS = [page for page in PAGES if blocks(page) and not pages.is_elsewhere(page)]
APART = {FIRST, "backup.md"}
#: What stands on pages for the copy that an upgrade makes, and for the address of a database.
KEPT = "/var/lib/jobfs/backups/schema-0001-20261122T021241.417000Z.sqlite3"
POSTGRESQL = "postgresql://jobfs@db.example.org/jobfs?passfile=/etc/jobfs/pgpass"


class Machines:
    """The machine of the pages, and two more."""

    def __init__(self) -> None:
        self.studios = [Studio(), Studio(), Studio()]
        self._has_studio = False

    def new_reader(self, places: dict[str, str] | None = None) -> Reader:
        """Return somebody who sits down at the first machine, which has a studio that runs."""
        first, second, _ = self.studios
        reader = Reader(first, {**(places or {}), **stands_for(first)}, elsewhere=second)
        if not self._has_studio:
            self._has_studio = True
            pages.equip(first)
            reader.follow(FIRST)
        if not first.is_running:
            first.start()
        return reader


def stands_for(studio: Studio) -> dict[str, str]:
    """Return how what is on every page is called here; longer words go first."""
    return {
        "photos.example.com": "127.0.0.1",
        "2222": str(studio.port),
        "9722": str(studio.metrics["mount"]),
        "/etc/jobfs/jobfs.toml": str(studio.config_file),
        "/var/lib/jobfs": str(studio.data),
        "/srv/jobfs": str(studio.mountpoint),
        KEPT: f"$(echo {studio.home}/mnt-before-upgrade/*/jobfs.sqlite3)",
        "/root/": f"{studio.home}/",
        "/mnt/": f"{studio.home}/mnt-",
        "/tmp/": f"{studio.home}/",
    }


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    machines = Machines()
    try:
        yield machines
        for studio in machines.studios:
            if studio.is_running:
                assert studio.stop() == 0
            studio.assert_nothing_is_left()
    finally:
        for studio in machines.studios:
            studio.remove()


def test_the_first_studio_becomes_what_the_page_says(machines: Machines) -> None:
    machines.new_reader()


@pytest.mark.parametrize("page", [page for page in OURS if page not in APART])
def test_the_commands_of_a_page_do_what_it_says(machines: Machines, page: str) -> None:
    machines.new_reader().follow(page)


def test_a_backup_becomes_a_studio_again(machines: Machines, postgresql: PostgreSQL) -> None:
    first, second, rehearsal = machines.studios
    address = postgresql.new_database().replace("+psycopg", "")
    places = {
        "/etc/jobfs/rehearsal.toml": str(rehearsal.config_file),
        "/var/lib/jobfs/jobfs.sqlite3": str(rehearsal.data / "jobfs.sqlite3"),
        POSTGRESQL: f"{address}&passfile={first.home}/pgpass",
    }

    machines.new_reader(places).follow("backup.md")

    assert second.is_running
    assert second.stop() == 0
    database = address.partition("@/")[2].partition("?")[0]
    assert "Plainview" in postgresql.psql(database, "SELECT name FROM job")


@pytest.mark.parametrize("page", [page for page in PAGES if page not in GENERATED])
def test_a_command_is_run_or_says_why_not(page: str) -> None:
    fences = re.findall(r"^```(.*)$", text(page), re.MULTILINE)

    assert set(fences[1::2]) <= {""}
    assert fences.count("sh") == len(blocks(page))
    if not pages.is_elsewhere(page):
        assert set(fences[::2]) <= OTHER_LANGUAGES | {"sh"}, "a block says what it is"


@pytest.mark.parametrize(("place", "runner"), ELSEWHERE.items())
def test_what_runs_the_commands_of_other_pages_names_them(place: str, runner: str) -> None:
    if (DOCS / place).exists():
        assert place in (ROOT / runner).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target, heading in links(page):
        place = (DOCS / page).parent / target if target else DOCS / page
        assert place.exists(), target
        assert not heading or heading in headings(place), (target, heading)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "index.md"])
def test_an_index_leads_to_every_page(page: str) -> None:
    name = DOCS / page
    folder = name.parent if name.name != "index.md" else name.parents[1]

    assert f"({name.relative_to(folder)})" in (folder / "index.md").read_text(encoding="utf-8")


def links(page: str) -> list[tuple[str, str]]:
    """Return what a page links to in this checkout: file, and heading or ""."""
    return re.findall(r"\]\((?![a-z]+:)([^)#]*)#?([^)]*)\)", text(page))


def headings(page: Path) -> set[str]:
    """Return what the headings of a page are linked by."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
