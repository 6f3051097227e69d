"""A task on disk: its record, its manifest, its end."""
