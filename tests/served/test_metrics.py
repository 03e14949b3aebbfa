"""What Prometheus hears of a studio at work, and of one whose ports others have."""

import re
import socket
from collections.abc import Iterator
from itertools import pairwise

import paramiko
import pytest

from tests.served import folder, scrape
from tests.served.scrape import GIVEN, ITS_OWN, Scrape
from tests.served.studio import Studio, until

JPEG = folder.jpeg(1)
SECRET = "IMG_of_somebody.JPG"
STAGES = "jobfs_ingest_stage_seconds_count"


def scraped(studio: Studio, *kinds: str) -> Scrape:
    """Return what the roles of these kinds tell, or all."""
    return Scrape(studio.metrics_of(kind) for kind in kinds or studio.metrics)


@pytest.fixture(scope="module")
def told(whole_studio: Studio) -> Scrape:
    """What the roles tell when somebody has sent a photo and half of one, missed one, and reads the first."""
    studio = whole_studio
    if not studio.is_running:
        studio.start()
    job = studio.new_job()
    with studio.connected("anna") as sftp:
        send(sftp, f"{job}/{SECRET}", JPEG)
        send(sftp, f"{job}/half.jpg", JPEG[:-100])  # paramiko does not say how a close ends
        with pytest.raises(FileNotFoundError):
            sftp.stat(f"{job}/Käthe.jpg")
        studio.wait_for_photos(job, 1)
        # A photo is there a moment before its worker counts how long that took.
        until(lambda: scraped(studio, "worker").value(STAGES, stage="record") >= 1)
        with sftp.open(f"{job}/{SECRET}") as file:
            assert file.read() == JPEG
            return scraped(studio)


def send(sftp: paramiko.SFTPClient, path: str, content: bytes) -> None:
    with sftp.open(path, "wb") as file:
        file.set_pipelined()
        file.write(content)


def test_roles_tell_how_a_photo_came(told: Scrape) -> None:
    assert told.value("jobfs_uploads_total", outcome="received") >= 1
    assert told.value("jobfs_uploads_total", outcome="incomplete") >= 1
    assert told.value("jobfs_uploads_total", outcome="ingested") >= 1
    size = len(JPEG)
    for outcome in ("received", "ingested"):
        assert told.value("jobfs_upload_bytes_total", outcome=outcome) >= size
    assert told.value("jobfs_handle_bytes_total", direction="written") > size
    assert told.value("jobfs_handle_bytes_total", direction="read") >= size
    assert told.value("jobfs_open_handles", mode="reading") >= 1
    assert told.value("jobfs_ingested_seconds_count") >= 1
    for stage in ("read", "decode", "render", "record"):
        assert told.value(STAGES, stage=stage) >= 1
        assert told.value("jobfs_ingest_stage_seconds_sum", stage=stage) > 0
    assert told.value("jobfs_logins_total", outcome="accepted") >= 1
    assert told.value("jobfs_connections") >= 1


def test_the_mount_tells_how_long_each_kind_of_request_takes(told: Scrape) -> None:
    for request in ("lookup", "getattr", "create", "write", "flush", "release"):
        assert told.value("jobfs_kernel_request_seconds_count", request=request) >= 1
    assert told.value("jobfs_kernel_failures_total", request="lookup", error="ENOENT") >= 1
    assert told.value("jobfs_kernel_failures_total", request="flush", error="incomplete") >= 1
    buckets = [
        one.value
        for one in told.samples
        if one.name == "jobfs_kernel_request_seconds_bucket" and one.labels["request"] == "lookup"
    ]
    assert all(lower <= higher for lower, higher in pairwise(buckets))
    assert buckets[-1] == told.value("jobfs_kernel_request_seconds_count", request="lookup")


def test_the_mount_tells_of_the_whole_studio(told: Scrape) -> None:
    assert told.value("jobfs_database_up") == 1
    assert told.value("jobfs_queue_tasks", priority="upload", state="failed") == 0
    assert told.value("jobfs_queue_paused") == 0
    assert told.value("jobfs_uploads_oldest_received_seconds") == 0
    total, free = (told.value("jobfs_store_bytes", kind=kind) for kind in ("total", "free"))
    assert 0 < free <= total


def test_a_paused_queue_and_what_waits_in_it_are_told(studio: Studio) -> None:
    studio.jobfs("queue", "pause")
    job = studio.new_job()
    with studio.connected("anna") as sftp:
        send(sftp, f"{job}/a.jpg", JPEG)
    studio.wait_until_closed(job, 1)
    until(lambda: scraped(studio, "mount").value("jobfs_queue_age_seconds", priority="upload") > 0)
    told = scraped(studio, "mount")
    studio.jobfs("queue", "resume")
    studio.wait_for_photos(job, 1)

    assert told.value("jobfs_queue_paused") == 1
    assert told.value("jobfs_queue_tasks", priority="upload", state="waiting") == 1
    assert told.value("jobfs_uploads_oldest_received_seconds") > 0


def test_no_account_job_or_file_is_named(told: Scrape) -> None:
    values = {value for sample in told.samples for value in sample.labels.values()}

    for name in ("anna", "ben", "jobfs-health", "Plainview", "Job ", SECRET, ".jpg", "/"):
        assert not [value for value in values if name in value]


def test_the_page_has_every_metric_and_no_other(told: Scrape) -> None:
    assert scrape.on_the_page() == told.metrics


@pytest.mark.parametrize("where", scrape.queries())
def test_a_query_asks_for_what_is_told(told: Scrape, where: str) -> None:
    asked = list(scrape.selectors(scrape.queries()[where]))

    assert asked
    for name, matchers in asked:
        assert name in told.names | ITS_OWN
        for label, value in matchers:
            assert label in GIVEN or value in told.values(name, label), (name, label)


def test_roles_answer_this_machine_alone(studio: Studio) -> None:
    for port in studio.metrics.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port)).close()


@pytest.fixture(scope="module")
def crowded() -> Iterator[Studio]:
    """A studio with two workers, on a machine where another program has the port of its mount."""
    studio = Studio()
    with studio.config_file.open("a", encoding="utf-8") as file:
        file.write("[ingest]\nworkers = 2\n")
    try:
        with socket.create_server(("127.0.0.1", studio.metrics["mount"])):
            studio.fill()
            studio.start()
            yield studio
            assert studio.stop() == 0
        studio.assert_nothing_is_left()
    finally:
        studio.remove()


def test_a_taken_port_keeps_no_photographer_waiting(crowded: Studio) -> None:
    with crowded.connected("anna") as sftp:
        assert "PlainviewHSFall2026" in sftp.listdir("/")

    said = [line["event"] for line in crowded.log.since() if line["level"] == "warning"]
    (told,) = [line for line in said if line.startswith("no metrics")]
    assert f"cannot listen at 127.0.0.1, port {crowded.metrics['mount']}: " in told
    assert "[metrics]" in told


def test_each_worker_of_a_machine_has_a_port_of_its_own(crowded: Studio) -> None:
    until(lambda: len(worker_ports(crowded)) == 2)

    first, second = worker_ports(crowded)
    assert first != second
    for port in (first, second):
        assert 'jobfs_role{role="worker"' in crowded.metrics_of("worker", port=port)


def worker_ports(studio: Studio) -> list[int]:
    """Return where the workers say that they answer."""
    said = [line["event"] for line in studio.log.since() if line["role"] == "worker"]
    found = [re.fullmatch(r"metrics at http://127\.0\.0\.1:(\d+)/metrics", one) for one in said]
    return [int(match[1]) for match in found if match]
