"""Skype exports into PostgreSQL: the documented API. The Dagster code location is ``skype_assets.definitions``."""

import sys
from typing import TYPE_CHECKING, Any

# pip refuses these; whoever runs a checkout by hand is told as plainly. Nothing above may need a newer Python.
if sys.version_info < (3, 11) or sys.implementation.name != "cpython":
    found = (sys.implementation.name, *sys.version_info[:2], sys.executable)
    # Not ImportError: what everybody reads is the line, not the traceback above it.
    sys.exit("skype-assets needs CPython 3.11 or newer; this is {} {}.{}, {}".format(*found))

if TYPE_CHECKING:
    from skype_assets.etl.api.context import ETLContext
    from skype_assets.etl.api.pipeline import ETLPipeline

__all__ = ["ETLContext", "ETLPipeline"]


def __getattr__(name: str) -> Any:
    # Not at import: every module below this package would pay for Arrow, `skype-assets --help` first.
    if name == "ETLContext":
        from skype_assets.etl.api.context import ETLContext

        return ETLContext
    if name == "ETLPipeline":
        from skype_assets.etl.api.pipeline import ETLPipeline

        return ETLPipeline
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
