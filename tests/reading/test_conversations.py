"""A conversation is read from either end, message by message, without losing or doubling one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from skype_assets.etl.database.session import Rejected, Session
from skype_assets.etl.errors import UsageError
from skype_assets.etl.reading import conversations, evidence, gallery, messages, people, statistics, walk
from skype_assets.etl.reading.accounts import accounts, chosen
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.keys import key, message_id, slug
from skype_assets.etl.reading.messages import Place
from skype_assets.etl.reading.snapshots import Snapshots
from skype_assets.etl.reading.walk import Page
from tests.conftest import NewDatabase
from tests.reading.texts import CHAT, OWNER, Said, fill, prepare

BEGIN = datetime(2020, 1, 31, 23, 30, tzinfo=UTC)


@pytest.fixture
def chat(new_database: NewDatabase) -> tuple[str, Snapshots]:
    url = new_database()
    prepare(url)
    return url, Snapshots(lambda: url)


def theo(session: Session) -> Conversation:
    found = conversations.conversation(session, OWNER, CHAT)
    assert found is not None
    return found


def ids(page: Page) -> list[str]:
    return [message.message_id for message in page.messages]


@pytest.mark.parametrize("untimed", [0, 7, 30])
@pytest.mark.parametrize("same", [1, 5])
def test_pages_follow_each_other_in_both_directions(chat: tuple[str, Snapshots], untimed: int, same: int) -> None:
    url, snapshots = chat
    rows = [Said(str(n), BEGIN + timedelta(minutes=n // same)) for n in range(30 - untimed)]
    fill(url, [*(Said("when?", None) for _ in range(untimed)), *rows])
    expected = [f"{n:05}" for n in range(30)]
    with snapshots.snapshot() as session:
        of = theo(session)
        page, seen = walk.newest(session, of, 4), list[str]()
        assert not page.has_newer
        while True:
            seen = [*ids(page), *seen]
            if not page.has_older:
                break
            page = walk.older(session, of, page.messages[0].place, 4)
            assert page.has_newer
        assert seen == expected
        page, seen = walk.oldest(session, of, 4), []
        assert not page.has_older
        while True:
            seen += ids(page)
            if not page.has_newer:
                break
            page = walk.newer(session, of, page.messages[-1].place, 4)
        assert seen == expected
        place = walk.place_of(session, of, "00015")
        assert place is not None
        around = walk.around(session, of, place, 3)
        assert ids(around) == expected[12:19]
        assert (around.has_older, around.has_newer) == (True, True)


def test_a_date_leads_to_its_first_message_and_beyond_the_end_to_the_end(chat: tuple[str, Snapshots]) -> None:
    url, snapshots = chat
    fill(url, [Said(str(n), BEGIN + timedelta(days=n)) for n in range(10)])
    with snapshots.snapshot() as session:
        of = theo(session)
        assert ids(walk.since(session, of, BEGIN + timedelta(days=3, minutes=-1), 2)) == ["00003", "00004"]
        assert ids(walk.since(session, of, BEGIN + timedelta(days=99), 2)) == ["00008", "00009"]
        assert walk.since(session, of, BEGIN, 2).has_older is False


def test_months_are_those_of_the_time_zone_and_only_those_with_messages(chat: tuple[str, Snapshots]) -> None:
    url, _ = chat
    fill(
        url,
        [
            Said("x", BEGIN),
            Said("x", BEGIN + timedelta(days=400)),
            Said("x", BEGIN + timedelta(days=400)),
            Said("", None),
        ],
    )
    for zone, expected in (("UTC", (1, 3)), ("Europe/Berlin", (2, 3))):
        snapshots = Snapshots(lambda: url, zone)
        with snapshots.snapshot() as session:
            found = [month.astimezone(ZoneInfo(zone)) for month in conversations.months(session, theo(session))]
        snapshots.close()
        assert [(month.month, month.day, month.hour) for month in found] == [(m, 1, 0) for m in expected]


def test_an_edited_message_stands_once_with_what_it_said_before(chat: tuple[str, Snapshots]) -> None:
    url, snapshots = chat
    edited = {"edited_at": BEGIN}
    fill(
        url,
        [
            Said("at noon", BEGIN, columns={**edited, "version": 1}),
            Said("at three", BEGIN + timedelta(hours=2), edit_of="00000", columns={**edited, "version": 3}),
            Said("at two", BEGIN, edit_of="00000", columns={**edited, "version": 2}),
            Said("no edit", BEGIN + timedelta(minutes=1)),
            Said("nobody knows when", None, columns={**edited, "version": 2}),
            Said("or what", None, edit_of="00004", columns={**edited, "version": 1}),
            Said("there", BEGIN + timedelta(minutes=2), columns={**edited, "version": 1}),
            Said("back", BEGIN, edit_of="00006", columns={**edited, "version": 2}),
            Said("there", BEGIN, edit_of="00006", columns={**edited, "version": 3}),
        ],
    )
    with snapshots.snapshot() as session:
        page = walk.newest(session, theo(session), 10)
        assert [(m.text, m.earlier) for m in page.messages] == [
            ("nobody knows when", ["or what"]),
            ("at three", ["at noon", "at two"]),
            ("no edit", []),
            ("there", ["back"]),
        ]
        assert walk.place_of(session, theo(session), "00001") == Place(BEGIN, "00000")
        assert walk.place_of(session, theo(session), "nothing") is None


def test_all_that_belongs_to_messages_comes_with_them(sample: Snapshots) -> None:
    with sample.snapshot() as session:
        [account] = accounts(session)
        counted: dict[str, int] = {}
        for of in conversations.conversations(session, account.owner_id):
            page = walk.oldest(session, of, 10_000)
            assert len({message.message_id for message in page.messages}) == len(page.messages)
            for message in page.messages:
                for table in messages._CHILDREN:
                    counted[table] = counted.get(table, 0) + len(getattr(message, table))
        original = "JOIN skype.messages m USING (owner_id, conversation_id, message_id) WHERE m.edit_of IS NULL"
        for table, count in counted.items():
            assert session.rows(f"SELECT count(*) FROM skype.{table} {original}") == [(count,)], table


def test_figures_count_what_the_totals_count(sample: Snapshots) -> None:
    with sample.snapshot() as session:
        [account] = accounts(session)
        all_figures = statistics.figures(session, account.owner_id)
        assert all_figures.total == account.messages
        assert sum(count for _, count in all_figures.months) + all_figures.untimed == account.messages
        assert sum(all_figures.hours.values()) + all_figures.untimed == account.messages
        largest = max(conversations.conversations(session, account.owner_id), key=lambda one: one.message_count)
        of_chat = statistics.figures(session, account.owner_id, conversation_id=largest.conversation_id)
        assert of_chat.total == largest.message_count
        user_id, _, count = all_figures.people[1]
        person = people.person(session, account.owner_id, user_id)
        assert person is not None
        assert statistics.figures(session, account.owner_id, user_id=user_id).total == person.messages == count


def test_the_gallery_has_every_file_once(sample: Snapshots) -> None:
    with sample.snapshot() as session:
        [account] = accounts(session)
        seen, behind = list[tuple[str, str, int]](), None
        while True:
            page = gallery.gallery(session, account.owner_id, behind=behind, limit=7)
            seen += [(one.conversation_id, one.message_id, one.attachment.ordinal) for one in page.files]
            if page.last is None:
                break
            behind = page.last
        [(count,)] = session.rows(
            "SELECT count(*) FROM skype.attachments "
            "JOIN skype.messages m USING (owner_id, conversation_id, message_id) WHERE m.edit_of IS NULL"
        )
        assert len(seen) == len(set(seen)) == count > 50


def test_from_every_message_to_its_bytes(sample: Snapshots, output_dir: Path) -> None:
    with sample.snapshot() as session:
        [account] = accounts(session)
        of = conversations.conversations(session, account.owner_id)[0]
        for message in walk.newest(session, of, 10).messages:
            [found, *_] = evidence.evidence(session, of, message.message_id, output_dir)
            assert found.is_as_exported is True
            assert found.raw is not None
            assert len(found.raw) == found.length
            [elsewhere, *_] = evidence.evidence(session, of, message.message_id, output_dir / "moved")
            assert (elsewhere.raw, elsewhere.is_as_exported) == (None, None)


def test_nothing_can_be_written(sample: Snapshots) -> None:
    with pytest.raises(Rejected) as refused, sample.snapshot() as session:
        session.execute("DELETE FROM skype.messages")
    assert refused.value.sqlstate == "25006"
    with sample.snapshot() as session:
        assert session.rows("SELECT current_setting('statement_timeout')") == [("10s",)]
        assert session.rows("SELECT current_setting('transaction_isolation')") == [("repeatable read",)]


def test_an_account_is_meant_by_its_id_its_name_or_a_part(sample: Snapshots) -> None:
    with sample.snapshot() as session:
        [account] = accounts(session)
        assert chosen(session, account.owner_id) == chosen(session, "Mara Ostrow") == chosen(session, "ostr") == account
        with pytest.raises(UsageError, match="none of the accounts"):
            chosen(session, "nobody")


@pytest.mark.parametrize(
    "id", ["1730830022735", "unknown:0123456789abcdef", "../..", "a/b", "%2e", " ", "ä", "x" * 900]
)
def test_an_id_comes_back_from_its_address(id: str) -> None:
    assert message_id(slug(id)) == id
    assert "/" not in slug(id)


@pytest.mark.parametrize("address", ["~", "~!", "~AA", "..", "a b", "", "~" + "A" * 10_000, "x" * 65])
def test_what_is_no_address_of_a_message_is_none(address: str) -> None:
    assert message_id(address) is None


def test_keys_are_of_an_account() -> None:
    assert key("a", "b") != key("ab", "") != key("b", "a")
    assert len(key("a", "b")) == 16
