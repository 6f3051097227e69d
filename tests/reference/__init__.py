"""A slow, plain second implementation of the tables, which the tests compare the product against.

It is written from the format reference and the decisions about the tables alone and shares no code with
``skype_assets``, so that a mistake has to be made twice to go unseen. Everything is read into memory, every value goes
through ``json.loads``, and one export is simply the merge of one.
"""

from tests.reference.calls import calls
from tests.reference.digest import UNCOMPARED_FLAGS, difference, digest, rows_from_database
from tests.reference.merge import merged_tables, reference_tables

__all__ = [
    "UNCOMPARED_FLAGS",
    "calls",
    "difference",
    "digest",
    "merged_tables",
    "reference_tables",
    "rows_from_database",
]
