from tests.engine.conftest import new_database as new_database
