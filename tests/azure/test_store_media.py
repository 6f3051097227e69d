"""What every store promises (``tests/checkpoints/test_store_media.py``), of Azure's."""

from tests.checkpoints.test_store_media import *  # noqa: F403 - what is promised of all
