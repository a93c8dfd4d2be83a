-- What a platform sent that is not handled yet, kept so that the platform need not send it again.
CREATE TABLE kept_updates (
    platform TEXT NOT NULL,
    number INTEGER NOT NULL,
    payload TEXT NOT NULL,           -- as the platform sent it
    taken REAL NOT NULL,             -- Unix seconds
    PRIMARY KEY (platform, number)
) WITHOUT ROWID;

-- Groups that go on under another name: both are names as in the configuration, "telegram:chat:-7".
CREATE TABLE renamed_groups (
    name TEXT PRIMARY KEY,
    before TEXT NOT NULL
) WITHOUT ROWID;
