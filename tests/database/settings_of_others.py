"""Settings as others have them: for each a value that would change what is loaded, or end it, if it counted."""

from typing import Final

SETTINGS: Final = {
    "client_encoding": "LATIN1", "datestyle": "SQL, DMY", "timezone": "Asia/Kathmandu", "intervalstyle": "iso_8601",
    "bytea_output": "escape", "extra_float_digits": "-15", "standard_conforming_strings": "off",
    "escape_string_warning": "on", "backslash_quote": "off", "quote_all_identifiers": "on", "array_nulls": "off",
    "transform_null_equals": "on", "xmloption": "document", "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable", "default_transaction_deferrable": "on", "statement_timeout": "1",
    "lock_timeout": "1", "idle_in_transaction_session_timeout": "200", "idle_session_timeout": "300",
    "transaction_timeout": "1s", "synchronous_commit": "off", "session_replication_role": "replica",
    "row_security": "on", "search_path": "elsewhere", "default_tablespace": "nowhere",
    "temp_tablespaces": "nowhere", "default_table_access_method": "heap", "default_toast_compression": "pglz",
    "check_function_bodies": "off", "enable_indexscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
    "enable_nestloop": "off", "enable_seqscan": "off", "jit": "on", "jit_above_cost": "0", "work_mem": "64kB",
    "temp_buffers": "800kB", "max_parallel_workers_per_gather": "0", "plan_cache_mode": "force_generic_plan",
    "createrole_self_grant": "set", "lc_messages": "C", "lc_numeric": "C", "client_min_messages": "debug5",
    "exit_on_error": "on", "default_text_search_config": "simple", "constraint_exclusion": "on",
    "debug_parallel_query": "on", "application_name": "somebody", "default_statistics_target": "1",
    "commit_delay": "1000", "geqo_threshold": "2", "from_collapse_limit": "1", "join_collapse_limit": "1",
}  # fmt: skip


def assignment(name: str) -> str:
    """The setting as ALTER DATABASE and ALTER ROLE take it."""
    return f"{name} = '{SETTINGS[name]}'"
