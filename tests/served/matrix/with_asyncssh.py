"""Sends what is named with asyncssh: PORT KEY JOB NAME..., in the working directory.

After --get it fetches a file instead: PATH NAME.
"""

import asyncio
import sys

import asyncssh


async def main(port: str, key: str, job: str, *names: str) -> None:
    """Log in and send."""
    connecting = asyncssh.connect(
        "127.0.0.1", int(port), username="anna", client_keys=[key], known_hosts=None,
        agent_path=None, config=[],
    )  # fmt: skip
    async with connecting as connection, connection.start_sftp_client() as sftp:
        if names[0] == "--get":
            await sftp.get(f"{job}/{names[1]}", names[2], preserve=True)
            return
        await sftp.put(list(names), job, preserve=True, recurse=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
