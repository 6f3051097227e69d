"""Loading exports one after the other into a database, and asking it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from skype_assets.etl import engine
from skype_assets.etl.phases import given_names
from skype_assets.etl.task import Settings, Task
from tests.cases.chats import Query, Row, written


@pytest.fixture
def load(tmp_path: Path, postgres_url: str) -> Callable[..., None]:
    """Load exports one after the other; each is a path, or the conversations of one to be written."""

    def run(*exports: Path | list[Row], names: dict[str, str] | None = None) -> None:
        for number, given in enumerate(exports):
            path = given if isinstance(given, Path) else written(tmp_path / f"{number}.json", given, day=number + 1)
            task = Task(f"t{number}", tmp_path / "output", path, postgres_url, Settings(media_only=True))
            if names is not None:
                given_names.keep(task.folder, names)
            engine.run(task)

    return run


@pytest.fixture
def query(postgres_url: str) -> Query:
    def ask(statement: str) -> list[tuple[Any, ...]]:
        with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    return ask
