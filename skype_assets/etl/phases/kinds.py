"""The classes that do the phases."""

from collections.abc import Mapping
from typing import Final

from skype_assets.etl.phases.extract import Extract
from skype_assets.etl.phases.load import Load
from skype_assets.etl.phases.phase import Phase
from skype_assets.etl.phases.transform import Transform

PHASE_CLASSES: Final[Mapping[str, type[Phase]]] = {kind.facts.name: kind for kind in (Extract, Transform, Load)}
"""The phases by name, in their order."""
