"""`.jobfs` of a whole studio, with the real sshd: who is connected, and what health says."""

import json
from typing import Any

from tests.served.studio import Studio, until

_BYTES = b"\xff\xd8\xff\xe0" + bytes(100_000)


def told(studio: Studio, name: str) -> list[dict[str, Any]]:
    """Return what a file of `.jobfs` tells."""
    text = (studio.mountpoint / ".jobfs" / name).read_text("ascii")
    return [json.loads(line) for line in text.splitlines()]


def test_a_connection_tells_from_where_it_comes_and_what_it_sends(studio: Studio) -> None:
    job = studio.new_job()
    until(lambda: told(studio, "connections") == [])

    with studio.connected("anna") as sftp:
        with sftp.open(f"/{job}/half.jpg", "wb") as file:
            file.write(_BYTES)
            file.flush()
            until(lambda: [one["bytes"] for one in told(studio, "connections")] == [len(_BYTES)])
            (sending,) = told(studio, "connections")
            (listed,) = studio.listing("connections", "list")
            sftp.remove(f"/{job}/half.jpg")  # or its close fails: it is incomplete
        until(lambda: [one["open_files"] for one in told(studio, "connections")] == [0])

    assert (sending["account"], sending["address"]) == ("anna", "127.0.0.1")
    assert (sending["open_files"], sending["pid"]) == (1, listed["pid"])
    until(lambda: told(studio, "connections") == [])


def test_everything_is_well_in_a_studio_at_work(studio: Studio) -> None:
    found = {one["name"]: one["healthy"] for one in told(studio, "health")}

    assert found == dict.fromkeys(["database", "mount", "login", "worker", "queue", "store"], True)
