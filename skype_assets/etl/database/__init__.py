"""The tables in PostgreSQL: sessions, DDL, loading, merging, digests, unloading. All SQL of the library."""
