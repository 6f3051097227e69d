"""Messages as elements of a page; in Python, as a template costs several times as much, for each of a million messages.

What is rare in a message, its files and cards, is in the template ``parts.html``.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final

from jinja2 import Environment
from markupsafe import Markup, escape

from skype_assets.etl.pages import formats
from skype_assets.etl.pages.message import Quoted, Shown
from skype_assets.etl.pages.words import WORDS
from skype_assets.etl.reading.conversations import Conversation

InCall = Callable[[Shown], str]
"""Says who was in a call."""

_W: Final = {name: str(escape(WORDS[name])) for name in (
    *("permalink", "evidence", "undated", "call_people", "reactions", "show_quoted", "raw_content", "earlier"),
)}  # fmt: skip


class Articles:
    """Makes the elements of messages.

    Args:
        templates: where ``parts.html`` is.
    """

    def __init__(self, templates: Environment) -> None:
        self._templates = templates

    @cached_property
    def _parts(self) -> Any:
        return self._templates.get_template("parts.html").module

    def feed(self, of: Conversation, shown: Sequence[Shown], in_call: InCall) -> Markup:
        """Messages that follow each other."""
        return Markup("".join([self._article(of.key, one, in_call) for one in shown]))  # noqa: S704 - made below

    def content(self, of: Conversation, one: Shown) -> Markup:
        """What a message says and carries."""
        return Markup(self._content(of.key, one))  # noqa: S704 - made below

    def _article(self, chat: str, one: Shown, in_call: InCall) -> str:
        clock, at = formats.clock(one.at), one.at
        time = f'<time datetime="{formats.iso(at)}">' if at else "<time>"
        link = (
            f'<a class="time" href="{one.address}" id="t-{one.slug}" aria-label="{clock}, {_W["permalink"]}">'
            f"{time}{clock}</time></a>"
        )
        evidence = f'<a class="evidence" href="/c/{chat}/evidence/{one.slug}">{_W["evidence"]}</a>'
        target, day = " target" if one.is_target else "", _day(chat, one) if one.new_day else ""
        content = self._content(chat, one)
        if one.is_event:
            people = ""
            if one.message.call_participants:
                summary = f'<details class="inline"><summary>{_W["call_people"]}</summary>'
                people = f"{summary}<p><bdi>{escape(in_call(one))}</bdi></p></details>\n"
            return (
                f'<article class="event{target}" id="m-{one.slug}" aria-labelledby="t-{one.slug}" tabindex="-1">\n'
                f"{day}<p><span>{one.line}</span> {link} {evidence}</p>\n{people}{content}\n</article>\n"
            )
        css = f"message{' mine' if one.is_mine else ''}{' follows' if one.follows else ''}{target}"
        labelled = f'aria-labelledby="w-{one.slug} t-{one.slug}"'
        who = f"<bdi>{escape(one.who)}</bdi>"
        if one.person:
            who = f'<a href="{one.person}">{who}</a>'
        notes = "".join([f'<span class="note" dir="auto">{escape(note)}</span>' for note in one.notes])
        return (
            f'<article class="{css}" id="m-{one.slug}" {labelled} tabindex="-1">\n'
            f'{day}<p class="by" id="w-{one.slug}">{who}</p>\n<div class="bubble">\n{content}\n<p class="under">\n'
            f"{notes}{evidence}\n{link}\n</p>\n</div>\n{_reactions(one) if one.reactions else ''}</article>\n"
        )

    def _content(self, chat: str, one: Shown) -> str:
        parts = [_quote(quote) for quote in one.quotes]
        if one.body:
            parts.append(f'<p class="text" dir="auto">{one.body}</p>')
        if one.line and not one.is_event:
            parts.append(f'<p class="status">{one.line}</p>')
        if one.files:
            many = " many" if len(one.files) > 1 else ""
            shown = [self._parts.file_shown(file, _own_id(one, number)) for number, file in enumerate(one.files)]
            parts.append(f'<div class="files{many}">\n{"".join(shown)}</div>\n')
        parts += [self._parts.card_shown(card) for card in one.cards]
        if one.message.kind == "unknown":
            parts.append(f'<p><a href="/c/{chat}/evidence/{one.slug}">{_W["raw_content"]}</a></p>')
        if one.earlier:
            texts = "".join([f'<p class="text" dir="auto">{text}</p>' for text in one.earlier])
            parts.append(f'<details class="earlier"><summary>{_W["earlier"]}</summary>\n{texts}</details>\n')
        return "".join(parts)


def _day(chat: str, one: Shown) -> str:
    if one.at is None:
        return f'<h2 class="day">{_W["undated"]}</h2>\n'
    date = one.at.date()
    named = f'<time datetime="{date}">{formats.day_of_week(one.at)}</time>'
    return f'<h2 class="day"><a href="/c/{chat}/?at={date}">{named}</a></h2>\n'


def _quote(quote: Quoted) -> str:
    cite = f' cite="{escape(quote.address)}"' if quote.address else ""
    who = f"<bdi>{escape(quote.who)}</bdi>" if quote.who else ""
    when = f' <span class="facts">{escape(quote.when)}</span>' if quote.when else ""
    link = f' <a href="{escape(quote.address)}" aria-label="{_W["show_quoted"]}">↗</a>' if quote.address else ""
    said = f'<p class="text" dir="auto">{quote.text}</p>'
    return f'<blockquote{cite}>\n<p class="by">{who}{when}{link}</p>\n{said}\n</blockquote>\n'


def _reactions(one: Shown) -> str:
    listed: list[str] = []
    for sign, people, count in one.reactions:
        by, times = escape(people), f" {count}" if count > 1 else ""
        shown = f'<span aria-hidden="true"><bdi>{escape(sign)}</bdi>{times}</span><span class="hidden">{by}</span>'
        listed.append(f'<li title="{by}">{shown}</li>')
    return f'<ul class="reactions" aria-label="{_W["reactions"]}">\n{"".join(listed)}</ul>\n'


def _own_id(one: Shown, number: int) -> str:
    """The slug of a file's message, at the first file of a message that is shown with another one."""
    of_file, before = one.files[number].message_slug, one.files[number - 1].message_slug if number else None
    return of_file if of_file not in (one.slug, before) else ""
