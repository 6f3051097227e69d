"""Loads and merges into tables in partitions, by one and by many: what ``tests/database`` asks of plain ones."""

from tests.database.test_loading import *  # noqa: F403 - what is promised of both
from tests.database.test_many_loaders import *  # noqa: F403
from tests.database.test_merging import *  # noqa: F403
from tests.database.test_superseding import *  # noqa: F403
from tests.engine.test_merge_orders import *  # noqa: F403

del test_no_message_text_is_in_an_error_of_the_database  # noqa: F821 - by a unique index, which these cannot have
