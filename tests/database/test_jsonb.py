"""The normal text of a JSON value is the one that PostgreSQL gives for it."""

import json
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skype_assets.etl import compiled
from skype_assets.etl.database.jsonb import normal_text, normal_texts

_characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_texts = st.text(_characters, max_size=8)
_numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


class _Verbatim(float):
    """A number that is written as it was drawn."""

    def __new__(cls, text: str) -> "_Verbatim":
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str


def _written(value: Any) -> str:
    if isinstance(value, _Verbatim):
        return value.text
    if isinstance(value, list):
        return "[" + " ,".join(map(_written, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)} :{_written(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)


_values = st.recursive(
    st.none() | st.booleans() | _texts | _numbers.map(_Verbatim),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("by_compiled", [True, False])
def test_the_normal_text_is_that_of_postgresql(
    by_compiled: bool, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not by_compiled:
        monkeypatch.setattr(compiled, "reader", None)
    connection = psycopg2.connect(postgres_url)
    with connection, connection.cursor() as cursor:

        @settings(max_examples=400)
        @given(_values)
        def is_equal(value: Any) -> None:
            text = _written(value)
            cursor.execute("SELECT %s::jsonb::text", [text])
            assert [(normal_text(text),)] == cursor.fetchall()

        is_equal()
        numbers = ("-0", "-0.00", "0e5", "1E-3", "-0.50")
        for text in (*numbers, '{"b": 1, "a": 2, "b": 3, "aa": 4}', '{"\\u0061": 1}', '"\\/\\u007f\\u001f"'):
            cursor.execute("SELECT %s::jsonb::text", [text])
            assert cursor.fetchall() == [(normal_text(text),)]
    connection.close()


def assert_normal_as_written(text: str) -> None:
    """What compiled code makes of a text is what is made without it, unless it is left."""
    assert compiled.reader is not None
    normal = compiled.reader.normal_json(text)
    if normal is not None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiled, "reader", None)
            assert normal_text(text) == normal


def test_as_deep_as_the_tables_have_it() -> None:
    deep = "[" * 512 + "]" * 512
    assert normal_text(deep) == deep


def test_columns_keep_their_nulls_and_their_order() -> None:
    texts = pa.chunked_array([['{"a":1}', None], [], ['{"a":1}', "[1,2]"]], pa.string())
    assert normal_texts(texts).to_pylist() == ['{"a": 1}', None, '{"a": 1}', "[1, 2]"]
