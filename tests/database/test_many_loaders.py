"""Many loads at once, of exports that touch the same rows, end as if one had come after the other."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any, Final

import pyarrow as pa
import pytest

from skype_assets.etl.database import completion, ddl, holds
from skype_assets.etl.database.explained import compare_archives
from skype_assets.etl.database.loading import Claim, Loader, lock_owner
from skype_assets.etl.database.session import Database, Session
from skype_assets.etl.schema.tables import TABLES
from tests.conftest import NewDatabase
from tests.database.small_loads import CONVERSATION, OWNER, Tables, export, head, messages, query, register
from tests.database.test_locks_and_roles import in_background, until
from tests.engine.database_content import digests

ACCOUNTS: Final = ("8:a", "8:b", "8:c")
EXPORTS: Final = 3
MESSAGES: Final = 1500
DOCUMENTS: Final = 25

WAITING: Final = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
DEADLOCKS: Final = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def loads(seed: int) -> Iterator["Load"]:
    """Exports of some accounts: all of them have the same documents, and those of an account messages, in any order."""
    random = Random(seed)
    for account in ACCOUNTS:
        for number in range(EXPORTS):
            ids = [str(1_000_000 + one) for one in random.sample(range(MESSAGES), MESSAGES * 3 // 4)]
            yield Load(account, number, ids)


class Load:
    """One of several exports of an account, loaded when it is called."""

    def __init__(self, owner: str, number: int, ids: Sequence[str]) -> None:
        self._owner, self._number, self._ids = owner, number, ids
        self._export_id = f"{owner}-{number}"

    def __call__(self, url: str) -> None:
        half = len(self._ids) // 2
        row = _of(self._owner, export(self._export_id, days=self._number))
        first = {name: _of(self._owner, table) for name, table in head(self._export_id).items()}
        first["media_files"] = self._media()
        with Database(url) as database:
            claim = database.repeatedly(lambda session: Loader.register(session, row)).claim
            database.repeatedly(lambda session: Loader(session, claim).commit(0, "head", first))
            for part, ids in enumerate((self._ids[:half], self._ids[half:]), start=1):
                database.repeatedly(partial(self._commit, claim, part, self._part(ids)))
            conversations = first["conversations"].select(["conversation_id"])
            database.repeatedly(lambda session: Loader(session, claim).finish(row, conversations))

    def _commit(self, claim: Claim, part: int, tables: Tables, session: Session) -> None:
        Loader(session, claim).commit(part, "part", tables)

    def _part(self, ids: Sequence[str]) -> Tables:
        tables = messages(*ids, export_id=self._export_id, version=self._number)
        key = {"owner_id": self._owner, "conversation_id": CONVERSATION, "ordinal": 0, "kind": "image"}
        shown = [{**key, "message_id": one, "document_id": f"d{int(one) % DOCUMENTS}", "present": False} for one in ids]
        return {
            **{name: _of(self._owner, table) for name, table in tables.items()},
            "attachments": _rows("attachments", shown),
        }

    def _media(self) -> pa.Table:
        objects = [
            {
                **{"owner_id": self._owner, "document_id": f"d{one}", "media_index": 1, "member": f"d{one}.1.jpg"},
                **{"size_bytes": self._number, "export_id": self._export_id, "flags": [], "kept": False},
            }
            for one in range(self._number, DOCUMENTS, 2)
        ]
        return _rows("media_files", objects)


def _of(owner: str, table: pa.Table) -> pa.Table:
    if "owner_id" not in table.column_names:
        return table
    place = table.schema.get_field_index("owner_id")
    return table.set_column(place, table.schema.field(place), pa.array([owner] * table.num_rows, pa.string()))


def _rows(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    schema = TABLES[name].schema
    return pa.Table.from_pylist([{field.name: row.get(field.name) for field in schema} for row in rows], schema)


@pytest.mark.parametrize("seed", range(3))
def test_many_loads_at_once_do_not_deadlock_and_make_the_rows_of_one_after_the_other(
    seed: int, postgres_url: str, new_database: NewDatabase
) -> None:
    one_by_one = new_database()
    for url in (one_by_one, postgres_url):
        with Database(url) as database:
            database.repeatedly(ddl.create)
            database.repeatedly(completion.complete)
    all_loads = list(loads(seed))
    for load in all_loads:
        load(one_by_one)
    Random(seed).shuffle(all_loads)
    with ThreadPoolExecutor(len(all_loads)) as threads:
        for loaded in [threads.submit(load, postgres_url) for load in all_loads]:
            loaded.result()
    with Database(postgres_url) as database, database.session() as session:
        assert str(compare_archives(session)) == "0 rows are there"
    assert digests(postgres_url) == digests(one_by_one)
    assert query(postgres_url, DEADLOCKS) == [(0,)]


def test_parts_of_two_exports_of_an_account_are_not_beside_each_other(postgres_url: str) -> None:
    """They may have the same messages in other orders. Those of one export have none twice."""
    with Session(postgres_url) as one, Session(postgres_url) as other, Session(postgres_url) as another:
        first, second = register(one), register(other, export("e2", days=1))
        with first.transaction(is_alone=False):
            waiting = in_background(lambda: second.commit_part(1, "p", messages("1", export_id="e2")))
            until(lambda: query(postgres_url, WAITING))
        waiting.join(60)
        assert second.ledger() == {1: "p"}
        query(postgres_url, "DELETE FROM skype.exports WHERE export_id = 'e2'")
        with first.transaction(is_alone=False):
            Loader(another, first.claim).commit_part(1, "p", messages("2"))


def test_who_waits_for_an_account_does_not_keep_a_later_attempt_from_registering(postgres_url: str) -> None:
    with Session(postgres_url) as session, Session(postgres_url) as holder:
        loader = register(session)
        with holder.transaction():
            lock_owner(holder, OWNER)
            waiting = in_background(lambda: loader.commit_head(0, "h", head()))
            until(lambda: query(postgres_url, WAITING))
            query(postgres_url, "SET lock_timeout = '2s'; UPDATE skype.attempts SET attempt = attempt")
        waiting.join(60)
        assert loader.ledger() == {0: "h"}


def test_who_holds_an_account_waits_for_loads_before_any_table(postgres_url: str) -> None:
    """A load takes its tables in an order of its own."""
    with Session(postgres_url) as session, Session(postgres_url) as other:
        loader = register(session)
        with loader.transaction():
            session.execute("LOCK TABLE skype.reactions IN ROW EXCLUSIVE MODE")
            waiting = in_background(lambda: holds.add(other, OWNER, "a case", "somebody"))
            until(lambda: query(postgres_url, WAITING))
            session.execute("SET LOCAL lock_timeout = '2s'")
            session.execute("LOCK TABLE skype.messages IN ROW EXCLUSIVE MODE")
        waiting.join(60)
        assert [hold.owner_id for hold in holds.listed(session)] == [OWNER]
