"""What photographers do with the command-line clients, each against a whole studio."""

from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from jobfs.domain.reports.files import IN_JOB
from jobfs.domain.uploads import UploadState
from tests.served import clients, folder
from tests.served.folder import Sent, digest
from tests.served.matrix import looks, on_sshfs, pictures, programs
from tests.served.matrix.link import stalling_link
from tests.served.matrix.looks import Listed
from tests.served.matrix.program import Program, version, wait_for_end
from tests.served.matrix.table import Case, cannot, cell
from tests.served.studio import Studio

PROGRAMS: list[type[Program]] = [
    programs.Sftp,
    programs.Scp,
    programs.LftpPut,
    programs.LftpMirror,
    programs.LftpTemporary,
    programs.Rclone,
    programs.Psftp,
    programs.Pscp,
    programs.Curl,
    programs.Paramiko,
    programs.Asyncssh,
    on_sshfs.Cp,
    on_sshfs.Rsync,
    on_sshfs.RsyncInPlace,
]
LABELS = {program: program.label.format(version(program.package)) for program in PROGRAMS}
#: Bytes that a client sends before its link stalls, and what at least has arrived then: OpenSSH's
#: clients send pieces of 255 KiB, which count when they are whole.
SENT, ARRIVED = 700_000, 200_000

pytestmark = [
    cannot(LABELS[program], case, why)
    for program in PROGRAMS
    for case, why in program.cannot.items()
]
NOT_TOLD = "When half a picture was sent, the client ends as if all were well; the list of problems has it."
needs_ssh = pytest.mark.skipif(
    not clients.curl_speaks_sftp(), reason="the curl of this system was built without SSH"
)


def every_program(case: Case) -> pytest.MarkDecorator:
    """Return the mark of a test that each program runs that has the means."""
    able = [program for program in PROGRAMS if case not in program.cannot]
    return pytest.mark.parametrize("program", [_parameter(program, case) for program in able])


def _parameter(program: type[Program], case: Case) -> ParameterSet:
    is_deaf = case is Case.CANCELLED and not program.listens
    note = program.notes.get(case, program.note)
    marks = [cell(LABELS[program], case, NOT_TOLD if is_deaf else note)]
    if program is programs.Curl:
        marks.append(needs_ssh)
    return pytest.param(program, id=program.__name__, marks=marks)


@pytest.fixture(scope="session")
def heavy_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo that takes a while, alone in its folder."""
    return pictures.put(tmp_path_factory.mktemp("heavy") / "heavy.jpg", pictures.heavy())


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of albums and sections."""
    return tmp_path_factory.mktemp("card")


@pytest.fixture(scope="session")
def sent(card: Path) -> list[Sent]:
    """What is in it."""
    return pictures.card(card)


class FolderSent:
    """The folder, sent once by each program that a test asks for."""

    def __init__(self, studio: Studio, card: Path, sent: list[Sent]) -> None:
        self._studio, self._card, self._sent = studio, card, sent
        self._jobs: dict[type[Program], str] = {}

    def by(self, program: type[Program]) -> str:
        """Return the job to which a program has sent it."""
        if program not in self._jobs:
            job = self._studio.new_job()
            client = program(self._studio, job)
            with client.connected():
                answer = client.run(client.put_folder(self._card))
            assert answer.status == 0, answer.said
            self._studio.wait_for_photos(job, len(self._sent))
            self._jobs[program] = job
        return self._jobs[program]


@pytest.fixture(scope="session")
def folder_sent(whole_studio: Studio, card: Path, sent: list[Sent]) -> FolderSent:
    """What the programs have made of the folder."""
    return FolderSent(whole_studio, card, sent)


def put(studio: Studio, program: type[Program], job: str, file: Path) -> None:
    """Send a file; it must become a photo."""
    client = program(studio, job)
    with client.connected():
        answer = client.run(client.put(file))
    assert answer.status == 0, answer.said
    looks.wait_for_photo(studio, job, digest(file.read_bytes()))


@every_program(Case.NEW)
def test_a_new_photo_is_listed_and_ingested_once(
    studio: Studio, tmp_path: Path, program: type[Program]
) -> None:
    job = studio.new_job()
    file = pictures.put(tmp_path / "IMG_0001.jpg", pictures.photo(1))

    put(studio, program, job, file)

    (name, shown), *others = looks.listed(studio, job).items()
    assert (name, shown.size, others) == (file.name, file.stat().st_size, [])
    assert looks.photos(studio, job) == [(file.name, digest(file.read_bytes()), True)]
    assert looks.reported(studio, job) == []


@every_program(Case.OVERWRITE)
def test_an_edited_photo_takes_the_place_of_the_earlier_one(
    studio: Studio, tmp_path: Path, program: type[Program]
) -> None:
    job = studio.new_job()
    first = pictures.put(tmp_path / "1/IMG_0001.jpg", pictures.photo(1))
    edited = pictures.photo(1, edited=True)
    second = pictures.put(tmp_path / "2/IMG_0001.jpg", edited, at=pictures.SHOT_AT + 60)
    put(studio, program, job, first)

    put(studio, program, job, second)

    assert looks.photos(studio, job) == [(first.name, digest(edited), True)]
    assert looks.content(studio, f"{job}/{first.name}") == edited
    assert looks.trash(studio, job) == [(first.name, first.stat().st_size)]
    assert looks.reported(studio, job) == []


@every_program(Case.INTERRUPTED)
def test_a_photo_whose_sender_dies_is_kept_as_far_as_it_came(
    studio: Studio, heavy_photo: Path, program: type[Program]
) -> None:
    job = studio.new_job()

    die_while_sending(studio, program, job, heavy_photo)

    ((name, state),) = looks.states(studio, job).items()
    assert state == program.dropped
    assert looks.photos(studio, job) == []
    is_reported = state is UploadState.INTERRUPTED
    assert looks.reported(studio, job) == [(name, "interrupted")] * is_reported


@every_program(Case.INTERRUPTED)
def test_an_edit_whose_sender_dies_leaves_the_photo_that_was_there(
    studio: Studio, tmp_path: Path, heavy_photo: Path, program: type[Program]
) -> None:
    job = studio.new_job()
    first = pictures.put(tmp_path / heavy_photo.name, folder.jpeg(1))
    put(studio, program, job, first)

    die_while_sending(studio, program, job, heavy_photo)

    looks.states(studio, job)
    assert looks.photos(studio, job) == [(first.name, digest(first.read_bytes()), True)]
    put(studio, program, job, heavy_photo)
    assert looks.photos(studio, job) == [(first.name, digest(heavy_photo.read_bytes()), True)]


@every_program(Case.RESUME)
def test_an_interrupted_photo_is_resumed_to_the_byte(
    studio: Studio, heavy_photo: Path, program: type[Program]
) -> None:
    job = studio.new_job()
    whole = heavy_photo.read_bytes()
    die_while_sending(studio, program, job, heavy_photo)
    ((name, _),) = looks.states(studio, job).items()
    partial = looks.content(studio, f"{job}/{name}")
    client = program(studio, job)

    with client.connected():
        answer = client.run(client.resume(heavy_photo))

    assert answer.status == 0, answer.said
    assert ARRIVED <= len(partial) <= SENT
    assert whole.startswith(partial)
    looks.wait_for_photo(studio, job, digest(whole))
    assert looks.content(studio, f"{job}/{heavy_photo.name}") == whole
    assert looks.photos(studio, job) == [(heavy_photo.name, digest(whole), True)]
    assert looks.reported(studio, job) == []


@every_program(Case.CANCELLED)
def test_a_photo_that_is_cancelled_is_no_photo(
    studio: Studio, heavy_photo: Path, program: type[Program]
) -> None:
    job = studio.new_job()

    cancel_while_sending(studio, program, job, heavy_photo)

    states = looks.states(studio, job)
    assert list(states.values()) == ([program.cancelled] if program.cancelled else [])
    assert looks.photos(studio, job) == []
    problems = [pair for pair in states.items() if pair[1] is not UploadState.WAITING]
    assert looks.reported(studio, job) == problems


@every_program(Case.CANCELLED)
def test_a_photo_without_its_end_is_refused_once_and_then_kept_as_it_is(
    studio: Studio, tmp_path: Path, program: type[Program]
) -> None:
    """A card may hold half a picture. Whoever was told, and sends it again, has meant it."""
    job = studio.new_job()
    file = pictures.put(tmp_path / "half.jpg", pictures.photo(1)[:-100_000])
    client = program(studio, job)

    with client.connected():
        first = client.run(client.put(file))
        reported = looks.reported(studio, job)
        second = client.run(client.put(file))

    assert (first.status != 0) is program.listens, first.said
    assert reported == [(file.name, "incomplete")]
    assert second.status == 0, second.said
    assert looks.reported(studio, job) == [(file.name, "incomplete")]
    assert looks.photos(studio, job) == []


@every_program(Case.FOLDER)
def test_a_folder_arrives_with_its_albums_and_sections(
    studio: Studio, sent: list[Sent], folder_sent: FolderSent, program: type[Program]
) -> None:
    job = folder_sent.by(program)

    shown = looks.listed(studio, job)

    assert {path: file.size for path, file in shown.items()} == {
        photo.path: len(photo.content) for photo in sent
    }
    assert looks.placed(studio, job) == sorted(
        (photo.path, photo.album, photo.section, photo.sha256) for photo in sent
    )
    assert looks.reported(studio, job) == []


@every_program(Case.TIMES)
def test_times_come_back_as_sent(
    studio: Studio, card: Path, folder_sent: FolderSent, program: type[Program]
) -> None:
    job = folder_sent.by(program)

    assert looks.listed(studio, job) == {
        str(file.relative_to(card)): Listed(file.stat().st_size, int(file.stat().st_mtime))
        for file in card.rglob("*.[jJ]*")
    }


@every_program(Case.SECOND_RUN)
def test_a_second_run_transfers_nothing(
    studio: Studio, card: Path, folder_sent: FolderSent, program: type[Program]
) -> None:
    job = folder_sent.by(program)
    before = studio.seen_as_root("anna", job)
    client = program(studio, job)

    with client.connected():
        answer = client.run(client.put_folder(card))

    assert answer.status == 0, answer.said
    assert client.has_sent_nothing(answer.said), answer.said
    assert studio.seen_as_root("anna", job) == before
    assert looks.trash(studio, job) == []


@every_program(Case.STATUS_FILES)
def test_what_jobfs_writes_is_listed_and_read_and_stays(
    studio: Studio, tmp_path: Path, program: type[Program]
) -> None:
    client, fetched = program(studio, studio.new_job()), tmp_path / "fetched.txt"
    mine = pictures.put(tmp_path / "mine/_STATUS.txt", b"an old one")

    with client.connected():
        commands = [client.put(mine), client.remove(mine.name), client.get(mine.name, fetched)]
        answers = [client.run(command) for command in commands if command is not None]
        listing = client.names()
        listed = None if listing is None else client.run(listing)

    for answer in answers:
        assert answer.status == 0, answer.said
    assert fetched.read_text(encoding="utf-8").startswith(client.job)
    assert listed is None or listed.said.count("_STATUS.txt") == 1, listed
    top = studio.mountpoint / "anna" / client.job
    assert {path.name for path in top.iterdir()} == {report.file_name for report in IN_JOB}
    assert looks.trash(studio, client.job) == []


def die_while_sending(studio: Studio, program: type[Program], job: str, file: Path) -> None:
    """Send a file with a program that is killed in the middle, and its connection with it."""
    with stalling_link(studio.port, bytes_sent=SENT) as link:
        client = program(studio, job, port=link.port)
        with client.connected(), client.running(client.put(file)) as process:
            looks.wait_for_bytes(studio, job, ARRIVED)
            client.kill(process)
            link.cut()


def cancel_while_sending(studio: Studio, program: type[Program], job: str, file: Path) -> None:
    """Send a file with a program that is told in the middle to stop, and return when it has."""
    with stalling_link(studio.port, bytes_sent=SENT) as link:
        client = program(studio, job, port=link.port)
        command = client.put_for_a_while if isinstance(client, programs.Curl) else client.put
        with client.connected(), client.running(command(file)) as process:
            looks.wait_for_bytes(studio, job, ARRIVED)
            client.cancel(process)
            link.open()
            wait_for_end(process)
