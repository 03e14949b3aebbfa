"""A photographer's desk: a job, connections to it, and what has become of what was sent."""

import json
from contextlib import ExitStack
from typing import Any

from click.testing import CliRunner
from sqlalchemy import exists, select

from jobfs.catalog.engine import Connection
from jobfs.catalog.schema import EntryRow, JobRow, TaskRow, UploadRow
from jobfs.cli.main import main
from jobfs.domain.uploads import UploadState
from tests.served.folder import digest
from tests.served.matrix.wire import Wire
from tests.served.studio import Studio


class Desk:
    """A photographer with a job: connects, and looks at what has become of it."""

    def __init__(self, studio: Studio, connections: ExitStack) -> None:
        self._studio = studio
        self._connections = connections
        self.job = studio.new_job()
        self._own = self.connect()  # to look through

    def connect(self) -> Wire:
        """Make a connection."""
        channel = self._connections.enter_context(self._studio.connected("anna")).get_channel()
        assert channel is not None
        return Wire(channel)

    def at(self, path: str) -> str:
        """Return the path that a client names."""
        return f"{self.job}/{path}"

    def settle(self) -> None:
        """Return when no file is being sent any more, and all that has arrived was ingested."""
        entry = select(EntryRow.id).join(JobRow).where(JobRow.name == self.job)
        entry = entry.where(EntryRow.removed_at.is_(None))
        uploads = select(UploadRow.id).where(UploadRow.entry_id.in_(entry))
        open_now = uploads.where(UploadRow.state == UploadState.RECEIVING.value)
        queued = select(TaskRow.id).where(TaskRow.upload_id.in_(uploads))

        def nothing_is_left(connection: Connection) -> bool:
            left = select(exists(open_now), exists(queued))
            return not any(connection.execute(left).one())

        self._studio.wait_until(nothing_is_left)

    def listed(self, *command: str) -> list[dict[str, Any]]:
        """Return what a command of jobfs lists about the job."""
        words = ["--config", str(self._studio.config_file), *command, self.job, "--json"]
        answer = CliRunner().invoke(main, words, catch_exceptions=False)
        assert answer.exit_code == 0, answer.output
        lines: list[dict[str, Any]] = json.loads(answer.stdout)
        return lines

    def photos(self) -> dict[str, tuple[int, str]]:
        """Return id and digest of each current photo, by its path."""
        self.settle()
        listed = self.listed("photo", "list")
        found = {photo["path"]: (photo["id"], photo["sha256"]) for photo in listed}
        assert len(found) == len(listed)
        return found

    def problems(self) -> list[tuple[str, str]]:
        """Return path and kind of each problem."""
        return [(problem["path"], problem["kind"]) for problem in self.listed("problems")]

    def trash(self) -> list[tuple[str, int, str]]:
        """Return path, size and state of everything in the trash, sorted."""
        return sorted(
            (item["path"], item["size"], item["state"]) for item in self.listed("trash", "list")
        )

    def kept(self) -> set[int]:
        """Return the sizes of what has been photos and was overwritten or set aside."""
        trash = {size for _, size, state in self.trash() if state == UploadState.INGESTED.value}
        return trash | {
            size or 0 for name, size in self.sizes().items() if name.endswith("_original")
        }

    def restore(self, path: str, size: int) -> None:
        """Take a version of a file, told by its size, out of the trash."""
        (item,) = [
            item["id"]
            for item in self.listed("trash", "list")
            if (item["path"], item["size"]) == (path, size)
        ]
        self._studio.jobfs("trash", "restore", item)

    def sizes(self) -> dict[str, int | None]:
        """Return the names in the job's directory, with their sizes."""
        listed = self._own.listing(self.job)
        return {name: file.size for name, file in listed.items() if not name.startswith((".", "_"))}

    def assert_holds(self, contents: dict[str, bytes]) -> None:
        """Check that these, and they alone, are photos and come back as they were sent."""
        sent = {path: digest(content) for path, content in contents.items()}
        assert {path: sha256 for path, (_, sha256) in self.photos().items()} == sent
        assert {path: digest(self._own.read(self.at(path))) for path in contents} == sent
