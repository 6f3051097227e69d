"""Unloading, repairing and deferring with tables in partitions: what has SQL of its own of all that is promised."""

from tests.engine.test_deferred_keys import (
    campaign,
    expected,
    test_an_export_is_unloaded_while_keys_are_deferred,
    test_rows_are_the_same_without_keys_and_with_those_that_come_after_the_last,
    test_rows_that_refer_to_nothing_keep_the_tables_from_being_complete,
    transformed,
)
from tests.engine.test_repairing import (
    test_every_message_of_an_account_comes_back,
    test_what_is_moved_swapped_or_made_to_fit_is_put_right,
    test_whatever_is_altered_together_is_put_right,
)
from tests.engine.test_unloading import (
    account,
    own,
    test_the_others_verify_afterwards,
    test_what_is_left_after_an_unload_is_what_the_others_make_and_what_is_loaded_again_was_never_gone,
    test_where_another_account_finds_its_objects_is_where_they_are_afterwards,
)

__all__ = [
    "account",
    "campaign",
    "expected",
    "own",
    "test_an_export_is_unloaded_while_keys_are_deferred",
    "test_every_message_of_an_account_comes_back",
    "test_rows_are_the_same_without_keys_and_with_those_that_come_after_the_last",
    "test_rows_that_refer_to_nothing_keep_the_tables_from_being_complete",
    "test_the_others_verify_afterwards",
    "test_what_is_left_after_an_unload_is_what_the_others_make_and_what_is_loaded_again_was_never_gone",
    "test_what_is_moved_swapped_or_made_to_fit_is_put_right",
    "test_whatever_is_altered_together_is_put_right",
    "test_where_another_account_finds_its_objects_is_where_they_are_afterwards",
    "transformed",
]
