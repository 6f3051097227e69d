"""What every store promises (``tests/checkpoints/test_working_copy.py``), of Azure's."""

from tests.checkpoints.test_working_copy import *  # noqa: F403 - what is promised of all
