"""The command line: ``skype-assets``. One command per file; which there are, is in ``commands.py``.

Nothing is imported here that takes long: a signal that comes while the commands are imported must be heard already.
"""

from typing import TYPE_CHECKING, Any

from skype_assets.etl import interruption
from skype_assets.etl.command_line import left_out

if TYPE_CHECKING:
    from skype_assets.etl.command_line.commands import skype_assets

__all__ = ["main", "skype_assets"]


def main() -> None:
    """Entry point of ``skype-assets``."""
    interruption.listen()
    left_out.leave_out()
    try:
        from skype_assets.etl.command_line import commands

        commands.run()
    finally:
        interruption.listen_no_more()


def __getattr__(name: str) -> Any:
    """The commands, for whoever imports them."""
    if name == "skype_assets":
        from skype_assets.etl.command_line import commands

        return commands.skype_assets
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
