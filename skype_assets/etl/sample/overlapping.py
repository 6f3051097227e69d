"""Several exports of one account that overlap, for tests that loading them in any order gives one history (5.3).

One history is made, and each export shows it as it stood on its day: later ones have more messages, and of the messages
they share some have been edited, deleted or reacted to since, and some differ without a new version.
"""

import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from skype_assets.etl.errors import UsageError
from skype_assets.etl.sample.document import Conversation, Element, compact
from skype_assets.etl.sample.make import EXPORTED_AT, write_sample
from skype_assets.etl.sample.writer import spooled, write_archive, write_document

_CHANGES: Final = ("edited", "deleted", "reacted", "other bytes")


@dataclass(frozen=True)
class _Change:
    """What happens to a message, and the number of the first export that shows it."""

    kind: str
    since: int


def write_overlapping(folder: Path, *, exports: int = 3, messages: int = 600, seed: int = 1) -> list[Path]:
    """Write `exports` tar files of one account, oldest first; the last one knows `messages` messages at most.

    One conversation is missing in the last export, and one is renamed from export to export. Media objects are in every
    other export.
    """
    if exports < 1:
        raise UsageError(f"no overlapping exports with exports={exports}")
    document, media = _history(folder, messages, seed)
    days = _days(document, exports)
    changes = _changes(document, days, Random(seed))
    longest = sorted(document["conversations"], key=lambda c: len(c.get("MessageList") or ()), reverse=True)
    renamed, missing = longest[0]["id"], longest[1]["id"]
    paths = []
    for number, day in enumerate(days):
        shown = (
            _conversation(conversation | _renamed(conversation, renamed, number), index, number, day, changes)
            for index, conversation in enumerate(document["conversations"])
            if exports == 1 or number < exports - 1 or conversation["id"] != missing
        )
        path = folder / f"8_live_mara.ostrow_export_{number + 1}.tar"
        with spooled(path) as out:
            write_document(out, document["userId"], day, shown)
            kept = ((name, data) for order, name, data in media if exports == 1 or (order + number) % 2 == 0)
            write_archive(path, out, kept, day)
        paths.append(path)
    return paths


def _history(folder: Path, messages: int, seed: int) -> tuple[dict[str, Any], list[tuple[int, str, bytes]]]:
    """Return the whole history, and its media members with the number of the object that they belong to."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        path = Path(temporary) / "history.tar"
        write_sample(path, messages=messages, seed=seed)
        with tarfile.open(path) as archive:
            members = {info.name: archive.extractfile(info).read() for info in archive}  # pyright: ignore[reportOptionalMemberAccess]
    names = [name for name in members if name.startswith("media/")]
    objects = sorted({name.split(".")[0] for name in names})
    return json.loads(members["messages.json"]), [(objects.index(n.split(".")[0]), n, members[n]) for n in names]


def _days(document: Mapping[str, Any], exports: int) -> list[datetime]:
    """Return when the exports are made: the first one when about half of the messages existed."""
    times = sorted(
        message["originalarrivaltime"]
        for conversation in document["conversations"]
        for message in conversation.get("MessageList") or ()
        if isinstance(message, dict) and message["originalarrivaltime"]
    )
    chosen = (times[len(times) * (exports + number) // (2 * exports)] for number in range(exports - 1))
    return [*(datetime.fromisoformat(time[:16]).replace(tzinfo=UTC) for time in chosen), EXPORTED_AT]


def _changes(document: Mapping[str, Any], days: list[datetime], rng: Random) -> dict[tuple[int, int], _Change]:
    """Draw what happens to one in five of the messages that two exports or more can show."""
    changes = {}
    for index, conversation in enumerate(document["conversations"]):
        for position, message in enumerate(conversation.get("MessageList") or ()):
            first = next((number for number, day in enumerate(days) if _existed(message, day)), len(days))
            if isinstance(message, dict) and first < len(days) - 1 and rng.random() < 0.2:
                changes[index, position] = _Change(rng.choice(_CHANGES), rng.randint(first + 1, len(days) - 1))
    return changes


def _existed(message: Any, day: datetime) -> bool:
    time = message["originalarrivaltime"] if isinstance(message, dict) else None
    return time is None or time[:16] < f"{day:%Y-%m-%dT%H:%M}"


def _conversation(
    conversation: Mapping[str, Any], index: int, number: int, day: datetime, changes: Mapping[tuple[int, int], _Change]
) -> Conversation:
    """Return a conversation as export `number` shows it."""
    before = {key: value for key, value in conversation.items() if key != "MessageList"}
    if conversation.get("MessageList"):
        return Conversation(conversation["id"], before, _elements(conversation, index, number, day, changes))
    return Conversation(conversation["id"], conversation, None)


def _renamed(conversation: Mapping[str, Any], renamed: str, number: int) -> dict[str, Any]:
    if conversation["id"] != renamed:
        return {}
    return {"displayName": f"Renamed {number + 1}", "version": conversation["version"] + 1000 * number}


def _elements(
    conversation: Mapping[str, Any], index: int, number: int, day: datetime, changes: Mapping[tuple[int, int], _Change]
) -> Iterator[Element]:
    for position, message in enumerate(conversation["MessageList"]):
        if not _existed(message, day):
            continue
        if not isinstance(message, dict):
            yield Element(None, compact(message))
            continue
        change = changes.get((index, position))
        if change and change.since <= number:
            message = message | _changed(message, change.kind, number)
        yield Element(message["messagetype"], compact(message))


def _changed(message: Mapping[str, Any], kind: str, number: int) -> dict[str, Any]:
    """Return the keys of a message that a change replaces."""
    version = int(float(message["version"])) + 5_000
    properties = message["properties"] or {}
    match kind:
        case "edited":
            edited = properties | {"edittime": str(version)}
            return {"content": "changed my mind", "properties": edited, "version": version}
        case "deleted":
            return {"content": "", "properties": {"deletetime": str(version)}, "version": version}
        case "reacted":
            users = [{"mri": "8:tbrannock", "time": version, "value": str(version)}]
            return {"properties": properties | {"emotions": [{"key": "like", "users": users}]}, "version": version}
        case _:
            return {"displayName": f"Name in export {number + 1}"}
