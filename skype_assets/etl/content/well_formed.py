"""Whether content is well-formed, as clients should write it and do not always (sections 3.2 and 10).

Skype's clients write XML, Teams writes HTML: an ``img`` needs no end, and ``&nbsp;`` is an entity.

The reading itself does not depend on it: `markup` takes well-formed and ill-formed content alike. This only tells which
messages a stricter reader might understand in another way.
"""

import re
from html.entities import html5
from typing import Final
from xml.parsers import expat

LONGEST: Final = 256 * 1024
"""Characters of content that are judged: the judge keeps every open element in memory."""

_BARE_AMPERSAND: Final = re.compile(r"&(?!(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});)")
_NAMED: Final = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31};)")
_WITHOUT_END: Final = re.compile(r"<((?:area|br|col|hr|img|input|source|wbr)(?:\s[^<>]*+)?)>", re.IGNORECASE)
# XML cannot hold them, but they do not stand in a reader's way.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def is_well_formed(content: str) -> bool:
    """Whether content is XML when it is put into a root element; control characters are overlooked.

    Where as many elements end as begin, and as many quotation marks, that is taken for granted: what could be wrong
    then, such as elements that overlap, makes no difference to the reading. In doubt an XML parser decides.
    """
    if "&" in content and not _only_common_entities(content) and not _only_entities(content):
        return False
    if "<" not in content:
        return True
    ends = content.count("</")
    balanced = content.count("<") - content.count("/>") == 2 * ends and content.count('"') % 2 == 0
    return balanced or len(content) > LONGEST or _is_xml(content)


def _only_common_entities(content: str) -> bool:
    others = content.count("&") - content.count("&amp;")
    return not others or others == sum([content.count(entity) for entity in ("&lt;", "&gt;", "&quot;", "&apos;")])


def _only_entities(content: str) -> bool:
    return not _BARE_AMPERSAND.search(content) and html5.keys() >= set(_NAMED.findall(content))


def _is_xml(content: str) -> bool:
    # Entities beyond the five of XML cannot be declared within an element, so there are none to expand.
    if _FORBIDDEN.search(content):
        content = _FORBIDDEN.sub(" ", content)
    # Of its entities only the five of XML are known to the parser.
    content = _WITHOUT_END.sub(_ended, _NAMED.sub(" ", content))
    parser = expat.ParserCreate("UTF-8")
    try:
        parser.Parse(f"<root>{content}</root>".encode("utf-8", "replace"), True)
    except expat.ExpatError:
        return False
    return True


def _ended(tag: re.Match[str]) -> str:
    return tag[0] if tag[1].endswith("/") else f"<{tag[1]}/>"
