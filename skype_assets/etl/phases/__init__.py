"""The three phases: extract, transform, load. Each says what its parts are; the engine runs them.

What they are called and how they are counted stands here alone, so that whoever only looks into folders need not import
what does the work: the classes in ``phases.kinds``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class PhaseFacts:
    """What is known of a phase without doing it.

    Attributes:
        name: the phase.
        asset: name of its asset, and of the folder of its checkpoint.
        version: of the code that determines the result, a number; another one makes the phase anew.
        unit: what its work is counted in.
        after_parts: how long what follows the last part takes, as a share of the parts' time: measured with 400,000
            messages.
        reads_export: whether it is made from the export itself, not from the phase before it.
    """

    name: str
    asset: str
    version: str
    unit: str
    after_parts: float
    reads_export: bool = False


EXTRACT: Final = PhaseFacts("extract", "raw_export", "2", "bytes", after_parts=0.02, reads_export=True)
TRANSFORM: Final = PhaseFacts("transform", "transformed_tables", "7", "messages", after_parts=0.15)
LOAD: Final = PhaseFacts("load", "loaded_database", "4", "messages", after_parts=0.5)

UNREADABLE: Final = "unreadable"
"""The count of places in a damaged export at which something could not be read; only of such a one it is counted."""

KEYS_DEFERRED: Final = "keys_deferred"
"""Counted of a load after which the tables lacked foreign keys, as it was asked to leave them to a later one."""

FACTS: Final[Mapping[str, PhaseFacts]] = {facts.name: facts for facts in (EXTRACT, TRANSFORM, LOAD)}
"""The phases by name, in their order."""

PHASES: Final = tuple(FACTS)
"""Names of the phases, in their order: ``extract``, ``transform``, ``load``."""

FOLDERS: Final[Mapping[str, str]] = {facts.name: facts.asset for facts in FACTS.values()}
"""Names of the phases' assets, which are those of their folders, by phase."""
