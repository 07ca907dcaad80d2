"""`ringline restored`, presence's half: no line of a backup is open, and no number is given out twice."""

from ringline.config import NodeSettings
from ringline.db import Database
from services.presence.store import Store


async def restored(settings: NodeSettings) -> int:
    """Forgets every line and every lease; answers how many lines that were. May be repeated.

    Raises Refusal where the database is away.
    """
    db = await Database.of(settings, "presence").open()
    try:
        return await Store(db).forget()
    finally:
        await db.close()
