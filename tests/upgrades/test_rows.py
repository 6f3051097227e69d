"""What older code made of an export becomes what today's code makes of it: in the checkpoints and in the database."""

from collections.abc import Callable
from itertools import permutations

import pytest

from skype_assets.etl import engine
from skype_assets.etl.database import upgrading
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import CheckpointError
from skype_assets.etl.tasks.unloading import unload
from tests.engine.database_content import Digests, digests, query
from tests.upgrades.conftest import RELEASES, Leaves
from tests.upgrades.make_fixture import TASKS

Fresh = Callable[[str], Digests]

# What no code makes any more of the export "alone": a message with a reaction, a reject, an object, a conversation.
LEFT_OVER = """
CREATE TEMPORARY TABLE message AS SELECT m.* FROM skype.messages m JOIN skype.exports USING (export_id)
    WHERE task_id = 'alone' ORDER BY conversation_id, message_id LIMIT 1;
UPDATE message SET message_id = 'no longer';
INSERT INTO skype.messages TABLE message;
INSERT INTO skype.reactions SELECT owner_id, conversation_id, message_id, 'like', owner_id FROM message;
INSERT INTO skype.rejects SELECT export_id, 999999, 'm', 0, 1, conversation_id, 'no longer' FROM message;
CREATE TEMPORARY TABLE conversation AS SELECT c.* FROM skype.conversations c JOIN message USING (conversation_id);
UPDATE conversation SET conversation_id = '8:no.longer';
INSERT INTO skype.conversations TABLE conversation;
INSERT INTO skype.participants SELECT owner_id, conversation_id, owner_id, 'O', true, false, 0 FROM conversation;
INSERT INTO skype.participants SELECT owner_id, conversation_id, '8:nobody', 'N', false, false, 0 FROM message;
INSERT INTO skype.load_parts SELECT export_id, 99, 1, 0, 'x', now() FROM message;
UPDATE message SET message_id = 'no longer, either', conversation_id = '8:no.longer';
INSERT INTO skype.messages TABLE message;
INSERT INTO skype.media_files SELECT owner_id, 'no-longer', 1, 'media/no-longer.1.jpg', null, null, 1 FROM message;
"""


@pytest.mark.parametrize("release", RELEASES)
def test_without_the_exports_a_database_becomes_what_a_fresh_load_makes(
    release: str, left_by: Leaves, loaded_now: Fresh
) -> None:
    left = left_by(release)
    query(left.url, LEFT_OVER)
    left.run()
    found, expected = digests(left.url), loaded_now(release)
    assert {name: found[name] for name in expected if found[name] != expected[name]} == {}
    assert query(left.url, "SELECT count(*) FROM skype.load_parts WHERE part = 99") == [(0,)]
    loaded = engine.open_phase(left.task("alone"), "load")
    assert loaded
    replaced = {row["table"]: row for row in loaded.summary("replaced").to_pylist()}
    assert {name: row["removed"] for name, row in replaced.items() if row["removed"]} == {
        "conversations": 1,
        "participants": 2,
        "messages": 2,
        "reactions": 1,
        "media_files": 1,
        "rejects": 1,
    }
    assert replaced["messages"]["changed"] > 0
    assert all(engine.run_phase(left.task("alone"), phase).from_checkpoint for phase in engine.PHASES)


OBJECTS_OF_NOBODY = """
INSERT INTO skype.media_files SELECT DISTINCT owner_id, 'no-longer', 1, 'media/no-longer.1.jpg', null, null, 1
    FROM skype.exports
"""


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("order", list(permutations(TASKS)), ids="-".join)
def test_the_tasks_of_an_account_are_run_in_any_order(
    order: tuple[str, ...], release: str, left_by: Leaves, loaded_now: Fresh
) -> None:
    left = left_by(release)
    query(left.url, OBJECTS_OF_NOBODY)
    left.run(order)
    found, expected = digests(left.url), loaded_now(release)
    assert expected["superseded_copies"][0] > 0
    assert {name: found[name] for name in expected if found[name] != expected[name]} == {}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("gone", TASKS[:2])
def test_an_export_is_taken_out_when_the_others_of_the_account_are_made_anew(
    gone: str, release: str, left_by: Leaves
) -> None:
    left, fresh = left_by(release), left_by(release)
    others = [task_id for task_id in TASKS if task_id != gone]
    query(fresh.url, "DROP SCHEMA skype CASCADE")
    fresh.run(others)
    with Session(left.url) as session:
        upgrading.bring_up_to_date(session)
    before = digests(left.url)
    with pytest.raises(CheckpointError, match=rf"older code.*as task {others[0]}"):
        unload(left.task(gone))
    assert digests(left.url) == before
    left.run(others)
    unload(left.task(gone))
    assert digests(left.url) == digests(fresh.url)


_MEDIA = "SELECT count(*), count(sha256), count(*) FILTER (WHERE kept) FROM skype.media_files"


@pytest.mark.parametrize("release", RELEASES)
def test_media_are_hashed_and_kept_once_the_exports_are_at_hand(release: str, left_by: Leaves) -> None:
    left = left_by(release)
    left.run()
    ((media, *known),) = query(left.url, _MEDIA)
    assert known == [0, 0]
    assert media > 0
    for task_id in TASKS:
        engine.run(left.task(task_id, with_export=True))
    assert query(left.url, _MEDIA) == [(media, media, media)]
    unhashed = "SELECT count(*) FROM skype.attachments WHERE present AND media_sha256 IS NULL"
    assert query(left.url, unhashed) == [(0,)]
