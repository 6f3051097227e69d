"""The plain library: everything that turns an export into tables, and nothing of Dagster."""
