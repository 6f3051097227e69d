"""What all pages are rendered with, wherever they go: templates, filters, and what the page of a conversation shows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from skype_assets.etl.pages import formats, text
from skype_assets.etl.pages.article import Articles
from skype_assets.etl.pages.beside import Beside
from skype_assets.etl.pages.message import Shown, call_people
from skype_assets.etl.pages.rows import Rows
from skype_assets.etl.pages.words import WEEKDAYS, WORDS, counted, word
from skype_assets.etl.reading.accounts import Account
from skype_assets.etl.reading.conversations import Conversation
from skype_assets.etl.reading.keys import key, slug
from skype_assets.etl.reading.walk import Page

HERE: Final = Path(__file__).parent


def feed(
    of: Conversation,
    page: Page,
    shown: list[Shown],
    beside: Beside,
    names: dict[str, str],
) -> dict[str, Any]:
    """What the page of a conversation shows."""
    return {
        "here": "conversations",
        "conversation": of,
        "page": page,
        "shown": shown,
        "beside": beside,
        "in_call": lambda one: call_people(one, names),
        "target": None,
    }


def environment(zone: ZoneInfo) -> Environment:
    """The templates, with all that they use."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Callable[..., Any]] = {
        "day": formats.day,
        "day_of_week": formats.day_of_week,
        "clock": formats.clock,
        "day_and_clock": formats.day_and_clock,
        "iso": formats.iso,
        "local": lambda instant: formats.local(instant, zone) if instant else None,
        "number": lambda count: f"{count:,}",
        "highlighted": text.highlighted,
        "excerpt": text.excerpt,
        "readable": lambda raw: raw.decode("utf-8", "backslashreplace"),
    }
    shared: dict[str, Any] = {
        "w": WORDS,
        "word": word,
        "counted": counted,
        "key": key,
        "slug": slug,
        "zone": zone.key,
        "link": _link,
        "weekdays": WEEKDAYS,
        "articles": Articles(made),
        "rows": Rows(zone),
    }
    made.filters |= filters
    made.globals |= shared
    return made


def _link(path: str, /, account: Account | None = None, accounts: list[Account] | None = None, **values: object) -> str:
    """An address of ours; with the account, if there are several to choose from."""
    chosen = {"a": account.key} if account is not None and accounts and len(accounts) > 1 else {}
    asked = urlencode({name: value for name, value in {**chosen, **values}.items() if value not in (None, "")})
    return f"{path}?{asked}" if asked else path
