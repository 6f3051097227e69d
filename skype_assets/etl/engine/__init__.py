"""The engine: the one loop over phases and parts that every door opens on."""

from skype_assets.etl.engine.loop import DEADLY, PHASES, open_phase, run, run_phase

__all__ = ["DEADLY", "PHASES", "open_phase", "run", "run_phase"]
