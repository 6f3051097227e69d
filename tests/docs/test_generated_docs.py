"""The generated pages of docs/ are those that the code makes, and say everything that it can do to a row."""

import hashlib
import re
from pathlib import Path

import pyarrow as pa
import pytest

from skype_assets.etl.database import ddl
from skype_assets.etl.database.session import Session
from skype_assets.etl.documentation import PAGES
from skype_assets.etl.rows.media import NOTHING
from skype_assets.etl.rows.message_tables import Export
from skype_assets.etl.rows.messages import message_rows
from skype_assets.etl.schema import raw_tables
from skype_assets.etl.schema.flags import FLAGS
from skype_assets.etl.schema.tables import Table
from skype_assets.etl.schema.views import VIEWS

ROOT = Path(__file__).parents[2]

SO_DEEP = b"[" * 600 + b"]" * 600
ADDED_BY_ONE = (
    b'{"id":"1","messagetype":"ThreadActivity/AddMember","content":"<addmember><initiator>8:'
    + b"i" * 400
    + b"</initiator>"
    + b"<target>8:a</target>" * 200
    + b'</addmember>"}'
)
ODD_MESSAGES = {
    b'{"id":"1","content":"a\\u0000"}': {"nul_replaced", "sent_at_from_id"},
    b'{"id":"1","content":"\\ud83d"}': {"surrogate_replaced", "sent_at_from_id"},
    b'{"id":"1","content":"\xff"}': {"invalid_utf8", "sent_at_from_id"},
    b'{"id":"1","content":"a","properties":{"b":NaN}}': {"not_finite", "sent_at_from_id"},
    b'{"id":"1","content":"a","properties":{"b":1e999}}': {"not_finite", "sent_at_from_id"},
    b'{"id":"1\\u0000","version":1,"properties":' + SO_DEEP + b"}": {
        "content_missing",
        "nested_too_deep",
        "nul_replaced",
        "sent_at_from_version",
    },
    b'{"id":"1","content":"a","properties":{"b":1e-20000}}': {"number_too_long", "sent_at_from_id"},
    b'{"id":"1","content":"a","properties":[' + b"0," * 100_000 + b"0]}": {"json_too_large", "sent_at_from_id"},
    b'{"id":"1","content":"a","displayName":"' + b"x" * 70_000 + b'"}': {"sent_at_from_id", "text_shortened"},
    ADDED_BY_ONE: {"rows_left_out", "sent_at_from_id"},
    b'{"id":"1","content":null}': {"content_missing", "sent_at_from_id"},
    b'{"id":"1","content":{"a":1}}': {"content_not_text", "sent_at_from_id"},
    b'{"content":"a","version":1}': {"id_missing", "sent_at_from_version"},
    b'{"id":"x","content":"a"}': {"sent_at_missing"},
    b'{"id":"1","messagetype":"RichText","content":"<b>a"}': {"markup_ill_formed", "sent_at_from_id"},
    b'{"id":"1","messagetype":"RichText","content":"a","properties":{"urlpreviews":"[{"}}': {
        "sent_at_from_id",
        "urlpreviews_unreadable",
    },
    b'{"id":"1","messagetype":"RichText","content":"<e_m/>"}': {"deleted_by_edit_marker", "sent_at_from_id"},
    b'{"id":"1","content":"","properties":{"isserversidegenerated":"True"}}': {"sent_at_from_id", "server_generated"},
}


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_the_code_makes(name: str) -> None:
    committed = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert committed == PAGES[name](), "run `python -m skype_assets.etl.documentation`"


def test_every_flag_that_is_documented_is_set_for_what_it_says() -> None:
    made = message_rows([_raw(list(ODD_MESSAGES))], Export("e", "8:ann", "messages.json", NOTHING), 100)
    found = pa.concat_tables([rows.tables["messages"] for rows in made])["flags"].to_pylist()
    assert [set(flags) for flags in found] == list(ODD_MESSAGES.values())
    assert set().union(*ODD_MESSAGES.values()) == set(FLAGS)


def test_no_module_sets_a_flag_that_is_not_documented() -> None:
    set_by_text = re.compile(r"""(_flag\(|flags\.add\(|flags \|= \{)[^)}]*["']""")
    modules = [path for folder in ("content", "rows") for path in (ROOT / "skype_assets/etl" / folder).glob("*.py")]
    named = {name for path in modules for name in re.findall(r"\b[A-Z][A-Z0-9_]+\b", path.read_text(encoding="utf-8"))}
    assert {flag.upper() for flag in FLAGS} <= named
    assert [path.name for path in modules if set_by_text.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: view.name)
def test_a_view_has_the_columns_that_are_documented(view: Table, postgres_url: str) -> None:
    with Session(postgres_url) as session:
        ddl.create(session)
        found = session.rows(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a "
            "WHERE a.attrelid = $1::regclass AND a.attnum > 0 ORDER BY a.attnum",
            f"skype.{view.name}",
        )
    assert found == [(column.name, ddl.POSTGRES_TYPES[column.type]) for column in view.columns]


def _raw(objects: list[bytes]) -> pa.RecordBatch:
    """A batch of the raw table ``messages``."""
    rows = [
        {
            "conversation_index": 0,
            "conversation_id": "8:ben",
            "ordinal": ordinal,
            "offset": 0,
            "length": len(raw),
            "sha256": hashlib.sha256(raw).digest(),
            "raw": raw,
        }
        for ordinal, raw in enumerate(objects)
    ]
    return pa.RecordBatch.from_pylist(rows, raw_tables.MESSAGES)
