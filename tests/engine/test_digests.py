"""What is in the database has one digest, however many sessions compute it."""

import pytest

from skype_assets.etl import engine
from skype_assets.etl.database import digests
from skype_assets.etl.database.digests import digests_of_load, digests_side_by_side
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.task import Task


def _load(task: Task) -> tuple[str, str, dict[str, int]]:
    tables = engine.open_phase(task, "transform")
    assert tables
    [export] = tables.summary("exports").select(["owner_id", "export_id"]).to_pylist()
    conversations = tables.summary("conversations")
    counts = zip(*(conversations[name].to_pylist() for name in ("conversation_id", "message_count")), strict=True)
    return export["owner_id"], export["export_id"], dict(counts)


@pytest.mark.parametrize("sessions", [1, 2, 5])
@pytest.mark.parametrize("largest_piece", [7, 40, 250_000])
def test_any_number_of_sessions_computes_the_same_digests(
    sessions: int, largest_piece: int, finished: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_LARGEST_PIECE", largest_piece)
    owner_id, export_id, counts = _load(finished)
    assert finished.database
    with Session(finished.database) as session:
        expected = digests_of_load(session, owner_id, export_id, list(counts))
        assert digests_side_by_side(session, owner_id, export_id, counts, sessions) == expected
    recorded = engine.open_phase(finished, "load")
    assert recorded
    shown = [(row["table"], row["rows"], row["sha256"]) for row in recorded.summary("database_state").to_pylist()]
    assert shown == [(digest.table, digest.rows, digest.sha256) for digest in expected]


def test_an_error_of_one_session_is_that_of_all(finished: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    owner_id, export_id, counts = _load(finished)
    monkeypatch.setattr(digests, "SCHEMA", "nowhere")
    assert finished.database
    with Session(finished.database) as session, pytest.raises(DatabaseError, match="nowhere"):
        digests_side_by_side(session, owner_id, export_id, counts, 3)
