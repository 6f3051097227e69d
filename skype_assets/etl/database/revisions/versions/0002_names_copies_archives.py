"""Who gives a name, what each export says of a conversation, which archive has an object; what was taken out, replaced.

Which copies others have superseded is known when the exports' rows are made anew.

Of what 0.1.0 did not keep, the best that can be told from its rows stands there until the export's rows are made anew.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
REWRITES = ("conversations", "participants", "media_files")


def upgrade() -> None:
    """Add tables and columns; all columns come last in their tables."""
    op.execute("ALTER TABLE skype.participants ADD COLUMN name_source text")
    op.execute("ALTER TABLE skype.attachments ADD COLUMN media_export_id text")
    op.execute("ALTER TABLE skype.thread_events ADD COLUMN initiator_name text, ADD COLUMN target_name text")
    op.execute("ALTER TABLE skype.media_files ADD COLUMN export_id text COLLATE \"C\" NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE skype.media_files ALTER COLUMN export_id DROP DEFAULT")
    op.execute("ALTER TABLE skype.attachments ADD COLUMN media_sha256 bytea, ADD COLUMN preview_sha256 bytea")
    op.execute(
        """ALTER TABLE skype.media_files ADD COLUMN sha256 bytea, ADD COLUMN source_offset bigint,
    ADD COLUMN content_type text, ADD COLUMN flags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN kept boolean NOT NULL DEFAULT false"""
    )
    op.execute("ALTER TABLE skype.media_files ALTER COLUMN flags DROP DEFAULT, ALTER COLUMN kept DROP DEFAULT")
    op.execute(
        """CREATE TABLE skype.conversation_copies (
    export_id text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    display_name text,
    topic text,
    member_count integer,
    members text[],
    version bigint,
    properties jsonb,
    thread_properties jsonb,
    is_partial boolean NOT NULL,
    PRIMARY KEY (export_id, conversation_id)
)"""
    )
    op.execute("ALTER TABLE skype.exports ADD COLUMN unreadable_bytes bigint")
    op.execute(
        """CREATE TABLE skype.given_names (
    export_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (export_id, user_id)
)"""
    )
    op.execute(
        """CREATE TABLE skype.superseded_copies (
    export_id text COLLATE "C" NOT NULL,
    source_offset bigint NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    is_duplicate boolean NOT NULL,
    version bigint,
    source_member text NOT NULL,
    source_length integer NOT NULL,
    raw_sha256 bytea NOT NULL,
    sent_at timestamp with time zone,
    sender_id text,
    sender_name text,
    message_type text,
    kind text,
    text text,
    content text,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    edit_of text,
    album_id text,
    is_forwarded boolean,
    details jsonb,
    properties jsonb,
    flags text[],
    PRIMARY KEY (export_id, source_offset)
)"""
    )
    op.execute("ALTER TABLE skype.attempts ADD COLUMN nonce text, ADD COLUMN epochs jsonb")
    op.execute(
        """CREATE TABLE skype.unloads (
    export_id text COLLATE "C" NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    task_id text NOT NULL,
    loaded_at timestamp with time zone,
    unloaded_at timestamp with time zone NOT NULL,
    PRIMARY KEY (export_id, unloaded_at)
)"""
    )
    op.execute(
        """CREATE TABLE skype.replacements (
    export_id text COLLATE "C" NOT NULL,
    code_version text COLLATE "C" NOT NULL,
    table_name text COLLATE "C" NOT NULL,
    added bigint NOT NULL,
    changed bigint NOT NULL,
    removed bigint NOT NULL,
    PRIMARY KEY (export_id, code_version, table_name)
)"""
    )
    op.execute(
        """CREATE TABLE skype.holds (
    hold_id bigint NOT NULL,
    action text COLLATE "C" NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C",
    export_id text COLLATE "C",
    reason text NOT NULL,
    said_by text NOT NULL,
    said_at timestamp with time zone NOT NULL,
    PRIMARY KEY (hold_id, action)
)"""
    )
    # Only one copy of a conversation was kept, the best of all exports: until their rows are made anew, each says so.
    op.execute(
        """INSERT INTO skype.conversation_copies (
    export_id, conversation_id, display_name, topic, member_count, members, version, properties, thread_properties,
    is_partial
)
SELECT e.export_id, c.conversation_id, c.display_name, c.topic, c.member_count,
       (SELECT array_agg(p.user_id ORDER BY p.user_id) FROM skype.participants p
        WHERE p.owner_id = c.owner_id AND p.conversation_id = c.conversation_id AND p.is_member),
       c.version, c.properties, c.thread_properties, false
FROM skype.conversations c JOIN skype.exports e USING (owner_id)"""
    )
    # Else what names people elsewhere would take the place of these names.
    op.execute("UPDATE skype.participants SET name_source = 'message' WHERE display_name IS NOT NULL")
    # Of an account with several exports nobody knows whose archive it is. The least id gives way to whoever has it.
    op.execute(
        """UPDATE skype.media_files m SET export_id = e.export_id
FROM (SELECT owner_id, min(export_id COLLATE "C") AS export_id FROM skype.exports GROUP BY owner_id) e
WHERE m.owner_id = e.owner_id"""
    )
    op.execute(
        """ALTER TABLE skype.media_files DROP CONSTRAINT media_files_pkey,
    ADD CONSTRAINT media_files_pkey PRIMARY KEY (owner_id, document_id, media_index, export_id)"""
    )
    # It is on ids without their case now, as ``ddl`` has it.
    op.execute("DROP INDEX IF EXISTS skype.attachments_by_document")
