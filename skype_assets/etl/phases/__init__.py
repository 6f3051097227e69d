"""The three phases: extract, transform, load. Each says what its parts are; the engine runs them."""

from collections.abc import Mapping
from typing import Final

from skype_assets.etl.phases.extract import Extract
from skype_assets.etl.phases.load import Load
from skype_assets.etl.phases.transform import Transform

KINDS: Final[Mapping[str, type[Extract] | type[Transform] | type[Load]]] = {
    kind.name: kind for kind in (Extract, Transform, Load)
}
"""The phases by name, in their order."""

PHASES: Final = tuple(KINDS)
"""Names of the phases, in their order."""
