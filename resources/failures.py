"""How the platform's errors are told to Dagster: the one place where it is decided what is worth trying again.

Explicit retry requests, not a ``RetryPolicy`` on the assets: a policy repeats whatever is raised, programming errors
and the interrupt of someone who presses "Terminate" included.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from skype_assets.etl.errors import DatabaseDiffers, DatabaseError, EtlError, ExecutorUnavailable, StoreUnavailable

MAX_RETRIES: Final = 3
"""How often a step is tried again, after 2, 4 and 8 seconds: enough for a database that restarts."""


@contextmanager
def as_failures(retry_number: int = 0) -> Generator[None, None, None]:
    """Run a block; what goes wrong in it fails the step for good, unless trying again may help.

    A database may come back and a disk may get room: the step is tried again, and resumes. Whatever else the platform
    raises on purpose (a damaged export, a checkpoint of something else, a busy task) would only be raised again.

    Args:
        retry_number: how often the step was tried again already (``context.retry_number``).
    """
    try:
        yield
    except DatabaseDiffers as error:  # what is there now will be there then
        raise dg.Failure(description=str(error), allow_retries=False) from error
    except (DatabaseError, OSError) as error:
        if retry_number < MAX_RETRIES:
            raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=2 ** (retry_number + 1)) from error
        raise dg.Failure(description=f"{error}\n{_remedy(error)}", allow_retries=False) from error
    except EtlError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def _remedy(error: DatabaseError | OSError) -> str:
    what = "the disk"
    if isinstance(error, DatabaseError):
        what = "the database"
    elif isinstance(error, StoreUnavailable):
        what = "the store of the checkpoints"
    elif isinstance(error, ExecutorUnavailable):
        what = "the workers of SKYPE_EXECUTOR"
    return (
        f"Tried {MAX_RETRIES + 1} times. See to {what}, then re-execute the run from failure: "
        "what is finished is kept, and it goes on behind the last finished part."
    )
