"""The kinds of events. Those of jobs, grants, accounts and keys are appended by triggers."""

from enum import StrEnum


class EventKind(StrEnum):
    """What an event says has happened; `domain.verb`."""

    JOB_ADDED = "job.added"
    JOB_STATUS = "job.status"  # data: old, new
    JOB_RENAMED = "job.renamed"  # data: old, new
    GRANT_ADDED = "grant.added"
    GRANT_CHANGED = "grant.changed"
    GRANT_REMOVED = "grant.removed"
    ACCOUNT_ADDED = "account.added"
    ACCOUNT_CHANGED = "account.changed"
    QUOTA_REACHED = "quota.reached"  # data: percent (80 or 95), used, quota
    KEY_ADDED = "key.added"
    KEY_REMOVED = "key.removed"
    ENTRY_CREATED = "entry.created"
    ENTRY_RENAMED = "entry.renamed"  # data: old and new parent and name
    ENTRY_CHANGED = "entry.changed"  # data: times
    ENTRY_REMOVED = "entry.removed"
    ENTRY_RESTORED = "entry.restored"  # data: parent, name
    UPLOAD_STARTED = "upload.started"
    UPLOAD_JUDGED = "upload.judged"  # data: state
    UPLOAD_SUPERSEDED = "upload.superseded"
    UPLOAD_RESTORED = "upload.restored"
    UPLOAD_PURGED = "upload.purged"
    PHOTO_INGESTED = "photo.ingested"
    PHOTO_ERASED = "photo.erased"  # data: files, versions, bytes
    JOB_ERASED = "job.erased"
    TASK_FAILED = "task.failed"
    TASK_RETRIED = "task.retried"
    INGEST_PAUSED = "ingest.paused"
    INGEST_RESUMED = "ingest.resumed"
