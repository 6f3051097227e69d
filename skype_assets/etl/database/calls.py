"""The view ``calls``: what started and ended, put together (format reference, 3.4.1).

Every column of every branch has its name: without it the server gives one, and spells the view otherwise after a dump
was restored.
"""

from typing import Final

CALLS_QUERY: Final = """
WITH events AS (
    SELECT c.*, m.sent_at, m.sender_id
    FROM skype.call_events c JOIN skype.messages m USING (owner_id, conversation_id, message_id)
), balanced AS (
    -- Without an id, an end belongs to the nearest earlier start that has none yet: like brackets.
    SELECT *, sum(CASE event WHEN 'started' THEN 1 ELSE -1 END) OVER (
               PARTITION BY owner_id, conversation_id ORDER BY sent_at NULLS FIRST, message_id) AS balance
    FROM events WHERE call_id IS NULL AND event IN ('started', 'ended', 'cancelled')
), nested AS (
    SELECT *, balance - least(0, min(balance) OVER (
               PARTITION BY owner_id, conversation_id ORDER BY sent_at NULLS FIRST, message_id)) AS depth
    FROM balanced
), leveled AS (
    SELECT *, CASE event WHEN 'started' THEN depth ELSE lag(depth, 1, 0::bigint) OVER (
               PARTITION BY owner_id, conversation_id ORDER BY sent_at NULLS FIRST, message_id) END AS level
    FROM nested
), neighbours AS (
    SELECT *, lead(event) OVER level_in_time AS next_event, lead(sent_at) OVER level_in_time AS next_at,
           lead(duration_seconds) OVER level_in_time AS next_duration
    FROM leveled
    WINDOW level_in_time AS (PARTITION BY owner_id, conversation_id, level ORDER BY sent_at NULLS FIRST, message_id)
), found AS (
    SELECT owner_id, conversation_id, call_id,
           min(sent_at) FILTER (WHERE event = 'started') AS started_at,
           max(sent_at) FILTER (WHERE event <> 'started') AS ended_at,
           max(duration_seconds) AS duration_seconds,
           (array_agg(sender_id ORDER BY event <> 'started', sent_at NULLS FIRST, message_id))[1] AS initiator_id,
           bool_or(event <> 'started') AS has_end,
           bool_or(event = 'ended' AND duration_seconds IS NOT NULL) AS was_answered,
           bool_or(event = 'cancelled') AS was_cancelled
    FROM events WHERE call_id IS NOT NULL AND event IN ('started', 'ended', 'cancelled')
    GROUP BY owner_id, conversation_id, call_id
    UNION ALL
    SELECT owner_id, conversation_id, NULL::text AS call_id, sent_at AS started_at, next_at AS ended_at,
           greatest(duration_seconds, next_duration) AS duration_seconds, sender_id AS initiator_id,
           next_event IS NOT NULL AS has_end, next_event = 'ended' AND next_duration IS NOT NULL AS was_answered,
           next_event = 'cancelled' AS was_cancelled
    FROM neighbours WHERE event = 'started'
    UNION ALL
    SELECT owner_id, conversation_id, NULL::text AS call_id, NULL::timestamptz AS started_at, sent_at AS ended_at,
           duration_seconds, sender_id AS initiator_id, true AS has_end,
           event = 'ended' AND duration_seconds IS NOT NULL AS was_answered, event = 'cancelled' AS was_cancelled
    FROM neighbours WHERE event <> 'started' AND level = 0
)
SELECT owner_id, conversation_id, call_id, started_at, ended_at, duration_seconds, initiator_id,
       CASE WHEN NOT has_end THEN 'no end' WHEN was_answered THEN 'ended' WHEN was_cancelled THEN 'cancelled'
            ELSE 'not answered' END AS status
FROM found
UNION ALL
SELECT owner_id, conversation_id, call_id, NULL::timestamptz AS started_at, sent_at AS ended_at, duration_seconds,
       sender_id AS initiator_id, 'missed' AS status
FROM events WHERE event = 'missed'"""
"""Paired by call_id within a conversation, else by nearest; ``views.CALLS`` says what its columns are."""
