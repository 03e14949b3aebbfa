"""Clients that have no command line, by the requests that they send: what becomes of a picture."""

import io
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import cache

import pytest
from PIL import Image

from tests.served.matrix.desk import Desk
from tests.served.matrix.sequences import (
    Camera,
    Client,
    Cyberduck,
    CyberduckWithTemporaryName,
    Dolphin,
    ExifTool,
    ExifToolInPlace,
    ExifToolOverwriting,
    FileZilla,
    Nautilus,
    Picture,
    SmallWinSCP,
    WinSCP,
)
from tests.served.matrix.table import Case, cannot, cell
from tests.served.matrix.wire import (
    CancelledError,
    DiedError,
    RefusedError,
    StoppedError,
    T,
    W,
    Wire,
)
from tests.served.studio import Studio

Kind = type[Client]

EXIFTOOLS: list[Kind] = [ExifTool, ExifToolOverwriting, ExifToolInPlace]
UPLOADERS: list[Kind] = [
    FileZilla, WinSCP, SmallWinSCP, Cyberduck, CyberduckWithTemporaryName, Dolphin, Nautilus, Camera,
]  # fmt: skip
RESUMING: list[Kind] = [FileZilla, WinSCP, Cyberduck, CyberduckWithTemporaryName, Dolphin]
KEEPING_TIMES = [kind for kind in UPLOADERS if kind is not Camera]

pytestmark = [
    *(cannot(kind.name, Case.NEW, "ExifTool changes files that are there.") for kind in EXIFTOOLS),
    *(cannot(kind.name, Case.RESUME, "ExifTool begins anew.") for kind in EXIFTOOLS),
    *(cannot(kind.name, Case.SECOND_RUN, "ExifTool does not compare.") for kind in EXIFTOOLS),
    *(cannot(kind.name, Case.STATUS_FILES, "ExifTool changes pictures only.") for kind in EXIFTOOLS),
    cannot(
        ExifToolInPlace.name, Case.CANCELLED,
        "ExifTool that is stopped while it rewrites in place leaves what no one can tell from an edit.",
    ),
    cannot(SmallWinSCP.name, Case.RESUME, "WinSCP sends files below 100 KiB anew."),
    cannot(Nautilus.name, Case.RESUME, "Nautilus sends the file anew."),
    cannot(Camera.name, Case.RESUME, "The file is sent anew."),
    cannot(Camera.name, Case.TIMES, "It sends neither times nor permissions."),
    cannot(Camera.name, Case.SECOND_RUN, "It does not compare; the same bytes again change nothing."),
]  # fmt: skip

PATH = "IMG_0001.jpg"


def each(case: Case, kinds: list[Kind]) -> pytest.MarkDecorator:
    """Return the mark of a test of several clients, each of which proves a cell of the matrix."""
    marked = [
        pytest.param(kind, marks=cell(kind.name, case), id=kind.__name__) for kind in kinds
    ]  # fmt: skip
    return pytest.mark.parametrize("kind", marked)


@pytest.fixture
def desk(studio: Studio) -> Iterator[Desk]:
    """Give a photographer with a job of his own."""
    with ExitStack() as connections:
        yield Desk(studio, connections)


@cache
def picture(number: int, *, edit: int = 0, small: bool = False) -> Picture:
    """Return a camera's picture; its edits show something else, and are the same capture."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R6"
    exif[0x0131] = f"edit {edit}"
    capture = exif.get_ifd(0x8769)
    capture[0x9003], capture[0x9291] = f"2026:05:04 12:00:{number:02}", "25"
    capture[0xA431] = "033021001234"
    edge = 160 if small else 440
    noise = Image.effect_noise((edge, edge), 90 + 10 * edit).convert("RGB")
    data = io.BytesIO()
    noise.save(data, "JPEG", quality=95, exif=exif)
    return Picture(data.getvalue(), mtime=1_780_000_000 + 60 * number + edit)


def shot(kind: Kind, number: int = 1, *, edit: int = 0) -> Picture:
    """Return a picture of the size that a way of working is for."""
    return picture(number, edit=edit, small=kind is SmallWinSCP)


def half(sent: Picture) -> int:
    return len(sent.content) // 2


def stop(client: Client, how: type[StoppedError]) -> None:
    client.wire.stops = how


def test_the_pictures_are_of_the_sizes_that_clients_tell_apart() -> None:
    assert len(picture(1).content) > 100 * 1024 > len(picture(1, small=True).content)


@each(Case.NEW, UPLOADERS)
def test_what_is_sent_is_one_photo(desk: Desk, kind: Kind) -> None:
    client, sent = kind(desk.connect), shot(kind)

    client.new(desk.at(PATH), sent)

    desk.assert_holds({PATH: sent.content})
    assert desk.sizes() == {PATH: len(sent.content)}
    assert (desk.problems(), desk.trash(), client.wire.refused) == ([], [], [])


@each(Case.STATUS_FILES, UPLOADERS)
def test_what_jobfs_writes_is_listed_and_read_and_stays(desk: Desk, kind: Kind) -> None:
    client, path = kind(desk.connect), desk.at("_STATUS.txt")

    client.overwrite(path, Picture(b"an old one", mtime=1_780_000_000))
    client.wire.remove(path)

    content = client.wire.read(path)
    assert content.startswith(path.partition("/")[0].encode())
    assert client.wire.listing(desk.at("."))["_STATUS.txt"].size == len(content)
    assert desk.problems() == []


@each(Case.OVERWRITE, UPLOADERS + EXIFTOOLS)
def test_an_edit_is_a_version_of_the_same_photo(desk: Desk, kind: Kind) -> None:
    client, first, edited = kind(desk.connect), shot(kind), shot(kind, edit=1)
    client.new(desk.at(PATH), first)
    (photo,) = desk.photos().values()

    client.overwrite(desk.at(PATH), edited)

    desk.assert_holds({PATH: edited.content})
    assert desk.photos()[PATH][0] == photo[0]
    assert len(desk.listed("photo", "list", "--all")) == 1
    assert len(first.content) in desk.kept()
    assert desk.problems() == []


@pytest.mark.parametrize("kind", [Camera, WinSCP, ExifToolOverwriting, ExifToolInPlace])
def test_what_was_overwritten_comes_back_from_the_trash(desk: Desk, kind: Kind) -> None:
    client, first, edited = kind(desk.connect), shot(kind), shot(kind, edit=1)
    client.new(desk.at(PATH), first)
    desk.settle()
    client.overwrite(desk.at(PATH), edited)
    desk.settle()
    client.wire.remove(desk.at(PATH))

    desk.restore(PATH, len(first.content))

    desk.assert_holds({PATH: first.content})


def interrupt(desk: Desk, kind: Kind, sent: Picture) -> None:
    """Lose the connection in the middle of a new file."""
    client = kind(desk.connect)
    stop(client, DiedError)
    with pytest.raises(DiedError):
        client.new(desk.at(PATH), sent)


@each(Case.INTERRUPTED, UPLOADERS)
def test_half_a_picture_of_a_lost_connection_is_listed_and_no_photo(desk: Desk, kind: Kind) -> None:
    """What has a temporary name waits for its client, and is no problem yet."""
    sent = shot(kind)

    interrupt(desk, kind, sent)

    desk.assert_holds({})
    name = kind(desk.connect).partial(PATH)
    assert desk.sizes() == {name: half(sent)}
    if not kind.temporary:
        assert desk.problems() == [(PATH, "interrupted")]


@each(Case.RESUME, RESUMING)
def test_an_interrupted_upload_is_resumed(desk: Desk, kind: Kind) -> None:
    sent = shot(kind)
    interrupt(desk, kind, sent)
    desk.settle()
    client = kind(desk.connect)

    client.resume(desk.at(PATH), sent)

    desk.assert_holds({PATH: sent.content})
    assert desk.sizes() == {PATH: len(sent.content)}
    assert (desk.problems(), desk.trash(), client.wire.refused) == ([], [], [])


@pytest.mark.parametrize("kind", [FileZilla, WinSCP, Cyberduck])
def test_an_interrupted_overwriting_is_resumed(desk: Desk, kind: Kind) -> None:
    first, edited = shot(kind), shot(kind, edit=1)
    client = kind(desk.connect)
    client.new(desk.at(PATH), first)
    (photo,) = desk.photos().values()
    stop(client, DiedError)
    with pytest.raises(DiedError):
        client.overwrite(desk.at(PATH), edited)
    desk.settle()

    kind(desk.connect).resume(desk.at(PATH), edited)

    desk.assert_holds({PATH: edited.content})
    assert desk.photos()[PATH][0] == photo[0]
    assert desk.problems() == []


@each(Case.INTERRUPTED, [SmallWinSCP, Nautilus, Camera])
def test_what_was_interrupted_can_be_sent_anew(desk: Desk, kind: Kind) -> None:
    sent = shot(kind)
    interrupt(desk, kind, sent)
    desk.settle()

    kind(desk.connect).overwrite(desk.at(PATH), sent)

    desk.assert_holds({PATH: sent.content})
    assert desk.problems() == []


@each(Case.INTERRUPTED, UPLOADERS)
def test_an_interrupted_edit_leaves_the_photo_as_it_was(desk: Desk, kind: Kind) -> None:
    client, first = kind(desk.connect), shot(kind)
    client.new(desk.at(PATH), first)
    before = desk.photos()
    stop(client, DiedError)

    with pytest.raises(DiedError):
        client.overwrite(desk.at(PATH), shot(kind, edit=1))

    assert desk.photos() == before


@each(Case.INTERRUPTED, EXIFTOOLS)
def test_a_file_whose_rewriting_was_interrupted_shows_what_it_had(desk: Desk, kind: Kind) -> None:
    client, first = kind(desk.connect), shot(kind)
    client.new(desk.at(PATH), first)
    desk.settle()
    stop(client, DiedError)

    with pytest.raises(DiedError):
        client.overwrite(desk.at(PATH), shot(kind, edit=1))

    desk.assert_holds({PATH: first.content})


def cancel(desk: Desk, kind: Kind, sent: Picture) -> Client:
    """Stop the sending of a new file, as somebody does in the client."""
    client = kind(desk.connect)
    stop(client, CancelledError)
    with pytest.raises(CancelledError):
        client.new(desk.at(PATH), sent)
    return client


@each(Case.CANCELLED, [Cyberduck, Nautilus, Camera])
def test_a_client_that_closes_half_a_picture_is_told_so(desk: Desk, kind: Kind) -> None:
    sent = shot(kind)

    client = cancel(desk, kind, sent)

    assert client.wire.refused == ["CLOSE"]
    desk.assert_holds({})
    assert desk.sizes() == {PATH: half(sent)}
    assert desk.problems() == [(PATH, "incomplete")]


@each(Case.CANCELLED, [FileZilla])
def test_a_client_that_drops_the_connection_leaves_a_problem(desk: Desk, kind: Kind) -> None:
    sent = shot(kind)

    cancel(desk, kind, sent)

    desk.assert_holds({})
    assert desk.sizes() == {PATH: half(sent)}
    assert desk.problems() == [(PATH, "interrupted")]


@each(Case.CANCELLED, [WinSCP, CyberduckWithTemporaryName, Dolphin])
def test_half_a_picture_under_a_temporary_name_waits_there(desk: Desk, kind: Kind) -> None:
    sent = shot(kind)

    client = cancel(desk, kind, sent)

    desk.assert_holds({})
    assert desk.sizes() == {client.partial(PATH): half(sent)}
    assert client.wire.refused == []


@each(Case.CANCELLED, [SmallWinSCP])
def test_a_client_that_deletes_what_it_gave_up_leaves_nothing(desk: Desk, kind: Kind) -> None:
    client = cancel(desk, kind, shot(kind))

    assert client.wire.refused == ["CLOSE"]
    desk.assert_holds({})
    assert desk.sizes() == {}
    assert desk.problems() == []


@each(
    Case.CANCELLED, [kind for kind in UPLOADERS if kind is not SmallWinSCP]
)  # fmt: skip
def test_a_cancelled_edit_leaves_the_photo_as_it_was(desk: Desk, kind: Kind) -> None:
    client, first = kind(desk.connect), shot(kind)
    client.new(desk.at(PATH), first)
    before = desk.photos()
    stop(client, CancelledError)

    with pytest.raises(CancelledError):
        client.overwrite(desk.at(PATH), shot(kind, edit=1))

    assert desk.photos() == before


@each(Case.CANCELLED, EXIFTOOLS[:2])
def test_exiftool_takes_its_temporary_file_away(desk: Desk, kind: Kind) -> None:
    client, first = kind(desk.connect), shot(kind)
    client.new(desk.at(PATH), first)
    stop(client, CancelledError)

    with pytest.raises(CancelledError):
        client.overwrite(desk.at(PATH), shot(kind, edit=1))

    desk.assert_holds({PATH: first.content})
    assert desk.sizes() == {PATH: len(first.content)}
    assert (desk.problems(), client.wire.refused) == ([], [])


@each(Case.CANCELLED, [SmallWinSCP])
def test_the_photo_comes_back_that_a_client_deleted_with_what_it_gave_up(
    desk: Desk, kind: Kind
) -> None:
    client, first = kind(desk.connect), shot(kind)
    client.new(desk.at(PATH), first)
    before = desk.photos()
    stop(client, CancelledError)
    with pytest.raises(CancelledError):
        client.overwrite(desk.at(PATH), shot(kind, edit=1))
    desk.settle()

    desk.restore(PATH, len(first.content))

    desk.assert_holds({PATH: first.content})
    assert desk.photos() == before


@each(Case.FOLDER, UPLOADERS)
def test_a_folder_arrives_with_its_albums_and_sections(desk: Desk, kind: Kind) -> None:
    paths = [
        "IMG_1.jpg",
        "Größe 1/IMG_2.jpg",
        "Größe 1/group/IMG_3.jpg",
        "2b/individuals/IMG_4.jpg",
    ]
    sent = {path: shot(kind, number) for number, path in enumerate(paths)}
    client = kind(desk.connect)

    client.folder({desk.at(path): one for path, one in sent.items()})

    desk.assert_holds({path: one.content for path, one in sent.items()})
    placed = [(photo["album"], photo["section"]) for photo in desk.listed("photo", "list")]
    assert sorted(placed) == [
        ("2b", "individuals"), ("Größe 1", "group"), ("Größe 1", "individuals"),
        ("Unsorted", "individuals"),
    ]  # fmt: skip
    assert (desk.problems(), desk.trash(), client.wire.refused) == ([], [], [])


@each(Case.FOLDER, EXIFTOOLS)
def test_a_folder_is_edited_in_its_albums_and_sections(desk: Desk, kind: Kind) -> None:
    paths = ["IMG_1.jpg", "Größe 1/IMG_2.jpg", "Größe 1/group/IMG_3.jpg"]
    client = kind(desk.connect)
    client.folder({desk.at(path): shot(kind, number) for number, path in enumerate(paths)})
    before = desk.photos()
    edited = {path: shot(kind, number, edit=1) for number, path in enumerate(paths)}

    for path, one in edited.items():
        client.overwrite(desk.at(path), one)

    desk.assert_holds({path: one.content for path, one in edited.items()})
    assert {path: photo for path, (photo, _) in desk.photos().items()} == {
        path: photo for path, (photo, _) in before.items()
    }
    assert desk.problems() == []


@each(Case.TIMES, KEEPING_TIMES)
def test_the_times_of_an_edit_come_back_as_sent(desk: Desk, kind: Kind) -> None:
    client, first, edited = kind(desk.connect), shot(kind), shot(kind, edit=1)
    client.new(desk.at(PATH), first)

    client.overwrite(desk.at(PATH), edited)

    assert not client.differs(desk.at(PATH), edited)
    desk.settle()
    assert not client.differs(desk.at(PATH), edited)
    assert set(client.wire.refused) <= {"OPEN"}  # with "exclusively", on what is there


@each(Case.TIMES, EXIFTOOLS)
def test_exiftool_may_set_the_mode_and_owner_that_it_saw(desk: Desk, kind: Kind) -> None:
    client, first = kind(desk.connect), shot(kind)
    client.new(desk.at(PATH), first)
    shown = client.wire.stat(desk.at(PATH))
    assert shown is not None
    assert shown.mtime == first.mtime

    client.overwrite(desk.at(PATH), shot(kind, edit=1))
    client.wire.setstat(desk.at(PATH), mtime=first.mtime)  # as `exiftool -P` does

    desk.settle()
    assert client.wire.refused == []
    after = client.wire.stat(desk.at(PATH))
    assert after is not None
    assert (after.mode, after.owner, after.mtime) == (shown.mode, shown.owner, shown.mtime)


@each(Case.SECOND_RUN, KEEPING_TIMES)
def test_a_second_run_finds_nothing_to_send(desk: Desk, kind: Kind) -> None:
    sent = {desk.at("IMG_1.jpg"): shot(kind), desk.at("1b/IMG_2.jpg"): shot(kind, 2)}
    kind(desk.connect).folder(sent)
    client = kind(desk.connect)

    at_once = [path for path, one in sent.items() if client.differs(path, one)]
    desk.settle()
    after_ingest = [path for path, one in sent.items() if client.differs(path, one)]

    assert (at_once, after_ingest) == ([], [])


@pytest.mark.parametrize("kind", [Camera, SmallWinSCP, WinSCP])
def test_the_same_bytes_again_change_nothing(desk: Desk, kind: Kind) -> None:
    client, sent = kind(desk.connect), shot(kind)
    client.new(desk.at(PATH), sent)
    before = desk.photos()

    client.overwrite(desk.at(PATH), sent)

    assert desk.photos() == before
    assert len(desk.listed("photo", "list", "--all")) == 1
    desk.assert_holds({PATH: sent.content})
    assert desk.problems() == []


def test_a_client_that_insists_on_half_a_picture_is_believed_but_it_stays_a_problem(
    desk: Desk,
) -> None:
    """The card itself may hold no more; a client that always hears of a failure never goes on."""
    wire, content = desk.connect(), picture(1).content[:100_000]

    with pytest.raises(RefusedError):
        put(wire, desk.at(PATH), content)
    put(wire, desk.at(PATH), content)

    desk.assert_holds({})
    assert desk.problems() == [(PATH, "incomplete")]


def test_a_camera_that_sends_a_picture_again_until_it_is_whole_has_sent_one_photo(
    desk: Desk,
) -> None:
    wire, sent = desk.connect(), picture(1)
    for size in (10_000, 100_000, 150_000):
        with suppress(RefusedError):
            put(wire, desk.at(PATH), sent.content[:size])

    put(wire, desk.at(PATH), sent.content)

    desk.assert_holds({PATH: sent.content})
    assert desk.problems() == []


def put(wire: Wire, path: str, content: bytes) -> None:
    handle = wire.open(path, W | T | 0x08)
    wire.write(handle, content, chunk=32_768)
    wire.close(handle)


@pytest.mark.parametrize("smaller", [False, True])
def test_exiftool_in_place_may_make_the_file_larger_or_smaller(desk: Desk, smaller: bool) -> None:
    sizes = sorted((picture(1), picture(1, edit=1)), key=lambda one: len(one.content))
    first, edited = reversed(sizes) if smaller else sizes
    client = ExifToolInPlace(desk.connect)
    client.new(desk.at(PATH), first)
    (photo,) = desk.photos().values()

    client.overwrite(desk.at(PATH), edited)

    desk.assert_holds({PATH: edited.content})
    assert desk.photos()[PATH][0] == photo[0]


def test_exiftools_backup_is_no_photo_and_stays_what_it_was_after_a_second_edit(
    desk: Desk,
) -> None:
    client, first, last = ExifTool(desk.connect), picture(1), picture(1, edit=2)
    client.new(desk.at(PATH), first)
    (photo,) = desk.photos().values()
    client.overwrite(desk.at(PATH), picture(1, edit=1))
    desk.settle()

    client.overwrite(desk.at(PATH), last)

    desk.assert_holds({PATH: last.content})
    assert desk.photos()[PATH][0] == photo[0]
    assert client.wire.read(desk.at(f"{PATH}_original")) == first.content
    assert desk.problems() == []


def test_exiftool_may_edit_what_is_not_ingested_yet(desk: Desk) -> None:
    client, first, edited = ExifTool(desk.connect), picture(1), picture(1, edit=1)
    client.new(desk.at(PATH), first)

    client.overwrite(desk.at(PATH), edited)

    desk.assert_holds({PATH: edited.content})
    assert len(desk.listed("photo", "list", "--all")) == 1
    assert client.wire.read(desk.at(f"{PATH}_original")) == first.content
    assert desk.problems() == []


def test_half_a_picture_may_be_renamed_to_its_final_name_and_is_a_problem_there(
    desk: Desk,
) -> None:
    """WinSCP and gvfs have removed the target by then: a refusal would leave nothing at all."""
    wire, content = desk.connect(), picture(1).content[:100_000]
    put(wire, desk.at(f"{PATH}.filepart"), content)

    wire.rename(desk.at(f"{PATH}.filepart"), desk.at(PATH))

    desk.assert_holds({})
    assert desk.sizes() == {PATH: len(content)}
    assert desk.problems() == [(PATH, "incomplete")]
