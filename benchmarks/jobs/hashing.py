"""SHA-256 of the export: what a run of finished work cannot do without."""

from collections.abc import Callable
from pathlib import Path

from skype_assets.etl.export.source import fingerprint


def prepare(export: str) -> Callable[[], object]:
    return lambda: fingerprint(Path(export))
