"""The report: what an export was, what became of each object of it, and how to check that without this program.

Part of every hand-over, for all exports of the accounts that messages are of; for one task, with everything compared
again that can be. In a hand-over of a part it tells of that part: of the exports that have something of it, whose
hashes and totals prove where it was taken from, and of nothing else that they contain.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.phase_checkpoint import open_complete
from skype_assets.etl.database.digests import RECIPE, digests_in
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import EtlError
from skype_assets.etl.handing.selection import DIGEST, Selection
from skype_assets.etl.pages.environment import environment
from skype_assets.etl.pages.words import REPORT
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.reading.zones import utc
from skype_assets.etl.schema.flags import ARCHIVES_DIFFER, COPIES_DIFFER, FLAGS
from skype_assets.etl.tasks.media import Members, members_of
from skype_assets.etl.tasks.outcomes import Findings
from skype_assets.etl.version import PACKAGE, SCHEMA

PAGE: Final = "report.html"
LISTED: Final = 1_000
"""Of what is listed, so much; how much there is, is said."""

_EXPORTS: Final = """
SELECT export_id, task_id, owner_id, owner_name, source_name, source_size, encode(source_sha256, 'hex'), exported_at,
       loaded_at, status, code_version, messages_seen, messages_loaded, messages_duplicate, messages_rejected,
       conversation_count
FROM skype.exports WHERE {condition} ORDER BY owner_id, exported_at NULLS FIRST, export_id"""

_NAMES: Final = (
    *("export_id", "task_id", "owner_id", "owner_name", "source_name", "source_size", "source_sha256", "exported_at"),
    *("loaded_at", "status", "code_version"),
)

# Of a selection, what is counted is counted among it and the copies that edits left of it.
_AMONG: Final = "JOIN chosen USING (owner_id, conversation_id, message_id)"

_FLAGS: Final = """
SELECT export_id, flag, count(*) FROM skype.messages {among}, unnest(flags) AS flag
WHERE export_id = ANY ({exports}) GROUP BY 1, 2 ORDER BY 2"""

_REJECTED: Final = f"""
SELECT ordinal, source_member, source_offset, source_length, conversation_id, reason, count(*) OVER ()
FROM skype.rejects WHERE export_id = $1 AND ($2::text[] IS NULL OR conversation_id = ANY ($2))
ORDER BY ordinal LIMIT {LISTED}"""

_MEDIA: Final = """
SELECT m.export_id, a.kind, count(*), count(*) FILTER (WHERE a.present)
FROM skype.attachments a JOIN skype.messages m USING (owner_id, conversation_id, message_id) {among}
WHERE m.export_id = ANY ({exports}) GROUP BY 1, 2 ORDER BY 2"""

_DIFFERING: Final = f"""
SELECT DISTINCT m.export_id, f.member, encode(f.sha256, 'hex')
FROM skype.attachments a JOIN skype.messages m USING (owner_id, conversation_id, message_id) {{among}}
JOIN skype.media_files f ON (f.export_id, f.member) = (a.media_export_id, a.media_member)
WHERE m.export_id = ANY ({{exports}}) AND f.flags && ARRAY['{COPIES_DIFFER}', '{ARCHIVES_DIFFER}'] ORDER BY 2"""

_CHANGES: Final = """
SELECT export_id, count(*), count(*) FILTER (WHERE edited_at IS NOT NULL AND edit_of IS NULL),
       count(*) FILTER (WHERE edit_of IS NOT NULL),
       count(*) FILTER (WHERE deleted_at IS NOT NULL OR 'deleted_by_edit_marker' = ANY (flags)),
       count(*) FILTER (WHERE sent_at IS NULL)
FROM skype.messages {among}
WHERE export_id = ANY ({exports}) GROUP BY 1"""

_ELSEWHERE: Final = """
SELECT c.export_id, m.export_id, e.task_id, e.source_name, count(*) FROM skype.superseded_copies c
JOIN skype.messages m USING (owner_id, conversation_id, message_id) {among}
JOIN skype.exports e ON e.export_id = m.export_id
WHERE c.export_id = ANY ({exports}) AND NOT c.is_duplicate GROUP BY 1, 2, 3, 4 ORDER BY 2"""

# Those of which a superseded copy of the export says what the row does not (``reading.messages``).
_REWORDED: Final = """
SELECT c.export_id, count(DISTINCT (owner_id, conversation_id, coalesce(m.edit_of, m.message_id)))
FROM skype.superseded_copies c JOIN skype.messages m USING (owner_id, conversation_id, message_id) {among}
WHERE c.export_id = ANY ({exports}) AND c.text <> '' AND c.text <> m.text GROUP BY 1"""

_COUNTED: Final = {
    "flags": _FLAGS,
    "media": _MEDIA,
    "differing": _DIFFERING,
    "changes": _CHANGES,
    "elsewhere": _ELSEWHERE,
    "reworded": _REWORDED,
}

_CHANGED: Final = ("edited", "copies_of_edits", "deleted", "without_time")

_TITLES: Final = "SELECT conversation_id, title FROM skype.conversations WHERE owner_id = $1"


def report(
    session: Session,
    output_dir: Path,
    *,
    owners: Sequence[str] = (),
    task_id: str | None = None,
    selection: Selection | None = None,
    findings: Findings | None = None,
) -> dict[str, Any]:
    """Everything that is known of exports, to be shown or filed.

    Args:
        session: with the database, within a transaction.
        output_dir: where checkpoints are.
        owners: the accounts, all exports of which are told of.
        task_id: or the one task whose export is.
        selection: what is handed over of it.
        findings: what came of comparing, if that was done.
    """
    # Digests are of the text of rows, in which times are those of UTC, whatever the zone of what is handed over.
    session.rows("SELECT set_config('timezone', 'UTC', true)")
    about = _About(session, output_dir, selection)
    if task_id is not None:
        exports = session.rows(_EXPORTS.format(condition="task_id = $1"), task_id)
    elif selection is None or selection.is_whole:
        exports = session.rows(_EXPORTS.format(condition="owner_id = ANY ($1)"), list(owners))
    else:
        exports = session.rows(_EXPORTS.format(condition="export_id = ANY ($1)"), list(about.selected))
    digests = digests_in(session) if selection is None or selection.is_everything else []
    return {
        "program": f"skype-assets {PACKAGE}",
        "schema": SCHEMA,
        "selection": selection.document() if selection is not None else None,
        "exports": about.exports(exports),
        "digests": [{"table": one.table, "rows": one.rows, "sha256": one.sha256} for one in digests],
        "checks": _checks(findings) if findings is not None else None,
        "not_contained": [REPORT[name] for name in REPORT if name.startswith("lacks_")],
        "how_to_check": {
            "files": "sha256sum -c SHA256SUMS",
            "export": "sha256sum EXPORT",
            "database": "psql -XqAt -f digest.sql",
            "digest.sql": RECIPE,
            "selection": "psql -XAt -f selection.sql",
            "selection.sql": selection.sql if selection is not None else f"{DIGEST};",
        },
    }


class _About:
    """What is told of exports: everything, or what is about a selection.

    Attributes:
        selected: the selected messages of each export, by its id.
    """

    def __init__(self, session: Session, output_dir: Path, selection: Selection | None) -> None:
        self._session, self._output_dir, self._selection = session, output_dir, selection
        self._is_part = selection is not None and not selection.is_whole
        self.selected = selection.exports(session) if selection is not None else {}

    def exports(self, rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
        """What is told of each, given by its row."""
        ids = [row[0] for row in rows]
        counted = {name: self._by_export(query, ids) for name, query in _COUNTED.items()}
        return [self._export(row, {name: found.get(row[0], []) for name, found in counted.items()}) for row in rows]

    def _by_export(self, query: str, export_ids: list[str]) -> dict[str, list[tuple[Any, ...]]]:
        """Rows of a query that begin with the id of an export, by that."""
        selection = self._selection if self._is_part else None
        chosen, among = (selection.chosen, _AMONG) if selection is not None else ("", "")
        parameters = selection.parameters if selection is not None else []
        found: dict[str, list[tuple[Any, ...]]] = {}
        statement = f"{chosen} {query.format(exports=f'${len(parameters) + 1}', among=among)}"
        for export_id, *row in self._session.rows(statement, *parameters, export_ids):
            found.setdefault(export_id, []).append(tuple(row))
        return found

    def _export(self, row: tuple[Any, ...], counted: dict[str, list[tuple[Any, ...]]]) -> dict[str, Any]:
        found: dict[str, Any] = dict(zip(_NAMES, row[:11], strict=True))
        for name in ("exported_at", "loaded_at"):
            found[name] = utc(found[name]) if found[name] is not None else None
        seen, loaded, duplicate, rejected, conversations = row[11:]
        [(rows, *figures)] = counted["changes"] or [(0, 0, 0, 0, 0)]
        # Others have all its messages: what is counted is nothing that could be said of it.
        is_elsewhere = not rows and bool(counted["elsewhere"])
        return {
            **found,
            "selected": self.selected.get(found["export_id"], 0) if self._selection is not None else None,
            "is_part": self._is_part,
            "conservation": {
                "seen": seen,
                "loaded": loaded,
                "duplicate": duplicate,
                "rejected": rejected,
                "balances": seen == loaded + duplicate + rejected,
                "conversations": conversations if not self._is_part else None,
                "by_conversation": self._by_conversation(found["owner_id"], found["task_id"]),
            },
            "members": self._members(found["task_id"]),
            "rows_of_messages": rows,
            "rows_elsewhere": [
                {"export_id": other, "task_id": task, "source_name": name, "messages": count}
                for other, task, name, count in counted["elsewhere"]
            ],
            "earlier_texts": counted["reworded"][0][0] if counted["reworded"] else 0,
            "rejected": self._rejected(found["owner_id"], found["export_id"]),
            "flags": None if is_elsewhere else _flags(counted["flags"]),
            "media": None if is_elsewhere else _media(counted["media"]),
            "media_in_several_copies": [
                {"member": member, "sha256": sha256} for member, sha256 in counted["differing"]
            ],
            **dict(zip(_CHANGED, [None] * len(_CHANGED) if is_elsewhere else figures, strict=True)),
        }

    def _members(self, task_id: str) -> dict[str, Any] | None:
        """The members of an export by kind; None of a part of it, or if the checkpoint is not at hand, or damaged."""
        if self._is_part:
            return None
        try:
            members = members_of(Directory(self._output_dir / task_id))
        except (EtlError, OSError):  # `verify` says what is wrong with it
            return None
        if members is None:
            return None
        return {"seen": members.seen, "kinds": dict(members.kinds), "balances": members.balances}

    def _whole_conversations(self, owner_id: str) -> list[str] | None:
        """The conversations of an account all objects of which may be told of; None = all."""
        if self._selection is None or not self._is_part:
            return None
        return self._selection.within(owner_id) if self._selection.has_whole_conversations else []

    def _rejected(self, owner_id: str, export_id: str) -> dict[str, Any]:
        listed = self._session.rows(_REJECTED, export_id, self._whole_conversations(owner_id))
        return {
            "count": listed[0][-1] if listed else 0,
            "listed": [
                {"ordinal": n, "member": member, "offset": at, "length": length, "conversation_id": chat, "reason": why}
                for n, member, at, length, chat, why, _ in listed
            ],
        }

    def _by_conversation(self, owner_id: str, task_id: str) -> list[dict[str, Any]]:
        titles = dict(self._session.rows(_TITLES, owner_id))
        found = _by_conversation(self._output_dir, task_id)
        if (whole := self._whole_conversations(owner_id)) is not None:
            known = frozenset(whole)
            found = [one for one in found if one["conversation_id"] in known]
        return [{**one, "title": titles.get(one["conversation_id"], one["conversation_id"])} for one in found]


def _flags(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [{"flag": flag, "messages": count, "meaning": FLAGS.get(flag, "")} for flag, count in rows]


def _members_told(members: dict[str, Any]) -> str:
    return str(Members(members["seen"], members["kinds"]))


def _media(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "attachments": count, "in_export": present, "missing": count - present}
        for kind, count, present in rows
    ]


def _by_conversation(output_dir: Path, task_id: str) -> list[dict[str, Any]]:
    """The account of each conversation, from the checkpoint; empty if that is not at hand, or damaged."""
    kind = PHASE_CLASSES["transform"]
    folder = output_dir / task_id / kind.facts.asset
    try:
        tables = open_complete(Directory(folder), kind.schemas) if folder.is_dir() else None
        return tables.summary("conservation").to_pylist() if tables is not None else []
    except (EtlError, OSError):  # `verify` says what is wrong with it
        return []


def _checks(findings: Findings) -> list[dict[str, Any]]:
    return [
        {
            "check": check.name,
            "status": check.status.lower(),
            "detail": check.detail,
            "differences": [{"table": one.table, "key": list(one.key), "what": one.what} for one in check.named],
        }
        for check in findings.checks
    ]


def page(document: dict[str, Any]) -> str:
    """The report as a page of its own, which needs nothing beside it."""
    return (
        environment(ZoneInfo("UTC"))
        .get_template(PAGE)
        .render(r=document, w=REPORT, listed=LISTED, members_told=_members_told)
    )


def lines(document: dict[str, Any]) -> Iterator[str]:
    """The report in short, for a terminal."""
    for export in document["exports"]:
        account = export["conservation"]
        yield f"export {export['export_id']}: {export['source_name']}, {export['source_size']:,} bytes"
        yield f"  SHA-256 {export['source_sha256']}"
        yield f"  of {export['owner_name'] or export['owner_id']}, exported {export['exported_at'] or '(no time)'}"
        loaded = f"loaded {export['loaded_at'] or '(not yet)'} by version {export['code_version']}"
        yield f"  {loaded}, task {export['task_id']}"
        kept = f"{account['seen']:,} seen = {account['loaded']:,} loaded + {account['duplicate']:,} duplicate"
        yield f"  messages: {kept} + {account['rejected']:,} rejected" + ("" if account["balances"] else ": DIFFERS")
        if export["members"] is not None:
            members = export["members"]
            yield f"  members: {_members_told(members)}" + ("" if members["balances"] else ": DIFFERS")
        for other in export["rows_elsewhere"]:
            where = f"export {other['export_id']}, task {other['task_id']}"
            yield f"  {other['messages']:,} of them have their rows in {where}: a better copy"
        if export["earlier_texts"]:
            yield f"  earlier texts, which the better copies do not have, of {export['earlier_texts']:,} messages"
        if export["edited"] is None:
            yield "  so edits, deletions, changes and media are told of there: all its messages are in other exports"
            continue
        if export["rows_elsewhere"]:
            yield f"  what follows is of the other {export['rows_of_messages']:,}, whose rows are of this export"
        counts = f"edited {export['edited']:,}, deleted {export['deleted']:,}"
        yield f"  {counts}, without a time {export['without_time']:,}"
        for flag in export["flags"]:
            yield f"  changed to be stored: {flag['flag']} {flag['messages']:,}"
        for media in export["media"]:
            yield f"  {media['kind']}: {media['attachments']:,}, {media['missing']:,} not in the export"
    for digest in document["digests"]:
        yield f"{digest['sha256']}  {digest['rows']:>12,}  {digest['table']}"
    for check in document["checks"] or ():
        yield f"{check['check']}: {check['status']}, {check['detail']}"
        for one in check["differences"]:
            yield f"  {one['table']} ({', '.join(map(str, one['key']))}) {one['what']}"
