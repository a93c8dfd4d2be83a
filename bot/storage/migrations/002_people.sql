ALTER TABLE jobs ADD COLUMN favourite INTEGER NOT NULL DEFAULT 0;

CREATE TABLE settings (
    person TEXT PRIMARY KEY,
    said TEXT NOT NULL               -- JSON: flag name to value
) WITHOUT ROWID;

CREATE TABLE links (
    member TEXT PRIMARY KEY,         -- platform:user:id
    account TEXT NOT NULL            -- the person all members are
) WITHOUT ROWID;

CREATE TABLE bans (
    member TEXT PRIMARY KEY,         -- platform:user:id
    until REAL,                      -- NULL: for good
    reason TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE forgotten (
    who TEXT NOT NULL,               -- keyed hash of platform:user:id
    created REAL NOT NULL,
    charge INTEGER NOT NULL
);

CREATE INDEX forgotten_by_who ON forgotten (who, created);

CREATE TABLE salts (salt BLOB NOT NULL);
INSERT INTO salts VALUES (randomblob(32));
