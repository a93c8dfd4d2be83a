-- Which jobs hold a kept picture is asked for every one that is swept or forgotten.
CREATE INDEX IF NOT EXISTS jobs_by_image ON jobs (image) WHERE image IS NOT NULL;
