import errno
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, insert, select, text, update

from jobfs.catalog import feed, grants, jobs
from jobfs.catalog.engine import Catalog
from jobfs.catalog.grants import Grant
from jobfs.catalog.refusals import JobExistsError, NoSuchJobError
from jobfs.catalog.schema import AccountRow, EntryRow, JobRow
from jobfs.domain.jobs import JobStatus, Right
from jobfs.domain.refusals import BadJobNameError

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_job_is_found_by_the_name_it_was_added_with(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job_id = jobs.add(
            connection, "Schule Süd 2026", title="Abitur", status=JobStatus.PREPAY, now=NOON
        )

    with catalog.reading() as connection:
        job = jobs.by_name(connection, "Schule Süd 2026")

    assert job == jobs.Job(
        id=job_id, name="Schule Süd 2026", title="Abitur", status=JobStatus.PREPAY, created_at=NOON
    )


def test_a_job_typed_on_a_mac_is_the_same_job(catalog: Catalog) -> None:
    """Its names reach programs with their accents apart (NFD)."""
    with catalog.writing() as connection:
        job_id = add(connection, "Schule Su\u0308d")

        assert jobs.by_name(connection, "Schule S\u00fcd").id == job_id
        assert jobs.by_name(connection, "Schule Su\u0308d").id == job_id


def test_two_jobs_cannot_differ_in_case_only(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        add(connection, "Plainview")

        with pytest.raises(JobExistsError, match="'Plainview' already; 'PLAINVIEW' differs") as it:
            add(connection, "PLAINVIEW")

    assert it.value.errno == errno.EEXIST


@pytest.mark.parametrize("name", ["", ".hidden", "_STATUS", "a/b", "ends with a dot.", "x" * 121])
def test_a_name_that_no_directory_should_have_is_refused(catalog: Catalog, name: str) -> None:
    with catalog.writing() as connection, pytest.raises(BadJobNameError):
        add(connection, name)


def test_a_mistyped_name_is_answered_with_similar_ones(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        for name in ("PlainviewHSFall2026", "PlainviewHSSpring2026", "Wedding"):
            add(connection, name)

        with pytest.raises(NoSuchJobError, match="did you mean 'PlainviewHSFall2026' or"):
            jobs.by_name(connection, "plainviewhsfall2026")
        with pytest.raises(NoSuchJobError, match=r"^there is no job 'zzz'$"):
            jobs.by_name(connection, "zzz")


def test_renaming_keeps_the_id_and_the_directory(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job_id = add(connection, "Before")
        root = connection.scalar(select(EntryRow.id).where(EntryRow.job_id == job_id))

        jobs.rename(connection, job_id, "After")

        assert jobs.by_name(connection, "After").id == job_id
        assert connection.scalar(select(EntryRow.id).where(EntryRow.job_id == job_id)) == root
        with pytest.raises(NoSuchJobError):
            jobs.by_name(connection, "Before")


@pytest.mark.parametrize("name", ["PLAINVIEW", "Straße", "STRASSE", "İstanbul"])
def test_renaming_writes_the_key_that_other_jobs_are_compared_with(
    catalog: Catalog, name: str
) -> None:
    """The trigger for plain SQL knows less of Unicode than we do; it must not have the last word."""
    with catalog.writing() as connection:
        job_id = add(connection, "strasse")

        jobs.rename(connection, job_id, name)

        with pytest.raises(JobExistsError):
            add(connection, name.swapcase())


def test_renaming_to_the_name_of_another_job_is_refused(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job_id = add(connection, "One")
        add(connection, "Two")

        with pytest.raises(JobExistsError):
            jobs.rename(connection, job_id, "two")


def test_opening_a_job_that_is_open_is_no_event(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job_id = add(connection, "Wedding")
    before = position(catalog)

    with catalog.writing() as connection:
        jobs.set_status(connection, job_id, JobStatus.PLANNED)

    assert position(catalog) == before


def test_closing_a_job_is_an_event_with_both_statuses(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job_id = add(connection, "Wedding")
    before = position(catalog)

    with catalog.writing() as connection:
        jobs.set_status(connection, job_id, JobStatus.SELLING)

    with catalog.reading() as connection:
        (event,) = feed.after(connection, before)
    assert (event.kind, event.job_id) == ("job.status", job_id)
    assert event.data == {"old": "planned", "new": "selling"}


def test_jobs_are_listed_by_name_without_regard_to_case(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        for name in ("beta", "Alpha", "Gamma"):
            add(connection, name)

        listed = [summary.job.name for summary in jobs.listing(connection)]

    assert listed == ["Alpha", "beta", "Gamma"]


def test_a_new_job_has_nothing_in_it(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        add(connection, "Wedding")

        (summary,) = jobs.listing(connection)

    assert (summary.files, summary.photos, summary.problems) == (0, 0, 0)


def test_granting_twice_is_one_grant_and_one_event(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job_id, anna = add(connection, "Wedding"), add_account(connection, "anna")
        grants.grant(connection, anna, job_id, Right.EDIT)
    before = position(catalog)

    with catalog.writing() as connection:
        grants.grant(connection, anna, job_id, Right.EDIT)

    assert position(catalog) == before
    with catalog.reading() as connection:
        held = grants.of_account(connection, anna)
    assert held == [Grant(account="anna", job="Wedding", right=Right.EDIT)]


def test_granting_again_changes_the_right(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job_id, anna = add(connection, "Wedding"), add_account(connection, "anna")
        grants.grant(connection, anna, job_id, Right.EDIT)

        grants.grant(connection, anna, job_id, Right.READ)

        assert [grant.right for grant in grants.of_job(connection, job_id)] == [Right.READ]


def test_revoking_says_whether_there_was_a_grant(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job_id, anna = add(connection, "Wedding"), add_account(connection, "anna")
        grants.grant(connection, anna, job_id, Right.EDIT)

        assert grants.revoke(connection, anna, job_id)
        assert not grants.revoke(connection, anna, job_id)
        assert grants.of_job(connection, job_id) == []


def test_an_account_with_all_jobs_may_edit_each_of_them(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job_id = add(connection, "Wedding")
        anna = add_account(connection, "anna")
        add_account(connection, "zoe")
        grants.grant(connection, anna, job_id, Right.READ)
        connection.execute(update(AccountRow).where(AccountRow.id == anna).values(all_jobs=True))

        held = grants.of_job(connection, job_id)

    assert held == [Grant(account="anna", job="Wedding", right=Right.EDIT)]


def test_a_job_closed_by_plain_sql_is_closed(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job_id = add(connection, "Wedding")
        connection.execute(text("UPDATE job SET status = 'archived'"))

        assert jobs.by_name(connection, "Wedding").status is JobStatus.ARCHIVED
        assert connection.scalar(select(JobRow.id)) == job_id


def add(connection: Connection, name: str) -> int:
    return jobs.add(connection, name, status=JobStatus.PLANNED, now=NOON)


def add_account(connection: Connection, name: str) -> int:
    entry = insert(AccountRow).values(name=name, created_at=NOON).returning(AccountRow.id)
    return connection.execute(entry).scalar_one()


def position(catalog: Catalog) -> feed.Position:
    with catalog.reading() as connection:
        return feed.end(connection)
