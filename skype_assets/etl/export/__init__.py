"""Reading Skype exports: which file it is, what is in it, and its ``messages.json`` as verbatim objects.

Only this package knows archives and JSON text; nothing here knows what a message means.
"""
