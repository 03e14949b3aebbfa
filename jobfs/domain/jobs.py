"""What a job's status says and what a grant allows."""

from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job stands. Only a planned one is a directory."""

    PLANNED = "planned"  # people see "Planned (Inactive)"
    PREPAY = "prepay"
    SELLING = "selling"
    ARCHIVED = "archived"

    @property
    def label(self) -> str:
        """The words an administrator knows the status by."""
        return "Planned (Inactive)" if self is JobStatus.PLANNED else self.value.capitalize()


class Right(StrEnum):
    """What an account may do in a job it was granted."""

    READ = "read"  # look and fetch
    ADD = "add"  # create, and change what one created oneself
    EDIT = "edit"  # everything a photographer does; the default

    def may_create(self) -> bool:
        """Whether new entries may be made."""
        return self is not Right.READ

    def may_change(self, *, own: bool) -> bool:
        """Whether an entry may be changed, moved or removed; *own*: the account created it."""
        return self is Right.EDIT or (self is Right.ADD and own)
