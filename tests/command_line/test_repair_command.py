"""``skype-assets verify --repair``: what was altered by hand is put right; each row is named, and what cannot be."""

import json
import shutil
from pathlib import Path

import pytest

from tests.command_line.conftest import Invoke
from tests.engine.database_content import digests, query

EDITED = "UPDATE skype.messages SET text = 'other' WHERE message_id = (SELECT min(message_id) FROM skype.messages)"
REMOVED = "DELETE FROM skype.reactions WHERE ctid = (SELECT min(ctid) FROM skype.reactions)"
ADDED = "INSERT INTO skype.links SELECT owner_id, conversation_id, message_id, 99, 'x' FROM skype.messages LIMIT 1"


@pytest.fixture
def loaded(invoke: Invoke, database: str, sample_tar: Path) -> str:
    assert invoke("run", sample_tar, "--task-id", "mine").exit_code == 0
    return database


@pytest.mark.parametrize("way", [["--repair"], ["--all", "--repair"], ["mine", "--repair"]])
def test_rows_are_put_right_each_is_named_and_then_all_is_well(way: list[str], invoke: Invoke, loaded: str) -> None:
    before = digests(loaded)
    for statement in (EDITED, REMOVED, ADDED):
        query(loaded, statement)
    assert invoke("verify", "--all").exit_code == 11
    repaired = invoke("verify", *way)
    assert repaired.exit_code == 0, repaired.output
    for table, what in (("messages", "text is not"), ("reactions", "is missing"), ("links", "is not in the export")):
        assert any(
            line.startswith(f"repaired: skype.{table} (8:") and what in line for line in repaired.stdout.splitlines()
        )
    assert "3 rows were put right" in repaired.stdout
    assert digests(loaded) == before
    assert invoke("verify", "--all").exit_code == 0
    again = json.loads(invoke("verify", *way, "--json").stdout)
    assert (again["repaired"], again["not_repaired"]) == ([], [])


def test_what_has_no_checkpoint_is_named_and_the_exit_code_says_so(
    invoke: Invoke, loaded: str, workplace: Path
) -> None:
    query(loaded, EDITED)
    before = digests(loaded)
    kept = shutil.move(workplace / "output" / "mine", workplace / "kept")
    refused = invoke("verify", "--repair", "--json")
    assert refused.exit_code == 14
    document = json.loads(refused.stdout)
    assert document["repaired"] == []
    [left] = document["not_repaired"]
    assert "no checkpoint of it is here" in left
    assert "not repaired: export" in invoke("verify", "--repair", "--allow-missing").stdout
    assert digests(loaded) == before
    assert invoke("verify", "nothing", "--repair").exit_code == 2
    (workplace / "elsewhere").mkdir()
    shutil.move(kept, workplace / "elsewhere" / "mine")
    assert invoke("verify", "--repair", "--checkpoints", workplace / "elsewhere").exit_code == 0


def test_a_run_over_altered_rows_is_refused_and_says_how_they_are_put_right(
    invoke: Invoke, loaded: str, sample_tar: Path
) -> None:
    query(loaded, EDITED)
    query(loaded, REMOVED)
    before = digests(loaded)
    for arguments in (["run", sample_tar, "--task-id", "mine"], ["run", sample_tar, "--task-id", "mine", "--reset"]):
        refused = invoke(*arguments)
        assert refused.exit_code == 5
        assert "skype-assets verify mine --repair" in refused.stderr
        assert digests(loaded) == before
    assert "2 rows were put right" in invoke("verify", "mine", "--repair").stdout
    assert invoke("run", sample_tar, "--task-id", "mine").exit_code == 0
    assert invoke("verify", "mine").exit_code == 0
