"""What every store promises (``tests/checkpoints/test_store.py``), of Azure's."""

from tests.checkpoints.test_store import *  # noqa: F403 - what is promised of all
