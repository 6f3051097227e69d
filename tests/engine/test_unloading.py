"""An export that is unloaded leaves the database as if it had never been loaded, in whatever order things are done."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count, permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skype_assets.etl import engine
from skype_assets.etl.sample import write_overlapping
from skype_assets.etl.task import Task
from skype_assets.etl.unloading import unload
from tests.engine.conftest import NewDatabase
from tests.engine.database_content import Digests, digests, query
from tests.engine.runs import task


class Account:
    """Exports of one account, each with a task that is ready to be loaded; and what any of them make together."""

    def __init__(self, folder: Path, paths: Sequence[Path], new_database: NewDatabase) -> None:
        self.tasks = [task(f"t{n}", folder / "out", path, None, 60 + 45 * n) for n, path in enumerate(paths)]
        for one in self.tasks:
            engine.run_phase(one, "extract")
            engine.run_phase(one, "transform")
        self.new_database = new_database
        self._alone: dict[frozenset[int], Digests] = {}

    def load(self, numbers: Sequence[int], url: str) -> None:
        for number in numbers:
            engine.run_phase(replace(self.tasks[number], database=url), "load")

    def unload(self, number: int, url: str) -> None:
        assert unload(replace(self.tasks[number], database=url)).status == "unloaded"

    def expected(self, numbers: Sequence[int]) -> Digests:
        """What these exports make that never met the others."""
        which = frozenset(numbers)
        if which not in self._alone:
            url = self.new_database()
            self.load(sorted(which), url)
            self._alone[which] = digests(url)
        return self._alone[which]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Account:
    folder = tmp_path_factory.mktemp("account")
    return Account(folder, write_overlapping(folder / "exports", exports=3, messages=300), new_database)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_three(order: tuple[int, ...], account: Account) -> None:
    url = account.new_database()
    account.load(order, url)
    assert digests(url) == account.expected(order)
    account.unload(order[1], url)
    assert digests(url) == account.expected([order[0], order[2]])
    account.unload(order[0], url)
    assert digests(url) == account.expected([order[2]])
    account.load(order, url)
    assert digests(url) == account.expected(order)
