"""An error of a part names the message that PostgreSQL refuses, or those that ended the server."""

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from skype_assets.etl.database.loading import Claim, Loader
from skype_assets.etl.database.refused import DEADLY, committed
from skype_assets.etl.database.session import Database, Rejected, Session
from skype_assets.etl.errors import PoisonPart
from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.rows.superseded import superseded
from tests.database.small_loads import Tables, head, messages, query, register

BAD: dict[str, Any] = {"source_offset": 777, "source_length": 99}
DUPLICATE = {
    **messages("good", reactions=0),
    "superseded_copies": superseded(messages("good", text="secret\0", **BAD)["messages"], is_duplicate=True),
}


def joined(*parts: Tables) -> Tables:
    return {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}


def part_of(bad: Tables) -> Tables:
    return joined(messages(*map(str, range(40))), bad, messages(*map(str, range(50, 90))))


def commit(claim: Claim, tables: Tables, session: Session) -> None:
    Loader(session, claim).commit_part(1, "c", tables)


def registered(database: Database) -> Claim:
    with database.session() as session:
        loader = register(session)
        loader.commit_head(0, "h", head())
        return loader.claim


@pytest.mark.parametrize(
    ("bad", "table"),
    [
        (messages("bad", properties="1e-20000", **BAD), "messages"),
        (messages("bad", text="secret\0", **BAD), "messages"),
        (messages("bad", export_id="\0", **BAD), "messages"),
        (DUPLICATE, "superseded_copies"),
    ],
)
def test_a_value_that_is_refused_is_named_by_its_message_and_not_printed(
    bad: Tables, table: str, postgres_url: str
) -> None:
    with Database(postgres_url) as database:
        claim = registered(database)
        tables = part_of(bad)
        with pytest.raises(Rejected) as refused:
            committed(database, tables, partial(commit, claim, tables))
    assert f"a row of table skype.{table} (member messages.json, offset 777, length 99)" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert query(postgres_url, "SELECT count(*) FROM skype.messages") == [(0,)]


def test_a_row_below_a_message_is_named_by_the_message(postgres_url: str) -> None:
    with Database(postgres_url) as database:
        claim = registered(database)
        tables = part_of(messages("bad", reactions=0, **BAD))
        row = {"owner_id": "o", "conversation_id": "8:tbrannock", "message_id": "bad", "emotion": "x\0", "user_id": "u"}
        reaction = pa.Table.from_pylist([row], tables["reactions"].schema)
        tables["reactions"] = pa.concat_tables([tables["reactions"], reaction])
        with pytest.raises(Rejected, match=r"table skype.reactions \(member messages.json, offset 777, length 99\)"):
            committed(database, tables, partial(commit, claim, tables))


def test_a_server_that_dies_twice_at_a_part_is_not_asked_again(server_folder: Path) -> None:
    server = EmbeddedServer(server_folder)
    server.start()
    tables, deaths = part_of(messages("bad", **BAD)), 0

    def die(session: Session) -> None:
        nonlocal deaths
        deaths += 1
        os.kill(session.rows("SELECT pg_backend_pid()")[0][0], signal.SIGKILL)
        session.rows("SELECT 1")

    with Database(server.url("postgres")) as database, pytest.raises(PoisonPart) as poison:
        committed(database, tables, die)
    assert deaths == DEADLY
    assert "member messages.json, offset 777 to 4252452534, 81 messages" in str(poison.value)
    assert "server's log" in str(poison.value)
