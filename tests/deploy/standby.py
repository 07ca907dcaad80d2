"""A Postgres with a synchronous standby, each at an address of its own: what one brings to production."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.embedded import UNPRIVILEGED, Postgres, is_root
from tests.browser.apart.networks import Network
from tests.deploy.cluster.cluster import within_network

PORT = 5432
NAME = "second"
"""That of the standby, as the first one knows it."""
FOR_ALL = "host all all all scram-sha-256\nhost replication all all scram-sha-256\n"


@contextmanager
def database(
    folder: Path, password: str, first: tuple[Network, str], second: tuple[Network, str]
) -> Iterator[Postgres]:
    """Both, in their networks and at their addresses; every commit waits for both."""
    one, other = Postgres(folder / "first", password), Postgres(folder / "second", password)
    try:
        with within_network(first[0]):
            one.start(PORT, listen_addresses="*")
        with (one.data / "pg_hba.conf").open("a") as who:
            who.write(FOR_ALL)
        _ask(one, first, "SELECT pg_reload_conf()")
        _copy(one, other, first[1], second[0])
        with within_network(second[0]):
            other.start(PORT, listen_addresses="*")
        _ask(one, first, f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'", "SELECT pg_reload_conf()")
        yield one
    finally:
        other.stop()
        one.stop()


def _copy(one: Postgres, other: Postgres, address: str, network: Network) -> None:
    other.folder.mkdir()
    if is_root():
        account = pwd.getpwnam(UNPRIVILEGED)
        os.chown(other.folder, account.pw_uid, account.pw_gid)
    link = f"host={address} port={PORT} user=postgres application_name={NAME}"
    command = [str(one.programs / "pg_basebackup"), "--dbname", link, "--pgdata", str(other.data)]
    _run(network, one, [*command, "--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream"])


def _ask(one: Postgres, at: tuple[Network, str], *statements: str) -> None:
    words = [word for statement in statements for word in ("--command", statement)]
    link = f"host={at[1]} port={PORT} user=postgres dbname=postgres"
    if statements == ("SELECT pg_reload_conf()",):
        link = link.replace(at[1], "127.0.0.1")  # from elsewhere nobody is let in yet
    _run(at[0], one, [str(one.programs / "psql"), "--quiet", "--no-psqlrc", link, *words])


def _run(network: Network, one: Postgres, command: list[str]) -> None:
    drop = [
        "setpriv",
        f"--reuid={UNPRIVILEGED}",
        f"--regid={pwd.getpwnam(UNPRIVILEGED).pw_gid}",
        "--clear-groups",
    ]
    env = dict(os.environ, PGPASSWORD=one.password)
    words = network.command(*(drop if is_root() else []), *command)
    done = subprocess.run(words, env=env, cwd=one.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
