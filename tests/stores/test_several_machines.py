"""The same of processes that share object storage."""

from tests.command_line.test_several_machines import *  # noqa: F403 - what is promised of both
