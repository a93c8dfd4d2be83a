CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    platform TEXT NOT NULL,
    event_id TEXT NOT NULL,
    person TEXT NOT NULL,
    user TEXT NOT NULL,              -- JSON of User
    address_platform TEXT NOT NULL,
    place TEXT NOT NULL,
    kind TEXT NOT NULL,
    params TEXT NOT NULL,            -- JSON of Params
    image TEXT,
    parent INTEGER,
    picture INTEGER NOT NULL,        -- Request.index
    variation TEXT,                  -- JSON of Variation
    original TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('queued', 'running', 'finished', 'delivered', 'failed', 'cancelled')),
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    cost INTEGER NOT NULL,           -- token-steps if everything is made
    charge INTEGER NOT NULL,         -- token-steps that count for limits
    attempts INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    used_prompt TEXT NOT NULL DEFAULT '',
    negative_used TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '[]',
    error TEXT,
    error_detail TEXT NOT NULL DEFAULT '',
    shown INTEGER NOT NULL DEFAULT 0,
    UNIQUE (platform, event_id)
);

CREATE INDEX jobs_by_person ON jobs (person, created);
CREATE INDEX jobs_open ON jobs (state) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_unshown ON jobs (id) WHERE shown = 0;

CREATE TABLE pictures (
    job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,         -- JobPicture.index
    file TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    seconds REAL NOT NULL,
    report TEXT NOT NULL,            -- JSON
    deleted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, number)
) WITHOUT ROWID;
