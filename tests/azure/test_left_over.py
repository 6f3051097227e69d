"""What every store promises (``tests/checkpoints/test_left_over.py``), of Azure's."""

from tests.checkpoints.test_left_over import *  # noqa: F403 - what is promised of all
