"""Which exports lie in a bucket, told without reading any of them."""

import pytest

from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints.store import Store
from skype_assets.etl.errors import UsageError
from skype_assets.etl.tasks import bucket


@pytest.fixture
def lying(store_url: str) -> Store:
    """A bucket with two exports, and what is none."""
    store = stores.opened(store_url)
    for name, data in {
        "ann.tar": b"1",
        "2019/Bo (old).ZIP": b"22",
        "notes.txt": b"3",
        "2019/.hidden.tar": b"4",
    }.items():
        store.put(name, data)
    return store


def test_what_may_be_an_export_by_its_name_has_a_task_and_is_found_by_it(lying: Store) -> None:
    found = {one.names: one.task_id for one in bucket.arrivals(lying.url, [])}
    assert set(found) == {("ann.tar",), ("2019/Bo (old).ZIP",)}
    assert found["2019/Bo (old).ZIP",].startswith("Bo-old-")
    for (name,), task_id in found.items():
        assert bucket.find(lying.url, task_id) == name
        assert bucket.find(lying.url, task_id, name) == name
        assert bucket.find(lying.url, task_id, "2019/gone.tar") == name
    assert bucket.find(lying.url, "ann-000000000000") is None


def test_one_that_is_replaced_is_another_and_one_that_is_registered_keeps_its_task(lying: Store) -> None:
    before = {one.names[0]: one.task_id for one in bucket.arrivals(lying.url, [])}
    registered = "given-" + before["2019/Bo (old).ZIP"][-12:]
    lying.put("ann.tar", b"other bytes")
    after = {one.names[0]: one.task_id for one in bucket.arrivals(lying.url, [registered])}
    assert after["ann.tar"] != before["ann.tar"]
    assert after["2019/Bo (old).ZIP"] == registered
    assert bucket.find(lying.url, before["ann.tar"]) is None
    assert bucket.find(lying.url, before["ann.tar"], "ann.tar") is None


@pytest.mark.parametrize(
    ("url", "output", "said"),
    [
        ("s3://key:secret@bucket/exports", None, "credentials"),
        ("file:///srv/exports", None, "SKYPE_EXPORTS_DIR is for folders"),
        ("s3://bucket", "s3://bucket/checkpoints", "beside each other"),
        ("s3://bucket/a/exports", "s3://bucket/a/", "beside each other"),
        ("s3://bucket/a", "s3://bucket/a/", "beside each other"),
    ],
)
def test_what_cannot_be_a_bucket_of_exports_is_refused(url: str, output: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        bucket.checked(url, output)
    assert "secret" not in str(refused.value)


def test_a_bucket_may_have_exports_beside_checkpoints() -> None:
    assert bucket.checked("s3://bucket/exports/", "s3://bucket/exports-loaded") == "s3://bucket/exports"
