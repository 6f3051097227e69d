"""Rows of ``messages`` and of the tables below it, from raw message objects.

Nearly all messages are spelled as Skype's own clients spell them and are read the short way, by a compiled reader
(``usual``); what it leaves is read the general way. Both make the same rows of the same message.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from skype_assets.etl.rows.any_messages import any_rows
from skype_assets.etl.rows.compiled_messages import compiled_rows
from skype_assets.etl.rows.message_tables import Export, MessageRows


def message_rows(batches: Iterable[pa.RecordBatch], export: Export, at_a_time: int) -> Iterator[MessageRows]:
    """Rows of every table fed by batches of the raw ``messages`` table, with ``rejects``.

    Every raw object becomes one row of ``messages`` or one of ``rejects``. The few objects that the compiled reader
    leaves are collected, and read when there are ``at_a_time`` of them: tables of a few rows would cost more than the
    reading.
    """
    left: list[pa.RecordBatch] = []
    for batch in batches:
        usual = compiled_rows(batch, export)
        yield usual
        left.append(batch.take(pa.array(np.delete(np.arange(batch.num_rows), usual.rows["messages"]))))
        if sum(one.num_rows for one in left) >= at_a_time:
            yield any_rows(pa.concat_batches(left), export)
            left.clear()
    if any(one.num_rows for one in left):
        yield any_rows(pa.concat_batches(left), export)
