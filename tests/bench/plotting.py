"""Show what `tests/bench/run --record` has kept: draw it, and write its tables in RESULTS.md anew.

The last record of a figure counts. A day's part of the page, and its pictures, are made of its records alone.
"""

import argparse

from tests.bench import drawing, pages, records


def main() -> None:
    """Draw and write the days that the command line names."""
    parser = argparse.ArgumentParser(prog="tests/bench/plot", description=__doc__)
    parser.add_argument("days", nargs="*", metavar="DAY", help="as 2026-11-22; all of them")
    for day in parser.parse_args().days or pages.days(pages.PAGE.read_text(encoding="utf-8")):
        if not pages.file_of(day).exists():
            parser.error(f"nothing was recorded as {pages.file_of(day)}")
        _show(day)


def _show(day: str) -> None:
    made = records.read(pages.file_of(day))
    for kind, picture in drawing.drawn(made).items():
        pages.picture_of(day, kind).write_bytes(picture)
    page = pages.rewritten(pages.PAGE.read_text(encoding="utf-8"), day, made)
    pages.PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
