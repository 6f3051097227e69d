"""What the generator planted is found: no type unknown by accident, no object rejected, no file overlooked."""

from pathlib import Path

from skype_assets.etl import engine
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Settings, Task
from tests.engine.database_content import query

MESSAGES = 5_000


def test_unknown_types_rejects_and_joined_media_are_exactly_those_planted(postgres_url: str, tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "export.tar", messages=MESSAGES, seed=11)
    engine.run(Task("sample", tmp_path / "output", sample.path, postgres_url, Settings(max_workers=1)))
    unknown = query(postgres_url, "SELECT message_type, count(*) FROM skype.messages WHERE kind = 'unknown' GROUP BY 1")
    assert dict(unknown) == dict(sample.planted)
    assert query(postgres_url, "SELECT count(*) FROM skype.rejects") == [(len(sample.rejects),)]
    assert query(postgres_url, "SELECT count(*) FROM skype.messages") == [(sample.distinct,)]
    overlooked = (
        "SELECT count(*) FROM skype.attachments a "
        "WHERE present <> EXISTS (SELECT FROM skype.media_files m WHERE m.document_id = a.document_id)"
    )
    assert query(postgres_url, overlooked) == [(0,)]
    assert query(postgres_url, "SELECT count(*) > 50 FROM skype.attachments WHERE present") == [(True,)]
