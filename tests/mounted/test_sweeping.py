"""A mount that died is followed by another, which settles what it has left open."""

import os
from collections.abc import Callable

from tests.mounted.actor import Actor
from tests.mounted.studio import Mount, Studio
from tests.mounted.syscalls import names, put
from tests.pure.pictures import noise, saved

_JPEG = saved(noise(300, 200), "JPEG")
#: A container of its own has a host name of its own.
_NEW_CONTAINER = ["unshare", "--uts", "sh", "-ec", 'hostname "$0"; exec "$@"']


def test_a_container_that_replaces_a_killed_one_settles_its_uploads_at_once(
    own_studio: Studio, actors: Callable[[int], Actor]
) -> None:
    own_studio.mount = Mount(own_studio.config_file, within=[*_NEW_CONTAINER, "4f1c2e0b7a11"])
    own_studio.mount.wait_until_ready()
    anna = own_studio.account("anna")
    path = own_studio.add_job(anna).path / "photo.jpg"
    photographer = actors(anna.uid)
    file = photographer.do("open", str(path), os.O_WRONLY | os.O_CREAT)
    photographer.do("write", file, _JPEG[:999])
    # What is not synced yet may have no rows (decision 0020), and a killed mount writes none.
    photographer.do("fsync", file)

    own_studio.mount.kill()
    own_studio.start()

    assert own_studio.states(path) == ["interrupted"]
    put(str(path), _JPEG[999:], os.O_APPEND)
    assert path.read_bytes() == _JPEG
    assert own_studio.states(path) == ["received"]
    assert len(names(own_studio.data / "mounts")) == 1
