"""Photos, files, videos and the like that a message carries (sections 1.5, 3.3, 4.5 and 10 of the format reference).

They stand in the content as ``URIObject`` elements, or as ``img`` and the like since Teams; in the property ``files``;
in ``amsreferences`` as bare ids; or in several of these. The address of the stored object is dead; its id is what ties
the message to a file of the archive.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from skype_assets.etl.content.edit_markers import is_deleted
from skype_assets.etl.content.elements import Element
from skype_assets.etl.content.embedded_json import objects, string
from skype_assets.etl.content.integers import digits, integer
from skype_assets.etl.content.markup import item_type, tags, tags_with_text, unescape
from skype_assets.etl.content.message_types import kind_of
from skype_assets.etl.content.names import document_id, plain_name
from skype_assets.etl.content.spelling import unmentioned

MEDIA_KINDS: Final = frozenset({"photo", "file", "video", "voice", "moji", "card", "recording"})

# By the beginning of URIObject@type; the longer ones come first. Any other type is no attachment: a poll, a gift.
_KIND_BY_TYPE: Final[Mapping[str, str]] = {
    "picture.": "photo",
    "file.": "file",
    "video.1/flik": "moji",
    "video.2/callrecording": "recording",
    "video.": "video",
    "audio.": "voice",
    "swift.": "card",
    "sticker": "sticker",
}
_KIND_BY_META: Final[Mapping[str, str]] = {"photo": "photo", "file": "file", "video": "video", "audio": "voice"}
_KIND_BY_ELEMENT: Final[Mapping[str, str]] = {"img": "photo", "video": "video", "audio": "voice"}
_KIND_BY_ITEM: Final[Mapping[str, str]] = {"amsimage": "photo", "amsvideo": "video", "amsaudio": "voice"}
_ELEMENT_TAGS: Final = frozenset(
    {"uriobject", "originalname", "filesize", "meta", "a", "id", "recordingcontent", *_KIND_BY_ELEMENT}
)
_LARGEST_INTEGER: Final = 2**31 - 1
_MILLISECONDS: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,9})?")
_STYLED: Final = re.compile(r"(?:^|;)\s*+(width|height)\s*+:\s*+([0-9.]{1,20}+)px\s*+(?=;|$)", re.IGNORECASE)
_CLOCK: Final = re.compile(r"([0-9]{1,9}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{0,9})?)")


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """What the message itself says of an attachment; ``mime_type`` is for the archive to say."""

    kind: str
    document_id: str | None = None
    file_name: str | None = None
    file_size: int | None = None
    mime_type: str | None = None
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    uri: str | None = None


class _Element(msgspec.Struct):
    """A ``URIObject``, or an element of HTML: its attributes, and the tags within it. Values are still escaped."""

    name: str
    attributes: Mapping[str, str]
    children: list[Element]


def attachments(
    content: str, messagetype: str | None, amsreferences: object, properties: object = None
) -> list[Attachment]:
    """Return a message's attachments: its elements in order, its files, then the references that none of these shows.

    Args:
        content: of the message.
        messagetype: of the message.
        amsreferences: ids of stored objects.
        properties: of the message; of one that is deleted only the references are left.
    """
    own: Mapping[str, Any] = properties if isinstance(properties, dict) else {}
    if not amsreferences and "<" not in content and not own.get("files"):
        return []
    files = objects(own.get("files"))
    if is_deleted(own):
        content, files = "", []
    message_kind = kind_of(messagetype)
    found: list[Attachment] = []
    for element in _elements("" if messagetype == "Text" else content):
        if element.name != "uriobject":
            found += _pasted(element)
        elif (kind := _kind(element, message_kind)) is not None:
            found.append(_attachment(element, kind))
    attached = [_file(file) for file in files]
    ids = (file.document_id for file in attached if file.document_id is not None)
    unshown = unmentioned(ids, {attachment.document_id for attachment in found})
    found += [file for file in attached if file.document_id is None or file.document_id in unshown]
    unshown = unmentioned(_references(amsreferences), {attachment.document_id for attachment in found})
    lacking = [position for position, attachment in enumerate(found) if attachment.document_id is None]
    if len(unshown) == len(lacking) == 1:
        found[lacking[0]] = msgspec.structs.replace(found[lacking[0]], document_id=unshown.pop())
    kind = message_kind if message_kind in MEDIA_KINDS else "file"
    found += [Attachment(kind=kind, document_id=reference) for reference in unshown]
    return found + _transfers(content) if message_kind == "file_transfer" else found


def _elements(content: str) -> list[_Element]:
    found: list[_Element] = []
    current: _Element | None = None
    for tag in tags(content, _ELEMENT_TAGS):
        if tag.name == "uriobject":
            current = None
            if not tag.is_end:
                found.append(_Element(tag.name, tag.attributes(), []))
                current = None if tag.is_empty else found[-1]
        elif tag.name in _KIND_BY_ELEMENT:
            if not tag.is_end:
                found.append(_Element(tag.name, tag.attributes(), []))
        elif current is not None and not tag.is_end:
            current.children.append(Element(tag.name, "", tag.source))
    return found


def _kind(element: _Element, message_kind: str) -> str | None:
    type_ = unescape(element.attributes.get("type", "")).strip().lower()
    if type_:
        return next((kind for beginning, kind in _KIND_BY_TYPE.items() if type_.startswith(beginning)), None)
    by_message = message_kind if message_kind in MEDIA_KINDS else None
    return _KIND_BY_META.get(_child(element, "meta", "type").lower(), by_message)


def _attachment(element: _Element, kind: str) -> Attachment:
    own = element.attributes
    return Attachment(
        kind=kind,
        document_id=_object_id(element),
        file_name=_child(element, "originalname", "v") or _child(element, "meta", "originalname") or None,
        file_size=digits(_child(element, "filesize", "v")),
        width=_pixels(own.get("width")),
        height=_pixels(own.get("height")),
        duration_seconds=_seconds(own.get("duration_ms", ""), _child(element, "recordingcontent", "duration")),
        uri=unescape(own.get("uri", "")) or None,
    )


def _pasted(element: _Element) -> list[Attachment]:
    """Return a picture, film or sound of HTML, if it is one that was stored; others are of the web, or emoji."""
    own = element.attributes
    kind = _KIND_BY_ITEM.get(item_type(own))
    address = unescape(own.get("src", "")).strip()
    stored = document_id(unescape(own.get("itemid", ""))) or document_id(address)
    if kind is None and (stored is None or item_type(own) == "emoji"):
        return []
    styled = {name.lower(): pixels for name, pixels in _STYLED.findall(unescape(own.get("style", "")))}
    return [
        Attachment(
            kind=kind or _KIND_BY_ELEMENT[element.name],
            document_id=stored,
            width=_whole_pixels(own.get("width") or styled.get("width")),
            height=_whole_pixels(own.get("height") or styled.get("height")),
            uri=address or None,
        )
    ]


def _file(file: Mapping[str, Any]) -> Attachment:
    """Return what ``properties.files`` says of a file; most are not stored with the messages."""
    info = file.get("fileInfo")
    addresses = (string(file.get("objectUrl")), string(info.get("fileUrl")) if isinstance(info, dict) else None)
    names = (string(file.get(name)) for name in ("fileName", "title"))
    ids = (document_id(text) for text in (*addresses, string(file.get("itemid"))))
    return Attachment(
        kind="file",
        document_id=next(filter(None, ids), None),
        file_name=next(filter(None, names), None),
        uri=next(filter(None, addresses), None),
    )


def _object_id(element: _Element) -> str | None:
    """Return the id from the first place that has one, in the order of 1.5."""
    own = element.attributes
    for name in ("doc_id", "uri", "url_thumbnail"):
        if found := document_id(unescape(own.get(name, ""))):
            return found
    addresses = " ".join(child.attributes().get("href", "") for child in element.children if child.name == "a")
    children = [child.attributes() for child in element.children]
    ids = " ".join(child.get("value", "") for child in children if child.get("type", "").lower() == "amsdocumentid")
    return document_id(unescape(addresses)) or document_id(unescape(ids))


def _child(element: _Element, name: str, attribute: str) -> str:
    """Return the first value that is not empty, unescaped."""
    for child in element.children:
        if child.name == name and (value := unescape(child.attributes().get(attribute, ""))):
            return value
    return ""


def _pixels(text: str | None) -> int | None:
    number = digits(text)
    return number if number is not None and 0 < number <= _LARGEST_INTEGER else None


def _whole_pixels(text: str | None) -> int | None:
    """Return the pixels of an ``img``: browsers write fractions."""
    number = integer(text)
    return number if number is not None and 0 < number <= _LARGEST_INTEGER else None


def _seconds(duration_ms: str, clock: str) -> float | None:
    # Decimal: the sum is rounded once, when it becomes a float.
    if _MILLISECONDS.fullmatch(duration_ms):
        return float(Decimal(duration_ms) / 1000)
    match = _CLOCK.fullmatch(clock)
    return float(int(match[1]) * 3600 + int(match[2]) * 60 + Decimal(match[3])) if match else None


def _transfers(content: str) -> list[Attachment]:
    """Return the files of an old peer-to-peer transfer; their bytes were never stored (3.3.9)."""
    return [
        Attachment(
            kind="file_transfer",
            file_name=None if tag.is_empty else plain_name(text),
            file_size=digits(tag.attributes().get("size")),
        )
        for tag, text in tags_with_text(content, {"file"})
        if not tag.is_end
    ]


def _references(amsreferences: object) -> list[str]:
    """Return the distinct ids of stored objects in ``amsreferences``."""
    if not isinstance(amsreferences, list):
        return []
    ids = (document_id(reference) for reference in amsreferences if isinstance(reference, str))
    return list(dict.fromkeys(object_id for object_id in ids if object_id))
