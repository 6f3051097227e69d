"""A task on disk: its folder, record and manifest; verifying, unloading and clearing it; the inbox of new ones."""
