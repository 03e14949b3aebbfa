"""Quotas by the commands a person types."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jobfs.blobs.store import BlobStore
from jobfs.catalog import grants, jobs
from jobfs.catalog.engine import Catalog
from jobfs.cli.main import main
from jobfs.domain.jobs import JobStatus, Right
from tests.stored.studio import NOON, send

Run = Callable[..., Result]


@pytest.fixture
def jobfs(catalog: Catalog, database_url: str, tmp_path: Path) -> Run:
    """The command `jobfs`, on a studio with the account anna, who may have 1.5 GB."""
    del catalog
    file = tmp_path / "jobfs.toml"
    file.write_text(f"[jobfs]\ndata = 'data'\nmountpoint = 'mount'\ndatabase = '{database_url}'\n")

    def run(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(main, ["--config", str(file), *arguments])
        assert result.exit_code == status, result.output
        return result

    run("account", "add", "anna", "--quota", "1.5GB")
    return run


@pytest.fixture
def sent(catalog: Catalog, store: BlobStore, jobfs: Run) -> None:
    """Anna has sent a file of 1234 bytes."""
    del jobfs
    with catalog.writing() as connection:
        job_id = jobs.add(connection, "Wedding", status=JobStatus.PLANNED, now=NOON)
        grants.grant(connection, 1, job_id, Right.EDIT)
        send(connection, store, 1, "Wedding/a", b"x" * 1234)


@pytest.mark.usefixtures("sent")
def test_the_quota_is_shown_in_words_to_people_and_in_bytes_to_programs(jobfs: Run) -> None:
    assert jobfs("account", "quota", "anna").stdout.splitlines() == [
        "name:  anna",
        "quota: 1.5 GB",
        "used:  1.2 kB",
        "left:  1.5 GB",
    ]
    assert json.loads(jobfs("account", "quota", "anna", "--json").stdout) == {
        "name": "anna", "quota": 1_500_000_000, "used": 1234, "left": 1_499_998_766,
    }  # fmt: skip


@pytest.mark.usefixtures("sent")
def test_an_account_is_shown_with_its_quota(jobfs: Run) -> None:
    shown = json.loads(jobfs("account", "show", "anna", "--json").stdout)
    [listed] = json.loads(jobfs("account", "list", "--json").stdout)

    for facts in (shown, listed):
        assert (facts["quota"], facts["used"], facts["left"]) == (
            1_500_000_000, 1234, 1_499_998_766,
        )  # fmt: skip
    assert "1.5 GB" in jobfs("account", "list").stdout


def test_a_quota_is_set_and_lifted(jobfs: Run) -> None:
    jobfs("account", "quota", "anna", "2 GiB")
    assert json.loads(jobfs("account", "quota", "anna", "--json").stdout)["quota"] == 2 * 2**30

    lifted = json.loads(jobfs("account", "quota", "anna", "none", "--json").stdout)
    assert lifted == {"name": "anna", "quota": None, "used": 0, "left": None}
    assert jobfs("account", "quota", "anna").stdout.splitlines()[1:] == [
        "quota: none",
        "used:  0 bytes",
    ]


def test_an_account_has_no_quota_unless_one_is_given(jobfs: Run) -> None:
    jobfs("account", "add", "ben")

    assert json.loads(jobfs("account", "show", "ben", "--json").stdout)["quota"] is None


@pytest.mark.parametrize("size", ["5X", "much", "-5", "1,5GB"])
def test_what_is_no_size_is_wrong_usage(jobfs: Run, size: str) -> None:
    refused = jobfs("account", "quota", "anna", "--", size, status=2)
    jobfs("account", "add", "ben", f"--quota={size}", status=2)

    assert f"{size!r} is no size: say it like 500MB, 2GiB or 1.5TB" in refused.output


def test_an_unknown_account_has_no_quota_to_change(jobfs: Run) -> None:
    jobfs("account", "quota", "nobody", "5GB", status=1)
    jobfs("account", "quota", "nobody", status=1)
