"""The phases by name."""

from collections.abc import Mapping
from typing import Final

from skype_assets.etl.phases.extract import Extract
from skype_assets.etl.phases.load import Load
from skype_assets.etl.phases.phase import Phase
from skype_assets.etl.phases.transform import Transform

KINDS: Final[Mapping[str, type[Phase]]] = {kind.name: kind for kind in (Extract, Transform, Load)}
"""The phases by name, in their order."""
