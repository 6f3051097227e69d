"""The commands over object storage: what ``tests/command_line`` asks of them over a folder."""

from tests.command_line.test_store_commands import *  # noqa: F403 - what is promised of both
