"""The page of a job's photos: HTML and CSS, no script. Every name on it is somebody's, so escaped."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from string import Template

from jobfs.catalog.problems import Problem
from jobfs.cli.output import printable
from jobfs.domain.jobs import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One photo on the page; *thumbnail* is its address, None if there is none yet."""

    name: str
    album: str
    section: str
    width: int  # pixels
    height: int
    size: int  # bytes
    thumbnail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What stands above the photos, and the time below them, as text."""

    studio: str
    job: str
    title: str
    status: JobStatus
    at: str


def page(heading: Heading, pictures: Sequence[Picture], problems: Sequence[Problem]) -> str:
    """Return the whole page. *pictures* come in the order in which they are to be shown."""
    albums = _grouped_by_album(pictures)
    template = Template(files("jobfs.cli").joinpath("sheet.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=_text(f"{heading.job} - {heading.studio}"),
        studio=_text(heading.studio),
        job=_text(heading.job),
        subtitle=f'<p class="title">{_text(heading.title)}</p>' if heading.title else "",
        facts=_facts(heading.status, albums, problems),
        contents=_contents(albums),
        albums="\n".join(_album(*album) for album in albums) or _EMPTY,
        problems=_problems(problems),
        at=_text(heading.at),
    )


def bytes_in_words(size: int) -> str:
    """Return a size as cameras and file managers write it, in powers of 1000."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004
            return f"{size} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


#: An album's place on the page, name and photos.
_Album = tuple[str, str, list[Picture]]
_EMPTY = '<p class="empty">There are no photos in this job yet.</p>'


def _grouped_by_album(pictures: Iterable[Picture]) -> list[_Album]:
    groups = groupby(pictures, key=_album_of)
    return [
        (f"album-{number}", name, list(group)) for number, (name, group) in enumerate(groups, 1)
    ]


def _album_of(picture: Picture) -> str:
    return picture.album


def _section_of(picture: Picture) -> str:
    return picture.section


def _facts(status: JobStatus, albums: Sequence[_Album], problems: Sequence[Problem]) -> str:
    pictures = [picture for _, _, group in albums for picture in group]
    facts = [
        _text(status.label),
        f"<strong>{_count(len(pictures), 'photo')}</strong> in {_count(len(albums), 'album')}",
        bytes_in_words(sum(picture.size for picture in pictures)),
    ]
    if problems:
        facts.append(f'<a href="#problems">{_count(len(problems), "problem")}</a>')
    return " · ".join(facts)


def _contents(albums: Sequence[_Album]) -> str:
    if not albums:
        return ""
    links = "\n".join(
        f'<li><a href="#{place}"><bdi>{_text(name)}</bdi> <span class="count">{len(group)}</span></a></li>'
        for place, name, group in albums
    )
    return f'<nav aria-label="Albums"><ol>\n{links}\n</ol></nav>'


def _album(place: str, name: str, pictures: Sequence[Picture]) -> str:
    sections = "\n".join(
        _section(section, list(group)) for section, group in groupby(pictures, key=_section_of)
    )
    return (
        f'<section class="album" id="{place}">\n<h2><bdi>{_text(name)}</bdi>'
        f' <span class="count">{_count(len(pictures), "photo")}</span></h2>\n{sections}\n</section>'
    )


def _section(name: str, pictures: Sequence[Picture]) -> str:
    tiles = "\n".join(_tile(picture) for picture in pictures)
    return (
        f'<h3>{_text(name)} <span class="count">{len(pictures)}</span></h3>\n'
        f'<ul class="photos">\n{tiles}\n</ul>'
    )


def _tile(picture: Picture) -> str:
    image = (
        f'<img src="{_text(picture.thumbnail)}" alt="" loading="lazy">'
        if picture.thumbnail
        else "no thumbnail yet"
    )
    detail = f"{picture.width} × {picture.height} · {bytes_in_words(picture.size)}"  # noqa: RUF001
    name = _text(picture.name)
    return (
        f'<li><figure><div class="frame">{image}</div><figcaption>'
        f'<bdi class="name" title="{name}">{name}</bdi><span class="detail">{detail}</span>'
        "</figcaption></figure></li>"
    )


def _problems(problems: Sequence[Problem]) -> str:
    if not problems:
        return ""
    lines = "\n".join(
        f'<tr><td><bdi>{_text(problem.path)}</bdi></td><td class="kind">{_text(problem.kind)}</td>'
        f"<td>{_text(problem.text)} {_text(problem.advice)}</td></tr>"
        for problem in problems
    )
    return (
        '<section class="album" id="problems">\n<h2>Problems'
        f' <span class="count">{len(problems)}</span></h2>\n<table>\n'
        "<thead><tr><th>Path</th><th>Problem</th><th>What it means, and what to do</th></tr></thead>\n"
        f"<tbody>\n{lines}\n</tbody>\n</table>\n</section>"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _text(text: str) -> str:
    return html.escape(printable(text))
