"""A full-text search index on the messages of a loaded database, as ``docs/performance.md`` says it is made."""

from collections.abc import Callable

from skype_assets.etl.database.session import Session

INDEX = "CREATE INDEX messages_by_word ON skype.messages USING gin (to_tsvector('simple', left(text, 100000)))"


def prepare(database: str) -> Callable[[], object]:
    session = Session(database)

    def build() -> None:
        with session, session.transaction():
            session.execute(INDEX)

    return build
