"""Messages as Skype's own clients spell them, read by compiled code: the accelerator of the general reader.

Belongs here: the shapes that nearly all messages of real exports have (sections 2.6, 2.7, 3.3 and 4 of the format
reference). Must not: anything that is rare, broken or hostile. Whatever is not spelled as clients spell it is left to
the general reader (``rows.any_messages``), which also says what the right result is: tests compare the two. The same
code finds the elements of ``messages.json``, or leaves them to the exact scanner (``export.json_syntax``).

Further: rows found among the records that PostgreSQL sends (``records``), and JSON as it spells it. What is not found,
or not plain, is left to ``database.comparison`` and ``database.jsonb``.

The compiled module is optional: without a C++ compiler at installation every message is left. Nothing heavy is imported
here, so that commands can say so at once; ``columns`` is where messages are read.
"""

import logging
from functools import cache
from typing import Final

try:
    from skype_assets.etl.compiled import _compiled as reader
except ImportError:
    reader = None

ABSENCE: Final = "the compiled reader is not installed: the rows are the same, transform takes several times as long"
"""What is said where ``reader`` is None."""

_logger = logging.getLogger(__name__)


@cache
def warn_of_absence() -> None:
    """Log once in a process that the compiled reader is missing, and what helps, if it is."""
    if reader is None:
        _logger.warning("%s; with a C++ compiler (g++), installing skype-assets again builds it", ABSENCE)
