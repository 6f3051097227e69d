"""PostgreSQL of another version, reached over TCP with a password, holds the same tables as the embedded one."""

from pathlib import Path

from skype_assets.etl import engine
from skype_assets.etl.sample import write_overlapping
from tests.engine.database_content import differences_from_reference, digests, query
from tests.engine.runs import task


def test_both_servers_hold_what_the_reference_has(postgres_url: str, tcp_postgres_url: str, tmp_path: Path) -> None:
    exports = write_overlapping(tmp_path, exports=2, messages=400)
    for number, export in enumerate(exports):
        for url in (postgres_url, tcp_postgres_url):
            engine.run(task(f"t{number}", tmp_path / "out", export, url))
    version = "SELECT current_setting('server_version_num')"
    assert query(postgres_url, version) != query(tcp_postgres_url, version)
    assert differences_from_reference(tcp_postgres_url, exports) == []
    assert digests(postgres_url) == digests(tcp_postgres_url)
