"""The pages: an address each, what is read for it, and the template that shows it."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from skype_assets.etl.database import search_index
from skype_assets.etl.database.session import Rejected, Session
from skype_assets.etl.pages import charts, formats
from skype_assets.etl.pages.beside import Beside
from skype_assets.etl.pages.environment import HERE, environment, feed
from skype_assets.etl.pages.message import Renderer, Shown, file
from skype_assets.etl.pages.ranges import bytes_of
from skype_assets.etl.pages.words import WEEKDAYS, WORDS, word
from skype_assets.etl.reading import (
    accounts,
    conversations,
    copies,
    evidence,
    find,
    gallery,
    messages,
    people,
    query,
    statistics,
    walk,
)
from skype_assets.etl.reading.accounts import Account
from skype_assets.etl.reading.conversations import Conversation, Directory
from skype_assets.etl.reading.files import Files
from skype_assets.etl.reading.hits import Hit
from skype_assets.etl.reading.keys import key, message_id, slug
from skype_assets.etl.reading.messages import Message
from skype_assets.etl.reading.snapshots import TIMED_OUT, TIMEOUT_SECONDS, Snapshots
from skype_assets.etl.reading.walk import Page

logger = logging.getLogger(__name__)

T = TypeVar("T")

PAGE: Final = 200
"""Messages of a page of a conversation."""

AROUND: Final = 100
"""Messages before and behind one that is linked to."""

HITS: Final = 50
"""Hits of a page of a search."""

INDEX_WORTHWHILE: Final = 200_000
"""Messages from which on a search index is worth its room."""

_FIGURES_KEPT: Final = 32


class Site:
    """The reader of a database.

    Args:
        snapshots: with the database; the time zone of the pages is theirs.
        files: finds the bytes of files.
        output_dir: where checkpoints are, for the bytes of messages.
        owner_id: the account to show; None = all, to choose from.
    """

    def __init__(self, snapshots: Snapshots, files: Files, output_dir: Path, owner_id: str | None = None) -> None:
        self._snapshots, self._files, self._output_dir, self._owner_id = snapshots, files, output_dir, owner_id
        self._zone = ZoneInfo(snapshots.time_zone)
        self._conversations, self._people = conversations.directory(), people.directory()
        self._figures: OrderedDict[tuple[Any, ...], statistics.Figures] = OrderedDict()
        self._templates = environment(self._zone)

    def app(self) -> Starlette:
        """What answers, without a guard."""
        pages: list[tuple[str, Callable[[Request, Session], Response]]] = [
            ("/", self._start),
            ("/c/{key}/", self._conversation),
            ("/c/{key}/m/{message}", self._message),
            ("/c/{key}/evidence/{message}", self._evidence),
            ("/c/{key}/media", self._conversation_media),
            ("/c/{key}/file/{message}/{ordinal:int}", self._file),
            ("/p/{key}", self._person),
            ("/media", self._media),
            ("/search", self._search),
            ("/stats", self._statistics),
        ]
        # Not coroutines: Starlette runs them in threads, as they wait for the database.
        routes = [Route(path, partial(self._answer, page), methods=["GET"]) for path, page in pages]
        static = Mount("/static", StaticFiles(directory=HERE / "static"))
        return Starlette(
            routes=[*routes, static],
            exception_handlers={HTTPException: self._missing, Exception: self._failed},
        )

    def _answer(self, page: Callable[[Request, Session], Response], request: Request) -> Response:
        try:
            with self._snapshots.snapshot() as session:
                return page(request, session)
        except Rejected as refused:
            slow = refused.sqlstate == TIMED_OUT
            if not slow:
                logger.warning("%s", refused)
            why = word("error_503_slow", seconds=TIMEOUT_SECONDS) if slow else str(refused)
            return self._page("error.html", 503, {"title": word("error_503"), "why": why})

    def _missing(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        title = WORDS.get(f"error_{status}", str(status))
        return self._page("error.html", status, {"title": title, "why": WORDS.get(f"error_{status}_why", "")})

    def _failed(self, request: Request, error: Exception) -> Response:
        # Not the message: it may quote what is in an archive.
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        where = f"{Path(frame.tb_frame.f_code.co_filename).name}, line {frame.tb_lineno}" if frame else "?"
        logger.warning("a page failed: %s in %s", type(error).__name__, where)
        return self._page("error.html", 500, {"title": word("error_500"), "why": word("error_500_why")})

    def _page(self, name: str, status: int = 200, values: Mapping[str, object] | None = None) -> Response:
        shown = {"account": None, "accounts": [], "here": "", **(values or {})}
        return HTMLResponse(self._templates.get_template(name).render(shown), status)

    # The pages

    def _start(self, request: Request, session: Session) -> Response:
        known = self._accounts(session)
        account = self._account(request, known)
        if account is None:
            return self._page("accounts.html", values={"here": "conversations", "accounts": known})
        shown = conversations.conversations(session, account.owner_id)
        values = {"here": "conversations", "account": account, "accounts": known, "conversations": shown}
        return self._page("conversations.html", values=values)

    def _conversation(self, request: Request, session: Session) -> Response:
        of = self._of(request, session)
        asked = request.query_params
        if (at := asked.get("at")) is not None:
            page = walk.since(session, of, self._instant(at), PAGE)
        elif (before := asked.get("before")) is not None:
            page = walk.older(session, of, _found(walk.place_of(session, of, _id(before))), PAGE)
        elif (after := asked.get("after")) is not None:
            page = walk.newer(session, of, _found(walk.place_of(session, of, _id(after))), PAGE)
        elif "first" in asked:
            page = walk.oldest(session, of, PAGE)
        else:
            page = walk.newest(session, of, PAGE)
        return self._feed(session, of, page, None)

    def _message(self, request: Request, session: Session) -> Response:
        of = self._of(request, session)
        place = _found(walk.place_of(session, of, _id(request.path_params["message"])))
        return self._feed(session, of, walk.around(session, of, place, AROUND), place.message_id)

    def _feed(self, session: Session, of: Conversation, page: Page, target: str | None) -> Response:
        names = self._names(session, of, page.messages)
        shown = self._shown(session, of, page.messages, names, target)
        months = [formats.local(month, self._zone) for month in conversations.months(session, of)]
        participants = people.participants(session, of.owner_id, [of.conversation_id])[of.conversation_id]
        values = {
            **self._whose(session, of.owner_id),
            **feed(of, page, shown, Beside(of, months, participants), names),
            "target": target,
        }
        return self._page("conversation.html", values=values)

    def _names(self, session: Session, of: Conversation, found: list[Message]) -> dict[str, str]:
        named = {id for message in found for id in messages.named_by(message)}
        return people.names(session, of.owner_id, {of.conversation_id: named})[of.conversation_id]

    def _shown(
        self, session: Session, of: Conversation, found: list[Message], names: dict[str, str], target: str | None = None
    ) -> list[Shown]:
        quotes = (quote for message in found for quote in message.quotes)
        wanted = {key for quote in quotes if (key := messages.quoted(of.conversation_id, quote))}
        known = {(chat, id) for chat, id, *_ in messages.places(session, of.owner_id, sorted(wanted))}
        return Renderer(of, names, self._zone, self._files.at_hand(session), known).shown(found, target)

    def _evidence(self, request: Request, session: Session) -> Response:
        of = self._of(request, session)
        id = _id(request.path_params["message"])
        found = evidence.evidence(session, of, id, self._output_dir)
        if not found:
            raise HTTPException(404)
        page = walk.around(session, of, _found(walk.place_of(session, of, id)), 0)
        names = self._names(session, of, page.messages)
        [shown] = self._shown(session, of, page.messages, names)
        values = {
            "here": "conversations",
            **self._whose(session, of.owner_id),
            "conversation": of,
            "shown": shown,
            "history": copies.history(session, of.owner_id, of.conversation_id, id),
            "evidence": found,
        }
        return self._page("evidence.html", values=values)

    def _file(self, request: Request, session: Session) -> Response:
        of = self._of(request, session)
        id, ordinal = _id(request.path_params["message"]), min(request.path_params["ordinal"], 2**31 - 1)
        found = self._files.open(session, of, id, ordinal)
        if found is None:
            raise HTTPException(404)
        return bytes_of(found, request.headers.get("range"), is_head=request.method == "HEAD")

    def _media(self, request: Request, session: Session) -> Response:
        known = self._accounts(session)
        account = self._account(request, known)
        if account is None:
            return self._page("accounts.html", values={"here": "media", "accounts": known})
        return self._gallery(request, session, account, known, None)

    def _conversation_media(self, request: Request, session: Session) -> Response:
        of = self._of(request, session)
        known = self._accounts(session)
        return self._gallery(request, session, _of_owner(known, of.owner_id), known, of)

    def _gallery(
        self, request: Request, session: Session, account: Account, known: list[Account], of: Conversation | None
    ) -> Response:
        chat, _, at = request.query_params.get("behind", "").partition(".")
        behind = self._conversations.find(session, chat) if chat else None
        place = (behind[1], _id(at)) if behind is not None and behind[0] == account.owner_id else None
        page = gallery.gallery(session, account.owner_id, of, behind=place)
        at_hand = self._files.at_hand(session)
        files = [
            (
                one,
                formats.local(one.sent_at, self._zone) if one.sent_at else None,
                file(key(account.owner_id, one.conversation_id), one.message_id, one.attachment, at_hand),
                f"/c/{key(account.owner_id, one.conversation_id)}/m/{slug(one.message_id)}",
            )
            for one in page.files
        ]
        last = page.last
        values = {
            "here": "media",
            "account": account,
            "accounts": known,
            "conversation": of,
            "files": files,
            "behind": f"{key(account.owner_id, last[0])}.{slug(last[1])}" if last else None,
        }
        return self._page("media.html", values=values)

    def _person(self, request: Request, session: Session) -> Response:
        meant = self._visible(self._people, session, request.path_params["key"])
        person = _found(people.person(session, *meant))
        values = {
            "here": "conversations",
            **self._whose(session, person.owner_id),
            "person": person,
            "person_key": request.path_params["key"],
        }
        return self._page("person.html", values=values)

    def _search(self, request: Request, session: Session) -> Response:
        known = self._accounts(session)
        asked = request.query_params.get("q", "")
        of = self._of(request, session, request.query_params["c"]) if "c" in request.query_params else None
        account = _of_owner(known, of.owner_id) if of is not None else self._account(request, known)
        number = _number(request.query_params.get("page", "1"), find.MOST // HITS)
        values: dict[str, Any] = {
            "here": "search",
            "account": account,
            "accounts": known,
            "conversation": of,
            "q": asked,
            "number": number,
            "operators": query.OPERATORS,
            "found": None,
            "problem": None,
            "hint": not search_index.is_built(session) and sum(a.messages for a in known) > INDEX_WORTHWHILE,
        }
        try:
            parsed = query.parse(asked, self._zone)
        except query.QueryError as problem:
            return self._page("search.html", 400, {**values, "problem": problem})
        if parsed:
            owner_id = account.owner_id if account is not None else self._owner_id
            found = find.find(
                session,
                parsed,
                owner_id,
                of.conversation_id if of is not None else None,
                limit=HITS,
                offset=(number - 1) * HITS,
            )
            terms = [term.text for term in parsed.terms if not term.is_excluded]
            values |= {
                "found": found,
                "most": find.MOST,
                "terms": terms,
                "beside": _beside,
                "has_next": number * HITS < min(found.total, find.MOST),
            }
            values["hits"] = [
                (
                    hit,
                    formats.local(hit.sent_at, self._zone) if hit.sent_at else None,
                    key(hit.owner_id, hit.conversation_id),
                    f"/c/{key(hit.owner_id, hit.conversation_id)}/m/{slug(hit.message_id)}",
                )
                for hit in found.hits
            ]
        return self._page("search.html", values=values)

    def _statistics(self, request: Request, session: Session) -> Response:
        known, asked = self._accounts(session), request.query_params
        of = self._of(request, session, asked["c"]) if "c" in asked else None
        meant = self._visible(self._people, session, asked["p"]) if "p" in asked else None
        person = _found(people.person(session, *meant)) if meant is not None else None
        owner_id = of.owner_id if of is not None else person.owner_id if person is not None else None
        account = _of_owner(known, owner_id) if owner_id else self._account(request, known)
        if account is None:
            return self._page("accounts.html", values={"here": "stats", "accounts": known})
        figures = self._counted(session, account, of, person)
        values = {
            "here": "stats",
            "account": account,
            "accounts": known,
            "conversation": of,
            "person": person,
            "figures": figures,
            "bars": charts.bars(figures),
            "cells": charts.cells(figures),
            "chart": charts,
            "weekdays": WEEKDAYS,
        }
        return self._page("statistics.html", values=values)

    # What they have in common

    def _counted(
        self, session: Session, account: Account, of: Conversation | None, person: people.Person | None
    ) -> statistics.Figures:
        """Figures, counted again only when something was loaded or taken out."""
        chat, user = of.conversation_id if of else None, person.user_id if person else None
        asked = (account.owner_id, chat, user, *statistics.state(session))
        if asked not in self._figures:
            self._figures[asked] = statistics.figures(session, account.owner_id, conversation_id=chat, user_id=user)
            while len(self._figures) > _FIGURES_KEPT:
                self._figures.popitem(last=False)
        return self._figures[asked]

    def _accounts(self, session: Session) -> list[Account]:
        return [a for a in accounts.accounts(session) if self._owner_id in (None, a.owner_id)]

    def _account(self, request: Request, known: list[Account]) -> Account | None:
        """The account that an address names; the only one if it names none; None if there is a choice."""
        if (asked := request.query_params.get("a")) is not None:
            return _found(next((account for account in known if account.key == asked), None))
        return known[0] if len(known) == 1 else None

    def _whose(self, session: Session, owner_id: str) -> dict[str, object]:
        """What every page knows: whose messages it shows, and whose else there are."""
        known = self._accounts(session)
        return {"account": _of_owner(known, owner_id), "accounts": known}

    def _of(self, request: Request, session: Session, asked: str | None = None) -> Conversation:
        """The conversation that an address names."""
        meant = self._visible(self._conversations, session, asked or request.path_params["key"])
        return _found(conversations.conversation(session, *meant))

    def _visible(self, directory: Directory, session: Session, asked: str) -> tuple[str, str]:
        meant = _found(directory.find(session, asked))
        if self._owner_id not in (None, meant[0]):
            raise HTTPException(404)
        return meant

    def _instant(self, asked: str) -> datetime:
        """The beginning of a day or a month in the time zone of the pages."""
        try:
            day = date.fromisoformat(asked if len(asked) > 7 else f"{asked}-01")
            return datetime(day.year, day.month, day.day, tzinfo=self._zone)
        except ValueError:
            raise HTTPException(404) from None


def _beside(hit: Hit, terms: list[str]) -> list[str]:
    """Of a hit's links those that contain a term which its text does not."""
    missing = [term.lower() for term in terms if term.lower() not in hit.text.lower()]
    return [link for link in hit.links if any(term in link.lower() for term in missing)]


def _of_owner(known: list[Account], owner_id: str) -> Account:
    return _found(next((account for account in known if account.owner_id == owner_id), None))


def _found(value: T | None) -> T:
    if value is None:
        raise HTTPException(404)
    return value


def _id(asked: str) -> str:
    return _found(message_id(asked))


def _number(asked: str, most: int) -> int:
    return min(max(int(asked), 1), most) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
