"""The PostgreSQL side: the embedded server, connection URLs, DDL and loading."""
