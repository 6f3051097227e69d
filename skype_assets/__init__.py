"""Skype exports into PostgreSQL: the documented API. The Dagster code location is ``skype_assets.definitions``."""

from typing import TYPE_CHECKING, Any

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
