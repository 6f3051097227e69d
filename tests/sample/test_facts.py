"""What a sample says about its planted messages is what the rules of the tables make of them."""

from pathlib import Path
from typing import Any

import pytest

from skype_assets.etl.sample import write_sample
from tests.reference import reference_tables


@pytest.mark.parametrize("asked", [{}, {"conversations": 1}, {"owner": "8:tbrannock"}, {"profile": "teams"}])
def test_facts_and_counts_agree_with_the_reference_implementation(tmp_path: Path, asked: dict[str, Any]) -> None:
    summary = write_sample(tmp_path / "a.tar", messages=500, **asked)
    tables = reference_tables(tmp_path / "a.tar")
    rows = {(row["conversation_id"], row["message_id"]): row for row in tables["messages"]}
    wrong = [fact for fact in summary.facts if rows[fact.conversation_id, fact.message_id][fact.column] != fact.value]
    assert wrong == []
    [export] = tables["exports"]
    assert (export["owner_id"], export["owner_name"]) == (summary.owner_id, summary.owner_name)
    assert len(rows) == export["messages_loaded"] == summary.distinct
    assert export["messages_duplicate"] == summary.duplicates
    assert export["messages_rejected"] == len(summary.rejects)
    assert export["conversation_count"] == summary.distinct_conversations
