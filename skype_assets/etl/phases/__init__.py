"""The three phases: extract, transform, load. Each says what its parts are; the engine runs them (``kinds.KINDS``).

Their names stand here alone, so that whoever only looks into folders need not import what does the work.
"""

from collections.abc import Mapping
from typing import Final

FOLDERS: Final[Mapping[str, str]] = {
    "extract": "raw_export",
    "transform": "transformed_tables",
    "load": "loaded_database",
}
"""The phases by name, in their order, each with the name of its asset, which is that of its folder, too."""

PHASES: Final = tuple(FOLDERS)
"""Names of the phases, in their order."""

AFTER_PARTS: Final[Mapping[str, float]] = {"extract": 0.02, "transform": 0.15, "load": 0.5}
"""How long what follows the last part takes, as a share of the parts' time: measured with 400,000 messages."""
