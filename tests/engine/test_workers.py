"""Who does the parts: processes begin when they were asked for, or when there is work for them."""

import os
from collections.abc import Iterator
from itertools import islice, repeat, takewhile
from typing import cast

from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.engine.workers import in_order
from skype_assets.etl.phases.phase import Done, Work

PARTS = cast(list[Work], [os.getpid] * 5)


def test_the_first_part_is_done_here_and_the_others_by_workers() -> None:
    first, *others = cast(list[int], list(in_order(PARTS, 2)))
    assert first == os.getpid()
    assert os.getpid() not in others
    assert len(set(others)) <= 2


def test_a_process_that_helps_does_parts_until_the_others_have_begun() -> None:
    done_by = cast(Iterator[int], in_order(cast(Iterator[Work], repeat(os.getpid)), 2, helps=True))
    here = list(takewhile(lambda process: process == os.getpid(), done_by))
    assert here
    assert os.getpid() not in set(islice(done_by, 20))


def test_no_worker_begins_while_this_process_is_to_work_alone() -> None:
    assert list(in_order(PARTS, 2, alone_for=600)) == [os.getpid()] * 5


def test_a_suspect_is_done_by_another_process_however_long_this_one_is_to_work_alone() -> None:
    suspect, *others = cast(list[int], list(in_order(PARTS, 2, 1, alone_for=600)))
    assert suspect != os.getpid()
    assert others == [os.getpid()] * 4


def test_no_worker_begins_for_parts_that_are_done() -> None:
    done = [Done(cast(PartRecord, number)) for number in range(3)]
    assert list(in_order([*PARTS[:2], *done], 2)) == [os.getpid(), os.getpid(), 0, 1, 2]
