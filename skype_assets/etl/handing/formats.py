"""The formats by name, as somebody who hands over without a command chooses one."""

from collections.abc import Callable
from typing import Final

from skype_assets.etl.errors import UsageError
from skype_assets.etl.handing.handover import Format
from skype_assets.etl.handing.html import HTML
from skype_assets.etl.handing.parquet import PARQUET
from skype_assets.etl.handing.rsmf.writing import rsmf
from skype_assets.etl.handing.sheets import sheets
from skype_assets.etl.handing.text import MARKDOWN, TEXT

FORMATS: Final[dict[str, Callable[[], Format]]] = {
    "html": lambda: HTML,
    "text": lambda: TEXT,
    "markdown": lambda: MARKDOWN,
    "csv": lambda: sheets(is_raw=False),
    "parquet": lambda: PARQUET,
    "rsmf": lambda: rsmf(with_load_file=False),
}


def chosen(name: str) -> Format:
    """The format of a name.

    Raises:
        UsageError: there is none.
    """
    if name not in FORMATS:
        raise UsageError(f"{name!r} is no format of hand-overs; there are {', '.join(FORMATS)}")
    return FORMATS[name]()
