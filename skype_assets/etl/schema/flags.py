"""The flags of a row: what had to be changed or guessed to store a message (format reference, 2.6 and 5.1).

They stand in ``messages.flags``, those of media in ``media_files.flags``. A message without flags is stored as it was
exported; of one with flags the raw checkpoint has the bytes as they were. ``docs/flags.md`` is made from this list.
"""

from collections.abc import Mapping
from typing import Final

NUL_REPLACED: Final = "nul_replaced"
SURROGATE_REPLACED: Final = "surrogate_replaced"
INVALID_UTF8: Final = "invalid_utf8"
NOT_FINITE: Final = "not_finite"
NESTED_TOO_DEEP: Final = "nested_too_deep"
CONTENT_MISSING: Final = "content_missing"
CONTENT_NOT_TEXT: Final = "content_not_text"
ID_MISSING: Final = "id_missing"
SENT_AT_FROM_ID: Final = "sent_at_from_id"
SENT_AT_FROM_VERSION: Final = "sent_at_from_version"
SENT_AT_MISSING: Final = "sent_at_missing"
MARKUP_ILL_FORMED: Final = "markup_ill_formed"
URLPREVIEWS_UNREADABLE: Final = "urlpreviews_unreadable"
DELETED_BY_EDIT_MARKER: Final = "deleted_by_edit_marker"
SERVER_GENERATED: Final = "server_generated"
NUMBER_TOO_LONG: Final = "number_too_long"
JSON_TOO_LARGE: Final = "json_too_large"
TEXT_SHORTENED: Final = "text_shortened"
ROWS_LEFT_OUT: Final = "rows_left_out"

FLAGS: Final[Mapping[str, str]] = {
    NUL_REPLACED: "U+0000 in a string, which PostgreSQL cannot store, was replaced by U+FFFD",
    SURROGATE_REPLACED: "half of a surrogate pair, which no encoding takes, was replaced by U+FFFD",
    INVALID_UTF8: "bytes that are no UTF-8 were replaced by U+FFFD",
    NOT_FINITE: "a number that is NaN or infinite, which JSON does not have, became null",
    NESTED_TOO_DEEP: "arrays or objects more than 512 levels deep became null; extract refuses an export that has such",
    CONTENT_MISSING: "the message has no content; its text is empty",
    CONTENT_NOT_TEXT: "the content is no string; its JSON text was kept instead",
    ID_MISSING: "the message has no id; it was made from the SHA-256 of its bytes, as `unknown:` and 16 hex digits",
    SENT_AT_FROM_ID: "the time of sending is missing or unreadable; it was taken from the id",
    SENT_AT_FROM_VERSION: "neither the time of sending nor the id tells when; it was taken from the version",
    SENT_AT_MISSING: "neither the time of sending nor id nor version tells when; `sent_at` is null",
    MARKUP_ILL_FORMED: "the content is no well-formed XML (a bare `&`, no end tag), nor HTML; it was read leniently",
    URLPREVIEWS_UNREADABLE: "the previews of links are cut or no JSON array; the links have no titles",
    DELETED_BY_EDIT_MARKER: "the content is nothing but an edit marker: the message was deleted, nobody knows when",
    SERVER_GENERATED: "a blank row that the server made, neither an edit nor a deletion; it counts in no total",
    NUMBER_TOO_LONG: "a number that has more than 400 digits when it is written out, such as 1e-20000, became null",
    JSON_TOO_LARGE: "properties or details of more than 1 MiB, or of more than 100,000 values, became null",
    TEXT_SHORTENED: "content ends after 1,048,576 characters, another text after 65,536; what follows was not read",
    ROWS_LEFT_OUT: "more links, mentions and the like than belong to a message of its size: the first are kept",
}
"""What each flag means."""

TYPE_DIFFERS: Final = "type_differs"
COPIES_DIFFER: Final = "copies_differ"
ARCHIVES_DIFFER: Final = "archives_differ"
UNREADABLE: Final = "unreadable"

MEDIA_FLAGS: Final[Mapping[str, str]] = {
    TYPE_DIFFERS: "the first bytes are of another type than the side file says",
    COPIES_DIFFER: "members of this id and index have different bytes: the largest is here, the bytes of all are kept",
    ARCHIVES_DIFFER: "another archive of the account has other bytes under this id and index: each has a row",
    UNREADABLE: "the archive is damaged here, or compressed in a way that this program cannot read: there are no bytes",
}
"""What each flag of ``media_files`` means."""
