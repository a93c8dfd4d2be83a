-- What an ask, a page of history, the sweep and /forget read is found by an index and small,
-- however much its person already has.
ALTER TABLE jobs ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;   -- its texts are emptied
ALTER TABLE jobs ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;  -- its pictures are removed with age

CREATE INDEX jobs_of_person ON jobs (person);                    -- with the rowid: pages, newest first
CREATE INDEX jobs_favourite ON jobs (person) WHERE favourite = 1;
CREATE INDEX jobs_by_time ON jobs (created);
CREATE INDEX jobs_by_input ON jobs (image) WHERE image IS NOT NULL;
CREATE INDEX jobs_to_erase ON jobs (finished) WHERE erased = 0 AND favourite = 0;
CREATE INDEX jobs_to_expire ON jobs (finished) WHERE expired = 0 AND favourite = 0;
DROP INDEX jobs_open;
CREATE INDEX jobs_open ON jobs (person, id) WHERE state IN ('queued', 'running');

-- Charges by the minute: a day of one person is at most 1,440 rows. Triggers keep it, so that no write of a
-- job can forget to.
CREATE TABLE spent (
    person TEXT NOT NULL,
    minute INTEGER NOT NULL,         -- of Unix time, rounded down
    charge INTEGER NOT NULL,         -- token-steps
    PRIMARY KEY (person, minute)
) WITHOUT ROWID;
CREATE INDEX spent_by_minute ON spent (minute);
INSERT INTO spent
    SELECT person, CAST(created / 60 AS INTEGER) AS minute, sum(charge) FROM jobs GROUP BY person, minute;

CREATE TRIGGER jobs_spend AFTER INSERT ON jobs WHEN NEW.charge <> 0 BEGIN
    INSERT INTO spent VALUES (NEW.person, CAST(NEW.created / 60 AS INTEGER), NEW.charge)
        ON CONFLICT DO UPDATE SET charge = charge + excluded.charge;
END;
CREATE TRIGGER jobs_spend_again AFTER UPDATE OF charge, person ON jobs
WHEN OLD.charge <> NEW.charge OR OLD.person <> NEW.person BEGIN
    UPDATE spent SET charge = charge - OLD.charge
        WHERE person = OLD.person AND minute = CAST(OLD.created / 60 AS INTEGER);
    INSERT INTO spent VALUES (NEW.person, CAST(NEW.created / 60 AS INTEGER), NEW.charge)
        ON CONFLICT DO UPDATE SET charge = charge + excluded.charge;
END;
CREATE TRIGGER jobs_spend_no_more AFTER DELETE ON jobs WHEN OLD.charge <> 0 BEGIN
    UPDATE spent SET charge = charge - OLD.charge
        WHERE person = OLD.person AND minute = CAST(OLD.created / 60 AS INTEGER);
END;

-- Files that no row names any more, until they are gone from the disk.
CREATE TABLE trash (
    file TEXT NOT NULL,
    input INTEGER NOT NULL,          -- 1: in the folder of inputs
    PRIMARY KEY (file, input)
) WITHOUT ROWID;
