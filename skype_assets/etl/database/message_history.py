"""The view ``message_history``: what a message said in one export after the other.

As in ``calls``, it is written as the server spells it, so that it is the same after a dump was restored.
"""

from typing import Final

from skype_assets.etl.schema.tables import COPY, EDIT, WORDING

_PLACE: Final = ("source_offset", *COPY)
_COMPARED: Final = ("raw_sha256", *EDIT, "text", "deleted_at")
_SAME: Final = ("raw_sha256", *EDIT)


def _of(row: str, names: tuple[str, ...], suffix: str = "") -> str:
    return ", ".join(f"{row}.{name}{suffix}" for name in names)


MESSAGE_HISTORY_QUERY: Final = f"""
WITH copies AS (
    SELECT m.owner_id, m.conversation_id, m.message_id, m.export_id, true AS is_current, false AS is_duplicate,
           {_of("m", _PLACE)}, {_of("m", WORDING)}
    FROM skype.messages m
    UNION ALL
    SELECT s.owner_id, s.conversation_id, s.message_id, s.export_id, false AS is_current, s.is_duplicate,
           {_of("s", _PLACE)},
           {", ".join(f"CASE WHEN s.text IS NULL THEN m.{name} ELSE s.{name} END AS {name}" for name in WORDING)}
    FROM skype.superseded_copies s LEFT JOIN skype.messages m
      ON (m.owner_id, m.conversation_id, m.message_id) = (s.owner_id, s.conversation_id, s.message_id)
), ordered AS (
    SELECT c.*, e.exported_at, row_number() OVER (of_message ORDER BY e.exported_at NULLS FIRST, c.export_id,
               NOT c.is_duplicate, coalesce(c.version, -1), c.raw_sha256, c.source_offset DESC) AS place,
           {", ".join(f"lag(c.{name}) OVER in_time AS {name}_before" for name in _COMPARED)}
    FROM copies c JOIN skype.exports e ON e.export_id = c.export_id
    WINDOW of_message AS (PARTITION BY c.owner_id, c.conversation_id, c.message_id),
           in_time AS (PARTITION BY c.owner_id, c.conversation_id, c.message_id, c.is_duplicate
                       ORDER BY e.exported_at NULLS FIRST, c.export_id)
)
SELECT c.owner_id, c.conversation_id, c.message_id, c.place::integer AS place, c.exported_at, c.export_id,
       CASE WHEN c.is_duplicate THEN 'duplicate'
            WHEN c.raw_sha256_before IS NULL THEN 'first'
            WHEN c.deleted_at IS NOT NULL AND c.deleted_at_before IS NULL THEN 'deleted'
            WHEN c.text IS DISTINCT FROM c.text_before THEN 'text'
            WHEN {" OR ".join(f"c.{name} IS DISTINCT FROM c.{name}_before" for name in _SAME)} THEN 'other'
            ELSE 'none' END AS change,
       c.is_current, c.is_duplicate, CASE WHEN NOT c.is_current THEN m.export_id END AS superseded_by,
       CASE WHEN c.is_current THEN NULL
            WHEN coalesce(m.version, -1) <> coalesce(c.version, -1) THEN 'version'
            WHEN w.exported_at IS DISTINCT FROM c.exported_at THEN 'exported_at'
            WHEN m.raw_sha256 <> c.raw_sha256 THEN 'raw_sha256'
            WHEN m.export_id <> c.export_id THEN 'export_id'
            WHEN m.export_id = c.export_id THEN 'source_offset' END AS decided_by,
       {_of("c", WORDING)}, {_of("c", _PLACE)}
FROM ordered c
LEFT JOIN skype.messages m
  ON (m.owner_id, m.conversation_id, m.message_id) = (c.owner_id, c.conversation_id, c.message_id)
LEFT JOIN skype.exports w ON w.export_id = m.export_id"""
"""One row per copy; ``views.MESSAGE_HISTORY`` says what its columns are."""
