-- Stored Responses: which client made one, and the sealed items and answer. Times in unix milliseconds.
CREATE TABLE response (
    owner      TEXT NOT NULL,
    id         TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    sealed     BLOB NOT NULL,
    PRIMARY KEY (owner, id)
) STRICT;

CREATE INDEX response_by_age ON response (created_at);
CREATE INDEX response_by_expiry ON response (expires_at);
CREATE INDEX response_by_id ON response (id);

-- Which response an output item stands in.
CREATE TABLE response_item (
    owner    TEXT NOT NULL,
    item     TEXT NOT NULL,
    response TEXT NOT NULL,
    PRIMARY KEY (owner, item),
    FOREIGN KEY (owner, response) REFERENCES response (owner, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX response_item_by_response ON response_item (owner, response);
CREATE INDEX response_item_by_item ON response_item (item);

-- One row: how much there is, so that nothing must be counted when something is added.
CREATE TABLE response_total (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;

INSERT INTO response_total VALUES (1, 0, 0);

CREATE TRIGGER response_added AFTER INSERT ON response BEGIN
    UPDATE response_total SET count = count + 1, bytes = bytes + length(NEW.sealed);
END;

CREATE TRIGGER response_removed AFTER DELETE ON response BEGIN
    UPDATE response_total SET count = count - 1, bytes = bytes - length(OLD.sealed);
END;
