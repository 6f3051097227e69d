"""``skype-assets read``, ``search`` and ``db index``: what a person has who knows nothing but these."""

import json
import socket
from pathlib import Path

import pytest

from skype_assets.etl.database import search_index
from skype_assets.etl.database.session import Session
from tests.command_line.conftest import Invoke
from tests.pages.reader import reading


@pytest.fixture
def loaded(invoke: Invoke, database: str, sample_tar: Path) -> str:
    assert invoke("run", sample_tar, "--task-id", "sample").exit_code == 0
    return database


def test_the_reader_is_named_first_after_a_run(invoke: Invoke, database: str, sample_tar: Path) -> None:
    ran = invoke("run", sample_tar)
    steps = ran.stdout.split("Next:")[1].strip().splitlines()
    assert "skype-assets read" in steps[0]


def test_a_search_in_the_terminal_says_where_when_who_and_what(invoke: Invoke, loaded: str) -> None:
    found = invoke("search", "otters is:mine", "--limit", 3, "--time-zone", "UTC")
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert len(lines) == 3
    assert all("Mara Ostrow: " in line and "otters" in line.lower() for line in lines)
    assert lines == sorted(lines, key=lambda line: line[:16], reverse=True)
    assert "found" in found.stderr
    as_json = json.loads(invoke("search", "otters is:mine", "--limit", 3, "--json").stdout)
    assert len(as_json["hits"]) == 3
    assert as_json["total"] > 3
    assert {"message_id", "conversation_id", "sent_at", "text"} <= as_json["hits"][0].keys()


def test_words_that_the_shell_took_apart_are_one_query(invoke: Invoke, loaded: str) -> None:
    by_parts = invoke("search", "from:Mara Ostrow", "see the otters", "--json").stdout
    assert by_parts == invoke("search", 'from:"Mara Ostrow" "see the otters"', "--json").stdout
    assert json.loads(by_parts)["total"] > 0


def test_nothing_found_is_exit_code_1_and_a_wrong_query_2_with_its_place(invoke: Invoke, loaded: str) -> None:
    nothing = invoke("search", "zzzzzz")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    wrong = invoke("search", "otters form:zofia")
    assert wrong.exit_code == 2
    assert wrong.stderr.splitlines()[-2:] == ["  otters form:zofia", "         ^"]


def test_the_index_is_built_once_kept_and_removed(invoke: Invoke, loaded: str) -> None:
    before = invoke("search", "otters", "--json").stdout
    built = invoke("db", "index")
    assert built.exit_code == 0
    assert "building messages_grams" in built.stderr
    assert "building" not in invoke("db", "index").stderr
    assert invoke("search", "otters", "--json").stdout == before
    assert "removed" in invoke("db", "index", "--remove").stdout
    assert "there is none" in invoke("db", "index", "--remove").stdout
    with Session(loaded) as session:
        assert not search_index.is_built(session)


@pytest.mark.parametrize("command", [("search", "x"), ("read", "--no-open"), ("db", "index")])
def test_without_anything_loaded_each_says_how_to_load(invoke: Invoke, database: str, command: tuple[str, ...]) -> None:
    refused = invoke(*command)
    assert refused.exit_code == 5
    assert "skype-assets run" in refused.stderr


def test_a_port_that_is_taken_a_zone_and_an_account_that_are_not_there_are_refused(invoke: Invoke, loaded: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = invoke("read", "--no-open", "--port", port)
    assert refused.exit_code == 2
    assert f"--port {port + 1}" in refused.stderr
    assert "Europe/Berlin" in invoke("read", "--no-open", "--time-zone", "Moon").stderr
    assert "8:live:mara.ostrow" in invoke("read", "--no-open", "--owner", "nobody").stderr


def test_the_reader_answers_and_ends_when_it_is_told_to(loaded: str, workplace: Path) -> None:
    with reading(workplace, loaded) as running:
        assert running.get("/").status == 200
        assert (workplace / ".reader-token").stat().st_mode & 0o777 == 0o600
    with pytest.raises(OSError, match="refused"):
        running.get("/")
