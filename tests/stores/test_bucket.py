"""What is promised of a bucket of exports, over object storage."""

from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.tasks import bucket
from tests.export.test_bucket import *  # noqa: F403 - what is promised of both


def test_the_same_content_under_two_names_is_one_export(store_url: str) -> None:
    store = stores.opened(store_url)
    for name in ("a.tar", "b/copy of a.tar"):
        store.put(name, b"the same bytes")
    assert [one.names for one in bucket.arrivals(store_url, [])] == [("a.tar", "b/copy of a.tar")]
