"""No password is ever written: not after success, failure or a kill, for a db_config of any kind (promise I17)."""

import json
import logging
import subprocess
from typing import Any

import pytest
from psycopg2.extensions import parse_dsn

from skype_assets import ETLContext, ETLPipeline
from skype_assets.etl.errors import PhaseFailed
from skype_assets.etl.postgres.url import from_config
from tests.api.conftest import Place
from tests.api.scripts import ROOT, kill_in, start
from tests.engine.database_content import query
from tests.engine.runs import at, interrupt

CANARY = "canary7f3a/%:@"
SPELLINGS = ("canary7f3a", "Y2FuYXJ5N2YzYS")  # plain or percent-encoded, and base64


def config_of(place: Place, kind: str, password: str = CANARY) -> Any:
    """The place's database, with a password that its server does not ask for."""
    config = {**parse_dsn(place.url), "password": password, "sslpassword": password}
    return config if kind == "dict" else from_config(config)


def assert_nothing_in(place: Place, *texts: str) -> None:
    assert len(list(place.output_dir.rglob("*"))) > 5
    for spelling in SPELLINGS:
        found = subprocess.run(
            ["grep", "-rla", spelling, place.output_dir], capture_output=True, text=True, check=False
        )
        assert (found.returncode, found.stdout) == (1, "")
        assert not [text for text in texts if spelling in text]


@pytest.fixture(params=["dict", "url"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def test_after_a_success(kind: str, place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    context = ETLContext(config_of(place, kind), place.output_dir, chunk_size=100, max_workers=1, task_id="t")
    results = place.pipeline(context=context).run_pipeline(place.export)
    assert context.database is not None
    assert SPELLINGS[0] in context.database
    told = (caplog.text, repr(results), repr(context.get_summary()), json.dumps(context.serialize_checkpoint()))
    assert_nothing_in(place, *told)


def test_after_a_failure(kind: str, place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    context = ETLContext(config_of(place, kind), place.output_dir, chunk_size=100, max_workers=1, task_id="t")
    pipeline = place.pipeline(at("load", 2, lambda: query(place.url, "DROP SCHEMA skype CASCADE")), context=context)
    with pytest.raises(PhaseFailed) as failed:
        pipeline.run_pipeline(place.export)
    assert_nothing_in(place, caplog.text, str(failed.value), repr(failed.value.__cause__), repr(failed.value.results))


def test_after_an_error_of_a_stranger(kind: str, place: Place) -> None:
    def fail() -> None:
        raise RuntimeError(f"cannot connect with {config_of(place, kind)}")

    context = ETLContext(config_of(place, kind), place.output_dir, task_id="t", max_workers=1)
    with pytest.raises(PhaseFailed) as failed:
        place.pipeline(at("extract", 1, fail), context=context).run_pipeline(place.export)
    assert_nothing_in(place, str(failed.value), repr(failed.value.results))


@pytest.mark.parametrize("phase", ["extract", "load"])
def test_after_a_kill(phase: str, kind: str, place: Place) -> None:
    assert_nothing_in(place, kill_in(place, phase, config=config_of(place, kind)))


def test_what_a_process_and_its_workers_show_of_themselves(place: Place) -> None:
    script = f"""
        import psutil
        from skype_assets import ETLPipeline

        def observe(progress):
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                print(process.cmdline())

        pipeline = ETLPipeline({config_of(place, "url")!r}, {str(place.output_dir)!r}, chunk_size=200, max_workers=2,
                               observer=observe)
        pipeline.run_pipeline({str(place.export)!r})
        """
    process = start(script, place.output_dir.parent / "scripts", PYTHONPATH=str(ROOT))
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "popen_loky" in out
    assert_nothing_in(place, out, err)


def test_of_a_rejected_password(place: Place, tcp_postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    interrupted = place.pipeline(at("extract", 2, interrupt), task_id="t")
    with pytest.raises(PhaseFailed):
        interrupted.run_pipeline(place.export)
    config = {**parse_dsn(tcp_postgres_url), "password": CANARY}
    with pytest.raises(Exception, match="password authentication failed") as refused:
        place.pipeline(context=ETLContext(config, place.output_dir, task_id="t")).run_pipeline(place.export)
    assert_nothing_in(place, caplog.text, str(refused.value), repr(refused.value))


def test_of_the_environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYPE_DATABASE_URL", config_of(place, "url"))
    monkeypatch.setenv("PGPASSWORD", CANARY)
    assert ETLPipeline(output_dir=place.output_dir, max_workers=1).run_pipeline(place.export)["success"]
    assert query(place.url, "SELECT count(*) FROM skype.exports") == [(1,)]
    assert_nothing_in(place)
