"""Making a whole sample: ordinary conversations, the odd ones, media, in the order of an export."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from random import Random
from typing import Final

from skype_assets.etl.errors import UsageError
from skype_assets.etl.sample import every_type, planted
from skype_assets.etl.sample.conversations import FIRST_GROUP, PROFILES, call_log_conversation, ordinary
from skype_assets.etl.sample.document import Conversation, milliseconds
from skype_assets.etl.sample.media import Media
from skype_assets.etl.sample.mix import Traces
from skype_assets.etl.sample.people import MARA, PLANTED, Person
from skype_assets.etl.sample.script import Fact, Script
from skype_assets.etl.sample.writer import check_ending, spooled, write_archive, write_document

EXPORTED_AT: Final = datetime(2025, 5, 20, 8, 12, tzinfo=UTC)
MEDIA_LIMIT: Final = 500
"""Media objects in one sample at most: a sample of a million messages is about messages."""


@dataclass(frozen=True)
class SampleSummary:
    """What a sample holds.

    `messages` are the elements of all MessageLists: `distinct` messages, `duplicates` (further copies of one) and
    `rejects` (conversation and reason of each element that is no message). `facts` are expected column values.
    """

    path: Path
    owner_id: str
    owner_name: str
    exported_at: datetime
    messages: int
    duplicates: int
    rejects: tuple[tuple[str, str], ...]
    conversations: int
    distinct_conversations: int
    by_type: Mapping[str, int]
    planted: Mapping[str, int]
    media_objects: int
    media_files: int
    side_files: int
    facts: tuple[Fact, ...]

    @property
    def distinct(self) -> int:
        """Messages that a load must end up with."""
        return self.messages - self.duplicates - len(self.rejects)


def write_sample(
    path: Path,
    *,
    messages: int = 2_000,
    seed: int = 1,
    profile: str = "private",
    oddities: bool = True,
    conversations: int | None = None,
    pretty: bool = False,
    media: bool = True,
    owner: str | None = None,
    exported_at: datetime | None = None,
) -> SampleSummary:
    """Write an invented export; the ending of `path` chooses tar, tar.gz, zip or a bare ``messages.json``.

    Args:
        path: where to write; the file appears when it is complete.
        messages: elements of all MessageLists together, copies and non-messages included.
        seed: same arguments, same bytes.
        profile: "private" or "group", the two mixes of section 7.2, or "teams", what is written since Teams.
        oddities: plant the deliberate dirt, at most 300 messages of it.
        conversations: number of conversations; 1 puts all messages into one group.
        pretty: lay the JSON out for reading; real exports are one line.
        media: put media objects into the archive.
        owner: MRI of the account; by default Mara Ostrow's.
        exported_at: time of the export; nothing is newer.
    """
    check_ending(path)
    if profile not in PROFILES or messages < 0 or (conversations is not None and conversations < 1):
        raise UsageError(f"no sample with profile={profile!r}, messages={messages}, conversations={conversations}")
    exported_at = exported_at or EXPORTED_AT
    exported_at = exported_at if exported_at.tzinfo else exported_at.replace(tzinfo=UTC)
    account = next((p for p in PLANTED if p.mri == owner), MARA if owner is None else Person(owner, MARA.name))
    rng = Random(seed)
    traces = Traces(Media(rng, MEDIA_LIMIT if media else 0))
    end_ms = milliseconds(exported_at) - 3_600_000
    if conversations == 1:
        content, facts = _single(rng, account, messages, profile, traces, end_ms, oddities=oddities)
    else:
        content, facts = _several(rng, account, messages, profile, traces, end_ms, conversations, oddities=oddities)
    with spooled(path) as document:
        tally = write_document(document, account.mri, exported_at, content, pretty=pretty)
        objects = traces.media.objects
        write_archive(path, document, chain.from_iterable(item.members() for item in objects), exported_at)
    return SampleSummary(
        path=path,
        owner_id=account.mri,
        owner_name=account.name,
        exported_at=exported_at,
        messages=tally.messages,
        duplicates=tally.duplicates,
        rejects=tuple(tally.rejects),
        conversations=tally.conversations,
        distinct_conversations=len(tally.conversation_ids),
        by_type=dict(sorted(tally.by_type.items())),
        planted={type: tally.by_type[type] for type in every_type.UNKNOWN if tally.by_type[type]},
        media_objects=len(objects),
        media_files=sum(item.file + item.preview for item in objects),
        side_files=sum(item.side_file for item in objects),
        facts=tuple(facts),
    )


def _several(
    rng: Random,
    owner: Person,
    messages: int,
    profile: str,
    traces: Traces,
    end_ms: int,
    count: int | None,
    *,
    oddities: bool,
) -> tuple[list[Conversation], list[Fact]]:
    """Return the odd and the ordinary conversations, newest activity first, and the call log last."""
    odd, facts = planted.conversations(owner, traces, end_ms) if oddities else ([], [])
    if count is not None:
        odd = odd[: count - 2]
    logs = min(200, messages // 100)
    odd, complete = _within(odd, messages - logs)
    rest = messages - logs - sum(len(list(conversation.elements or ())) for conversation in odd)
    usual = min(4_000, max(24, rest // 170)) if count is None else count - len(odd) - 1
    plain = ordinary(rng, owner=owner, messages=rest, count=usual, profile=profile, traces=traces, end_ms=end_ms)
    by_activity = sorted((*odd, *plain), key=lambda conversation: conversation.latest, reverse=True)
    written = {conversation.id for conversation in odd}
    facts = [fact for fact in facts if fact.conversation_id in written] if complete else []
    return [*by_activity, call_log_conversation(owner, traces, logs, end_ms)], facts


def _single(
    rng: Random, owner: Person, messages: int, profile: str, traces: Traces, end_ms: int, *, oddities: bool
) -> tuple[list[Conversation], list[Fact]]:
    """Return one group with all the messages, the odd ones being the newest."""
    begin_ms = end_ms - 12 * 3_600_000
    script = Script(FIRST_GROUP, owner, begin_ms)
    if oddities:
        planted.everything(script, traces)
    newest = script.elements[:messages]
    facts = script.facts if len(newest) == len(script.elements) else []
    rest = messages - len(newest)
    [group] = ordinary(rng, owner=owner, messages=rest, count=1, profile=profile, traces=traces, end_ms=begin_ms)
    return [replace(group, elements=chain(newest, group.elements or ()))], facts


def _within(conversations: Iterable[Conversation], messages: int) -> tuple[list[Conversation], bool]:
    """Cut the odd conversations to so many messages; return whether all could stay."""
    cut, complete = [], True
    for conversation in conversations:
        if conversation.elements is not None:
            elements = list(conversation.elements)
            complete = complete and len(elements) <= messages
            conversation = replace(conversation, elements=elements[:messages])
            messages = max(0, messages - len(elements))
        cut.append(conversation)
    return cut, complete
