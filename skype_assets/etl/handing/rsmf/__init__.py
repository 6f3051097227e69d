"""RSMF 2.0, the short message format that review platforms read: an e-mail for each conversation and day.

Each has one attachment, a zip with a manifest (participants, the conversation, events) and the files of the messages.
"""
