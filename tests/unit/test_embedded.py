"""The servers that `make dev` and the tests start: they begin, end, and are gone when their starter is."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

from services.embedded import Nats, Postgres, command_line, wait_until

STARTER = """
import sys
from pathlib import Path
from services.embedded import Nats, Postgres
folder = Path(sys.argv[1])
postgres, nats = Postgres(folder / "postgres", "secret"), Nats(folder / "nats", "secret")
postgres.start()
nats.start()
print(postgres.pid, nats.pid, flush=True)
sys.stdin.read()
"""


def test_nothing_is_left_when_the_starter_is_killed(server_folder: Path) -> None:
    folder = server_folder / "killed"
    folder.mkdir()
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with starter:
        assert starter.stdout is not None
        pids = [int(word) for word in starter.stdout.readline().split()]
        assert len(pids) == 2
        starter.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not any(command_line(pid) for pid in pids), 15)
    assert not (folder / "postgres" / "data" / "postmaster.pid").exists(), "Postgres was not stopped cleanly"


def test_data_survives_a_stop_and_a_crash(server_folder: Path) -> None:
    postgres = Postgres(server_folder / "kept", "secret")
    for end in (postgres.stop, postgres.kill, postgres.stop):
        postgres.start()
        pid = postgres.pid
        end()
        assert not command_line(pid)


def test_permissions_of_other_folders_are_left_alone(server_folder: Path) -> None:
    parent = server_folder / "parent"
    parent.mkdir(mode=0o711)
    folders = [parent, *parent.parents]
    before = [(folder.stat().st_mode, folder.stat().st_uid) for folder in folders]
    postgres = Postgres(parent / "postgres", "secret")
    postgres.start()
    postgres.stop()
    assert [(folder.stat().st_mode, folder.stat().st_uid) for folder in folders] == before
    assert stat.S_IMODE(postgres.data.stat().st_mode) == 0o700


def test_postgres_does_not_run_as_root(postgres: Postgres) -> None:
    status = Path(f"/proc/{postgres.pid}/status").read_text()
    owner = next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:"))
    assert owner != "0" and (os.geteuid() == 0 or owner == str(os.geteuid()))


def test_two_buses_take_two_ports(nats: Nats, server_folder: Path) -> None:
    other = Nats(server_folder / "other", "secret")
    other.start()
    assert other.port != nats.port and other.pid and nats.pid
    other.stop()
    assert not other.pid
