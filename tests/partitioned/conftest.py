"""Tables in partitions, in the place of the plain ones that all other tests have: what is promised of both."""

import pytest

from skype_assets.etl.database import ddl
from skype_assets.etl.database.session import Session
from tests.conftest import NewDatabase
from tests.engine.conftest import copied, finished, fresh, one, sample, six, tables, whole

__all__ = ["copied", "finished", "fresh", "one", "sample", "six", "tables", "whole"]

PARTITIONS = 3


def divide(url: str) -> str:
    """Create the tables in an empty database, in partitions."""
    with Session(url) as session:
        ddl.create(session, PARTITIONS)
    return url


@pytest.fixture
def postgres_url(postgres_url: str) -> str:
    return divide(postgres_url)


@pytest.fixture(scope="session")
def new_database(new_database: NewDatabase) -> NewDatabase:
    def create(like: str | None = None, *, lasts: bool = False, is_plain: bool = False) -> str:
        made = new_database(like, lasts=lasts)
        return made if like or is_plain else divide(made)

    return create
