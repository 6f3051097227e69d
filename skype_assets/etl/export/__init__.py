"""Reading Skype exports: which file it is, what is in it, and its ``messages.json`` as verbatim objects.

Only this package knows archives and JSON text; nothing here knows what a message means.
"""

from skype_assets.etl.export.archive import Export, MessagesMember, open_export
from skype_assets.etl.export.members import MediaMember
from skype_assets.etl.export.messages_json import (
    Cursor,
    OpenConversation,
    RawConversation,
    RawPart,
    RawReject,
    Run,
    Span,
    raw_parts,
)
from skype_assets.etl.export.source import Source, fingerprint

__all__ = [
    "Cursor",
    "Export",
    "MediaMember",
    "MessagesMember",
    "OpenConversation",
    "RawConversation",
    "RawPart",
    "RawReject",
    "Run",
    "Source",
    "Span",
    "fingerprint",
    "open_export",
    "raw_parts",
]
