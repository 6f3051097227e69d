"""``digest`` and ``compare``: equal databases have equal digests, and what differs is named by key."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from skype_assets.etl import engine
from skype_assets.etl.database.digests import RECIPE
from skype_assets.etl.errors import DatabasesDiffer
from skype_assets.etl.postgres.embedded import binaries
from skype_assets.etl.postgres.url import from_config
from skype_assets.etl.sample.overlapping import write_overlapping
from skype_assets.etl.task import Settings, Task
from tests.command_line.conftest import PROJECT, Invoke
from tests.engine.database_content import query

SETTINGS = Settings(chunk_size=500, max_workers=1)


@pytest.fixture
def loaded(database: str, workplace: Path) -> str:
    for path in write_overlapping(workplace, exports=2, messages=100):
        engine.run(Task(path.stem[-1], Path("output"), path, settings=SETTINGS))
    return database


@pytest.fixture
def twin(loaded: str) -> str:
    """A database of the same rows."""
    name = f"{parse_dsn(loaded)['dbname']}_twin"
    query(from_config({**parse_dsn(loaded), "dbname": "postgres"}), f"CREATE DATABASE {name} TEMPLATE "
          f"{parse_dsn(loaded)['dbname']}")  # fmt: skip
    return from_config({**parse_dsn(loaded), "dbname": name})


def test_psql_alone_gets_the_same_digests(invoke: Invoke, loaded: str) -> None:
    recipe = next(query for query in _queries() if query == RECIPE)
    Path("digest.sql").write_text(recipe)
    command = [str(binaries() / "psql"), "-XqAt", "-f", "digest.sql", f"--dbname={loaded}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    tables = json.loads(invoke("digest", "--json").stdout)["tables"]
    assert sorted(ran.stdout.splitlines()) == sorted(
        f"{table['sha256']}|{table['rows']}|{name}" for name, table in tables.items()
    )
    assert sum(table["rows"] for table in tables.values()) > 100


def test_sql_alone_says_that_every_copy_is_there_and_what_was_edited_or_deleted_between_exports(loaded: str) -> None:
    balance, edited, _ = _queries()
    accounts = query(loaded, balance)
    assert len(accounts) == 2
    for _, seen, won, lost, duplicate, rejected in accounts:
        assert seen == won + lost + duplicate + rejected
    assert sum(lost for _, _, _, lost, _, _ in accounts) > 10
    told = query(loaded, edited)
    assert {text for *_, text, _, _, _ in told} >= {"changed my mind", ""}


def _queries() -> list[str]:
    """The SQL of the page about proof."""
    return re.findall(r"```sql\n(.*?)```", (PROJECT / "docs" / "proof.md").read_text(), re.DOTALL)


def test_databases_of_the_same_rows_are_equal_whoever_loaded_them_and_saved_digests_tell_it(
    invoke: Invoke, loaded: str, twin: str
) -> None:
    query(twin, "UPDATE skype.exports SET task_id = 'another', loaded_at = now()")
    assert invoke("compare", loaded, twin).exit_code == 0
    for depth in ("table", "conversation", "row"):
        saved = invoke("digest", "--by", depth, "--json")
        Path("saved.json").write_text(saved.stdout)
        assert invoke("compare", "saved.json", twin).exit_code == 0
        assert invoke("compare", twin, "saved.json").exit_code == 0
    owner = query(loaded, "SELECT min(owner_id) FROM skype.exports")[0][0]
    assert invoke("compare", loaded, twin, "--owner", owner).exit_code == 0
    assert invoke("compare", "saved.json", twin, "--owner", owner).exit_code == 2
    every, nobody = (invoke("digest", "--owner", whom, "--table", "links") for whom in (owner, "8:nobody"))
    assert every.stdout == invoke("digest", "--table", "links").stdout
    assert nobody.stdout.split()[1:] == ["0", "links"]
    assert invoke("digest", "--table", "nothing").exit_code == 2


def test_what_differs_is_named_by_table_conversation_and_key_as_deep_as_a_file_tells(
    invoke: Invoke, loaded: str, twin: str
) -> None:
    key = query(loaded, "SELECT owner_id, conversation_id, message_id FROM skype.messages ORDER BY 3 LIMIT 1")[0]
    query(twin, f"UPDATE skype.messages SET text = text || '.' WHERE message_id = '{key[2]}'")
    whole = {"table": "messages", "conversations": [[*key[:2]]], "keys": [[*key]]}
    for depth, known in (("row", {}), ("conversation", {"keys": []}), ("table", {"keys": [], "conversations": []})):
        Path("saved.json").write_text(invoke("digest", "--by", depth, "--json").stdout)
        compared = invoke("compare", "saved.json", twin, "--json")
        assert compared.exit_code == DatabasesDiffer.exit_code, compared.output
        (difference,) = json.loads(compared.stdout)["differences"]
        assert difference.pop("rows")[0] > 0
        assert difference == whole | known
    said = invoke("compare", loaded, twin)
    assert said.exit_code == DatabasesDiffer.exit_code
    assert f"  row ({', '.join(key)})" in said.stdout
    assert said.stderr.splitlines()[-1].endswith("they differ in messages")


@pytest.mark.parametrize("content", ["", "[]", '{"tables": {}}', '{"format": "other"}'])
def test_a_file_that_holds_no_digests_is_refused(content: str, invoke: Invoke, loaded: str) -> None:
    Path("odd.json").write_text(content)
    assert invoke("compare", "odd.json", loaded).exit_code == 2
    assert invoke("compare", "absent.json", loaded).exit_code == 2
