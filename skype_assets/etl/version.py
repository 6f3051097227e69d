"""Versions of the program as a whole; each phase has one of its own (``phases``)."""

from typing import Final

PACKAGE: Final = "0.2.0"
"""Of the package, by Semantic Versioning; packaging metadata takes it from here."""

SCHEMA: Final = "0002"
"""Of schema ``skype`` in PostgreSQL: the newest revision in ``database/revisions/versions``."""
