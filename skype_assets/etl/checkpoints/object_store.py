"""Object storage as a store: S3, Google Cloud Storage, Azure. Nothing else imports obstore, which is an extra."""

import os
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from skype_assets.etl.checkpoints import store
from skype_assets.etl.checkpoints.store import AlreadyThere, Stored
from skype_assets.etl.errors import StoreRefused, StoreUnavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_CLIENT: Final = {"timeout": "300s", "connect_timeout": "10s"}
"""Of a request: a part's file has at most some 64 MB, and a slow line takes its time."""
_BLOCK: Final = 1 << 20
_PIECE: Final = 16 << 20
"""Bytes of a piece of a long object: S3 takes 10,000 of them."""
_RETRIES: Final[Any] = {"max_retries": 8, "retry_timeout": timedelta(seconds=60)}
_ENDED_CREDENTIALS: Final = ("ExpiredToken", "TokenRefreshRequired", "InvalidAccessKeyId", "SignatureDoesNotMatch")
_NO_BUCKET: Final = ("NoSuchBucket", "ContainerNotFound", "404 Not Found")


class ObjectStore:
    """See ``Store``. Credentials, region and endpoint come from the environment that the store's own tools use.

    Args:
        url: its address.

    Raises:
        UsageError: obstore is not installed, or does not know such an address.
    """

    def __init__(self, url: str) -> None:
        try:
            import obstore
            from obstore import exceptions
            from obstore.store import from_url
        except ImportError:
            raise UsageError(f"{url}: object storage needs an extra: pip install 'skype-assets[cloud]'") from None
        self._url = url
        self._obstore: Any = obstore
        self._exceptions: Any = exceptions
        options: Any = {**_CLIENT, "allow_http": _allows_http()}
        try:
            self._store: Any = from_url(url, client_options=options, retry_config=_RETRIES)
        except exceptions.BaseError as error:
            raise UsageError(f"{url} cannot be opened: {_first_line(error)}") from None

    @property
    def url(self) -> str:
        """See ``Store``."""
        return self._url

    def get(self, name: str) -> bytes:
        """See ``Store``."""
        return self._asked(lambda: bytes(self._obstore.get(self._store, name).bytes()))

    def look(self, name: str) -> Stored:
        """See ``Store``."""
        return self._asked(lambda: _stored(self._obstore.head(self._store, name)))

    def blocks(self, name: str) -> "Iterator[bytes]":
        """See ``Store``."""
        answer = self._asked(lambda: self._obstore.get(self._store, name).stream(min_chunk_size=_BLOCK))
        while block := self._asked(lambda: next(answer, None)):
            yield bytes(block)

    def put(self, name: str, data: bytes) -> None:
        """See ``Store``."""
        self._asked(lambda: self._obstore.put(self._store, name, data, use_multipart=False), is_write=True)

    def put_file(self, name: str, path: Path) -> None:
        """See ``Store``. What is long goes in pieces, and is there when the last one has arrived."""
        self._asked(
            lambda: self._obstore.put(self._store, name, path, chunk_size=_PIECE, max_concurrency=2), is_write=True
        )

    def put_new(self, name: str, data: bytes) -> None:
        """See ``Store``."""
        store.create(name, data, partial(self._create, name, data), self.get)

    def _create(self, name: str, data: bytes) -> None:
        def created() -> None:
            try:
                self._obstore.put(self._store, name, data, mode="create", use_multipart=False)
            except (self._exceptions.AlreadyExistsError, self._exceptions.PreconditionError):
                raise AlreadyThere(name) from None

        self._asked(created, is_write=True)

    def entries(self, folder: str, after: str = "") -> list[Stored]:
        """See ``Store``."""

        def listed() -> list[Stored]:
            pages = self._obstore.list(self._store, folder, offset=after or None)
            found = (entry for page in pages for entry in page)
            return sorted(_stored(entry) for entry in found)

        return self._asked(listed)

    def folders(self) -> list[str]:
        """See ``Store``."""
        return sorted(self._asked(lambda: self._obstore.list_with_delimiter(self._store)["common_prefixes"]))

    def remove(self, name: str) -> None:
        """See ``Store``."""
        # To the library it is no call that it may repeat, as it goes as a list of names.
        for last in (False, False, True):
            try:
                with suppress(FileNotFoundError):
                    self._asked(lambda: self._obstore.delete(self._store, name))
            except StoreUnavailable:
                if last:
                    raise
            else:
                return

    def __reduce__(self) -> "tuple[Callable[[str], store.Store], tuple[str]]":
        """As its address alone: whoever gets it uses his own credentials."""
        return store.opened, (self._url,)

    def _asked(self, ask: "Callable[[], T]", *, is_write: bool = False) -> T:
        """What the store answers, or its error as the platform's own."""
        errors = self._exceptions
        try:
            return ask()
        except FileNotFoundError as error:
            if is_write or any(sign in str(error) for sign in _NO_BUCKET[:2]):
                raise self._no_bucket() from None
            raise FileNotFoundError(f"{self._url}: {_first_line(error)}") from None
        except (errors.PermissionDeniedError, errors.UnauthenticatedError) as error:
            raise StoreRefused(f"{self._url} refuses these credentials: {_first_line(error)}") from None
        except (errors.NotSupportedError, errors.InvalidPathError) as error:
            raise StoreRefused(f"{self._url} cannot do this: {_first_line(error)}") from None
        except errors.BaseError as error:
            if any(sign in str(error) for sign in _NO_BUCKET):
                raise self._no_bucket() from None
            if any(sign in str(error) for sign in _ENDED_CREDENTIALS):
                raise StoreRefused(f"{self._url} refuses these credentials: {_first_line(error)}") from None
            raise StoreUnavailable(f"{self._url} cannot be reached: {_first_line(error)}") from None

    def _no_bucket(self) -> StoreRefused:
        return StoreRefused(f"{self._url}: there is no such bucket; it has to be made first")


def _stored(told: Any) -> Stored:
    return Stored(told["path"], told["size"], told["last_modified"], told["e_tag"] or "")


def _allows_http() -> bool:
    """Whether a store may be reached without encryption, as on the machine itself; the cloud's own variable says so."""
    said = (os.environ.get(name, "") for name in ("AWS_ALLOW_HTTP", "AZURE_ALLOW_HTTP"))
    return any(text.lower() in ("1", "true", "yes", "on") for text in said)


def _first_line(error: Exception) -> str:
    """What the store said, without the page that it may have sent with it."""
    return str(error).partition("\n")[0].partition(": <")[0]
