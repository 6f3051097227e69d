"""Answers with a file's bytes, or a range of them, so that players can seek."""

import re
from collections.abc import Iterator
from typing import BinaryIO, Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from skype_assets.etl.pages.access import BYTES_POLICY
from skype_assets.etl.pages.media_types import LOOKED_AT, is_shown, media_type
from skype_assets.etl.reading.files import File

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_PIECE: Final = 256 * 1024


def bytes_of(file: File, wanted: str | None, *, is_head: bool = False) -> Response:
    """The answer: 200 with all, 206 with the range that is wanted, 416 if there is no such range."""
    type_ = media_type(file.content.read(LOOKED_AT))
    headers = {
        "content-type": type_,
        "content-security-policy": BYTES_POLICY,
        "content-disposition": _disposition(file.name, is_inline=is_shown(type_)),
        "accept-ranges": "bytes",
    }
    span = _span(wanted, file.size)
    if span is None:
        file.content.close()
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{file.size}"})
    begin, end = span
    headers["content-length"] = str(end - begin)
    if wanted is not None and (begin, end) != (0, file.size):
        headers["content-range"] = f"bytes {begin}-{end - 1}/{file.size}"
    status = 206 if "content-range" in headers else 200
    if is_head:
        file.content.close()
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_pieces(file.content, begin, end), status, headers)


def _span(wanted: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one behind the last; all, if the range is one that need not be understood."""
    found = _RANGE.fullmatch(wanted.strip()) if wanted is not None else None
    if found is None or found[1] == found[2] == "":
        return 0, size
    if not found[1]:
        begin, end = max(0, size - int(found[2])), size
    else:
        begin, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
    return (begin, end) if begin < end or size == 0 else None


def _pieces(content: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    with content:
        content.seek(begin)
        while begin < end and (piece := content.read(min(_PIECE, end - begin))):
            begin += len(piece)
            yield piece


def _disposition(name: str | None, *, is_inline: bool) -> str:
    """Shown in its place or downloaded, under its own name: the last part of it, without what steers a terminal."""
    shown = re.split(r"[/\\]", name or "")[-1]
    shown = "".join(character for character in shown if character.isprintable())[:150].strip(". ") or "file"
    return f"{'inline' if is_inline else 'attachment'}; filename*=UTF-8''{quote(shown, safe='')}"
