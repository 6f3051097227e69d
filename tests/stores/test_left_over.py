"""What is promised of what is left over in a store, over object storage."""

from tests.checkpoints.test_left_over import *  # noqa: F403 - what is promised of both
