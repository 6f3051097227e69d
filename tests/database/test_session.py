"""Queries that give many rows arrive while they run, whatever is asked for."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from skype_assets.etl.database.session import Session

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts, st.lists(texts, max_size=4))
@example("'; DROP TABLE skype.messages; --", ["\\", "\\'", "E'", "$1", "{}", ""])
def test_what_is_asked_for_is_never_read_as_sql(postgres_url: str, text: str, listed: list[str]) -> None:
    with Session(postgres_url) as session, session.transaction():
        [batch] = session.batches("SELECT $1, $2", text, listed)
    assert batch.to_pydict() == {batch.schema.names[0]: [text], batch.schema.names[1]: [listed]}


def test_a_result_of_any_size_is_never_in_memory_as_a_whole(postgres_url: str) -> None:
    with Session(postgres_url) as session, session.transaction():
        rows = [
            batch.num_rows for batch in session.batches("SELECT repeat($1, 1000) FROM generate_series(1, 60000)", "x")
        ]
    assert sum(rows) == 60_000
    assert len(rows) > 1
