"""What is promised of media in a store, over object storage."""

from tests.checkpoints.test_store_media import *  # noqa: F403 - what is promised of both
