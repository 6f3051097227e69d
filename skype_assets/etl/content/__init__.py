"""What one message says: its content string and a few properties, turned into plain text and small records.

Belongs here: the markup, the ids, names and times of section 2 to 4 of the format reference, one value at a time.
Must not: tables, files, archives, databases. ``message_types`` is the registry to start reading from.
"""
