"""Every job and picture, in SQLite. SQL lives only here, in `accounts.py` and in migrations/*.sql.

Knows rows and states; judges nothing and shows nothing. Times are Unix seconds.
"""

import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Self

from bot.policy.limits import DAY, MINUTE, Usage
from bot.requests.tasks import Resolved
from bot.storage.accounts import AccountStore
from bot.storage.database import Database, Values
from bot.storage.kept_updates import KeptUpdates
from bot.storage.rows import Value, picture_row, request_row, to_job
from bot.storage.stats import JobSummary
from bot.types import Address, Job, JobPicture, Kind, PictureSearch, Refused, Request, State
from engine.types import PromptReady

MAX_CRASHES = 5
MOST = 2**63 - 1
"""SQLite counts no further."""
BATCH = 500
"""Rows written in one transaction where there may be many: an ask never waits for more."""
_PROMPTS = (
    "original || char(10) || used_prompt || char(10) || "
    "iif(json_valid(params), json_extract(params, '$.prompt'), '')"
)
_SHAPES = {"": "", "square": "width = height", "wide": "width > height", "tall": "width < height"}
_OPEN = "('queued', 'running')"
_COLUMNS = """*, (
    SELECT json_group_array(json_object(
        'index', number, 'file', file, 'width', width, 'height', height, 'seed', seed,
        'seconds', seconds, 'report', json(iif(json_valid(report), report, '{}')),
        'deleted', json(iif(deleted, 'true', 'false'))))
    FROM (SELECT * FROM pictures WHERE pictures.job = jobs.id ORDER BY number)) AS pictures"""

log = logging.getLogger(__name__)


class JobStore:
    """The jobs table as methods; open it with `JobStore.open`. `accounts` holds what belongs to a person."""

    def __init__(self, db: Database, accounts: AccountStore) -> None:
        self.accounts = accounts
        self.kept_updates = KeptUpdates(db)
        self._db = db

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path) -> AsyncIterator[Self]:
        """Open the database in `directory`; raises `lock.UnusableDirectory`, `UnusableDatabaseError`."""
        async with Database.open(directory) as db:
            yield cls(db, await AccountStore.load(db))

    async def admit(
        self, request: Request, resolved: Resolved, now: float, judge: Callable[[Usage], None]
    ) -> tuple[Job, bool]:
        """Insert a queued job if `judge` lets it pass; return it and whether it is new.

        No other write comes between judging and inserting. The same event again is the job it made before;
        whatever `judge` raises leaves no trace.
        """
        event = request.user.platform, request.event_id
        row = request_row(request, resolved, now)

        def insert(connection: sqlite3.Connection) -> tuple[Job, bool]:
            known = _select(connection, "platform = ? AND event_id = ?", event)
            if known:
                return known[0], False
            try:
                judge(self.accounts.usage_in(connection, request.user.person, now, summed=True))
            except Refused:  # since when, and until when, is in each charge
                judge(self.accounts.usage_in(connection, request.user.person, now))
                raise
            number = connection.execute(f"INSERT INTO jobs {_values(row)}", row).lastrowid
            assert number is not None
            return Job(number, request, "queued", now, **asdict(resolved)), True

        return await self._db.transaction(insert)

    async def usage(self, person: str, now: float) -> Usage:
        """Return what `person` asked for in the day before `now`; charges are in token-steps."""
        return await self.accounts.usage(person, now)

    async def job(self, job_id: int) -> Job | None:
        """Return a job with its pictures; a button may name a number that no job can have."""
        return None if job_id > MOST else await self._job("id = ?", (job_id,))

    async def by_event(self, platform: str, event_id: str) -> Job | None:
        """Return the job that a platform's event made."""
        return await self._job("platform = ? AND event_id = ?", (platform, event_id))

    async def history(self, person: str, limit: int, before: int | None) -> list[Job]:
        """Return a person's jobs, newest first, with ids below `before`."""
        return await self._jobs(
            "person = ? AND id < ? ORDER BY id DESC LIMIT ?", (person, min(before or MOST, MOST), limit)
        )

    async def past(self, since: float) -> list[JobSummary]:
        """Return what is counted of the jobs asked for since then."""
        sql = (
            "SELECT platform, person, state, created, started, finished, "
            "(SELECT count(*) FROM pictures WHERE job = id), attempts FROM jobs WHERE created > ?"
        )
        return await self._db.read(
            lambda connection: [JobSummary(*row) for row in connection.execute(sql, (since,))]
        )

    async def favourites(self, person: str, limit: int) -> list[Job]:
        """Return a person's favourites, newest first."""
        return await self._jobs("person = ? AND favourite = 1 ORDER BY id DESC LIMIT ?", (person, limit))

    async def pictures(self, person: str, search: PictureSearch, limit: int) -> list[Job]:
        """Return a person's jobs with pictures that are still there, newest first."""
        conditions = [
            "person = ? AND id < ? AND created >= ?",
            "EXISTS (SELECT 1 FROM pictures WHERE job = jobs.id AND deleted = 0)",
            f"instr(lower({_PROMPTS}), ?)" if search.words else "",
            "favourite = 1" if search.favourite else "",
            _SHAPES[search.shape],
        ]
        where = " AND ".join(filter(None, conditions))
        words = (search.words.lower(),) if search.words else ()
        values = (person, min(search.before or MOST, MOST), search.since, *words, limit)
        return await self._jobs(f"{where} ORDER BY id DESC LIMIT ?", values)

    async def set_favourite(self, job_id: int, favourite: bool) -> None:
        """Keep a job beyond the retention of pictures and prompts, or no longer."""
        await self._db.write("UPDATE jobs SET favourite = ? WHERE id = ?", (favourite, job_id))

    async def open_jobs(self, person: str | None = None) -> list[Job]:
        """Return the queued and running jobs, of one person or of all, in the order they came."""
        if person is not None:
            return await self._jobs(f"state IN {_OPEN} AND person = ? ORDER BY id", (person,))
        # The plus keeps SQLite from walking all jobs in their order instead of the index of the open ones.
        return await self._jobs(f"state IN {_OPEN} ORDER BY +id")

    async def newest(self, person: str, kind: Kind) -> Job | None:
        """Return a person's newest job of a kind."""
        return await self._job("person = ? AND kind = ? ORDER BY id DESC LIMIT 1", (person, kind))

    def drop_backups(self, before: float) -> None:
        """Delete the database's backups made before then."""
        self._db.drop_backups(before)

    async def unshown(self) -> list[Job]:
        """Return the ended jobs whose last reply no platform has confirmed."""
        return await self._jobs(f"shown = 0 AND state NOT IN {_OPEN} ORDER BY id")

    async def start(self, job_id: int, now: float, ready: PromptReady | None = None) -> None:
        """Mark an open job running, first begun `now` at the latest; record what the model is given."""
        given = {} if ready is None else {
            "used_prompt": ready.used, "negative_used": ready.negative_used, "notes": json.dumps(ready.notes)
        }  # fmt: skip
        assignments = "".join(f", {name} = :{name}" for name in given)
        await self._db.write(
            f"UPDATE jobs SET state = 'running', started = coalesce(started, :now){assignments} "
            f"WHERE id = :id AND state IN {_OPEN}",
            {"id": job_id, "now": now, **given},
        )

    async def add_picture(self, job_id: int, picture: JobPicture, count: int, now: float) -> Job | None:
        """Record a picture of a running job; its `count`th finishes it. None when it was not running."""
        row = picture_row(job_id, picture)

        def add(connection: sqlite3.Connection) -> list[Job]:
            jobs = _written(
                connection,
                "UPDATE jobs SET "
                "state = CASE WHEN made + 1 >= :count THEN 'finished' ELSE state END, "
                "finished = CASE WHEN made + 1 >= :count THEN :now END "
                "FROM (SELECT count(*) AS made FROM pictures WHERE job = :id) "
                f"WHERE id = :id AND state = 'running' RETURNING {_COLUMNS}",
                {"id": job_id, "count": count, "now": now},
            )
            if jobs:
                connection.execute(f"INSERT INTO pictures {_values(row)}", row)
            return jobs

        for job in await self._db.transaction(add):
            return replace(job, pictures=tuple(sorted((*job.pictures, picture), key=attrgetter("index"))))
        return None

    async def finish(self, job_id: int, now: float) -> bool:
        """End a running job that makes no picture; False when it was not running."""
        return await self._end(job_id, "finished", now)

    async def fail(self, job_id: int, code: str, detail: str, now: float) -> bool:
        """End an open job with an error; it costs nothing. False when it had ended already."""
        return await self._end(job_id, "failed", now, charge=0, error=code, error_detail=detail)

    async def cancel(self, job_id: int, charge: int, now: float, reason: str = "") -> bool:
        """End an open job for its person at the cost of what was done; False when it had ended already."""
        return await self._end(job_id, "cancelled", now, charge=charge, error=reason or None)

    async def lost(self, job_id: int, attempts: int) -> None:
        """Count an attempt that ended with the engine; tasks of one job lost together count once."""
        await self._db.write("UPDATE jobs SET attempts = max(attempts, ?) WHERE id = ?", (attempts, job_id))

    async def requeue(self) -> None:
        """Put running jobs back into the line, at an orderly end."""
        await self._db.write(f"UPDATE jobs SET state = 'queued' WHERE state = 'running' AND state IN {_OPEN}")

    async def requeue_crashed(self, now: float) -> None:
        """Put jobs that a killed bot left running back into the line; those it died with too often fail.

        Only a job that the model had begun is held against: one with a used prompt.
        """

        def requeue(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE jobs SET state = 'queued', crashes = crashes + (used_prompt <> '') "
                f"WHERE state = 'running' AND state IN {_OPEN}"
            )
            connection.execute(
                "UPDATE jobs SET state = 'failed', error = 'lost', charge = 0, finished = ? "
                f"WHERE state = 'queued' AND state IN {_OPEN} AND crashes >= ?",
                (now, MAX_CRASHES),
            )

        await self._db.transaction(requeue)

    async def fail_unreadable(self, now: float) -> None:
        """End the open jobs whose rows cannot be read, free of charge: nobody could draw or answer them."""
        for row in await self._db.rows(f"SELECT {_COLUMNS} FROM jobs WHERE state IN {_OPEN}"):
            if _readable(row) is None:
                await self._end(row["id"], "failed", now, charge=0, error="internal", shown=1)

    async def never_again(self, job_id: int) -> None:
        """Number the jobs from above this one on: its pictures are there, though its row is lost."""

        def count_on(connection: sqlite3.Connection) -> None:
            sql = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'jobs'"
            if not connection.execute(sql, (job_id,)).rowcount:
                connection.execute("INSERT INTO sqlite_sequence VALUES ('jobs', ?)", (job_id,))

        await self._db.transaction(count_on)

    async def moved(self, job_id: int, address: Address) -> None:
        """Record where the job's message lives now."""
        await self._db.write(
            "UPDATE jobs SET address_platform = ?, place = ? WHERE id = ?",
            (address.platform, address.place, job_id),
        )

    async def shown(self, job_id: int, address: Address) -> None:
        """Record that the platform has confirmed the job's last reply; a finished job is delivered by it."""
        await self._db.write(
            "UPDATE jobs SET shown = 1, address_platform = ?, place = ?, "
            "state = CASE state WHEN 'finished' THEN 'delivered' ELSE state END "
            f"WHERE id = ? AND state NOT IN {_OPEN}",
            (address.platform, address.place, job_id),
        )

    async def delete_pictures(self, job_id: int) -> None:
        """Mark a job's pictures deleted, their files for the trash; its message has to be shown anew."""

        def delete(connection: sqlite3.Connection) -> None:
            _discard(connection, "SELECT ?", (job_id,))
            connection.execute("UPDATE jobs SET shown = 0 WHERE id = ?", (job_id,))

        await self._db.transaction(delete)

    async def expire(self, before: float) -> None:
        """Mark the pictures of jobs that ended before then deleted, save favourites."""
        aged = (
            "SELECT id FROM jobs WHERE expired = 0 AND favourite = 0 AND finished < ? "
            f"ORDER BY finished LIMIT {BATCH}"
        )

        def expire(connection: sqlite3.Connection) -> int:
            _discard(connection, aged, (before,))
            return connection.execute(f"UPDATE jobs SET expired = 1 WHERE id IN ({aged})", (before,)).rowcount

        while await self._db.transaction(expire) == BATCH:
            pass

    async def erase_prompts(self, before: float) -> None:
        """Empty the texts of jobs that ended before then, save favourites."""
        changed = BATCH
        while changed == BATCH:
            changed = await self._db.write(
                "UPDATE jobs SET original = '', used_prompt = '', negative_used = '', error_detail = '', "
                "erased = 1, params = iif(json_valid(params), "
                "json_set(params, '$.prompt', '', '$.negative_prompt', ''), '') "
                "WHERE id IN (SELECT id FROM jobs WHERE erased = 0 AND favourite = 0 AND finished < ? "
                f"ORDER BY finished LIMIT {BATCH})",
                (before,),
            )

    async def favourite_files(self) -> set[str]:
        """Return the names of the pictures and inputs of every favourite."""
        rows = await self._db.rows(
            "SELECT file FROM pictures JOIN jobs ON job = id WHERE favourite = 1 "
            "UNION SELECT image FROM jobs WHERE favourite = 1 AND image IS NOT NULL"
        )
        return {row["file"] for row in rows}

    async def unused_inputs(self, names: Sequence[str]) -> list[str]:
        """Return those of the kept inputs that no job holds."""
        rows = await self._db.rows(
            "SELECT value FROM json_each(?) "
            "WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE image = value AND image IS NOT NULL)",
            (json.dumps(names),),
        )
        return [row["value"] for row in rows]

    async def forget(self, person: str, now: float) -> None:
        """Delete a person's ended jobs, their files for the trash.

        What they cost in the day before `now` stays, under the keyed hash of who asked.
        """
        while await self._db.transaction(partial(self._forget_batch, person, now)) == BATCH:
            pass

    def _forget_batch(self, person: str, now: float, connection: sqlite3.Connection) -> int:
        mine = f"SELECT id FROM jobs WHERE person = ? AND state NOT IN {_OPEN} ORDER BY id LIMIT {BATCH}"
        name = "platform || ':user:' || iif(json_valid(user), coalesce(json_extract(user, '$.id'), ''), '')"
        members = connection.execute(
            f"SELECT DISTINCT {name} FROM jobs WHERE id IN ({mine})", (person,)
        ).fetchall()
        for (member,) in members:
            # Requests of the last minute one by one, since they are counted; older ones by the minute.
            connection.execute(
                "INSERT INTO forgotten SELECT ?, max(created), sum(charge) FROM jobs "
                f"WHERE id IN ({mine}) AND {name} = ? AND created > ? "
                "GROUP BY iif(created > ?, id, -CAST(created / 60 AS INTEGER))",
                (self.accounts.hashed(member), person, member, now - DAY, now - MINUTE),
            )
        _discard(connection, mine, (person,))
        inputs = f"SELECT image, 1 FROM jobs WHERE id IN ({mine}) AND image IS NOT NULL"
        connection.execute(f"INSERT OR IGNORE INTO trash {inputs}", (person,))
        return connection.execute(f"DELETE FROM jobs WHERE id IN ({mine})", (person,)).rowcount

    async def forget_costs(self, before: float) -> None:
        """Drop what people spent before then."""
        await self._db.write("DELETE FROM forgotten WHERE created < ?", (before,))
        await self._db.write("DELETE FROM spent WHERE minute < ?", (before // 60,))

    async def trash(self) -> list[tuple[str, bool]]:
        """Return some files that no job names any more, and whether each is an input."""
        rows = await self._db.rows(
            "SELECT file, input FROM trash "
            f"WHERE NOT (input AND EXISTS (SELECT 1 FROM jobs WHERE image = file)) LIMIT {BATCH}"
        )
        return [(row["file"], bool(row["input"])) for row in rows]

    async def emptied(self, files: Iterable[tuple[str, bool]]) -> None:
        """Record that files of the trash are gone."""
        sql, gone = "DELETE FROM trash WHERE file = ? AND input = ?", list(files)
        await self._db.transaction(lambda connection: connection.executemany(sql, gone))

    async def _end(self, job_id: int, state: State, now: float, **columns: Value) -> bool:
        changes: dict[str, Value] = {"id": job_id, "state": state, "finished": now, **columns}
        assignments = ", ".join(f"{name} = :{name}" for name in changes if name != "id")
        changed = await self._db.write(
            f"UPDATE jobs SET {assignments} WHERE id = :id AND state IN {_OPEN}", changes
        )
        return changed == 1

    async def _job(self, where: str, values: Values) -> Job | None:
        return next(iter(await self._jobs(where, values)), None)

    async def _jobs(self, where: str, values: Values = ()) -> list[Job]:
        return await self._db.read(lambda connection: _select(connection, where, values))


def _written(connection: sqlite3.Connection, sql: str, values: Values) -> list[Job]:
    """Run a statement that returns the jobs it wrote."""
    return [to_job(row) for row in connection.execute(sql, values).fetchall()]


def _select(connection: sqlite3.Connection, where: str, values: Values) -> list[Job]:
    """Return the jobs for which a condition holds, without those whose rows are broken."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE {where}", values).fetchall()
    return [job for row in rows if (job := _readable(row)) is not None]


def _discard(connection: sqlite3.Connection, jobs: str, values: tuple[Value, ...]) -> None:
    """Mark the pictures of the jobs that a query names deleted, their files for the trash."""
    connection.execute(
        f"INSERT OR IGNORE INTO trash SELECT file, 0 FROM pictures WHERE job IN ({jobs})", values
    )
    connection.execute(f"UPDATE pictures SET deleted = 1 WHERE deleted = 0 AND job IN ({jobs})", values)


def _readable(row: sqlite3.Row) -> Job | None:
    """Return the job of a row, or None where it is broken: lists are shown without it."""
    try:
        return to_job(row)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        log.error("the row of job %s cannot be read: %r", row["id"], error)
        return None


def _values(row: Mapping[str, Value]) -> str:
    return f"({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"
