-- Small facts about this database, by name.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The data keys, each wrapped by the master key; created_at in unix milliseconds.
CREATE TABLE sealing_key (
    term       INTEGER PRIMARY KEY CHECK (term BETWEEN 1 AND 4294967295),
    wrapped    BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
