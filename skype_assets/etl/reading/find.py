"""Search: the messages that a query asks for, the newest first.

A term is contained in a message if its text, the name of one of its files or one of its links contains it, whatever
the case. What is found is the same with and without the index (``database.search_index``). With it, frequent terms are
looked for among the newest messages first: an index would list all that have them before the newest are known.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from skype_assets.etl.database import search_index
from skype_assets.etl.database.search_index import NEWEST, SEARCHED
from skype_assets.etl.database.session import Session
from skype_assets.etl.reading.conditions import BESIDE, KEY, NAMED, OF_MESSAGE, Conditions, forms
from skype_assets.etl.reading.hits import SHOWN, Hit, hits
from skype_assets.etl.reading.query import Filter, Query

MOST: Final = 1_000
"""Hits that are shown; counting ends behind them."""

RECENT: Final = 20_000
"""The newest messages, among which a frequent term is looked for first."""

PROBED: Final = 2_000
"""The newest of them: how many have a term, tells whether it is frequent."""

FEW: Final = 50_000
"""So many messages, of the conversations that are asked for, are looked through faster than found by the index."""

FREQUENT: Final = 2_000
"""So many files and links with a term are looked through faster than found by the index."""

# A copy that an edit left says what its original does, or is found for what it says otherwise.
_ORIGINAL: Final = (
    "(m.edit_of IS NULL OR m.text IS DISTINCT FROM (SELECT o.text FROM skype.messages o WHERE "
    "(o.owner_id, o.conversation_id, o.message_id) = (m.owner_id, m.conversation_id, m.edit_of)))"
)

_MESSAGES_OF: Final = """
SELECT coalesce(sum(message_count), 0)::bigint FROM skype.conversations WHERE conversation_id = ANY ($1::text[])"""


@dataclass(frozen=True)
class Found:
    """A page of hits; ``total`` ends at ``MOST`` + 1, which stands for more."""

    hits: list[Hit]
    total: int

    @property
    def is_more(self) -> bool:
        """Whether there are more than ``total`` says."""
        return self.total > MOST


def find(
    session: Session,
    query: Query,
    owner_id: str | None = None,
    conversation_id: str | None = None,
    *,
    limit: int = 50,
    offset: int = 0,
) -> Found:
    """Search, in all accounts, in one, or in a conversation of it.

    Args:
        session: with the database.
        query: what is looked for; an empty one finds nothing.
        owner_id: the account.
        conversation_id: the conversation.
        limit: how many hits are wanted.
        offset: how many of them were seen already; less than ``MOST``.
    """
    if not query:
        return Found([], 0)
    wanted = min(offset + limit, MOST)
    search = _Search(session, query, owner_id, conversation_id)
    rows = search.recent(wanted + 1) if search.is_indexed and not search.is_within_few else []
    if len(rows) > wanted:
        return Found(hits(session, rows[offset:wanted]), search.count())
    rows, total = search.everything(wanted)
    return Found(hits(session, rows[offset:]), total)


def every(
    session: Session, query: Query, owner_id: str | None = None, *, by_itself: bool = False
) -> tuple[str, list[Any]]:
    """The SQL that lists the keys and times of all messages that are found, in no order, and its parameters.

    These are texts and arrays of text. Not only the newest are listed.

    Args:
        session: with the database.
        query: what is looked for.
        owner_id: the account.
        by_itself: whether it is to be run by others: it looks for the people and conversations that are asked for by
            name, where else their ids stand, which may be of those that have nothing to do with what is found.
    """
    return _Search(session, query, owner_id, None, by_itself=by_itself).all()


class _Search:
    """The statements of one search."""

    def __init__(
        self,
        session: Session,
        query: Query,
        owner_id: str | None,
        conversation_id: str | None,
        *,
        by_itself: bool = False,
    ) -> None:
        self._session, self._query = session, query
        self._within = {"owner_id": owner_id, "conversation_id": conversation_id}
        self._collation = search_index.collation(session)
        self.is_indexed = not by_itself and search_index.is_built(session)
        named = [asked for asked in query.filters if asked.operator in NAMED]
        self._people = {asked: None if by_itself else self._named(asked) for asked in named}
        terms = dict.fromkeys(term.text for term in query.terms) if self.is_indexed else {}
        self._pieces = {term: self._pieces_of(term) for term in terms}
        # Terms for which to ask the index, of texts, and of files and links.
        estimated = {term: self._estimated(term, "messages") for term in terms}
        self._rare = {term for term in terms if estimated[term] < RECENT}
        self._rare_beside = {term for term in terms if self._estimated(term, *BESIDE) < FREQUENT}
        self.is_within_few = self._within_few()
        # The rarest term, by which the index is asked for what may be a hit; None = all messages are looked through.
        asked = [term.text for term in query.terms if not term.is_excluded and term.text in self._rare]
        rarest = min(asked, key=lambda term: (estimated[term], -self._pieces[term]), default=None)
        self._lead = rarest if not self.is_within_few else None
        self._are_frequent = False  # until the newest messages were looked at

    def recent(self, wanted: int) -> list[tuple[Any, ...]]:
        """Hits among the newest messages; not all that there are, if the index finds them faster."""
        counted = self._newest(PROBED, wanted, shown=f"{SHOWN}, count(*) OVER ()")
        # So many that enough are soon found among any messages.
        self._are_frequent = bool(counted) and counted[0][-1] * RECENT > MOST * PROBED
        rows = [row[:-1] for row in counted]
        if len(rows) < wanted and (self._lead is None or len(rows) * RECENT >= wanted * PROBED):
            rows = self._newest(RECENT, wanted)
        return rows

    def everything(self, wanted: int) -> tuple[list[tuple[Any, ...]], int]:
        """The newest hits of all, and how many there are."""
        sql = Conditions(self._collation)
        rows = self._session.rows(
            f"WITH found AS MATERIALIZED ({self._all(sql)}), "
            f"newest AS MATERIALIZED (SELECT * FROM found ORDER BY {NEWEST} LIMIT {wanted}) "
            f"SELECT {SHOWN}, (SELECT count(*) FROM (SELECT FROM found LIMIT {MOST + 1}) AS counted) "
            f"FROM newest JOIN skype.messages AS m USING ({KEY}) "
            "ORDER BY m.sent_at DESC NULLS LAST, m.message_id DESC",
            *sql.parameters,
        )
        return [row[:-1] for row in rows], rows[0][-1] if rows else 0

    def count(self) -> int:
        """How many hits there are; counting ends behind the most."""
        if self._are_frequent and self._are_many():
            return MOST + 1
        sql = Conditions(self._collation)
        statement = f"SELECT count(*) FROM (SELECT FROM ({self._all(sql)}) AS found LIMIT {MOST + 1}) AS counted"
        return self._session.rows(statement, *sql.parameters)[0][0]

    def _are_many(self) -> bool:
        """Whether some of the messages are enough hits, by their texts alone, that there is nothing to count.

        The index would list all that have a term before the first of them is counted.
        """
        sql = Conditions(self._collation)
        some = f"SELECT * FROM skype.messages AS m {self._where(sql, self._cheap(sql))} LIMIT {RECENT}"
        conditions = self._where(sql, [*self._terms(sql, is_among_few=True, in_text=True), *self._others(sql)])
        found = self._session.rows(f"SELECT 1 FROM ({some}) AS m {conditions} LIMIT {MOST + 1}", *sql.parameters)
        return len(found) > MOST

    def all(self) -> tuple[str, list[Any]]:
        """What lists all hits, and its parameters."""
        sql = Conditions(self._collation)
        return self._all(sql), sql.parameters

    def _newest(self, count: int, wanted: int, shown: str = SHOWN) -> list[tuple[Any, ...]]:
        """Hits among so many of the newest messages that are from and in what is asked for, in that time."""
        sql = Conditions(self._collation)
        before = self._where(sql, self._cheap(sql))
        conditions = self._where(sql, [*self._terms(sql, is_among_few=True), *self._others(sql)])
        return self._session.rows(
            f"SELECT {shown} FROM (SELECT * FROM skype.messages AS m {before} ORDER BY {NEWEST} LIMIT {count}) AS m "
            f"{conditions} LIMIT {wanted}",
            *sql.parameters,
        )

    def _all(self, sql: Conditions) -> str:
        """Keys and times of all messages that are asked for, in no order."""
        selected = "SELECT m.owner_id, m.conversation_id, m.message_id, m.sent_at FROM skype.messages AS m"
        lead = self._lead
        rest = [*self._cheap(sql), *self._others(sql), *self._terms(sql, without=lead, is_among_few=lead is not None)]
        if lead is None:
            return f"{selected} {self._where(sql, rest)}"
        in_text = [sql.contains("m.text", lead, by_index=True), *rest]
        beside = f"{OF_MESSAGE} IN ({sql.beside(lead, by_index=lead in self._rare_beside)})"
        elsewhere = [beside, f"NOT {sql.contains('m.text', lead, by_index=False)}", *rest]
        return f"{selected} {self._where(sql, in_text)} UNION ALL {selected} {self._where(sql, elsewhere)}"

    def _cheap(self, sql: Conditions) -> list[str]:
        """Conditions that an index may answer."""
        conditions = [f"m.{column} = {sql.bind(id)}" for column, id in self._within.items() if id is not None]
        conditions += [sql.in_period(period) for period in self._query.periods]
        for asked, ids in self._people.items():
            among = f"IN ({sql.named(asked)})" if ids is None else f"= ANY ({sql.bind(ids)}::text[])"
            condition = f"m.{NAMED[asked.operator][0]} {among}"
            conditions.append(f"({condition}) IS NOT TRUE" if asked.is_excluded else condition)
        return conditions

    def _terms(
        self, sql: Conditions, *, without: str | None = None, is_among_few: bool = False, in_text: bool = False
    ) -> list[str]:
        conditions: list[str] = []
        for term in self._query.terms:
            if not term.is_excluded and term.text == without:
                continue
            contained = sql.contains("m.text", term.text, by_index=False)
            if term.is_excluded or not in_text:
                by_index = term.text in self._rare_beside
                if is_among_few and not by_index:
                    beside = sql.is_beside(term.text)
                else:
                    beside = f"{OF_MESSAGE} IN ({sql.beside(term.text, by_index=by_index)})"
                contained = f"({contained} OR {beside})"
            conditions.append(f"NOT {contained}" if term.is_excluded else contained)
        return conditions

    def _others(self, sql: Conditions) -> list[str]:
        return [sql.holds(asked) for asked in self._query.filters if asked.operator not in NAMED]

    def _where(self, sql: Conditions, conditions: Sequence[str]) -> str:
        return f"WHERE {' AND '.join([*conditions, _ORIGINAL])}"

    def _within_few(self) -> bool:
        """Whether it is asked for messages of conversations that have not many."""
        asked = [ids for asked, ids in self._people.items() if asked.operator == "in" and not asked.is_excluded]
        within = self._within["conversation_id"]
        chosen = [*(ids for ids in asked if ids is not None), *([[within]] if within is not None else [])]
        return any(self._session.rows(_MESSAGES_OF, ids)[0][0] < FEW for ids in chosen)

    def _named(self, asked: Filter) -> list[str]:
        """The ids whose name contains the value of a filter, or that contain it themselves."""
        sql = Conditions(self._collation)
        statement = sql.named(asked)
        return sorted(row[0] for row in self._session.rows(statement, *sql.parameters))

    def _pieces_of(self, term: str) -> int:
        """How many pieces a term has by which the index finds it, in each of the ways to write it."""
        return self._session.rows(
            "SELECT min(cardinality(skype.grams(form)))::bigint FROM unnest($1::text[]) AS form", forms(term)
        )[0][0]

    def _estimated(self, term: str, *tables: str) -> float:
        """How many rows have all pieces of a term, as the planner estimates it: to count them would be the search."""
        if not self._pieces[term]:
            return math.inf
        sql = Conditions(self._collation)
        listed = " UNION ALL ".join(
            f"SELECT FROM skype.{table} WHERE {sql.has_pieces(SEARCHED[table], term)}" for table in tables
        )
        [(plan,)] = self._session.rows(f"EXPLAIN (FORMAT JSON) {listed}", *sql.parameters)
        return json.loads(plan)[0]["Plan"]["Plan Rows"]
