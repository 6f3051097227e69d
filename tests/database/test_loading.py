"""A part is in the database with its ledger row or not at all, committed by the export's attempt alone (I2, I5)."""

from collections.abc import Callable, Iterator

import pytest

from skype_assets.etl.database import completion, ddl
from skype_assets.etl.database.loading import Loader, ledger
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import DatabaseError, Fenced
from skype_assets.etl.processes import Tenure
from tests.database.small_loads import OWNER, export, head, messages, query, register

CANARY = "canary-7f3a"
COUNTS = "SELECT (SELECT count(*) FROM skype.messages), (SELECT count(*) FROM skype.reactions)"
COMMITS: dict[str, Callable[[Loader], None]] = {
    "head": lambda loader: loader.commit_head(0, "other", head()),
    "part": lambda loader: loader.commit_part(2, "q", messages("2")),
    "finish": lambda loader: loader.finish(export(), head()["conversations"].select(["conversation_id"])),
}


@pytest.fixture
def session(postgres_url: str) -> Iterator[Session]:
    with Session(postgres_url) as opened:
        yield opened


def test_a_part_comes_with_its_ledger_row(session: Session, postgres_url: str) -> None:
    assert ledger(session, "e1") == {}
    loader = register(session)
    loader.commit_head(0, "h", head())
    loader.commit_part(1, "p", messages("1", "2"))
    assert ledger(session, "e1") == loader.ledger() == {0: "h", 1: "p"}
    assert query(postgres_url, COUNTS) == [(2, 2)]
    assert query(postgres_url, "SELECT attempt, rows FROM skype.load_parts ORDER BY part") == [(1, 4), (1, 4)]


def test_a_part_that_fails_in_its_last_table_leaves_nothing(session: Session, postgres_url: str) -> None:
    loader = register(session)
    completion.complete(session)
    loader.commit_head(0, "h", head())
    orphans = messages("1", "2") | {"reactions": messages("1", "3")["reactions"]}
    with pytest.raises(DatabaseError, match="violates foreign key"):
        loader.commit_part(1, "p", orphans)
    assert query(postgres_url, COUNTS) == [(0, 0)]
    assert loader.ledger() == {0: "h"}
    loader.commit_part(1, "p", messages("1", "2"))
    assert query(postgres_url, COUNTS) == [(2, 2)]


def test_rows_of_a_first_load_that_refer_to_nothing_are_refused_at_its_end(session: Session, postgres_url: str) -> None:
    loader = register(session)
    loader.commit_head(0, "h", head())
    loader.commit_part(1, "p", messages("1") | {"reactions": messages("3")["reactions"]})
    with pytest.raises(DatabaseError, match="reactions_owner_id_conversation_id_message_id_fkey"):
        loader.finish(export(), head()["conversations"].select(["conversation_id"]))
    assert query(postgres_url, "SELECT status FROM skype.exports") == [("loading",)]


def test_a_part_whose_ledger_row_is_refused_leaves_nothing(session: Session, postgres_url: str) -> None:
    loader = register(session)
    loader.commit_head(0, "h", head())
    query(postgres_url, "ALTER TABLE skype.load_parts ADD CHECK (part < 1)")
    with pytest.raises(DatabaseError, match="check constraint"):
        loader.commit_part(1, "p", messages("1", "2"))
    assert query(postgres_url, COUNTS) == [(0, 0)]


def test_a_part_that_is_committed_again_doubles_nothing(session: Session, postgres_url: str) -> None:
    loader = register(session)
    loader.commit_head(0, "h", head())
    loader.commit_part(1, "p", messages("1", "2"))
    rows = (
        "SELECT message_id, xmin::text FROM skype.messages UNION ALL SELECT message_id, xmin::text FROM skype.reactions"
    )
    before = sorted(query(postgres_url, rows))
    loader.commit_head(0, "h", head())
    loader.commit_part(1, "p", messages("1", "2"))
    assert sorted(query(postgres_url, rows)) == before


@pytest.mark.parametrize("commit", COMMITS)
def test_an_attempt_that_was_taken_over_changes_nothing(commit: str, session: Session, postgres_url: str) -> None:
    former = register(session)
    former.commit_head(0, "h", head())
    former.commit_part(1, "p", messages("1"))
    latter = register(session)
    assert latter.claim.attempt == former.claim.attempt + 1
    everything = f"SELECT *, ({COUNTS.replace(', (', '+ (')}) FROM skype.exports, skype.load_parts ORDER BY part"
    before = query(postgres_url, everything)
    with pytest.raises(Fenced, match="another attempt loads it now") as refused:
        COMMITS[commit](former)
    assert refused.value.exit_code == 7
    assert query(postgres_url, everything) == before
    latter.commit_part(2, "q", messages("2"))
    assert latter.ledger() == {0: "h", 1: "p", 2: "q"}


@pytest.mark.parametrize("commit", COMMITS)
def test_an_attempt_of_before_a_restore_does_not_commit_by_its_number(
    commit: str, session: Session, postgres_url: str
) -> None:
    """The dump has an older number, so that the next attempt gets one that another attempt has had, and still lives."""
    zombie = register(session)
    zombie.commit_head(0, "h", head())
    query(postgres_url, "UPDATE skype.attempts SET attempt = attempt - 1")
    latter = register(session)
    assert latter.claim.attempt == zombie.claim.attempt
    before = query(postgres_url, "SELECT * FROM skype.load_parts")
    with pytest.raises(Fenced, match="another attempt loads it now"):
        COMMITS[commit](zombie)
    assert query(postgres_url, "SELECT * FROM skype.load_parts") == before
    latter.commit_part(2, "q", messages("2"))


def test_attempts_of_tables_that_no_release_has_made_get_nonces(session: Session, postgres_url: str) -> None:
    former = register(session)
    query(
        postgres_url,
        "ALTER TABLE skype.attempts DROP COLUMN nonce, DROP COLUMN epochs; DROP TABLE skype.schema_version",
    )
    latter = register(session)
    assert query(postgres_url, "SELECT attempt, nonce FROM skype.attempts") == [(2, latter.claim.nonce)]
    with pytest.raises(Fenced):
        former.commit_head(0, "h", head())


def test_of_attempts_at_one_task_on_several_machines_a_later_one_is_not_taken_over_by_one_that_wakes_up(
    session: Session, postgres_url: str
) -> None:
    ddl.create(session)
    Loader.register(session, export(), Tenure("log", 1))
    latter = Loader.register(session, export(), Tenure("log", 2))
    before = query(postgres_url, "SELECT * FROM skype.attempts")
    with Session(postgres_url) as frozen:
        for wake in (
            lambda: Loader.register(frozen, export(), Tenure("log", 1)),
            lambda: Loader.take_over(frozen, latter.claim.export_id, OWNER, Tenure("log", 1)),
        ):
            with pytest.raises(Fenced, match="taken over by a later one"):
                wake()
    assert query(postgres_url, "SELECT * FROM skype.attempts") == before
    latter.commit_head(0, "h", head())
    Loader.register(session, export(), Tenure("log", 2))


def test_what_takes_over_from_another_task_does_not_make_an_earlier_attempt_the_later_one(
    session: Session, postgres_url: str
) -> None:
    ddl.create(session)
    Loader.register(session, export(), Tenure("log", 2))
    Loader.register(session, export(), Tenure("another", 1))
    latter = Loader.register(session, export())
    assert query(postgres_url, "SELECT epochs FROM skype.attempts") == [({"log": 2, "another": 1},)]
    with pytest.raises(Fenced):
        Loader.register(session, export(), Tenure("log", 1))
    latter.commit_head(0, "h", head())
    Loader.register(session, export(), Tenure("log", 3))
    with pytest.raises(Fenced):
        latter.check()


def test_a_commit_keeps_the_export_until_it_ends(session: Session, postgres_url: str) -> None:
    """The check and the commit are one transaction: nobody takes over between them."""
    loader = register(session)
    with session.transaction():
        loader.check()
        with pytest.raises(Exception, match="lock timeout"):
            query(postgres_url, "SET lock_timeout = '50ms'; UPDATE skype.attempts SET attempt = attempt + 1")


def test_an_export_is_complete_when_it_says_so_and_not_before(session: Session, postgres_url: str) -> None:
    loader = register(session)
    loader.commit_head(0, "h", head())
    loader.commit_part(1, "p", messages("1"))
    status = "SELECT status, started_at IS NOT NULL, loaded_at IS NOT NULL FROM skype.exports"
    assert query(postgres_url, status) == [("loading", True, False)]
    loader.finish(export(), head()["conversations"].select(["conversation_id"]))
    assert query(postgres_url, status) == [("complete", True, True)]


@pytest.mark.parametrize(
    "obstacle",
    [
        "ALTER TABLE skype.messages ADD CHECK (text NOT LIKE 'canary%')",
        "ALTER TABLE skype.messages ALTER COLUMN album_id SET NOT NULL",
        "CREATE UNIQUE INDEX ON skype.messages (text); "
        "ALTER TABLE skype.reactions ADD CHECK (user_id NOT LIKE 'canary%')",
    ],
)
def test_no_message_text_is_in_an_error_of_the_database(obstacle: str, session: Session, postgres_url: str) -> None:
    loader = register(session)
    loader.commit_head(0, "h", head())
    query(postgres_url, obstacle)
    with pytest.raises(DatabaseError) as refused:
        loader.commit_part(1, "p", messages("1", "2", text=CANARY, content=CANARY))
    assert "constraint" in str(refused.value)
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
