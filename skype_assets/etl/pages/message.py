"""A message as it is shown: one rendering for each kind, from the rows that belong to it.

``details`` holds what an archive holds: whatever is read of it is looked at first.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from markupsafe import Markup, escape

from skype_assets.etl import quantities
from skype_assets.etl.content.emoticons import emoji
from skype_assets.etl.content.times import iso_microseconds
from skype_assets.etl.pages import formats, text
from skype_assets.etl.pages.words import WORDS, word
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.keys import key, slug
from skype_assets.etl.reading.messages import Attachment, CallEvent, Message, Quote, ThreadEvent
from skype_assets.etl.schema.flags import DELETED_BY_EDIT_MARKER, SERVER_GENERATED

_NOTHING: Final = Markup()

_CLOSE: Final = timedelta(minutes=5)
"""Messages of one person that follow so soon are shown together."""

_PLAYED: Final = {"photo": "image", "moji": "video", "video": "video", "voice": "audio", "recording": "video"}

_EVENTS: Final = frozenset({"call", "call_log", "thread_activity", "translation_settings", "guest", "bot_event"}) | {
    "signal",
    "control",
    "nudge",
}
"""Kinds that are shown as a line between messages."""


@dataclass
class File:
    """A file of a message; ``shown_as`` is the element that shows it, empty if it is only to be downloaded."""

    message_slug: str
    label: str
    name: str | None
    facts: str
    address: str | None
    is_exported: bool
    shown_as: str
    width: int | None
    height: int | None


@dataclass
class Card:
    """A block of a message: a title, paragraphs, items with counts, links."""

    title: str
    lines: list[Markup] = field(default_factory=list[Markup])
    options: list[tuple[str, int, str]] = field(default_factory=list[tuple[str, int, str]])
    links: list[Markup] = field(default_factory=list[Markup])
    css: str = ""


@dataclass
class Quoted:
    """A quoted message."""

    who: str
    when: str
    text: Markup
    address: str | None


@dataclass
class Shown:
    """A message, ready for its template."""

    message: Message
    slug: str
    address: str
    who: str
    person: str | None
    is_mine: bool
    is_event: bool
    at: datetime | None
    new_day: bool
    follows: bool
    body: Markup
    line: Markup
    files: list[File]
    cards: list[Card]
    quotes: list[Quoted]
    reactions: list[tuple[str, str, int]]
    notes: list[str]
    earlier: list[Markup]
    is_target: bool = False


class Renderer:
    """Shows messages of one conversation.

    Args:
        of: the conversation.
        names: what people are called, by id.
        zone: of the times.
        at_hand: the attachments whose bytes can be had.
        known: the quoted messages that there are, by conversation and id.
    """

    def __init__(
        self,
        of: Conversation,
        names: dict[str, str],
        zone: tzinfo,
        at_hand: Container[Attachment],
        known: Container[tuple[str, str]] = (),
    ) -> None:
        self._of, self._names, self._zone, self._at_hand, self._known = of, names, zone, at_hand, known
        self._key = of.key

    def shown(self, messages: Sequence[Message], target: str | None = None) -> list[Shown]:
        """Messages that follow each other; those of an album are one block."""
        result: list[Shown] = []
        before: Message | None = None
        for message in messages:
            if before is not None and _is_same_album(before, message) and message.message_id != target:
                result[-1].files += self._files(message)
            else:
                result.append(self._shown(message, result[-1] if result else None))
                result[-1].is_target = message.message_id == target
            before = message
        for one in result:
            if one.message.album_id is not None and len(one.files) > 1:
                one.notes.insert(0, word("album", count=len(one.files)))
        return result

    def _shown(self, message: Message, before: Shown | None) -> Shown:
        at = formats.local(message.sent_at, self._zone) if message.sent_at else None
        new_day = before is None or (before.at.date() if before.at else None) != (at.date() if at else None)
        is_event = message.kind in _EVENTS or SERVER_GENERATED in message.flags
        follows = (
            before is not None
            and not new_day
            and not is_event
            and not before.is_event
            and before.message.sender_id == message.sender_id
            and at is not None
            and before.at is not None
            and at - before.at < _CLOSE
        )
        sender, own_slug = message.sender_id, slug(message.message_id)
        is_deleted = message.deleted_at is not None or DELETED_BY_EDIT_MARKER in message.flags
        shown = Shown(
            message=message,
            slug=own_slug,
            address=f"/c/{self._key}/m/{own_slug}",
            who=message.sender_name or self._name(sender),
            person=f"/p/{key(self._of.owner_id, sender)}" if sender else None,
            is_mine=sender == self._of.owner_id,
            is_event=is_event,
            at=at,
            new_day=new_day,
            follows=follows,
            body=_NOTHING if is_event else self._body(message),
            line=self._line(message) if is_event else self._status(message, is_deleted=is_deleted),
            files=self._files(message),
            cards=[] if is_deleted else [*self._cards(message), *self._previews(message)],
            quotes=[self._quoted(quote) for quote in message.quotes],
            reactions=self._reactions(message),
            notes=self._notes(message),
            earlier=[text.body(earlier) for earlier in message.earlier],
        )
        if not ((shown.body and not shown.body.isspace()) or shown.line or shown.files or shown.cards or shown.quotes):
            shown.line = escape(word("empty"))
        return shown

    def _name(self, user_id: str | None) -> str:
        return self._names.get(user_id, user_id) if user_id else word("nobody")

    def _when(self, instant: datetime | None) -> str:
        return formats.day_and_clock(formats.local(instant, self._zone) if instant else None)

    def _body(self, message: Message) -> Markup:
        # What stands in a card is not said twice.
        if message.kind in ("contacts", "location", "poll", "card", "popcard", "notice", "scheduled_call"):
            return text.body(message.text) if not message.details else _NOTHING
        if not message.mentions:
            return text.body(message.text)
        labels = [mention.label for mention in message.mentions if mention.label]
        return text.body(message.text, [*labels, *(f"@{label}" for label in labels)])

    def _notes(self, message: Message) -> list[str]:
        notes = [word("forwarded")] if message.is_forwarded else []
        if message.edited_at is not None:
            notes.append(word("edited", when=self._when(message.edited_at)))
        if message.kind == "sms":
            phones = ", ".join(_texts(_dicts(message.details.get("targets")), "phone"))
            notes.append(word("sms_to", phones=phones) if phones else word("sms"))
        return notes

    def _status(self, message: Message, *, is_deleted: bool) -> Markup:
        """What is said in place of a text that is not there."""
        if is_deleted:
            at = message.deleted_at
            return escape(word("deleted_at", when=self._when(at)) if at else word("deleted"))
        if message.kind in ("encrypted", "video_message", "audio_message", "call_transcript", "recording"):
            return escape(word(message.kind))
        if message.kind == "file_transfer":
            return escape(word("file_transfer"))
        if message.kind == "unknown":
            return escape(word("unknown_type", type=message.message_type or word("no_type")))
        return _NOTHING

    def _line(self, message: Message) -> Markup:
        """What happened, in a line."""
        if SERVER_GENERATED in message.flags and message.kind not in _EVENTS:
            return escape(word("server_row"))
        if message.kind == "call":
            return escape(", ".join(_call(event) for event in message.call_events) or word("call_unknown"))
        if message.kind == "call_log":
            return self._call_log(message)
        if message.kind == "thread_activity":
            lines = [self._event(event) for event in message.thread_events]
            return Markup("<br>").join(lines) if lines else escape(message.message_type or message.kind)
        return escape(word(message.kind))

    def _call_log(self, message: Message) -> Markup:
        log = message.details.get("call_log")
        if not isinstance(log, dict):
            return text.body(message.text) or escape(word("call_unknown"))
        people = [log.get(f"{role}Participant") for role in ("originator", "target")]
        names = " → ".join(_text(person.get("displayName")) or "?" for person in people if isinstance(person, dict))
        direction, state = _text(log.get("callDirection")) or "", _text(log.get("callState")) or ""
        said = word("call_log", direction=WORDS.get(direction, direction), state=state)
        begin, end = (iso_microseconds(_text(log.get(name)) or "") for name in ("connectTime", "endTime"))
        if begin is not None and end is not None and end > begin:
            said += f" · {formats.duration((end - begin) / 1_000_000)}"
        return escape(f"{said} · {names}" if names else said)

    def _event(self, event: ThreadEvent) -> Markup:
        who = event.initiator_name or self._name(event.initiator_id)
        whom = event.target_name or self._name(event.target_id)
        name = event.event
        if name in ("member_added", "member_removed") and event.initiator_id in (None, event.target_id):
            name = {"member_added": "self_added", "member_removed": "self_removed"}[name]
        if name == "topic_changed" and not event.value:
            name = "topic_removed"
        if name not in WORDS:
            name = "other_event"
        isolated = Markup("<bdi>{}</bdi>").format
        said = escape(WORDS[name])
        return said.format(who=isolated(who), whom=isolated(whom), value=isolated(event.value or ""), event=event.event)

    def _files(self, message: Message) -> list[File]:
        return [
            file(self._key, message.message_id, attachment, self._at_hand)
            for attachment in message.attachments
            if attachment.is_file
        ]

    def _quoted(self, quote: Quote) -> Quoted:
        address = None
        chat = quote.quoted_conversation_id or self._of.conversation_id
        if quote.quoted_message_id and (chat, quote.quoted_message_id) in self._known:
            address = f"/c/{key(self._of.owner_id, chat)}/m/{slug(quote.quoted_message_id)}"
        when = self._when(quote.quoted_at) if quote.quoted_at else ""
        who = quote.author_name or (self._name(quote.author_id) if quote.author_id else "")
        return Quoted(who, when, text.body(quote.text or ""), address)

    def _reactions(self, message: Message) -> list[tuple[str, str, int]]:
        if not message.reactions:
            return []
        people: dict[str, list[str]] = {}
        for reaction in message.reactions:
            people.setdefault(reaction.emotion, []).append(self._name(reaction.user_id))
        return [
            (
                emoji(emotion) or f"({emotion})",
                word("reaction_by", emotion=emotion, people=", ".join(names)),
                len(names),
            )
            for emotion, names in people.items()
        ]

    def _previews(self, message: Message) -> Iterator[Card]:
        """Links with the preview that Skype kept, and those whose address the text does not show."""
        for one in message.links:
            address = text.href(one.url)
            if not (one.title or one.description) and (not one.url or one.url in message.text):
                continue
            label = one.url or ""
            shown = text.link(address, label) if address else escape(label)
            yield Card(one.title or "", [escape(one.description or "")], links=[shown], css="preview")

    def _cards(self, message: Message) -> Iterator[Card]:
        details = message.details
        if not details and message.kind != "scheduled_call":
            return
        if isinstance(details.get("options"), list):
            yield self._poll(details)
        for contact in _dicts(details.get("contacts")):
            id = _text(contact.get("user_id"))
            said = [_text(contact.get(name)) for name in ("name", "phone", "user_id")]
            known = self._names.get(id) if id else None
            lines = [escape(part) for part in dict.fromkeys([*said, known]) if part]
            yield Card(word("contact"), lines)
        if message.kind == "location" and details:
            yield self._location(message)
        if message.kind == "scheduled_call":
            yield Card(
                word("scheduled_call"), _lines(details.get("subject")), links=_links(details.get("links"), word("join"))
            )
        for card in _dicts(details.get("cards")):
            yield _card(word("card"), card)
        for item in _dicts(details.get("items")) if message.kind in ("popcard", "notice") else ():
            yield _card(word("announcement"), item)
        for translated in _dicts(details.get("translations")):
            title = f"{word('translation')} ({_text(translated.get('locale')) or '?'})"
            yield Card(title, _lines(translated.get("text")), links=self._original(details))
        if details.get("amount") or details.get("currency"):
            amount = " ".join(filter(None, (_text(details.get(name)) for name in ("amount", "currency"))))
            yield Card(word("money", amount=amount))
        for sent in _dicts(details.get("files")):
            size = sent.get("size")
            facts = quantities.size(size) if isinstance(size, int) and size >= 0 else ""
            yield Card(word("file"), [escape(part) for part in (_text(sent.get("name")), facts) if part])
        if message.kind == "recording" and (status := _text(details.get("status"))):
            yield Card(word("recording_status", status=status))

    def _original(self, details: dict[str, Any]) -> list[Markup]:
        id = _text(details.get("original_message_id"))
        address = f"/c/{self._key}/m/{slug(id)}" if id else None
        return [Markup('<a href="{}">{}</a>').format(address, word("translation_of"))] if address else []

    def _location(self, message: Message) -> Card:
        details = message.details
        lines = [escape(part) for part in dict.fromkeys([message.text, _text(details.get("name"))]) if part]
        degrees = [details.get(name) for name in ("latitude", "longitude")]
        if all(isinstance(degree, int | float) for degree in degrees):
            lines.append(escape(f"{degrees[0]:.5f}, {degrees[1]:.5f}"))
        return Card(word("location"), lines, links=_links([details.get("url")], word("map")))

    def _poll(self, details: dict[str, Any]) -> Card:
        options = [_text(option) or "" for option in details["options"]]
        voters: list[list[str]] = [[] for _ in options]
        for vote in _dicts(details.get("votes")):
            chosen: Any = vote.get("options")
            for number in chosen if isinstance(chosen, list) else ():
                if isinstance(number, int) and 0 <= number < len(options):
                    voters[number].append(self._name(_text(vote.get("user_id"))))
        title = f"{word('poll')}: {_text(details.get('title')) or ''}"
        counted_options = [(option, len(who), ", ".join(who)) for option, who in zip(options, voters, strict=True)]
        return Card(title, options=counted_options)


def file(conversation_key: str, message_id: str, attachment: Attachment, at_hand: Container[Attachment]) -> File:
    """A file as it is shown in a message or a gallery; ``at_hand`` are those whose bytes can be had."""
    kind = WORDS.get(attachment.kind, word("attachment")) if attachment.kind in _LABELED else word("attachment")
    size, seconds = attachment.file_size, attachment.duration_seconds
    facts = [quantities.size(size)] if size is not None else []
    facts += [formats.duration(seconds)] if seconds else []
    at = slug(message_id)
    return File(
        message_slug=at,
        label=kind,
        name=attachment.file_name,
        facts=" · ".join(facts),
        address=f"/c/{conversation_key}/file/{at}/{attachment.ordinal}" if attachment in at_hand else None,
        is_exported=attachment.present,
        shown_as=_PLAYED.get(attachment.kind, ""),
        width=attachment.width,
        height=attachment.height,
    )


_LABELED: Final = frozenset({"photo", "video", "voice", "file", "moji", "recording", "card", "call_transcript"})


def _is_same_album(before: Message, message: Message) -> bool:
    return (
        message.album_id is not None
        and message.album_id == before.album_id
        and message.sender_id == before.sender_id
        and not message.text
        and not message.reactions
        and message.deleted_at is None
    )


def _call(event: CallEvent) -> str:
    said = WORDS.get(f"call_{event.event}", word("call_unknown"))
    return f"{said} · {formats.duration(event.duration_seconds)}" if event.duration_seconds else said


def _card(kind: str, card: dict[str, Any]) -> Card:
    """A card of a bot, or an announcement: its texts, its pictures by name, its buttons."""
    title = _text(card.get("title"))
    lines = [line for name in ("subtitle", "text") for line in _lines(card.get(name))]
    for image in _dicts(card.get("images")):
        alt = _text(image.get("alt"))
        lines.append(escape(f"[{alt}: {word('picture_elsewhere')}]" if alt else f"[{word('picture_elsewhere')}]"))
    links = [
        shown
        for button in _dicts(card.get("buttons"))
        for shown in _links([button.get("value") or button.get("uri")], _text(button.get("title")) or "")
    ]
    return Card(f"{kind}: {title}" if title else kind, lines, links=links)


def _links(urls: object, label: str) -> list[Markup]:
    """Foreign addresses as links; what may be none is shown as it is."""
    shown: list[Markup] = []
    for url in urls if isinstance(urls, list) else ():
        if isinstance(url, str) and url:
            address = text.href(url)
            shown.append(text.link(address, label or url) if address else escape(f"{label}: {url}" if label else url))
    return shown


def _lines(value: object) -> list[Markup]:
    return [text.body(value)] if isinstance(value, str) and value else []


def _text(value: object) -> str | None:
    """A text or a number; None of anything else."""
    if isinstance(value, bool):
        return None
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else None


def _texts(objects: Iterable[dict[str, Any]], name: str) -> list[str]:
    return [value for one in objects if (value := _text(one.get(name)))]


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def call_people(shown: Shown, names: dict[str, str]) -> str:
    """Who was in a call, and how long."""
    people = [
        f"{person.display_name or names.get(person.user_id or '', person.user_id or '?')}"
        + (f" ({formats.duration(person.duration_seconds)})" if person.duration_seconds else "")
        for person in shown.message.call_participants
    ]
    return ", ".join(people)
