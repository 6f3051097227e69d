"""Putting right a database that somebody has altered by hand: its rows become again what the checkpoints say.

What differs is found by the comparison that ``proving`` makes; nothing else is written. Each account is one
transaction: killed at any instant, all of it is as it was, and the same call does it again. Tasks that have loaded one
of its exports are owned meanwhile, and no earlier attempt commits afterwards, as when an export is loaded.

What no checkpoint tells is left as it is, and named: an export whose checkpoint is gone, and rows that may be its.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Final

from skype_assets.etl import crash_points, interruption
from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.database import explained, repairing, upgrading
from skype_assets.etl.database.loading import LOADED, Claim, Loader, ledger
from skype_assets.etl.database.matching import ALL, NOT_EXPORTED, Difference
from skype_assets.etl.database.registered import Registered, all_registered
from skype_assets.etl.database.repairing import Account
from skype_assets.etl.database.session import Database, Session
from skype_assets.etl.errors import CheckpointError, DatabaseDiffers
from skype_assets.etl.phases import TRANSFORM
from skype_assets.etl.phases.proof import ledger_of, loaded_status, prove, prove_records
from skype_assets.etl.postgres.url import reachable_url
from skype_assets.etl.task import Settings
from skype_assets.etl.tasks.finding import Tasks, export_id_of, is_loaded, load_state, whole
from skype_assets.etl.tasks.kept import KeptTables, Summaries

_ROUNDS: Final = 3
"""What was altered may hide that something else was; more often than twice it does not."""


@dataclass
class Repairs:
    """What came of putting a database right.

    Attributes:
        repaired: rows that differed, and are as they must be now; each once.
        left: what could not be put right, and why.
    """

    repaired: list[Difference] = field(default_factory=list[Difference])
    left: list[str] = field(default_factory=list[str])


def repair(
    folders: Sequence[Path],
    database: str | None,
    export_id: str | None = None,
    begun: Callable[[str], None] = lambda what: None,
) -> Repairs:
    """Put right the rows that are not what the checkpoints in some output folders say.

    Args:
        folders: the output folders.
        database: its URL; None = by environment, else the embedded server.
        export_id: puts right only the account of this export; None = all.
        begun: told what begins.

    Raises:
        DatabaseError: the database cannot be reached, cannot be used, or its tables are of an older version.
        DatabaseDiffers: something, as a trigger, changes what is put right; the account is as it was.
        TaskBusy: another process is at a task that has loaded one of the exports, and lives.
        Fenced: another attempt has taken over; the account is as it was.
    """
    url = reachable_url(database, create=False)
    with Session(url, read_only=True) as session:
        upgrading.require_newest(session)
    result, named = Repairs(), set[tuple[str, tuple[str, ...]]]()
    with Database(url) as opened, interruption.gently():
        for _ in range(_ROUNDS):
            done, result.left = _Pass(opened, Tasks(folders), begun).run(export_id)
            fresh = [one for one in done if (one.table, one.key) not in named]
            named.update((one.table, one.key) for one in fresh)
            result.repaired += fresh
            if not done:
                break
    return result


@dataclass(frozen=True)
class _Known:
    """An export that can be put right, with what it was loaded from.

    Attributes:
        wanted: the parts that must be there; None = all.
    """

    export_id: str
    owner_id: str
    tables: PhaseTables
    wanted: frozenset[int] | None

    @property
    def status(self) -> str:
        return loaded_status(self.tables) if self.wanted is None else "loading"

    @property
    def parts(self) -> list[int]:
        numbers = [part.number for part in self.tables.state.parts]
        return [number for number in numbers if self.wanted is None or number in self.wanted]


class _Pass:
    """One look at everything, and what follows from it."""

    def __init__(self, database: Database, tasks: Tasks, begun: Callable[[str], None]) -> None:
        self._database = database
        self._tasks = tasks
        self._begun = begun
        self._summaries = Summaries()
        self._left: list[str] = []
        self._known: dict[str, list[_Known]] = defaultdict(list)
        self._unknown: dict[str, list[Registered]] = defaultdict(list)

    def run(self, export_id: str | None) -> tuple[list[Difference], list[str]]:
        """What was put right, and what is left, each with why."""
        self._database.repeatedly(self._find_exports)
        wanted = [
            owner_id
            for owner_id, known in self._known.items()
            if export_id is None or export_id in {one.export_id for one in known}
        ]
        altered = [owner_id for owner_id in wanted if self._database.repeatedly(partial(self._is_altered, owner_id))]
        done: list[Difference] = []
        with ExitStack() as held:
            claims: dict[str, list[Claim]] = {}
            for owner_id in altered:
                self._begun(f"account {owner_id}")
                for task in self._tasks_about(self._known[owner_id]):
                    held.enter_context(_attempt(task))
                claims[owner_id] = [
                    self._database.repeatedly(partial(_take_over, one)) for one in self._known[owner_id]
                ]
                done += self._database.repeatedly(partial(self._put_records, claims[owner_id]))
            if altered or export_id is None:
                done += self._database.repeatedly(
                    partial(self._remove_homeless, None if export_id is None else altered)
                )
            for owner_id in altered:
                done += self._database.repeatedly(partial(self._put_right, owner_id, claims[owner_id]))
        for owner_id in wanted:
            self._database.repeatedly(partial(self._name_left, owner_id))
        return done, list(dict.fromkeys(self._left))

    def _find_exports(self, session: Session) -> None:
        """The exports that are there, or were, by account: those that can be put right, and the others."""
        self._known.clear()
        self._unknown.clear()
        self._left.clear()
        registered = {export.export_id: export for export in all_registered(session)}
        lost = {export_id_of(state) for task, state in self._tasks.known if is_loaded(load_state(task))}
        for export_id in (*registered, *sorted(lost - registered.keys())):
            export = registered.get(export_id)
            if export is None and not repairing.has_rows(session, export_id):
                continue  # it was not loaded into this database, or nothing of it is left: a run loads it
            found = self._usable(export_id, export, ledger(session, export_id))
            if isinstance(found, _Known):
                self._known[found.owner_id].append(found)
            else:
                self._left.append(f"export {export_id}: {found}")
                if export is not None:
                    self._unknown[export.owner_id].append(export)

    def _usable(self, export_id: str, export: Registered | None, entries: Mapping[int, str]) -> _Known | str:
        """What an export was loaded from; or why that cannot be told."""
        reason = "no checkpoint of it is here; name its folder with --checkpoints, or run the export again"
        named = export.task_id if export is not None else None
        for task in sorted(self._tasks.tasks_about(export_id), key=lambda task: task.path.name != named):
            try:
                tables = whole(task)
            except CheckpointError as damage:
                reason = str(damage)
                continue
            if tables.state.inputs.get("code_version") != TRANSFORM.version:
                reason = f"{tables.folder} was made by another version of the code; run task {task.path.name} first"
                continue
            load = load_state(task)
            if load is not None and is_loaded(load) and load.inputs.get(TRANSFORM.asset) == tables.state.fingerprint:
                wanted = None
            elif export is not None and export.fits(KeptTables(tables, self._summaries).checksums, entries):
                wanted = None if export.is_loaded else frozenset(entries)
            else:
                reason = (
                    f"{tables.folder} is not what was loaded; it was made anew since. Run task {task.path.name} first"
                )
                continue
            owner_id = tables.summary("exports")["owner_id"][0].as_py()
            return _Known(export_id, owner_id, tables, wanted)
        return reason

    def _tasks_about(self, known: Iterable[_Known]) -> list[Directory]:
        """The tasks about some exports; on what was set aside nobody works."""
        ids = {one.export_id for one in known}
        return [
            folder
            for folder, state in self._tasks.known
            if export_id_of(state) in ids and folder.path.name == state.task_id
        ]

    def _is_altered(self, owner_id: str, session: Session) -> bool:
        """Whether something of an account differs. Nothing is written, and no attempt ends, unless it does."""
        return (
            any(_records(session, one) for one in self._known[owner_id])
            or bool(self._rows(session, owner_id, Settings().workers))
            or (self._is_finished(owner_id) and not explained.compare_made(session, owner_id).is_equal)
            or (self._is_finished(owner_id) and any(one.key[0] == owner_id for one in self._archives))
        )

    def _is_finished(self, owner_id: str) -> bool:
        """Whether no load of the account is under way or was interrupted: the last step of one makes what is made."""
        statuses = (one.status for one in (*self._known[owner_id], *self._unknown[owner_id]))
        return all(status in LOADED for status in statuses)

    @cached_property
    def _archives(self) -> list[Difference]:
        return self._database.repeatedly(lambda session: explained.compare_archives(session, ALL)).named

    def _rows(self, session: Session, owner_id: str, sessions: int = 1) -> list[Difference]:
        """The rows of an account that differ, but for those that may be of an export that is not known.

        Within a transaction only the session itself sees what was put right: then ``sessions`` is 1.
        """
        found = [
            difference
            for one in self._known[owner_id]
            for difference in prove(session, one.tables, sessions, wanted=one.wanted, most=ALL).total.named
        ]
        return [one for one in found if not self._may_be_another(owner_id, one)]

    def _may_be_another(self, owner_id: str, one: Difference) -> bool:
        may_be = one.table in ("messages", "superseded_copies", "media_files") and one.what == NOT_EXPORTED
        return may_be and bool(self._unknown[owner_id])

    def _put_records(self, claims: Sequence[Claim], session: Session) -> list[Difference]:
        """Make the rows of exports and the ledger what they must be: all else is found by them."""
        found: list[Difference] = []
        with _alone(session, claims):
            for one, claim in zip(self._known[claims[0].owner_id], claims, strict=True):
                if differences := _records(session, one):
                    repairing.put_record(session, one.tables.summary("exports"), one.status)
                    repairing.put_ledger(session, one.export_id, ledger_of(one.tables, one.wanted), claim.attempt)
                    found += differences
        return found

    def _put_right(self, owner_id: str, claims: Sequence[Claim], session: Session) -> list[Difference]:
        """Make all rows of an account what they must be, in one transaction."""
        known, done = self._known[owner_id], dict[tuple[str, tuple[str, ...]], Difference]()
        is_whole = not self._unknown[owner_id]
        with _alone(session, claims):
            account = Account(session, owner_id, [one.export_id for one in self._unknown[owner_id]])
            kept = {one.export_id: KeptTables(one.tables, self._summaries) for one in known}
            for number in range(_ROUNDS + 1):
                found = self._rows(session, owner_id)
                if number and not found:
                    break
                if number == _ROUNDS:
                    raise DatabaseDiffers(
                        f"account {owner_id}: what is put right is changed again: {'; '.join(map(str, found[:3]))}. "
                        "Remove the trigger or rule that does it, which `skype-assets verify --all` names, and repair "
                        "it then; nothing was changed"
                    )
                by_table = _by_table(found)
                for one in known:
                    account.put_conversations(one.tables.summary("conversations"))
                    for name in repairing.OF_EXPORT:
                        if by_table[name]:
                            account.put_of_export(one.export_id, name, one.tables[name].to_table())
                account.put_objects(by_table["media_files"], (each.media_files() for each in kept.values()))
                apart = account.apart() if not number and self._is_finished(owner_id) else []
                of_messages = [one for name in repairing.OF_MESSAGES for one in by_table[name]]
                repairing.remove(session, (one for one in of_messages if one.key[0] != owner_id))
                repairing.remove(session, by_table["superseded_copies"])
                messages = {(one.key[1], one.key[2]) for one in of_messages if one.key[0] == owner_id}
                for export_id, each in kept.items():
                    aside = (one.key for one in by_table["superseded_copies"] if one.key[0] == export_id)
                    messages |= each.messages_at(int(offset) for _, offset in aside)
                account.take_out(messages)
                account.restore((kept[one.export_id], one.parts) for one in known)
                if self._is_finished(owner_id):
                    account.make_anew(is_whole=is_whole)
                elif len(known) == 1 and is_whole:  # its load makes it anew if it is not the only one
                    for name in ("participants", "conversations"):
                        account.put_made(name, known[0].tables.summary(name))
                for difference in (*found, *apart):
                    done.setdefault((difference.table, difference.key), difference)
            for difference in account.made_differences():
                done.setdefault((difference.table, difference.key), difference)
            crash_points.reached("rows repaired")
        crash_points.reached("repair committed")
        return list(done.values())

    def _name_left(self, owner_id: str, session: Session) -> None:
        """Name the rows that are in no checkpoint, and may be of an export that has none here."""
        unknown = ", ".join(export.export_id for export in self._unknown[owner_id])
        for one in self._known[owner_id] if unknown else ():
            for difference in prove(session, one.tables, wanted=one.wanted, most=ALL).total.named:
                if self._may_be_another(owner_id, difference):
                    self._left.append(f"{difference}; it may be of an export that has no checkpoint here: {unknown}")

    def _remove_homeless(self, only: Iterable[str] | None, session: Session) -> list[Difference]:
        """Remove rows that belong to nothing, where it is sure that they are of no export."""
        with session.transaction():
            owners = repairing.owners(session)
            known = {one.export_id for of_account in self._known.values() for one in of_account}
            ever = repairing.ever_loaded(session)
            is_recorded = known <= ever  # else nobody knows what was ever loaded

            def is_sure(export_id: str) -> bool:
                return export_id in known or (is_recorded and export_id not in ever and export_id not in owners)

            sure: dict[str, bool] = {}
            removed: list[Difference] = []
            for one in explained.compare_owners(session, ALL).named:
                first = one.key[0]
                if only is not None and first not in only:
                    continue
                if one.table in repairing.MADE and first in owners.values():
                    continue  # it is made anew with its account
                if one.table == "superseded_copies" and first in known:
                    continue  # it is compared with its export
                if first not in sure:
                    is_of_export = one.table in _OF_EXPORTS
                    of = {first} if is_of_export else repairing.named_exports(session, first)
                    of -= {export_id for export_id, owner_id in owners.items() if owner_id == first}
                    may_be = any(self._unknown.values()) if is_of_export else self._unknown[first]
                    sure[first] = not may_be and all(map(is_sure, of))
                if sure[first]:
                    removed.append(one)
                else:
                    self._left.append(f"{one}; it may be of an export that has no checkpoint here")
            repairing.remove(session, removed)
        return removed


_OF_EXPORTS: Final = ("load_parts", "superseded_copies", *repairing.OF_EXPORT)


def _by_table(found: Iterable[Difference]) -> Mapping[str, list[Difference]]:
    by_table: dict[str, list[Difference]] = defaultdict(list)
    for one in found:
        by_table[one.table].append(one)
    return by_table


def _records(session: Session, one: _Known) -> list[Difference]:
    return prove_records(session, one.tables, one.wanted, ALL).named


def _take_over(one: _Known, session: Session) -> Claim:
    return Loader.take_over(session, one.export_id, one.owner_id).claim


@contextmanager
def _alone(session: Session, claims: Sequence[Claim]) -> Generator[None]:
    """A transaction that is alone with the account, fenced for all of its exports."""
    first, *others = (Loader(session, claim) for claim in claims)
    with first.transaction():
        for other in others:
            other.check()
        yield


@contextmanager
def _attempt(task: Directory) -> Generator[Attempt]:
    attempt = Attempt.take(task)
    try:
        yield attempt
    finally:
        attempt.release()
