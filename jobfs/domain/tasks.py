"""What tasks wait for: who asked for them says whose turn it is."""

from enum import IntEnum


class Priority(IntEnum):
    """Who waits for a task; a lower number begins first, whatever the tasks' age.

    A photographer who sends a file watches for its photo. An import is left alone until it is done,
    and whoever asks for new renditions has the old ones meanwhile.
    """

    UPLOAD = 0
    IMPORT = 1
    RERENDER = 2

    @property
    def word(self) -> str:
        """Its name for people and in JSON."""
        return self.name.lower()
