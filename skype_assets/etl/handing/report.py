"""The report: what an export was, what became of each object of it, and how to check that without this program.

Part of every hand-over, for all exports of the accounts that messages are of; for one task, with everything compared
again that can be.
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
from skype_assets.etl.handing.selection import ORDER, ROW, Selection
from skype_assets.etl.pages.environment import environment
from skype_assets.etl.pages.words import REPORT
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.reading.zones import utc
from skype_assets.etl.schema.flags import FLAGS
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

_FLAGS: Final = """
SELECT flag, count(*) FROM skype.messages, unnest(flags) AS flag WHERE export_id = $1 GROUP BY flag ORDER BY flag"""

_REJECTED: Final = f"""
SELECT ordinal, source_member, source_offset, source_length, conversation_id, reason, count(*) OVER ()
FROM skype.rejects WHERE export_id = $1 ORDER BY ordinal LIMIT {LISTED}"""

_MEDIA: Final = """
SELECT a.kind, count(*), count(*) FILTER (WHERE a.present)
FROM skype.attachments a JOIN skype.messages m USING (owner_id, conversation_id, message_id)
WHERE m.export_id = $1 GROUP BY a.kind ORDER BY a.kind"""

_CHANGES: Final = """
SELECT count(*), count(*) FILTER (WHERE edited_at IS NOT NULL), count(*) FILTER (WHERE edit_of IS NOT NULL),
       count(*) FILTER (WHERE deleted_at IS NOT NULL OR 'deleted_by_edit_marker' = ANY (flags)),
       count(*) FILTER (WHERE sent_at IS NULL)
FROM skype.messages WHERE export_id = $1"""

_ELSEWHERE: Final = """
SELECT m.export_id, e.task_id, e.source_name, count(*) FROM skype.superseded_copies c
JOIN skype.messages m USING (owner_id, conversation_id, message_id) JOIN skype.exports e ON e.export_id = m.export_id
WHERE c.export_id = $1 AND NOT c.is_duplicate GROUP BY 1, 2, 3 ORDER BY 1"""

_TITLES: Final = "SELECT conversation_id, title FROM skype.conversations WHERE owner_id = $1"

SELECTION_RECIPE: Final = f"""\
SELECT encode(sha256(string_agg(sha256(convert_to({ROW}::text, 'UTF8')), ''::bytea ORDER BY {ORDER})), 'hex'), count(*)
FROM skype.messages m WHERE m.edit_of IS NULL
"""
"""The digest of a selection for psql, of all messages; for a part of them with further conditions."""


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
    condition, value = ("task_id = $1", task_id) if task_id is not None else ("owner_id = ANY ($1)", list(owners))
    exports = [_export(session, output_dir, row) for row in session.rows(_EXPORTS.format(condition=condition), value)]
    return {
        "program": f"skype-assets {PACKAGE}",
        "schema": SCHEMA,
        "selection": selection.document() if selection is not None else None,
        "exports": exports,
        "digests": [{"table": one.table, "rows": one.rows, "sha256": one.sha256} for one in digests_in(session)],
        "checks": _checks(findings) if findings is not None else None,
        "not_contained": [REPORT[name] for name in REPORT if name.startswith("lacks_")],
        "how_to_check": {
            "files": "sha256sum -c SHA256SUMS",
            "export": "sha256sum EXPORT",
            "database": "psql -XqAt -f digest.sql",
            "digest.sql": RECIPE,
            "selection.sql": SELECTION_RECIPE,
        },
    }


def _export(session: Session, output_dir: Path, row: tuple[Any, ...]) -> dict[str, Any]:
    found: dict[str, Any] = dict(zip(_NAMES, row[:11], strict=True))
    for name in ("exported_at", "loaded_at"):
        found[name] = utc(found[name]) if found[name] is not None else None
    seen, loaded, duplicate, rejected, conversations = row[11:]
    titles = dict(session.rows(_TITLES, found["owner_id"]))
    elsewhere = session.rows(_ELSEWHERE, found["export_id"])
    rows, figures = _figures(session, found["export_id"])
    if not rows and elsewhere:  # others have all its messages: what is counted is nothing that could be said of it
        figures = dict.fromkeys(figures)
    return {
        **found,
        "conservation": {
            "seen": seen,
            "loaded": loaded,
            "duplicate": duplicate,
            "rejected": rejected,
            "balances": seen == loaded + duplicate + rejected,
            "conversations": conversations,
            "by_conversation": [
                {**one, "title": titles.get(one["conversation_id"], one["conversation_id"])}
                for one in _by_conversation(output_dir, found["task_id"])
            ],
        },
        "rows_of_messages": rows,
        "rows_elsewhere": [
            {"export_id": other, "task_id": task, "source_name": name, "messages": count}
            for other, task, name, count in elsewhere
        ],
        "rejected": _rejected(session, found["export_id"]),
        **figures,
    }


def _figures(session: Session, export_id: str) -> tuple[int, dict[str, Any]]:
    """How many messages are an export's, and what is counted of them."""
    [(rows, edited, copies, deleted, untimed)] = session.rows(_CHANGES, export_id)
    return rows, {
        "flags": [
            {"flag": flag, "messages": count, "meaning": FLAGS.get(flag, "")}
            for flag, count in session.rows(_FLAGS, export_id)
        ],
        "media": [
            {"kind": kind, "attachments": count, "in_export": present, "missing": count - present}
            for kind, count, present in session.rows(_MEDIA, export_id)
        ],
        "edited": edited,
        "copies_of_edits": copies,
        "deleted": deleted,
        "without_time": untimed,
    }


def _rejected(session: Session, export_id: str) -> dict[str, Any]:
    listed = session.rows(_REJECTED, export_id)
    return {
        "count": listed[0][-1] if listed else 0,
        "listed": [
            {"ordinal": n, "member": member, "offset": at, "length": length, "conversation_id": chat, "reason": why}
            for n, member, at, length, chat, why, _ in listed
        ],
    }


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
    return environment(ZoneInfo("UTC")).get_template(PAGE).render(r=document, w=REPORT, listed=LISTED)


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
        for other in export["rows_elsewhere"]:
            where = f"export {other['export_id']}, task {other['task_id']}"
            yield f"  {other['messages']:,} of them have their rows in {where}: a better copy"
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
