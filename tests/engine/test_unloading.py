"""An export that is unloaded leaves the database as if it had never been loaded, in whatever order things are done."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skype_assets.etl import crash_points, engine
from skype_assets.etl.api.context import ETLContext
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.crash_points import CrashPointError
from skype_assets.etl.database.loading import Loader
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import CheckpointError, DatabaseError, Fenced, OnHold, TaskBusy, UsageError
from skype_assets.etl.phases import given_names
from skype_assets.etl.processes import Tenure
from skype_assets.etl.sample import write_overlapping
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.layout import manifest_name
from skype_assets.etl.tasks.unloading import unload
from skype_assets.etl.tasks.verification import verify
from tests.conftest import NewDatabase
from tests.engine.database_content import Digests, digests, query, row_versions
from tests.engine.runs import ASSETS, Interruption, at, files_of, interrupt, task
from tests.reference.small_exports import GROUP, OTHER, OWNER, PHOTO, THEO, conversation, export, message, write

POINTS = ("unload marked", "rows unloaded", "unload committed", "unload recorded")

PROPERTY = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
_numbers = count(1)


class Account:
    """Exports of one account, each with a task that is ready to be loaded; and what any of them make together."""

    def __init__(
        self,
        folder: Path,
        paths: Sequence[Path],
        new_database: NewDatabase,
        names: Sequence[Mapping[str, str]] = (),
        smallest_part: int = 40,
    ) -> None:
        self.tasks = [
            task(f"t{n}", folder / "out", path, None, smallest_part + 25 * n, media_only=True)
            for n, path in enumerate(paths)
        ]
        for one, called in zip(self.tasks, names, strict=False):
            given_names.keep(one.folder, called)
        for one in self.tasks:
            engine.run_phase(one, "extract")
            engine.run_phase(one, "transform")
        self.new_database = new_database
        self._never_met: dict[frozenset[int], Digests] = {}

    def on(self, url: str, number: int) -> Task:
        return replace(self.tasks[number], database=url)

    def load(self, url: str, *numbers: int) -> None:
        for number in numbers:
            engine.run_phase(self.on(url, number), "load")

    def unload(self, url: str, *numbers: int) -> None:
        for number in numbers:
            assert unload(self.on(url, number)).status == "unloaded"

    def loaded(self, *numbers: int) -> str:
        url = self.new_database()
        self.load(url, *numbers)
        return url

    def expected(self, *numbers: int) -> Digests:
        """What these exports make that never met the others."""
        which = frozenset(numbers)
        if which not in self._never_met:
            self._never_met[which] = digests(self.loaded(*sorted(which)))
        return self._never_met[which]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Account:
    folder = tmp_path_factory.mktemp("account")
    return Account(folder, write_overlapping(folder / "exports", exports=4, messages=120), new_database)


@pytest.fixture
def own(account: Account, tmp_path: Path) -> Account:
    """The same with checkpoints of the test's own."""
    shutil.copytree(account.tasks[0].output_dir, tmp_path / "out")
    copy = Account(tmp_path, [], account.new_database)
    copy.tasks = [replace(one, output_dir=tmp_path / "out") for one in account.tasks]
    copy.expected = account.expected
    return copy


@settings(PROPERTY, max_examples=4)
@given(data=st.data())
def test_what_is_left_after_an_unload_is_what_the_others_make_and_what_is_loaded_again_was_never_gone(
    data: st.DataObject, account: Account
) -> None:
    order = data.draw(st.permutations(range(4)).flatmap(lambda all_: st.integers(2, 4).map(lambda n: all_[:n])))
    gone = data.draw(st.permutations(order).flatmap(lambda all_: st.integers(1, len(order)).map(lambda n: all_[:n])))
    url = account.loaded(*order)
    for number in gone:
        account.unload(url, number)
    assert digests(url) == (account.expected(*left) if (left := set(order) - set(gone)) else _nothing(url))
    account.load(url, *gone)
    assert digests(url) == account.expected(*order)


def _nothing(url: str) -> Digests:
    return dict.fromkeys(digests(url), (0, None))  # pyright: ignore[reportReturnType]


_DOCUMENTS = [PHOTO, OTHER]
_OBJECTS = "https://api.asm.skype.com/v1/objects"
_CONTENTS = [
    "hello",
    f'<URIObject uri="{_OBJECTS}/{PHOTO}" type="Picture.1"><OriginalName v="p.jpg"/></URIObject>',
    f'<URIObject uri="{_OBJECTS}/{OTHER}" type="Picture.1"><OriginalName v="o.jpg"/></URIObject>',
    f'<at id="{THEO}">Theo</at> <a href="https://example.org">link</a>',
    f'<quote author="theo" authorname="Theo" conversation="{GROUP}" timestamp="1730829600">q</quote>',
    f'<at id="{OWNER}">Mara</at> <quote author="eve" authorname="Eve" timestamp="1730829600">q</quote>',
    '<partlist type="ended"><part identity="8:eve"><name>Eva</name></part>'
    f'<part identity="{OWNER}"><name>Mara O.</name></part></partlist>',
]
_TYPES = {"<URI": "RichText/UriObject", "<par": "Event/Call"}


@st.composite
def exports(draw: st.DrawFn) -> list[tuple[bytes, dict[str, bytes] | None]]:
    """Two or three exports of one account that share ids, also within an export, and differ in everything else."""
    made: list[tuple[bytes, dict[str, bytes] | None]] = []
    for day in draw(st.permutations(range(1, 10)))[: draw(st.integers(2, 3))]:
        conversations: list[Any] = []
        for where in draw(st.sets(st.sampled_from([THEO, GROUP, "8:ann"]), min_size=1)):
            messages = [
                message(
                    str(1730829600000 + 1000 * number),
                    conversationid=where,
                    version=draw(st.integers(1, 3)),
                    content=(content := draw(st.sampled_from(_CONTENTS))),
                    messagetype=_TYPES.get(content[:4], "RichText"),
                    displayName=draw(st.sampled_from([None, "Theo", "Ann"])),
                    properties=draw(st.sampled_from([None, {"edittime": "1730829700000"}])),
                    **{"from": draw(st.sampled_from([OWNER, THEO, "8:ann"]))},
                )
                for number in sorted(draw(st.lists(st.integers(0, 5), max_size=6)))
            ]
            rejected = [None] if draw(st.booleans()) else []
            members = json.dumps(draw(st.lists(st.sampled_from([OWNER, THEO, "8:ann", "8:eve"]), unique=True)))
            conversations.append(
                conversation(
                    *messages,
                    *rejected,
                    id=where,
                    version=draw(st.integers(1, 3)),
                    displayName=draw(st.sampled_from([None, "One", "Two"])),
                    threadProperties=draw(
                        st.sampled_from([None, {"members": members, "topic": "t"}, {"members": members}])
                    ),
                )
            )
        media: dict[str, bytes] = {}
        for document in draw(st.sets(st.sampled_from(_DOCUMENTS))):
            side = {"filename": f"{day}.jpg", "contents": {"1": {"type": draw(st.sampled_from(["a/b", "c/d"]))}}}
            media[f"media/{document}.json"] = json.dumps(side).encode()
            if draw(st.booleans()):
                media[f"media/{document}.{draw(st.integers(1, 2))}.jpeg"] = b"x" * draw(st.integers(1, 3))
        made.append((export(*conversations, date=f"2024-11-{day:02}T08:12"), media or None))
    return made


@settings(PROPERTY, max_examples=6)
@given(data=st.data())
def test_that_holds_for_any_exports_of_an_account(
    data: st.DataObject, new_database: NewDatabase, tables: str, tmp_path: Path
) -> None:
    folder = tmp_path / str(next(_numbers))
    folder.mkdir()
    drawn = data.draw(exports())
    paths = [write(folder / f"e{n}", document, media) for n, (document, media) in enumerate(drawn)]
    people = st.sampled_from([OWNER, "8:ann", "8:eve"])
    names = data.draw(st.lists(st.dictionaries(people, st.sampled_from(["G", "H"])), min_size=len(paths)))
    account = Account(folder, paths, lambda: new_database(tables), names, smallest_part=4)
    order = data.draw(st.permutations(range(len(paths))))
    gone = data.draw(st.integers(0, len(paths) - 1))
    url = account.loaded(*order)
    account.unload(url, gone)
    assert digests(url) == account.expected(*(number for number in order if number != gone))


@pytest.mark.parametrize("fault", ["exception", "kill"])
@pytest.mark.parametrize("point", POINTS)
def test_interrupted_at_any_point_the_database_is_old_or_new_and_the_same_call_finishes_it(
    point: str, fault: str, own: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = own.loaded(0, 2)
    before = digests(url)
    with monkeypatch.context() as patch:
        patch.setattr(crash_points, "listener", crash_points.fail_at(point, "exception", 1))
        if fault == "kill":  # what a killed process does not do
            patch.setattr(Attempt, "release", lambda _self: None)
        with pytest.raises(CrashPointError):
            unload(own.on(url, 2))
    if fault == "kill":
        _die(own.tasks[2])
    is_new = POINTS.index(point) > 1
    assert digests(url) == (own.expected(0) if is_new else before)
    state = states.read(own.tasks[2].folder.folder(ASSETS["load"]))
    assert state
    assert state.status == ("unloaded" if point == POINTS[-1] else "unloading")
    assert not [check for check in verify(own.on(url, 2)).checks if check.status == "FAILED"]
    assert unload(own.on(url, 2)).status == ("not loaded" if point == POINTS[-1] else "unloaded")
    assert digests(url) == own.expected(0)
    own.load(url, 2)
    assert digests(url) == before


def _die(of: Task) -> None:
    """As if the process that owned the task last were gone."""
    path = of.folder.file("attempt.json")
    owner = json.loads(path.read_text())
    path.write_text(json.dumps({**owner, "pid": 2**22 + 1, "released": False}))


def test_an_unload_that_was_interrupted_may_be_followed_by_a_load(
    own: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = own.loaded(0, 1)
    before = digests(url)
    for point in POINTS[:3]:
        with monkeypatch.context() as patch:
            patch.setattr(crash_points, "listener", crash_points.fail_at(point, "exception", 1))
            with pytest.raises(CrashPointError):
                unload(own.on(url, 1))
        own.load(url, 1)
        assert digests(url) == before
    state = states.read(own.tasks[1].folder.folder(ASSETS["load"]))
    assert state
    assert state.status == "complete"


def test_a_load_that_was_interrupted_is_unloaded_as_well_and_one_of_another_export_stays_half_done(
    own: Account,
) -> None:
    url = own.loaded(0)
    with pytest.raises(Interruption):
        engine.run_phase(own.on(url, 1), "load", at("load", 2, interrupt))
    with pytest.raises(Interruption):
        engine.run_phase(own.on(url, 3), "load", at("load", 2, interrupt))
    own.unload(url, 3)
    own.load(url, 1)
    assert digests(url) == own.expected(0, 1)
    with pytest.raises(Interruption):
        engine.run_phase(own.on(url, 2), "load", at("load", 1, interrupt))
    own.unload(url, 2)
    assert digests(url) == own.expected(0, 1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_others_verify_afterwards(order: tuple[int, int], own: Account) -> None:
    url = own.loaded(*order)
    own.unload(url, 1)
    checks = {check.name: check for check in verify(own.on(url, 0)).checks}
    assert not [check for check in checks.values() if check.status == "FAILED"]
    assert checks["rows"].status == "ok"


def test_state_manifest_ledger_and_database_say_that_it_was_unloaded(own: Account) -> None:
    url = own.loaded(0, 1)
    [(export_id,)] = query(url, "SELECT export_id FROM skype.exports WHERE task_id = 't1'")
    done = unload(own.on(url, 1))
    assert (done.export_id, done.loaded_by) == (export_id, "t1")
    assert engine.open_phase(own.tasks[1], "load") is None
    context = ETLContext.load_from_checkpoint_file(own.tasks[1].output_dir / manifest_name("t1"))
    assert (context.get_phase_status("load"), list(context.checkpoints)) == ("unloaded", ["extract", "transform"])
    assert context.settings.chunk_size == own.tasks[1].settings.chunk_size
    for table in ("exports", "load_parts", "messages", "rejects", "conversations"):
        assert query(url, f"SELECT count(*) FROM skype.{table} WHERE export_id = '{export_id}'") == [(0,)]
    assert query(url, "SELECT export_id, task_id, unloaded_at > loaded_at FROM skype.unloads") == [
        (export_id, "t1", True)
    ]
    files, rows = files_of(own.tasks[1].output_dir), row_versions(url)
    assert unload(own.on(url, 1)).status == "not loaded"
    assert files_of(own.tasks[1].output_dir) == files
    assert row_versions(url) == rows


def test_a_rehearsal_counts_what_goes_and_comes_back_and_changes_nothing(own: Account) -> None:
    url = own.loaded(0, 1)
    counts = {name: rows for name, (rows, _) in digests(url).items()}
    files, rows = files_of(own.tasks[1].output_dir), row_versions(url)
    told = unload(own.on(url, 1), is_rehearsal=True)
    assert told.status == "would be unloaded"
    assert files_of(own.tasks[1].output_dir) == files
    assert row_versions(url) == rows
    done = unload(own.on(url, 1))
    assert told.changes == done.changes
    assert done.changes
    assert done.changes.restored["messages"] > 0
    left = {name: rows for name, (rows, _) in digests(url).items()}
    assert left == {
        name: rows - done.changes.removed.get(name, 0) + done.changes.restored.get(name, 0)
        for name, rows in counts.items()
    }


@pytest.mark.parametrize("harm", ["gone", "damaged", "made anew"])
def test_a_checkpoint_that_is_needed_and_not_there_is_named_before_anything_changes(
    harm: str, own: Account, tmp_path: Path
) -> None:
    url = own.loaded(0, 1, 2)
    needed = own.tasks[0].folder
    if harm == "gone":
        shutil.move(needed.path, tmp_path / "elsewhere" / "t0")
    elif harm == "damaged":
        path = next(needed.folder(ASSETS["transform"]).path.glob("messages-*.parquet"))
        path.write_bytes(path.read_bytes()[:-1])
    else:
        shutil.rmtree(needed.path)
        anew = replace(own.tasks[0], settings=replace(own.tasks[0].settings, chunk_size=33))
        engine.run_phase(anew, "extract")
        engine.run_phase(anew, "transform")
    rows, files = row_versions(url), files_of(own.tasks[1].output_dir)
    with pytest.raises(CheckpointError, match=r"task t0.*Nothing was changed; run that export again.*--checkpoints"):
        unload(own.on(url, 1))
    assert row_versions(url) == rows
    assert files_of(own.tasks[1].output_dir) == files
    if harm == "gone":
        unload(own.on(url, 1), checkpoints=[tmp_path / "elsewhere"])
    else:
        engine.run(own.on(url, 0))
        own.unload(url, 1)
    assert digests(url) == own.expected(0, 2)


def test_where_another_account_finds_its_objects_is_where_they_are_afterwards(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    """An attachment of one account whose object only the archive of the other has loses it again."""
    picture = message(messagetype="RichText/UriObject", content=_CONTENTS[1])
    side = json.dumps({"filename": "p.jpg", "contents": {"1": {"type": "image/jpeg"}}}).encode()
    theirs = export(conversation(picture)).replace(OWNER.encode(), b"8:live:theirs")
    paths = [
        write(
            tmp_path / "ours",
            export(conversation(picture)),
            {f"media/{PHOTO}.1.jpeg": b"x", f"media/{PHOTO}.json": side},
        ),
        write(tmp_path / "theirs", theirs),
    ]
    account = Account(tmp_path, paths, new_database)
    url = account.loaded(0, 1)
    assert digests(url) != account.expected(1)
    account.unload(url, 0)
    assert digests(url) == account.expected(1)


def test_names_that_only_the_export_knew_go_with_it(new_database: NewDatabase, tmp_path: Path) -> None:
    """The owner's and another's, in a conversation that the export does not have."""
    told = message(messagetype="Event/Call", content=_CONTENTS[-1])
    silent = message("1730829700000", conversationid="8:eve", displayName=None, **{"from": "8:eve"})
    paths = [
        write(tmp_path / "ours", export(conversation(told, id=GROUP))),
        write(tmp_path / "older", export(conversation(silent, id="8:eve"), date="2024-11-01T08:12")),
    ]
    account = Account(tmp_path, paths, new_database, [{THEO: "T"}, {}])
    url = account.loaded(1, 0)
    names = "SELECT user_id, display_name FROM skype.participants WHERE conversation_id = '8:eve' ORDER BY 1"
    assert query(url, names) == [("8:eve", "Eva"), (OWNER, "Mara O.")]
    account.unload(url, 0)
    assert query(url, names) == [("8:eve", None), (OWNER, None)]
    assert digests(url) == account.expected(1)


def test_another_version_of_the_server_reached_over_tcp_does_the_same(own: Account, tcp_postgres_url: str) -> None:
    own.load(tcp_postgres_url, 1, 0)
    own.unload(tcp_postgres_url, 1)
    assert digests(tcp_postgres_url) == own.expected(0)


def test_a_task_whose_folder_is_gone_is_known_to_the_database(own: Account) -> None:
    url = own.loaded(0, 1)
    shutil.rmtree(own.tasks[1].folder.path)
    own.unload(url, 1)
    assert digests(url) == own.expected(0)
    assert not own.tasks[1].folder.path.exists()
    with pytest.raises(UsageError, match="there is no task t1 in .*, and the database .* knows of none"):
        unload(own.on(url, 1))


def test_a_database_that_an_earlier_version_made_is_refused_by_name(own: Account) -> None:
    url = own.loaded(0)
    query(url, "ALTER TABLE skype.media_files DROP COLUMN export_id; DROP TABLE skype.conversation_copies")
    rows = query(url, "SELECT count(*) FROM skype.messages")
    with pytest.raises(DatabaseError, match=r"skype\.conversation_copies is not as .* load into another database"):
        unload(own.on(url, 0))
    assert query(url, "SELECT count(*) FROM skype.messages") == rows


def test_what_another_database_has_is_not_unloaded_from_this_one(own: Account) -> None:
    own.loaded(0)
    files = files_of(own.tasks[0].output_dir)
    with pytest.raises(DatabaseError, match="t0: its export .* is not in the database .*SKYPE_DATABASE_URL"):
        unload(own.on(own.new_database(), 0))
    assert files_of(own.tasks[0].output_dir) == files


def test_of_several_exports_that_a_task_has_loaded_one_is_named(own: Account, tmp_path: Path) -> None:
    url = own.loaded(0, 1)
    query(url, "UPDATE skype.exports SET task_id = 't0'")
    shutil.move(own.tasks[0].output_dir, tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=r"several exports; name one of them with --export: \w{16} \("):
        unload(own.on(url, 0))
    [(second,)] = query(url, "SELECT export_id FROM skype.exports WHERE source_name LIKE '%_2.tar'")
    unload(own.on(url, 0), export_id=second, checkpoints=[tmp_path / "elsewhere"])
    assert digests(url) == own.expected(0)


def test_what_is_on_hold_is_refused_with_the_reason(own: Account) -> None:
    url = own.loaded(0)
    own.tasks[0].folder.file("hold").write_text("case 12-345\nmore")
    for held in ("t0", "another task"):
        with pytest.raises(OnHold, match=r"t0 is on hold \(case 12-345\)"):
            unload(replace(own.on(url, 0), task_id=held.replace(" ", "-")), export_id=_export_of(url))
    own.tasks[0].folder.remove("hold")
    own.unload(url, 0)


def _export_of(url: str) -> str:
    return query(url, "SELECT export_id FROM skype.exports")[0][0]


def test_a_living_attempt_keeps_its_rows(own: Account) -> None:
    url = own.loaded(0)
    attempt = Attempt.take(own.tasks[0].folder)
    try:
        with pytest.raises(TaskBusy):
            unload(own.on(url, 0))
    finally:
        attempt.release()


def test_an_unload_that_was_taken_over_changes_nothing(own: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    url = own.loaded(0)
    before = digests(url)
    take_over = Loader.take_over

    def overtaken(session: Session, export_id: str, owner_id: str, tenure: Tenure | None) -> Loader:
        claimed = take_over(session, export_id, owner_id, tenure)
        query(url, "UPDATE skype.attempts SET attempt = attempt + 1")
        return claimed

    monkeypatch.setattr(Loader, "take_over", overtaken)
    with pytest.raises(Fenced):
        unload(own.on(url, 0))
    assert digests(url) == before


def test_a_load_under_way_commits_no_part_after_the_export_was_unloaded(own: Account) -> None:
    url = own.new_database()
    elsewhere = replace(own.on(url, 1), task_id="other")

    def take_out() -> None:
        unload(elsewhere, export_id=_export_of(url))

    with pytest.raises(Fenced):
        engine.run_phase(own.on(url, 1), "load", at("load", 2, take_out))
    assert query(url, "SELECT count(*) FROM skype.messages") == [(0,)]
    own.load(url, 1)
    assert digests(url) == own.expected(1)


def test_the_sample_beside_ones_own_chats_needs_nobody_elses_checkpoint(own: Account, tmp_path: Path) -> None:
    url = own.loaded(0)
    path = tmp_path / "theirs.json"
    path.write_bytes(export(conversation(message())).replace(OWNER.encode(), b"8:live:theirs"))
    alone = task("theirs", tmp_path / "elsewhere", path, url)
    engine.run(alone)
    assert unload(alone).status == "unloaded"
    assert digests(url) == own.expected(0)
