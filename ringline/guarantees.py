"""What a database must promise before a service trusts it with calls: what was acknowledged is on disk, and,
where there is to be one, on a second machine. Pure.
"""

from typing import NamedTuple

from ringline.config import NodeSettings

ASKED = """
SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('synchronous_standby_names') AS standbys,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        AS connections,
    (SELECT count(*) FROM pg_stat_replication) AS followers
"""
ON_DISK = frozenset({"on", "remote_apply", "remote_write", "local"})
ON_TWO = frozenset({"on", "remote_apply"})


class Promise(NamedTuple):
    """What the database answers to ASKED."""

    fsync: str
    synchronous_commit: str
    standbys: str
    connections: int
    followers: int = 0
    """How many others take its log over just now; which of them are standbys, only a superuser is told."""


def objection(promise: Promise, settings: NodeSettings) -> str:
    """Why a service must not start on it; empty where it may."""
    if settings.database_standby and not (promise.standbys.strip() and promise.synchronous_commit in ON_TWO):
        return (
            "RINGLINE_DATABASE_STANDBY is set, and the database does not wait for a standby: "
            "set synchronous_standby_names, and synchronous_commit = on"
        )
    if settings.environment != "production":
        return ""
    if promise.fsync != "on" or promise.synchronous_commit not in ON_DISK:
        return (
            "the database loses what it acknowledged when it crashes: "
            "production needs fsync = on and synchronous_commit = on"
        )
    return ""


def worry(promise: Promise, settings: NodeSettings) -> str:
    """What must not stay so beneath a process that serves; empty where all is well. It is no reason to stop:
    without a standby commits wait for one, and where nobody waits calls still go on.
    """
    if why := objection(promise, settings):
        return why
    return "no standby is connected" if settings.database_standby and not promise.followers else ""


def is_beyond(promise: Promise, settings: NodeSettings) -> bool:
    """Whether all processes together may want more connections than the database has."""
    return max(settings.db_connections, settings.db_pool) > promise.connections
