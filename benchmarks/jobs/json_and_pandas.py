"""What many would write first: ``json.load`` of the whole file, a frame of it, ``to_sql``."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from sqlalchemy import create_engine

from benchmarks.jobs.flat import COLUMNS, row
from skype_assets.etl.postgres.url import sqlalchemy_url


def prepare(messages_json: str, database: str) -> Callable[[], object]:
    def load() -> None:
        with Path(messages_json).open(encoding="utf-8") as file:
            document = json.load(file)
        rows = [
            row(conversation["id"], message)
            for conversation in document["conversations"]
            for message in conversation["MessageList"] or ()
        ]
        frame = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
        frame.to_sql("messages", create_engine(sqlalchemy_url(database)), index=False, chunksize=10_000)

    return load
