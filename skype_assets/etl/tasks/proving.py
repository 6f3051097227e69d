"""Proving a whole database: every row of it against all checkpoints of some output folders, and these against it.

Every row must be explained by exactly one checkpoint, or be made of such rows by the rules of the merge; every row of
a checkpoint must be there, or a better copy of another export. The schema must be the one that this program makes.
Nothing is changed. Memory is bounded by one part for each session, and by what is said of the conversations of an
account.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.database import catalogue, comparison, completion, explained, upgrading
from skype_assets.etl.database.counting import COUNTED, count_rows
from skype_assets.etl.database.loading import ledger
from skype_assets.etl.database.matching import Comparison, Difference
from skype_assets.etl.database.registered import Registered, all_registered, export_hashes, loads
from skype_assets.etl.database.session import NO_PRIVILEGE, READ_ONLY, Rejected, Session
from skype_assets.etl.errors import CheckpointError, VerificationFailed
from skype_assets.etl.phases.part_tables import ledger_checksum
from skype_assets.etl.phases.proof import prove, prove_records
from skype_assets.etl.postgres.url import reachable_url, without_password
from skype_assets.etl.task import Settings, export_id_for
from skype_assets.etl.tasks.finding import Tasks, export_id_of, is_loaded, load_state
from skype_assets.etl.tasks.finding import whole as read_whole
from skype_assets.etl.tasks.findings import Found, compared, holds_on, is_partial, whole
from skype_assets.etl.tasks.outcomes import Findings, NotPossible, outcome

T = TypeVar("T")


def prove_all(
    folders: Sequence[Path],
    database: str | None,
    begun: Callable[[str], None] | None = None,
    *,
    with_exports: bool = True,
) -> Findings:
    """Prove a database against all checkpoints of some output folders.

    Args:
        folders: the output folders.
        database: its URL; None = by environment, else the embedded server.
        begun: told the name of each check when it begins.
        with_exports: whether the rows of each export are compared, and that those of all tasks are there; or only what
            is made of the rows, and how they belong.

    Raises:
        DatabaseError: the database cannot be reached, or cannot be used.
    """
    result, url = Findings(), reachable_url(database, create=False)
    with ExitStack() as resources:
        session = resources.enter_context(Session(url, read_only=True))
        upgrading.require_newest(session)
        result.server = {"version": comparison.server_version(session), "url": without_password(url)}
        for name, check in _Proving(session, Tasks(folders), result).checks(with_exports=with_exports):
            if begun:
                begun(name)
            result.checks.append(outcome(name, check))
    return result


class _Proving:
    """The checks, in their order."""

    def __init__(self, session: Session, tasks: Tasks, result: Findings) -> None:
        self._session = session
        self._tasks = tasks
        self._result = result
        self._damaged: dict[str, PhaseTables] = {}

    def checks(self, *, with_exports: bool) -> Iterator[tuple[str, Callable[[], Found | str]]]:
        """Names and functions, in order."""
        yield "schema", self._schema
        yield "holds", self._holds
        try:
            exports, before = all_registered(self._session), loads(self._session)
        except Rejected as refused:
            yield "exports", partial(self._no_exports, refused)
            return
        for export in exports if with_exports else ():
            yield f"export {export.export_id}", partial(self._export, export)
            if export.export_id in self._damaged:
                yield f"whole {export.export_id}", partial(whole, self._damaged[export.export_id])
        for owner_id, of_account in groupby(exports, lambda export: export.owner_id):
            if len(account := list(of_account)) > 1:
                yield f"account {owner_id}", partial(self._account, owner_id, account)
        yield "archives", partial(self._archives, exports)
        yield "belonging", self._belonging
        if with_exports:
            yield "tasks", partial(self._loaded_tasks, exports)
        yield "meanwhile", partial(self._meanwhile, before)

    def _schema(self) -> Found:
        total = Comparison()
        differences = _temporary(lambda: catalogue.differences(self._session))
        if differences and all(map(catalogue.is_made_last, differences)):
            # The first load of a database makes them when its rows are in.
            _require_complete(all_registered(self._session))
            detail = f"{completion.INCOMPLETE}; lacking: {', '.join(map(str, differences))}"
            return Found(False, detail, named=differences)
        for difference in differences:
            total.note(difference)
        return compared(total) if not total.is_equal else Found(True, "it is what this program makes")

    def _no_exports(self, refused: Rejected) -> str:
        raise VerificationFailed(f"{refused}; run a task, or name another database")

    def _export(self, export: Registered) -> Found:
        """All rows of an export, and what the database records of it."""
        entries = ledger(self._session, export.export_id)
        task, tables = self._checkpoint(export, entries)
        if is_partial(tables):
            self._damaged[export.export_id] = tables
        is_complete = export.is_loaded or is_loaded(load_state(task))
        wanted = None if is_complete else entries
        total = prove(self._session, tables, Settings().workers, wanted=wanted).total
        total.add(prove_records(self._session, tables, wanted))
        found = compared(total)
        if found.passed and not is_complete:
            return Found(None, f"it is {export.status}, {found.detail}; run task {export.task_id} again")
        return found

    def _checkpoint(self, export: Registered, entries: Mapping[int, str]) -> tuple[Directory, PhaseTables]:
        """What an export was loaded from; of several, that of the task that the database names, and that fits."""
        found: list[tuple[bool, bool, Directory, PhaseTables]] = []
        damages: list[CheckpointError] = []
        for task in self._tasks.tasks_about(export.export_id):
            try:
                tables = read_whole(task)
            except CheckpointError as damage:
                damages.append(damage)
                continue
            checksums = {part.number: ledger_checksum(tables, part) for part in tables.state.parts}
            fits = export.fits(checksums, entries)
            found.append((fits and task.path.name == export.task_id, fits, task, tables))
        if found:
            return max(found, key=lambda one: one[:2])[2:]
        if damages:
            raise damages[0]
        where = ", ".join(map(str, self._tasks.folders))
        raise NotPossible(
            f"{export.source_name}: no checkpoint of it in {where} (task {export.task_id}); name the folder that has "
            "it with --checkpoints, or run the export again"
        )

    def _account(self, owner_id: str, exports: Sequence[Registered]) -> Found:
        """What is made of the rows of several exports."""
        _require_complete(exports)
        return compared(_temporary(lambda: explained.compare_made(self._session, owner_id)))

    def _archives(self, exports: Sequence[Registered]) -> Found:
        _require_complete(exports)
        total = explained.compare_archives(self._session)
        return compared(total) if not total.is_equal else Found(True, "attachments and flags are as archives say")

    def _belonging(self) -> Found:
        total = explained.compare_owners(self._session)
        for export_id, sha256 in export_hashes(self._session).items():
            if export_id_for(sha256 or "") != export_id:
                total.note(Difference("exports", (export_id,), "does not have the id that its file gives it"))
        self._result.rows = count_rows(self._session, COUNTED)
        return compared(total) if not total.is_equal else Found(True, "every row belongs to an export of its account")

    def _loaded_tasks(self, exports: Sequence[Registered]) -> Found:
        """What is said to be loaded is there."""
        there, total = {export.export_id for export in exports}, Comparison()
        loaded = [one for one in self._tasks.known if is_loaded(load_state(one[0]))]
        for task, state in loaded:
            if (export_id := export_id_of(state)) not in there:
                what = f"is missing: task {task.path.name} has loaded it; run that again, or name its own database"
                total.note(Difference("exports", (export_id,), what))
        return compared(total) if not total.is_equal else Found(True, f"the exports of {len(loaded)} tasks are there")

    def _holds(self) -> str:
        return holds_on(self._session)

    def _meanwhile(self, before: object) -> str:
        if loads(self._session) != before:
            raise NotPossible("exports were loaded or unloaded meanwhile; prove it again when that has ended")
        return "no export was loaded or unloaded"


def _temporary(action: Callable[[], T]) -> T:
    """Do what needs temporary tables."""
    try:
        return action()
    except Rejected as refused:
        if refused.sqlstate not in (NO_PRIVILEGE, READ_ONLY):
            raise
        raise NotPossible(
            f"{refused}; it takes temporary tables: a role with TEMPORARY on the database, and no standby"
        ) from None


def _require_complete(exports: Sequence[Registered]) -> None:
    for export in exports:
        if not export.is_loaded:
            raise NotPossible(
                f"export {export.export_id} is {export.status}; run task {export.task_id} again, then prove it"
            )
