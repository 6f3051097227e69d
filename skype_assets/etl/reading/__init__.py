"""What is read from the tables for people: conversations, messages with all that belongs to them, search, figures."""
