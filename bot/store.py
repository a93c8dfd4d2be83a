"""Every job and picture, in SQLite. SQL lives only here, in `bot.people` and in migrations/*.sql.

Knows rows and states; judges nothing and shows nothing. Times are Unix seconds.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Self

from bot.database import Database, Values
from bot.limits import DAY, Usage
from bot.params import Resolved
from bot.people import People
from bot.rows import Value, picture_row, request_row, to_job
from bot.stats import Past
from bot.types import Address, Job, JobPicture, Request, State
from engine.types import PromptReady

MAX_CRASHES = 3
_OPEN = "('queued', 'running')"
_COLUMNS = """*, (
    SELECT json_group_array(json_object(
        'index', number, 'file', file, 'width', width, 'height', height, 'seed', seed,
        'seconds', seconds, 'report', json(report), 'deleted', json(iif(deleted, 'true', 'false'))))
    FROM (SELECT * FROM pictures WHERE pictures.job = jobs.id ORDER BY number)) AS pictures"""


class Store:
    """The jobs table as methods; open it with `Store.open`. `people` holds what belongs to a person."""

    def __init__(self, db: Database, people: People) -> None:
        self.people = people
        self._db = db

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path) -> AsyncIterator[Self]:
        """Open the database in `directory`; raises `lock.DirectoryBusy` and `NewerDatabaseError`."""
        async with Database.open(directory) as db:
            yield cls(db, await People.load(db))

    async def admit(
        self, request: Request, resolved: Resolved, now: float, judge: Callable[[Usage], None]
    ) -> tuple[Job, bool]:
        """Insert a queued job if `judge` lets it pass; return it and whether it is new.

        No other write comes between judging and inserting. The same event again is the job it made before;
        whatever `judge` raises leaves no trace.
        """
        event = request.user.platform, request.event_id
        async with self._db.writing:
            usage, known = await self.people.usage(request.user.person, now, event)
            if not known:
                judge(usage)
                row = request_row(request, resolved, now)
                [job] = await self._written(f"INSERT INTO jobs {_values(row)} RETURNING {_COLUMNS}", row)
                return job, True
        found = await self.by_event(*event)
        assert found is not None
        return found, False

    async def usage(self, person: str, now: float) -> Usage:
        """Return what `person` asked for in the day before `now`; charges are in token-steps."""
        usage, _ = await self.people.usage(person, now)
        return usage

    async def job(self, job_id: int) -> Job | None:
        """Return a job with its pictures."""
        return await self._job("id = ?", (job_id,))

    async def by_event(self, platform: str, event_id: str) -> Job | None:
        """Return the job that a platform's event made."""
        return await self._job("platform = ? AND event_id = ?", (platform, event_id))

    async def history(self, person: str, limit: int, before: int | None) -> list[Job]:
        """Return a person's jobs, newest first, with ids below `before`."""
        return await self._jobs(
            "person = ? AND id < ? ORDER BY id DESC LIMIT ?", (person, before or 2**62, limit)
        )

    async def past(self, since: float) -> list[Past]:
        """Return what is counted of the jobs asked for since then."""
        rows = await self._db.rows(
            "SELECT platform, person, state, created, started, finished, "
            "(SELECT count(*) FROM pictures WHERE job = id), attempts FROM jobs WHERE created > ?",
            (since,),
        )
        return [Past(*row) for row in rows]

    async def favourites(self, person: str, limit: int) -> list[Job]:
        """Return a person's favourites, newest first."""
        return await self._jobs("person = ? AND favourite ORDER BY id DESC LIMIT ?", (person, limit))

    async def set_favourite(self, job_id: int, favourite: bool) -> None:
        """Keep a job beyond the retention of pictures and prompts, or no longer."""
        await self._db.write("UPDATE jobs SET favourite = ? WHERE id = ?", (favourite, job_id))

    async def open_jobs(self, person: str | None = None) -> list[Job]:
        """Return the queued and running jobs, of one person or of all, in the order they came."""
        return await self._jobs(
            f"state IN {_OPEN} AND (? IS NULL OR person = ?) ORDER BY id", (person, person)
        )

    def drop_backups(self, before: float) -> None:
        """Delete the database's backups made before then."""
        self._db.drop_backups(before)

    async def unshown(self) -> list[Job]:
        """Return the ended jobs whose last reply no platform has confirmed."""
        return await self._jobs(f"shown = 0 AND state NOT IN {_OPEN} ORDER BY id")

    async def start(self, job_id: int, now: float) -> Job | None:
        """Mark an open job running and return it; None when it has ended meanwhile."""
        async with self._db.writing:
            jobs = await self._written(
                "UPDATE jobs SET state = 'running', started = coalesce(started, ?) "
                f"WHERE id = ? AND state IN {_OPEN} RETURNING {_COLUMNS}",
                (now, job_id),
            )
        return next(iter(jobs), None)

    async def prompt_ready(self, job_id: int, ready: PromptReady) -> None:
        """Record what the model is given."""
        await self._db.write(
            "UPDATE jobs SET used_prompt = ?, negative_used = ?, notes = ? WHERE id = ?",
            (ready.used, ready.negative_used, json.dumps(ready.notes), job_id),
        )

    async def add_picture(self, job_id: int, picture: JobPicture, count: int, now: float) -> Job | None:
        """Record a picture of a running job; its `count`th finishes it. None when it was not running."""
        row = picture_row(job_id, picture)
        async with self._db.transaction():
            jobs = await self._written(
                "UPDATE jobs SET "
                "state = CASE WHEN made + 1 >= :count THEN 'finished' ELSE state END, "
                "finished = CASE WHEN made + 1 >= :count THEN :now END "
                "FROM (SELECT count(*) AS made FROM pictures WHERE job = :id) "
                f"WHERE id = :id AND state = 'running' RETURNING {_COLUMNS}",
                {"id": job_id, "count": count, "now": now},
            )
            if not jobs:
                return None
            await self._db.execute(f"INSERT INTO pictures {_values(row)}", row)
        [job] = jobs
        return replace(job, pictures=tuple(sorted((*job.pictures, picture), key=attrgetter("index"))))

    async def finish(self, job_id: int, now: float) -> bool:
        """End a running job that makes no picture; False when it was not running."""
        async with self._db.writing:
            return await self._end(job_id, "finished", now)

    async def fail(self, job_id: int, code: str, detail: str, now: float) -> bool:
        """End an open job with an error; it costs nothing. False when it had ended already."""
        async with self._db.writing:
            return await self._end(job_id, "failed", now, charge=0, error=code, error_detail=detail)

    async def cancel(self, job_id: int, charge: int, now: float) -> bool:
        """End an open job for its person at the cost of what was done; False when it had ended already."""
        async with self._db.writing:
            return await self._end(job_id, "cancelled", now, charge=charge)

    async def lost(self, job_id: int, attempts: int) -> None:
        """Count an attempt that ended with the engine; tasks of one job lost together count once."""
        await self._db.write("UPDATE jobs SET attempts = max(attempts, ?) WHERE id = ?", (attempts, job_id))

    async def requeue(self) -> None:
        """Put running jobs back into the line, at an orderly end."""
        await self._db.write("UPDATE jobs SET state = 'queued' WHERE state = 'running'")

    async def requeue_crashed(self, now: float) -> None:
        """Put jobs that a killed bot left running back into the line; those it died with too often fail.

        Only a job that the model had begun is held against: one with a used prompt.
        """
        async with self._db.transaction():
            await self._db.execute(
                "UPDATE jobs SET state = 'queued', crashes = crashes + (used_prompt <> '') "
                "WHERE state = 'running'"
            )
            await self._db.execute(
                "UPDATE jobs SET state = 'failed', error = 'lost', charge = 0, finished = ? "
                "WHERE state = 'queued' AND crashes >= ?",
                (now, MAX_CRASHES),
            )

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
        """Mark a job's pictures deleted; its message has to be shown anew."""
        async with self._db.transaction():
            await self._db.execute("UPDATE pictures SET deleted = 1 WHERE job = ?", (job_id,))
            await self._db.execute("UPDATE jobs SET shown = 0 WHERE id = ?", (job_id,))

    async def expire(self, before: float) -> list[str]:
        """Mark the pictures of jobs that ended before then deleted, save favourites; return their files."""
        async with self._db.writing:
            rows = await self._db.rows(
                "UPDATE pictures SET deleted = 1 WHERE deleted = 0 "
                "AND job IN (SELECT id FROM jobs WHERE finished < ? AND NOT favourite) RETURNING file",
                (before,),
            )
        return [row["file"] for row in rows]

    async def favourite_files(self) -> set[str]:
        """Return the names of the pictures and inputs of every favourite."""
        rows = await self._db.rows(
            "SELECT file FROM pictures JOIN jobs ON job = id WHERE favourite "
            "UNION SELECT image FROM jobs WHERE favourite AND image IS NOT NULL"
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

    async def erase_prompts(self, before: float) -> None:
        """Empty the texts of jobs that ended before then, save favourites."""
        await self._db.write(
            "UPDATE jobs SET params = json_set(params, '$.prompt', '', '$.negative_prompt', ''), "
            "original = '', used_prompt = '', negative_used = '', error_detail = '' "
            "WHERE finished < ? AND NOT favourite AND json_extract(params, '$.prompt') <> ''",
            (before,),
        )

    async def forget(self, person: str, now: float) -> tuple[list[str], list[str]]:
        """Delete a person's jobs; return the pictures' files and the inputs that nobody else uses.

        What they cost in the day before `now` stays, under the keyed hash of who asked.
        """
        mine = "SELECT id FROM jobs WHERE person = ?"
        async with self._db.transaction():
            costs = await self._db.rows(
                "SELECT platform || ':user:' || json_extract(user, '$.id') AS name, created, charge "
                "FROM jobs WHERE person = ? AND created > ?",
                (person, now - DAY),
            )
            for name, created, charge in costs:
                row = (self.people.hashed(name), created, charge)
                await self._db.execute("INSERT INTO forgotten VALUES (?, ?, ?)", row)
            pictures = await self._db.rows(f"SELECT file FROM pictures WHERE job IN ({mine})", (person,))
            inputs = await self._db.rows(
                "SELECT image FROM jobs WHERE image IS NOT NULL GROUP BY image "
                "HAVING max(person = ?) AND NOT max(person <> ?)",
                (person, person),
            )
            await self._db.execute("DELETE FROM jobs WHERE person = ?", (person,))
        return [row["file"] for row in pictures], [row["image"] for row in inputs]

    async def forget_costs(self, before: float) -> None:
        """Drop what forgotten people spent before then."""
        await self._db.write("DELETE FROM forgotten WHERE created < ?", (before,))

    async def _end(self, job_id: int, state: State, now: float, **columns: Value) -> bool:
        changes: dict[str, Value] = {"id": job_id, "state": state, "finished": now, **columns}
        assignments = ", ".join(f"{name} = :{name}" for name in changes if name != "id")
        changed = await self._db.execute(
            f"UPDATE jobs SET {assignments} WHERE id = :id AND state IN {_OPEN}", changes
        )
        return changed == 1

    async def _job(self, where: str, values: Iterable[Value]) -> Job | None:
        return next(iter(await self._jobs(where, values)), None)

    async def _jobs(self, where: str, values: Iterable[Value] = ()) -> list[Job]:
        return [
            to_job(row) for row in await self._db.rows(f"SELECT {_COLUMNS} FROM jobs WHERE {where}", values)
        ]

    async def _written(self, sql: str, values: Values) -> list[Job]:
        """Run a statement that returns the jobs it wrote, inside a lock that is already held."""
        return [to_job(row) for row in await self._db.rows(sql, values)]


def _values(row: Mapping[str, Value]) -> str:
    return f"({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"
