"""What PostgreSQL's planner has to know of the tables: right after a load it may know nothing yet.

Autovacuum counts new tables within minutes; until then, or where it is off, the pages of a reader would be planned as
if the tables were empty.
"""

from typing import Final

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import Session

_UNKNOWN: Final = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_statistic s WHERE s.starelid = c.oid)
  AND (pg_relation_size(c.oid) > 0 OR EXISTS (
      SELECT FROM pg_inherits i WHERE i.inhparent = c.oid AND pg_relation_size(i.inhrelid) > 0))
  AND has_table_privilege(c.oid, 'UPDATE')
ORDER BY c.relname"""


def inform(session: Session) -> list[str]:
    """Have the tables counted of which nothing is known; a sample of each is enough. Names them."""
    unknown = [name for name, *_ in session.rows(_UNKNOWN, SCHEMA)]
    for name in unknown:
        session.alone(f"ANALYZE {SCHEMA}.{name}")
    return unknown
