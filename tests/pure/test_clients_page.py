"""The page that the matrix of clients writes, docs/clients.md."""

import pytest

from tests.served.matrix import table
from tests.served.matrix.table import FAILS, NO_MEANS, WORKS, Case, Cell, Cells

OLD = "It is old."


def cells(client: str, **others: Cell) -> Cells:
    """Return the cells of a client that can do everything, but for what is said otherwise."""
    return {(client, case): others.get(case.name, WORKS) for case in Case}


def row(client: str, section: str) -> list[str]:
    (line,) = [line for line in section.splitlines() if line.startswith(f"| {client} |")]
    return [word.strip() for word in line.strip("|").split("|")[1:]]


def test_a_row_says_what_a_client_can_do() -> None:
    section = table.section("Debian 12", cells("sftp", RESUME=FAILS))

    assert section.startswith("## Debian 12\n")
    assert row("sftp", section) == ["yes", "yes", "**no**", *["yes"] * 6]
    assert row("client", section) == list(Case)


def test_notes_that_say_the_same_are_one() -> None:
    old = Cell(NO_MEANS, OLD)
    found = {**cells("b", NEW=old, TIMES=Cell(WORKS.word, "With -p.")), **cells("A", RESUME=old)}

    section = table.section("Debian 12", found)

    assert row("A", section)[:3] == ["yes", "yes", "- [1]"]
    assert row("b", section)[0] == "- [1]"
    assert row("b", section)[6] == "yes [2]"
    assert section.endswith(f"\n\n1. {OLD}\n2. With -p.\n")


def test_a_cell_of_which_nothing_is_said_is_a_hole() -> None:
    found = dict(cells("sftp"))
    del found["sftp", Case.TIMES]

    assert table.holes(found) == {("sftp", Case.TIMES)}


def test_a_run_rewrites_its_own_section_only() -> None:
    trixie = table.section("Debian 13", cells("sftp 10"))
    first = table.page("", "Debian 13", trixie)

    second = table.page(first, "Debian 12", table.section("Debian 12", cells("sftp 9")))
    third = table.page(second, "Debian 12", table.section("Debian 12", cells("sftp 9.2")))

    assert trixie in third
    assert "| sftp 9 |" in second
    assert "| sftp 9 |" not in third
    assert third.index("| sftp 9.2 |") < third.index("| sftp 10 |")


def test_the_page_stays_as_it_is_when_nothing_has_changed() -> None:
    section = table.section("Debian 12", cells("sftp", RESUME=Cell(NO_MEANS, OLD)))
    page = table.page("", "Debian 12", section)

    assert table.page(page, "Debian 12", section) == page


@pytest.mark.parametrize("case", Case)
def test_the_page_says_what_yes_means(case: Case) -> None:
    assert f"- **{case}**: {case.sentence}" in table.page("", "Debian 12", "## Debian 12\n")
