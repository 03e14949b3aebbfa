"""What the tests of the tree share."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from jobfs.catalog.engine import Catalog
from tests.stored.studio import account, job


@pytest.fixture
def connection(catalog: Catalog) -> Iterator[Connection]:
    """One transaction for a whole test."""
    with catalog.writing() as connection:
        yield connection


@pytest.fixture
def anna(connection: Connection) -> int:
    """An account that may edit the job Wedding."""
    anna = account(connection)
    job(connection, "Wedding", anna)
    return anna
