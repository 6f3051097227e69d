"""A folder as a store: local, or mounted on several machines. What is written is durable as any checkpoint file is."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from skype_assets.etl.checkpoints import store
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.store import AlreadyThere, Stored

_BLOCK: Final = 1 << 20


class LocalStore:
    """See ``Store``. A file is created by a link to one that is whole: there is no instant at which it is half there.

    Args:
        path: the folder; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def url(self) -> str:
        """See ``Store``."""
        return f"file://{self._path}"

    def get(self, name: str) -> bytes:
        """See ``Store``."""
        return self._folder(name).get(Path(name).name)

    def look(self, name: str) -> Stored:
        """See ``Store``."""
        return self._stored(self._path / name)

    def blocks(self, name: str) -> Iterator[bytes]:
        """See ``Store``."""
        with (self._path / name).open("rb") as stream:
            while block := stream.read(_BLOCK):
                yield block

    def put(self, name: str, data: bytes) -> None:
        """See ``Store``."""
        self._folder(name).make().put(Path(name).name, data)

    def put_file(self, name: str, path: Path) -> None:
        """See ``Store``."""
        with path.open("rb") as source, self._folder(name).make().create(Path(name).name) as stream:
            shutil.copyfileobj(source, stream, _BLOCK)

    def put_new(self, name: str, data: bytes) -> None:
        """See ``Store``."""
        store.create(name, data, partial(self._create, name, data), self.get)

    def _create(self, name: str, data: bytes) -> None:
        folder = self._folder(name).make()
        written = f".{Path(name).name}-{os.urandom(8).hex()}"
        folder.put(written, data)
        try:
            os.link(folder.file(written), folder.file(Path(name).name))
        except FileExistsError:
            raise AlreadyThere(name) from None
        finally:
            folder.remove(written)
        folder.sync()

    def entries(self, folder: str, after: str = "") -> list[Stored]:
        """See ``Store``."""
        found: list[Stored] = []
        for root, _, names in os.walk(self._path / folder):
            for path in (Path(root, name) for name in names if not name.startswith(".")):
                with suppress(FileNotFoundError):  # removed meanwhile
                    found.append(self._stored(path))
        return sorted(entry for entry in found if entry.name > after)

    def folders(self) -> list[str]:
        """See ``Store``."""
        if not self._path.is_dir():
            return []
        return sorted(path.name for path in self._path.iterdir() if path.is_dir() and not path.name.startswith("."))

    def remove(self, name: str) -> None:
        """See ``Store``."""
        with suppress(FileNotFoundError, NotADirectoryError):
            self._folder(name).remove(Path(name).name)

    def _stored(self, path: Path) -> Stored:
        status = path.stat()
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        version = f"{status.st_ino}-{status.st_mtime_ns}"
        return Stored(path.relative_to(self._path).as_posix(), status.st_size, modified, version)

    def _folder(self, name: str) -> Directory:
        return Directory((self._path / name).parent)
