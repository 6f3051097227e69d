"""The view ``message_history``: what a message said in one export after the other."""

from typing import Final

from skype_assets.etl.schema.tables import COPY, EDIT, WORDING

_SAID: Final = ", ".join(f"CASE WHEN s.text IS NULL THEN m.{name} ELSE s.{name} END AS {name}" for name in WORDING)
_COPY: Final = ", ".join(("source_offset", *COPY))
_SHOWN: Final = ", ".join(f"c.{name}" for name in (*WORDING, "source_offset", *COPY))

MESSAGE_HISTORY_QUERY: Final = f"""
WITH copies AS (
    SELECT owner_id, conversation_id, message_id, export_id, true AS is_current, false AS is_duplicate,
           {_COPY}, {", ".join(WORDING)}
    FROM skype.messages
    UNION ALL
    SELECT s.owner_id, s.conversation_id, s.message_id, s.export_id, false, s.is_duplicate,
           {", ".join(f"s.{name}" for name in ("source_offset", *COPY))},
           {_SAID}
    FROM skype.superseded_copies s LEFT JOIN skype.messages m
      ON (m.owner_id, m.conversation_id, m.message_id) = (s.owner_id, s.conversation_id, s.message_id)
), ordered AS (
    SELECT c.*, e.exported_at, row_number() OVER in_time AS place,
           lag(c.raw_sha256) OVER in_time AS sha256_before, lag(c.text) OVER in_time AS text_before,
           lag(c.deleted_at) OVER in_time AS deleted_before,
           {", ".join(f"lag(c.{name}) OVER in_time AS {name}_before" for name in EDIT)}
    FROM copies c JOIN skype.exports e ON e.export_id = c.export_id
    WINDOW in_time AS (PARTITION BY c.owner_id, c.conversation_id, c.message_id ORDER BY e.exported_at NULLS FIRST,
                       c.export_id, coalesce(c.version, -1), c.raw_sha256, c.source_offset DESC)
)
SELECT c.owner_id, c.conversation_id, c.message_id, c.place::integer AS place, c.exported_at, c.export_id,
       CASE WHEN c.place = 1 THEN 'first'
            WHEN c.deleted_at IS NOT NULL AND c.deleted_before IS NULL THEN 'deleted'
            WHEN c.text IS DISTINCT FROM c.text_before THEN 'text'
            WHEN ({", ".join(f"c.{name}" for name in ("raw_sha256", *EDIT))}) IS DISTINCT FROM
                 ({", ".join(f"c.{name}" for name in ("sha256_before", *(f"{name}_before" for name in EDIT)))})
            THEN 'other' ELSE 'none' END AS change,
       c.is_current, c.is_duplicate, CASE WHEN NOT c.is_current THEN m.export_id END AS superseded_by,
       CASE WHEN c.is_current THEN NULL
            WHEN coalesce(m.version, -1) <> coalesce(c.version, -1) THEN 'version'
            WHEN w.exported_at IS DISTINCT FROM c.exported_at THEN 'exported_at'
            WHEN m.raw_sha256 <> c.raw_sha256 THEN 'raw_sha256'
            WHEN m.export_id <> c.export_id THEN 'export_id'
            WHEN m.export_id = c.export_id THEN 'source_offset' END AS decided_by,
       {_SHOWN}
FROM ordered c
LEFT JOIN skype.messages m
  ON (m.owner_id, m.conversation_id, m.message_id) = (c.owner_id, c.conversation_id, c.message_id)
LEFT JOIN skype.exports w ON w.export_id = m.export_id"""
"""One row per copy; ``tables.MESSAGE_HISTORY`` says what its columns are."""
