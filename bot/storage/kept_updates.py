"""What a platform sent that is not handled yet: kept, so that the platform need not send it again.

Knows a platform's numbers and its own text; knows nothing of what is in there.
"""

import time
from collections.abc import Callable

from bot.policy.limits import DAY
from bot.storage.database import Database


class KeptUpdates:
    """The table of updates that are being handled; each is removed when it is, or after a day."""

    def __init__(self, db: Database, now: Callable[[], float] = time.time) -> None:
        self._db = db
        self._now = now

    async def keep(self, platform: str, number: int, payload: str) -> None:
        """Keep an update; the same number again stays one."""
        await self._db.write(
            "INSERT OR IGNORE INTO kept_updates VALUES (?, ?, ?, ?)", (platform, number, payload, self._now())
        )

    async def remove(self, platform: str, number: int) -> None:
        """Forget an update that is handled."""
        await self._db.write("DELETE FROM kept_updates WHERE platform = ? AND number = ?", (platform, number))

    async def left(self, platform: str) -> list[str]:
        """Return what the last run left, the oldest first."""
        await self._db.write("DELETE FROM kept_updates WHERE taken < ?", (self._now() - DAY,))
        rows = await self._db.rows(
            "SELECT payload FROM kept_updates WHERE platform = ? ORDER BY number", (platform,)
        )
        return [row["payload"] for row in rows]
