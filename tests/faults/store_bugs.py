"""D5, test the tester: what others do wrong with a store. Every one must be caught by a case of D1 to D4."""

# Private names are replaced here: that is what planting a bug is.
# pyright: reportPrivateUsage=false

from collections.abc import Callable

from skype_assets.etl.checkpoints import object_store, store_media
from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.object_store import ObjectStore
from skype_assets.etl.checkpoints.state import FileRecord
from skype_assets.etl.checkpoints.store import AlreadyThere, Conflict
from skype_assets.etl.checkpoints.store_attempt import StoreAttempt
from skype_assets.etl.checkpoints.task_log import TaskLog
from tests.faults.planted_bugs import Bug


def _replace(where: object, **bugs: object) -> None:
    for name, bug in bugs.items():
        assert hasattr(where, name), name
        setattr(where, name, bug)


def _not_read_back() -> None:
    def create(name: str, data: bytes, attempt: Callable[[], None], get: Callable[[str], bytes]) -> None:
        try:
            attempt()
        except AlreadyThere:
            raise Conflict(name) from None

    _replace(stores, create=create)
    _replace(object_store.store, create=create)


def _without_condition() -> None:
    _replace(ObjectStore, put_new=ObjectStore.put)
    _replace(stores, prove=lambda store: None)


def _looked_before() -> None:
    def append(self: TaskLog, number: int, data: bytes) -> None:
        if (self.newest_number() or -1) >= number:
            raise Conflict(self.name(number))
        self._store.put(self.name(number), data)

    _replace(TaskLog, append=append)


def _files_after_the_log() -> None:
    commit, publish = StoreAttempt.commit, StoreAttempt.publish

    def late(self: StoreAttempt, folder: Directory, name: str, data: bytes) -> None:
        commit(self, folder, name, data)
        publish(self, folder, name, data)

    _replace(StoreAttempt, publish=lambda self, folder, name, data: None, commit=late)


def _no_tenure() -> None:
    _replace(Attempt, tenure=property(lambda self: None))


def _never_published() -> None:
    def publish(self: StoreAttempt, folder: Directory, record: FileRecord) -> None:
        pass

    _replace(StoreAttempt, _publish=publish)


def _object_not_put() -> None:
    _replace(store_media.StoreMedia, put=lambda self, sha256, path: None)


STORE_BUGS: dict[str, Bug] = {
    "not read back": Bug("a lost answer looks like another's entry", _not_read_back, "D1", [("answer lost",)]),
    "without condition": Bug("entries are put, not created", _without_condition, "D3", [("stop after",)]),
    "looked before": Bug("who looks before he writes needs no condition", _looked_before, "D3", [("stop after",)]),
    "files after the log": Bug(
        "files are put when the log names them already", _files_after_the_log, "D1", [("kill after",)]
    ),
    "never published": Bug("files stay on the machine", _never_published, "D1", [("kill after",)]),
    "object not put": Bug("media stay on the machine", _object_not_put, "D1", [("503",)]),
    "no tenure": Bug("the database takes whoever registers last", _no_tenure, "D3", [("stop after",)]),
}
"""By name; each with the test of which a case must catch it, and what such cases begin with."""
