"""Media: the objects and side files of an archive (1.3, 1.4), and the attachments of a message (3.3, 10)."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.reference.markup import Element, elements, in_order
from tests.reference.reader import Source, base_name
from tests.reference.values import cleaned, digits, json_array, whole_number

Row = dict[str, Any]


class SideFiles(dict[str, Any]):
    """Side files by document id; ``objects`` are the ids of which the archive has an object."""

    objects: frozenset[str] = frozenset()


MEDIA_KINDS = frozenset(["photo", "file", "video", "voice", "moji", "card", "recording"])
KINDS_BY_OBJECT_TYPE = (  # the first that fits; more specific ones come first
    ("Picture.", "photo"),
    ("File.", "file"),
    ("Video.1/Flik", "moji"),
    ("Video.2/CallRecording", "recording"),
    ("Video.", "video"),
    ("Audio.", "voice"),
    ("SWIFT.", "card"),
    ("Sticker", "sticker"),
)
PASTED = {"img": "photo", "video": "video", "audio": "voice"}
STORED = {"amsimage": "photo", "amsvideo": "video", "amsaudio": "voice"}
KINDS_BY_META_TYPE = {"photo": "photo", "file": "file", "video": "video", "audio": "voice"}
DOCUMENT_ID = re.compile(r"0-[a-z]{2,5}-d[0-9]{1,3}-[0-9a-f]{20,64}", re.IGNORECASE)


def side_files(source: Source) -> SideFiles:
    """The side file of each document id (1.4); ``<id>.json`` comes before ``<id>.<n>.json``."""
    found = SideFiles()
    media = [member.name for member in source.members if member is not source.messages and _is_media(member.name)]
    found.objects = frozenset(_document_of_member(name) for name in media if not name.endswith(".json"))
    for member in sorted(source.members, key=lambda m: (base_name(m.name).count("."), _media_index(m.name), m.name)):
        if not (_is_media(member.name) and member.name.endswith(".json")):
            continue
        try:
            content = json.loads(member.data.decode("utf-8-sig", errors="replace"))
        except ValueError:
            continue
        if isinstance(content, dict):
            found.setdefault(_document_of_member(member.name), cleaned(content))
    return found


def media_files(source: Source, owner_id: str, sides: SideFiles) -> Iterator[Row]:
    """A row for each object, before those with one key are merged."""
    for member in source.members:
        if member is source.messages or not _is_media(member.name) or member.name.endswith(".json"):
            continue
        document_id, index = _document_of_member(member.name), _media_index(member.name)
        yield {
            "owner_id": owner_id,
            "document_id": document_id,
            "media_index": index,
            "member": cleaned(member.name),
            "file_name": _side_name(sides, document_id),
            "mime_type": _side_type(sides, document_id, index),
            "size_bytes": member.size,
            "sha256": member.sha256,
            "source_offset": member.offset,
        }


def _is_media(name: str) -> bool:
    return "media" in name.split("/")[:-1] or DOCUMENT_ID.match(base_name(name)) is not None


def _document_of_member(name: str) -> str:
    return cleaned(base_name(name).split(".")[0])


def _media_index(name: str) -> int:
    parts = base_name(name).split(".")
    if len(parts) < 2 or re.fullmatch("[0-9]+", parts[1]) is None:
        return 1
    index = digits(parts[1], 2**31)
    return 2**31 - 1 if index is None else index


def _side_file(sides: SideFiles, document_id: str | None) -> Any:
    """That of the object that an id means, or of an id without one; none that has an object of its own beside."""
    spelled = meant(document_id or "", {id_: id_ for id_ in sides.objects}) or document_id or ""
    return sides.get(spelled) or meant(spelled, {id_: s for id_, s in sides.items() if id_ not in sides.objects})


def _side_name(sides: SideFiles, document_id: str | None) -> str | None:
    return _string(_side_file(sides, document_id).get("filename")) or None


def _side_type(sides: SideFiles, document_id: str | None, index: int) -> str | None:
    contents = _side_file(sides, document_id).get("contents")
    entry = contents.get(str(index)) if isinstance(contents, dict) else None
    return _string(entry.get("type")) or None if isinstance(entry, dict) else None


def attachments(row: Row, amsreferences: Any, files: Any, sides: SideFiles) -> list[Row]:
    """All but ``media_member`` and ``present``, which depend on the media of every loaded archive."""
    content = row["content"] or ""
    references = _document_ids(amsreferences)
    found: list[Row] = []
    for element in in_order(content, ("uriobject", *PASTED)) if row["message_type"] != "Text" else []:
        if element.name in PASTED:
            found += _pasted(element, sides)
            continue
        kind = _attachment_kind(element, row["kind"])
        if kind is not None:
            found.append(_attachment(kind, _document_id(element), sides, element))
    shown = {attachment["document_id"]: attachment for attachment in found}
    named = [file["document_id"] for file in _files(files)]
    for file in _files(files):
        if file["document_id"] is None or not _is_shown(file["document_id"], named, shown):
            found.append({**_attachment("file", file["document_id"], sides, None), **_given(file)})
    covered = {attachment["document_id"]: attachment for attachment in found}
    free = [reference for reference in references if not _is_shown(reference, references, covered)]
    without = [index for index, attachment in enumerate(found) if attachment["document_id"] is None]
    if len(without) == 1 and len(free) == 1:
        index, old = without[0], found[without[0]]
        new = _attachment(old["kind"], free.pop(), sides, None)
        found[index] = {**old, **{k: v for k, v in new.items() if old[k] is None}}
    kind = row["kind"] if row["kind"] in MEDIA_KINDS else "file"
    found += [_attachment(kind, reference, sides, None) for reference in free]
    if row["message_type"] == "RichText/Files":
        for file in elements(content, "file"):
            named = {"file_name": file.text or None, "file_size": digits(file.get("size"), 2**63)}
            found.append({**_attachment("file_transfer", None, sides, None), **named})
    return found


def meant(document_id: str, values: dict[str, Any]) -> Any:
    """What an id means: what is spelled alike, else the only one that differs in case alone; else an empty object."""
    if document_id in values:
        return values[document_id]
    alike = [value for other, value in values.items() if _fold(other) == _fold(document_id)]
    return alike[0] if len(alike) == 1 else {}


def _fold(text: str) -> str:
    return "".join(character.lower() if character.isascii() else character for character in text)


def _is_shown(document_id: str, named: list[Any], shown: dict[Any, Row]) -> bool:
    others = {other: row for other, row in shown.items() if other is not None and other not in named}
    return document_id in shown or meant(document_id, others) != {}


def _pasted(element: Element, sides: SideFiles) -> list[Row]:
    """A picture, film or sound that stands in HTML; what is neither stored nor said to be is of the web."""
    what = (element.get("itemtype") or "").split("/")[-1].lower()
    source = (element.get("src") or "").strip()
    ids = [DOCUMENT_ID.search(place) for place in (element.get("itemid") or "", source)]
    document_id = next((match[0] for match in ids if match), None)
    if what not in STORED and (document_id is None or what == "emoji"):
        return []
    rules = [rule.partition(":") for rule in (element.get("style") or "").split(";")]
    styled = {
        name.strip().lower(): value.strip().lower().removesuffix("px")
        for name, _, value in rules
        if "px" in value.lower()
    }
    pixels = {name: whole_number(element.get(name) or styled.get(name)) for name in ("width", "height")}
    sized = {name: number if number and 0 < number < 2**31 else None for name, number in pixels.items()}
    row = _attachment(STORED.get(what, PASTED[element.name]), document_id, sides, None)
    return [{**row, **sized, "uri": source or None}]


def _files(value: Any) -> list[Row]:
    """The property ``files``."""
    found: list[Row] = []
    for file in json_array(value) or []:
        if not isinstance(file, dict):
            continue
        info = file.get("fileInfo")
        uris = [file.get("objectUrl"), info.get("fileUrl") if isinstance(info, dict) else None]
        names = [file.get("fileName"), file.get("title")]
        ids = [DOCUMENT_ID.search(_string(place) or "") for place in (*uris, file.get("itemid"))]
        found.append(
            {
                "document_id": next((match[0] for match in ids if match), None),
                "file_name": next((_string(name) for name in names if _string(name)), None),
                "uri": next((_string(uri) for uri in uris if _string(uri)), None),
            }
        )
    return found


def _given(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


def _attachment(kind: str, document_id: str | None, sides: SideFiles, element: Element | None) -> Row:
    """From the element, as far as there is one, and from the side file of the document."""
    element = element or Element({}, "")
    width, height = digits(element.get("width"), 2**31), digits(element.get("height"), 2**31)
    names = [_child(element, "OriginalName", "v"), _child(element, "meta", "originalName")]
    return {
        "document_id": document_id,
        "kind": kind,
        "file_name": next((name for name in names if name), _side_name(sides, document_id)),
        "file_size": digits(_child(element, "FileSize", "v"), 2**63),
        "mime_type": _side_type(sides, document_id, 1),
        "width": width or None,
        "height": height or None,
        "duration_seconds": _duration(element),
        "uri": element.get("uri"),
    }


def _child(element: Element, name: str, attribute: str) -> str | None:
    return next((child.get(attribute) for child in element.children(name)), None)


def _attachment_kind(element: Element, message_kind: str) -> str | None:
    object_type = element.get("type")
    if object_type is not None:
        return next((kind for prefix, kind in KINDS_BY_OBJECT_TYPE if object_type.startswith(prefix)), None)
    by_meta = KINDS_BY_META_TYPE.get(_child(element, "meta", "type") or "")
    return by_meta or (message_kind if message_kind in MEDIA_KINDS else None)


def _document_id(element: Element) -> str | None:
    """The places of 1.5 in their order."""
    links = [link.get("href") or "" for link in element.children("a")]
    queries = [part for link in links for part in re.findall(r"(?:docid|file|pic|vim|am)=([^&?#]*)", link)]
    recording = [id.get("value") for id in element.children("Id") if id.get("type") == "AMSDocumentID"]
    for place in (element.get("doc_id"), element.get("uri"), element.get("url_thumbnail"), *queries, *recording):
        match = DOCUMENT_ID.search(place or "")
        if match:
            return match[0]
    return None


def _document_ids(references: Any) -> list[str]:
    strings = [r for r in references if isinstance(r, str)] if isinstance(references, list) else []
    matches = [DOCUMENT_ID.search(string) for string in strings]
    return list(dict.fromkeys(match[0] for match in matches if match))


def _duration(element: Element) -> float | None:
    if re.fullmatch(r"[0-9]+(\.[0-9]*)?", element.get("duration_ms") or ""):
        return float(Decimal(element.get("duration_ms") or "") / 1000)
    text = _child(element, "RecordingContent", "duration") or ""
    match = re.fullmatch(r"([0-9]{1,9}):([0-9]{2}):([0-9]{2}(?:\.[0-9]*)?)", text)
    return float(int(match[1]) * 3600 + int(match[2]) * 60 + Decimal(match[3])) if match else None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None
