"""What `jobfs problems` lists, from rows as the mount and the workers leave them."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from jobfs.catalog import jobs, problems
from jobfs.catalog.engine import Catalog
from jobfs.catalog.schema import EntryRow
from jobfs.domain.uploads import UploadState
from tests.stored.filled import NOON, Job


@pytest.mark.parametrize("state", ["interrupted", "incomplete", "damaged", "unsupported", "failed"])
def test_a_file_that_is_no_photo_is_listed_with_its_judgement(catalog: Catalog, state: str) -> None:
    with catalog.writing() as connection:
        job = Job.add(connection, "Wedding")
        job.upload(
            "Class 1/group/IMG_1.JPG", UploadState(state), size=812_000,
            reason="It ends early.", advice="Send it again.",
        )  # fmt: skip

        (problem,) = problems.listing(connection)

    assert problem == problems.Problem(
        job_id=job.id, job="Wedding", path="Class 1/group/IMG_1.JPG", kind=state,
        text="It ends early.", advice="Send it again.", size=812_000,
        at=NOON + timedelta(seconds=5),
    )  # fmt: skip


@pytest.mark.parametrize("state", ["interrupted", "incomplete", "damaged", "unsupported", "failed"])
def test_a_problem_without_a_judgement_has_words_all_the_same(catalog: Catalog, state: str) -> None:
    with catalog.writing() as connection:
        Job.add(connection, "Wedding").upload("Class 1/a.jpg", UploadState(state), judged=False)

        (problem,) = problems.listing(connection)

    assert problem.text.endswith(".")
    assert problem.advice.endswith(".")
    assert problem.at == NOON


@pytest.mark.parametrize("state", ["receiving", "waiting", "received", "ingested"])
def test_a_file_that_is_or_will_be_a_photo_is_no_problem(catalog: Catalog, state: str) -> None:
    with catalog.writing() as connection:
        wanted = UploadState(state)
        job = Job.add(connection, "Wedding")
        job.upload("a.jpg", UploadState.WAITING if state == "receiving" else wanted)

        assert problems.listing(connection) == []


@pytest.mark.parametrize(
    "path",
    [
        ".DS_Store", "A/Thumbs.db", "A/._IMG_1.JPG", "@eaDir/IMG_1.JPG", "__MACOSX/A/IMG_1.JPG",
        "A/IMG_1.JPG.filepart", ".~tmp~/IMG_1.JPG", "A/IMG_1.xmp", "roster.CSV", "A/a.jpg_original",
    ],
)  # fmt: skip
def test_nobody_hears_of_what_systems_and_clients_leave_behind(catalog: Catalog, path: str) -> None:
    with catalog.writing() as connection:
        Job.add(connection, "Wedding").upload(path, UploadState.UNSUPPORTED)

        assert problems.listing(connection) == []


def test_only_the_version_that_the_file_shows_counts(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job = Job.add(connection, "Wedding")
        first = job.upload("a.jpg", UploadState.INTERRUPTED)
        job.upload("a.jpg", UploadState.INGESTED, instead_of=first)

        assert problems.listing(connection) == []


def test_a_file_that_was_deleted_is_no_problem_any_more(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job = Job.add(connection, "Wedding")
        job.upload("a.jpg", UploadState.INTERRUPTED)
        connection.execute(update(EntryRow).where(EntryRow.name == "a.jpg").values(removed_at=NOON))

        assert problems.listing(connection) == []


def test_a_misplaced_folder_is_one_line_however_many_photos_it_holds(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job = Job.add(connection, "Wedding")
        for number in range(3):
            job.upload(f"Class 1/Gruppe/IMG_{number}.JPG", UploadState.INGESTED)

        (problem,) = problems.listing(connection)

    assert (problem.kind, problem.path, problem.size) == ("misplaced", "Class 1/Gruppe", None)
    assert 'Name it "group"' in problem.text
    assert problem.at == NOON


def test_an_empty_folder_misplaces_nothing(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        Job.add(connection, "Wedding").folder(("Class 1", "Gruppe"))

        assert problems.listing(connection) == []


def test_photos_where_they_belong_are_no_problem(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job = Job.add(connection, "Wedding")
        for path in ("a.jpg", "Class 1/a.jpg", "Class 1/group/a.jpg", "Class 1/Individuals/a.jpg"):
            job.upload(path, UploadState.INGESTED)

        assert problems.listing(connection) == []


def test_more_misplaced_folders_than_a_statement_takes_are_all_listed(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job = Job.add(connection, "Wedding")
        for number in range(1001):
            job.upload(f"Class 1/{number}/a.jpg", UploadState.RECEIVED)

        assert len(problems.listing(connection)) == 1001


def test_a_photo_whose_name_was_taken_by_another_is_a_collision(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job = Job.add(connection, "Wedding")
        first = job.upload("Class 1/IMG_1.JPG", UploadState.INGESTED, size=7)
        job.photo(first, current=False)
        second = job.upload("Class 1/IMG_1.JPG", UploadState.INGESTED, instead_of=first)
        job.photo(second)

        (problem,) = problems.listing(connection)

    assert (problem.kind, problem.path, problem.size) == ("collision", "Class 1/IMG_1.JPG", 7)


def test_problems_of_one_job_leave_the_others_out(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        one, two = Job.add(connection, "One"), Job.add(connection, "Two")
        one.upload("b.jpg", UploadState.INTERRUPTED)
        one.upload("A/Gruppe/a.jpg", UploadState.INGESTED)
        two.upload("c.jpg", UploadState.DAMAGED)

        assert [problem.path for problem in problems.listing(connection, two.id)] == ["c.jpg"]
        assert [problem.path for problem in problems.listing(connection)] == [
            "A/Gruppe", "b.jpg", "c.jpg",
        ]  # fmt: skip
        assert problems.counts(connection) == {one.id: 2, two.id: 1}


def test_jobs_are_listed_with_their_files_photos_and_problems(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job = Job.add(connection, "Wedding")
        job.photo(job.upload("A/a.jpg", UploadState.INGESTED))
        job.upload("A/b.jpg", UploadState.INTERRUPTED)
        Job.add(connection, "Empty")

        empty, wedding = jobs.listing(connection)

    assert (empty.files, empty.photos, empty.problems) == (0, 0, 0)
    assert (wedding.files, wedding.photos, wedding.problems) == (2, 1, 1)
