"""Files of messages beside what is handed over: each once, under the hash of its bytes, with the ending of its type.

What the archive says of a file's type is not believed: the first bytes decide, as in the reader, and what is not shown
in its place gets the ending ``.bin``, so that no browser and no desktop runs it.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from skype_assets.etl.database.session import Session
from skype_assets.etl.handing.output import Output
from skype_assets.etl.pages.media_types import LOOKED_AT, media_type
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.files import Files
from skype_assets.etl.reading.messages import Attachment, Message

FOLDER: Final = "files"

ENDINGS: Final = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/wav": ".wav",
    "video/webm": ".webm",
    "video/mp4": ".mp4",
}
"""Of the types that are shown in their place; others have ``OTHER``."""

OTHER: Final = ".bin"
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class Kept:
    """A file that was handed over: its name within the output, what its bytes are."""

    name: str
    size: int
    sha256: str
    media_type: str

    @property
    def ending(self) -> str:
        """That of its type."""
        return ENDINGS.get(self.media_type, OTHER)

    @property
    def is_shown(self) -> bool:
        """Whether it is a picture, sound or video."""
        return self.media_type in ENDINGS


class Media:
    """Puts files into an output.

    Args:
        session: with the database.
        files: finds the bytes; None = files are left out.
        output: where to.

    Attributes:
        output: where to; a format that packs files has them put elsewhere first.
        kept: files that were put there.
        missing: files that were not.
    """

    def __init__(self, session: Session, files: Files | None, output: Output) -> None:
        self._session, self._files, self.output = session, files, output
        self.kept = 0
        self.missing = 0

    @property
    def is_wanted(self) -> bool:
        """Whether files are handed over at all."""
        return self._files is not None

    def of(self, chat: Conversation, message: Message) -> list[tuple[Attachment, Kept | None]]:
        """The attachments of a message that are files, each with its file."""
        return [(one, self.file(chat, message.message_id, one)) for one in message.attachments if one.is_file]

    def file(self, chat: Conversation, message_id: str, attachment: Attachment) -> Kept | None:
        """The file of an attachment, put there; None if its bytes are not at hand or not wanted."""
        kept = self._keep(chat, message_id, attachment)
        if kept is None:
            self.missing += 1
        else:
            self.kept += 1
        return kept

    def _keep(self, chat: Conversation, message_id: str, attachment: Attachment) -> Kept | None:
        if self._files is None or not attachment.present:
            return None
        file = self._files.open(self._session, chat, message_id, attachment.ordinal)
        if file is None:
            return None
        new, hashed, size, start = f"{FOLDER}/.new", hashlib.sha256(), 0, b""
        with file.content, self.output.create(new) as copy:
            while piece := file.content.read(_PIECE):
                start = start or piece[:LOOKED_AT]
                hashed.update(piece)
                size += copy.write(piece)
        type_ = media_type(start)
        sha256 = hashed.hexdigest()
        name = f"{FOLDER}/{sha256}{ENDINGS.get(type_, OTHER)}"
        self.output.path(new).replace(self.output.path(name))
        return Kept(name, size, sha256, type_)
