"""Transform: raw parts → typed tables (``tables``).

Part k is made from raw part k alone; part 0 is the media. What needs more than one part - copies of a message in
different parts, totals, people, the conservation of every conversation - is the summary, made from small columns.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

import hashlib
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.compiled import warn_of_absence
from skype_assets.etl.content.bounds import LONGEST_NAME, LONGEST_TEXT
from skype_assets.etl.content.cleaning import clean
from skype_assets.etl.content.names import conversation_key, mri
from skype_assets.etl.content.times import iso_microseconds
from skype_assets.etl.errors import NotConserved
from skype_assets.etl.phases import TRANSFORM, UNREADABLE, PhaseFacts, given_names
from skype_assets.etl.phases.extract import Extract
from skype_assets.etl.phases.media_parts import is_media_part, media_of
from skype_assets.etl.phases.phase import PartFiles, Told, Work, cumulative, of_part, upstream
from skype_assets.etl.phases.transform_parts import CONSERVATION, TRANSFORM_TABLES, MediaPart, MessagesPart
from skype_assets.etl.process_wide import FEW_COLLECTIONS
from skype_assets.etl.processes import Tenure
from skype_assets.etl.rows import conversations as conversation_rows
from skype_assets.etl.rows.arrays import table_from_rows
from skype_assets.etl.rows.decode import json_fields
from skype_assets.etl.rows.duplicates import copies_in_other_parts, without
from skype_assets.etl.rows.edits import edits as find_edits
from skype_assets.etl.rows.media import stored_objects
from skype_assets.etl.rows.message_tables import EDIT_MARKS, Export
from skype_assets.etl.rows.old_quotes import MESSAGE_COLUMNS, QUOTE_COLUMNS, quoted
from skype_assets.etl.rows.people import PEOPLE, PEOPLE_OF, People, people_rows
from skype_assets.etl.task import Task, export_id_for

WITHOUT_LIST: Final = "conversations_without_list"
"""The count of conversations that have no ``MessageList``."""

_LONGEST_SPAN: Final = 2**31 - 1


class Transform:
    """The second phase: raw checkpoint → tables."""

    facts: ClassVar[PhaseFacts] = TRANSFORM
    version: ClassVar[str] = TRANSFORM.version
    superseded: ClassVar[Mapping[str, str]] = {}
    schemas: ClassVar[Mapping[str, pa.Schema]] = TRANSFORM_TABLES
    outdated: ClassVar[str] = "what it was made from has changed"

    def __init__(self, task: Task) -> None:
        self._task = task
        self._raw = upstream(task, Extract, self.facts.name)
        self._given_names = given_names.kept(task.folder)

    @property
    def source_name(self) -> str:
        """File name of the export, for people."""
        return self._raw.state.source_name

    @property
    def parts_total(self) -> int:
        """One for each raw part that is not of media objects."""
        return len(_parts_of(self._raw))

    def inputs(self) -> dict[str, str]:
        """The raw checkpoint, and the names that were given: the owner's, and those of a names file."""
        source = {name: value for name, value in self._raw.state.inputs.items() if name.startswith("source_")}
        return {
            **source,
            Extract.facts.asset: self._raw.state.fingerprint,
            "user_display_name": self._task.settings.user_display_name or "",
            **({"given_names": given_names.digest(self._given_names)} if self._given_names else {}),
        }

    def bytes_needed(self, done: int) -> int:
        """Tables are at most one and a half times the raw parts, as samples and real exports show."""
        return max(0, self._raw.state.bytes * 3 // 2 - done)

    @contextmanager
    def open(self, task_folder: Directory) -> Generator["_OpenTransform"]:
        """Read the header and the media: what every part needs."""
        warn_of_absence()
        with FEW_COLLECTIONS:
            yield _OpenTransform(self._task, self._raw, task_folder.folder(self.facts.asset).path, self._given_names)


class _OpenTransform:
    def __init__(self, task: Task, raw: PhaseTables, folder: Path, names: Mapping[str, str]) -> None:
        self._task = task
        self._raw = raw
        self._given_names = names
        self._folder = folder
        self._header = raw["header"].to_table().to_pylist()[0]
        self._document = json_fields(self._header["raw"], ("userId", "exportDate"))
        self._media = media_of(raw)
        self._objects = raw["objects"].to_table()
        export_id = export_id_for(raw.state.inputs["source_sha256"])
        self._export = Export(
            export_id=export_id,
            owner_id=mri(_string(self._document, "userId")) or f"unknown:{export_id}",
            member=(self._header["member"] or "")[:LONGEST_NAME],
            stored=stored_objects(self._media, self._objects),
        )

    @property
    def total(self) -> int:
        """Messages in the raw checkpoint."""
        return self._raw["messages"].num_rows

    def confirmed(self, done: Sequence[PartRecord]) -> Sequence[PartRecord]:
        """The parts whose raw part is still the one that they were made from."""
        raw_parts = _parts_of(self._raw)
        for index, (part, raw) in enumerate(zip(done, raw_parts, strict=False)):
            if bytes(part.cursor) != msgspec.json.encode(self._made_from(raw)):
                return done[:index]
        return done[: len(raw_parts)]

    def _made_from(self, raw: PartRecord) -> str:
        """The cursor of a part: raw parts that were made again, with another size, are other parts."""
        made_from = [raw] if raw.number else [raw, *filter(is_media_part, self._raw.state.parts)]
        return hashlib.sha256("\n".join(part.checksum for part in made_from).encode()).hexdigest()

    def holds(self) -> bool:
        """What it left is its folder alone."""
        return True

    def claim(self, tenure: Tenure | None) -> None:
        """Nothing: the phase writes to its folder only."""

    def work(self, done: Sequence[PartRecord], files: PartFiles) -> Iterator[Work]:
        """Media, then one part for each raw part."""
        raw_parts = _parts_of(self._raw)
        amounts = [part.files["messages"].rows if "messages" in part.files else 0 for part in raw_parts]
        for part, progress in zip(raw_parts[len(done) :], cumulative(done, amounts), strict=True):
            if part.number == 0:
                yield MediaPart(self._made_from(part), self._media, self._objects, self._export, files)
            else:
                settings = self._task.settings
                yield MessagesPart(
                    part, self._made_from(part), self._raw.folder, self._export, settings.batch_size,
                    settings.table_bytes, progress, files,
                )  # fmt: skip

    def summary(self, done: Sequence[PartRecord], tell: Told) -> tuple[Mapping[str, pa.Table], dict[str, int]]:
        """What needs more than one part; see the module's docstring."""
        tell(0.0, "finding copies of messages")
        duplicates, counted = copies_in_other_parts(
            {part.number: partial(self._read, part, "messages") for part in done if "messages" in part.files},
            sum(part.files["messages"].rows for part in done if "messages" in part.files),
        )
        tell(0.4, "finding edits, people and quoted messages")
        edits = find_edits(self._of_parts(done, "edit_marks", EDIT_MARKS.names, duplicates))
        people = self._people(done, duplicates)
        export_id, owner_id = self._export.export_id, self._export.owner_id
        conservation = self._conservation(done, duplicates, counted)
        people.leave_out_copies(edits)
        conversations, copies, participants, names, without_list = conversation_rows.rows(
            self._raw["conversations"].batches,
            people,
            owner_id=owner_id,
            export_id=export_id,
            owner_name=self._task.settings.user_display_name,
            given_names=self._given_names,
            partial={row["conversation_id"] for row in self._unreadable if row["conversation_id"] is not None},
        )
        given = [(export_id, user_id, name) for user_id, name in sorted(self._given_names.items())]
        return {
            "conversations": conversations,
            "conversation_copies": copies,
            "participants": participants,
            "given_names": table_from_rows(TRANSFORM_TABLES["given_names"], given),
            "rejects": self._rejects(),
            "duplicates": duplicates,
            "edits": edits,
            "quoted": self._quoted(done, duplicates),
            "conservation": conservation,
            "exports": self._exports(names.get(owner_id), conservation, conversations.num_rows),
        }, {
            "conversations": conversations.num_rows,
            "messages": -duplicates.num_rows,
            "duplicate": duplicates.num_rows,
            **({WITHOUT_LIST: without_list} if without_list else {}),
            **({UNREADABLE: len(self._unreadable)} if self._unreadable else {}),
        }

    def _read(self, part: PartRecord, table: str, columns: list[str]) -> pa.Table:
        record = part.files.get(table)
        if record is None:
            return TRANSFORM_TABLES[table].empty_table().select(columns)
        return parts.read(self._folder, record).read(columns, use_threads=False)

    def _people(self, done: Sequence[PartRecord], duplicates: pa.Table) -> People:
        people = People()
        for part in done:
            dropped = of_part(duplicates, part)
            if dropped.num_rows:
                kept = {name: without(self._read(part, name, columns), dropped) for name, columns in PEOPLE_OF.items()}
                people.add(people_rows(kept))
            else:
                people.add(self._read(part, "people", PEOPLE.names))
        return people

    def _of_parts(
        self, done: Sequence[PartRecord], table: str, columns: list[str], duplicates: pa.Table
    ) -> dict[int, pa.Table]:
        """A table of every part that has rows of it, without what other parts hold better."""
        return {
            part.number: without(self._read(part, table, columns), of_part(duplicates, part))
            for part in done
            if table in part.files
        }

    def _quoted(self, done: Sequence[PartRecord], duplicates: pa.Table) -> pa.Table:
        readers = {
            part.number: partial(self._of_parts, [part], "messages", MESSAGE_COLUMNS, duplicates) for part in done
        }
        return quoted(self._of_parts(done, "quotes", QUOTE_COLUMNS, duplicates), readers)

    def _conservation(self, done: Sequence[PartRecord], duplicates: pa.Table, counted: Counter[str]) -> pa.Table:
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for part in done:
            for row in self._read(part, "conservation", CONSERVATION.names).to_pylist():
                account = counts[row["conversation_id"]]
                for index, name in enumerate(CONSERVATION.names[1:]):
                    account[index] += row[name]
        for conversation_id in duplicates["conversation_id"].to_pylist():
            counts[conversation_id][1] -= 1
            counts[conversation_id][2] += 1
            counted[conversation_id] -= 1
        listed: dict[str, int] = defaultdict(int)
        for batch in self._raw["conversations"].batches(["conversation_index", "conversation_id", "message_count"]):
            for row in batch.to_pylist():
                listed[conversation_key(row["conversation_id"], row["conversation_index"])] += row["message_count"]
        for conversation_id, seen in listed.items():
            _balance(conversation_id, seen, counts[conversation_id], counted[conversation_id])
        return table_from_rows(CONSERVATION, [(key, *counts[key]) for key in sorted(counts)])

    def _rejects(self) -> pa.Table:
        """What stood where a conversation or a MessageList should, and what could not be read; extract found it."""
        rows: list[tuple[Any, ...]] = [
            (
                self._export.export_id, row["ordinal"], self._export.member, row["offset"], row["length"],
                conversation_key(row["conversation_id"], row["conversation_index"]), row["reason"],
            )
            for batch in self._raw["rejects"].batches()
            for row in batch.to_pylist()
        ]  # fmt: skip
        free = sum(self._raw[name].num_rows for name in ("messages", "conversations", "rejects"))
        for row in self._unreadable:
            # The column for lengths is narrow: what is longer has several rows.
            for begin in range(0, max(row["length"], 1), _LONGEST_SPAN):
                rows.append(
                    (
                        self._export.export_id, free, row["member"][:LONGEST_NAME], row["offset"] + begin,
                        min(row["length"] - begin, _LONGEST_SPAN), row["conversation_id"],
                        f"{UNREADABLE}: {row['reason']}",
                    )
                )  # fmt: skip
                free += 1
        return table_from_rows(TRANSFORM_TABLES["rejects"], rows)

    @cached_property
    def _unreadable(self) -> list[dict[str, Any]]:
        """What could not be read of a damaged export, with the keys of conversations that are cut short by it."""
        found = self._raw[UNREADABLE].to_table().to_pylist()
        for row in found:
            if (index := row["conversation_index"]) is not None:
                row["conversation_id"] = conversation_key(row["conversation_id"], index)
        return found

    def _exports(self, owner_name: str | None, conservation: pa.Table, conversation_count: int) -> pa.Table:
        source = self._raw.state.inputs
        exported_at = iso_microseconds(_string(self._document, "exportDate") or "")
        seen, loaded, duplicate, rejected = (
            pc.sum(conservation[name], min_count=0).as_py() for name in CONSERVATION.names[1:]
        )
        row = (
            self._export.export_id, self._task.task_id, self._export.owner_id, owner_name, exported_at,
            self._raw.state.source_name, int(source["source_size"]), bytes.fromhex(source["source_sha256"]),
            seen, loaded, duplicate, rejected, conversation_count, Transform.version, None, None, "loading",
            sum(row["length"] for row in self._unreadable) if self._unreadable else None,
        )  # fmt: skip
        return table_from_rows(TRANSFORM_TABLES["exports"], [row])


def _parts_of(raw: PhaseTables) -> list[PartRecord]:
    """The raw parts of which a part is made each: those of media objects, the last ones, go into the first."""
    return [part for part in raw.state.parts if not is_media_part(part)]


def _balance(conversation_id: str, listed: int, account: Sequence[int], counted: int) -> None:
    seen, loaded, duplicate, rejected = account
    if not (listed == seen == loaded + duplicate + rejected and counted == loaded):
        raise NotConserved(
            f"conversation {conversation_id}: {listed} messages in the export, {seen} seen, but {loaded} loaded + "
            f"{duplicate} duplicate + {rejected} rejected; please report this with the output of `skype-assets verify`"
        )


def _string(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    return clean(value)[0][:LONGEST_TEXT] if isinstance(value, str) else None
