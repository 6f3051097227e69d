"""Libraries that others import where they are installed, and that no command uses: they are not found here.

Arrow and its driver look for pandas and polars when a database is connected, and do without where there is none. That
is a quarter of a second of each command that connects, and 60 MB of a reader that is open all day.
"""

import sys
from typing import Final

NAMES: Final = ("pandas", "polars")


class _Finder:
    """Refuses these names before any other finder is asked."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in NAMES:
            raise ModuleNotFoundError(f"{name} is left out of the processes of the command line", name=name)


def leave_out() -> None:
    """Have this process, which must be of the command line alone, import none of them."""
    sys.meta_path.insert(0, _Finder())
