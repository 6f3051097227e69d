"""Several machines: a server of object storage, PostgreSQL over TCP, and processes that share nothing else."""

from tests.stores.conftest import object_storage, store_url

__all__ = ["object_storage", "store_url"]
