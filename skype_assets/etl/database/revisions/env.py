"""How Alembic is to write the SQL of an upgrade; it is never connected (``database.upgrading`` runs what it writes)."""

from alembic import context

context.configure(
    dialect_name="postgresql",
    version_table="schema_version",
    version_table_schema="skype",
    transactional_ddl=False,  # whoever runs it has a transaction for all of it
)
with context.begin_transaction():
    context.run_migrations()
