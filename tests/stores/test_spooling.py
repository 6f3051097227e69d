"""What is promised of exports in buckets, over object storage."""

from tests.export.test_spooling import *  # noqa: F403 - what is promised of both
