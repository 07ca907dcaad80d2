"""The relay's secret is changed while the relay runs: its container's own commands, with the real coturn."""

import base64
import hashlib
import hmac
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.browser.apart.turn import DONE, Turn
from tests.deploy.manifests import rendered
from tests.servers import START_SECONDS, Process, until

NOBODY = 401
KEY = "ringline_signaling_turn_secret"
HASTE = '#!/bin/sh\nexec "{program}" 0.05\n'
TIDY = """#!/bin/sh
"{program}" "$@" & wait $! || exit
rm -f /var/log/turn_$!_* /var/tmp/turn_$!_*
"""
"""What turnadmin writes where it may, which in its container is /tmp alone."""


class Relay:
    """A relay at an address of this machine that nobody else has, and the file with its secrets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"127.{os.getpid() % 250 + 2}.{os.getpid() // 250 % 250}.7"
        container = rendered("production").container("Deployment", "coturn")
        conf = rendered("production").find("ConfigMap", "coturn")["data"]["turnserver.conf"]
        (folder / "turnserver.conf").write_text(conf)
        for name, text in (("sleep", HASTE), ("turnadmin", TIDY)):
            (folder / name).write_text(text.format(program=shutil.which(name)))
            (folder / name).chmod(0o755)
        words = re.sub(r"/(etc/coturn/secrets|etc/coturn|tmp)(?=/)", str(folder), container["args"][0])
        env = {"PATH": f"{folder}:{os.environ['PATH']}", "HOST_IP": self.address}
        self.process = Process("coturn", [*container["command"], words], env, folder / "log")

    async def gives(self, *values: str) -> None:
        """Waits until it has taken these secrets over."""
        before = self.process.size_of_log()
        (self.folder / "draft").write_text(",".join(values))
        (self.folder / "draft").rename(self.folder / KEY)  # as a kubelet does it: at once
        done = f"secrets taken over: {len(values)}\n"
        await until(lambda: done in self.process.log_since(before), START_SECONDS, self.process.tail)

    def client(self, secret: str) -> Turn:
        """Somebody with credentials as signaling makes them with this secret."""
        name = f"{int(time.time()) + 600}:somebody"
        mac = hmac.new(secret.encode(), name.encode(), hashlib.sha1).digest()
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind(("127.0.0.1", 0))
        return Turn(own, name, base64.b64encode(mac).decode(), server=self.address)

    def answer(self, secret: str) -> int:
        """What it says to who wants an address with that secret."""
        client = self.client(secret)
        with client.socket:
            return client.allocate()


@asynccontextmanager
async def running(folder: Path, *values: str) -> AsyncIterator[Relay]:
    relay = Relay(folder)
    (folder / KEY).write_text(",".join(values))
    relay.process.start()
    try:
        await until(lambda: "server id=0 created" in relay.process.tail(), START_SECONDS, relay.process.tail)
        yield relay
    finally:
        relay.process.ask_to_stop()
        await relay.process.ended()


async def test_the_secret_of_a_relay_is_changed_without_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, "first") as relay:
        process = relay.process.pid
        assert (relay.answer("first"), relay.answer("second")) == (DONE, NOBODY)
        await relay.gives("first", "second")
        assert (relay.answer("first"), relay.answer("second")) == (DONE, DONE)
        await relay.gives("second")
        assert (relay.answer("first"), relay.answer("second")) == (NOBODY, DONE)
        assert relay.process.runs and relay.process.pid == process


async def test_what_is_relayed_goes_on_when_its_secret_is_forgotten(tmp_path: Path) -> None:
    """An allocation is prolonged with the credentials that opened it."""
    async with running(tmp_path, "first") as relay:
        talking = relay.client("first")
        with talking.socket:
            assert talking.allocate() == DONE
            await relay.gives("second")
            assert relay.answer("first") == NOBODY
            assert talking.refresh() == DONE


@pytest.mark.parametrize("secret", ["with space", "a=b/c+d", "it's", '"quoted" $HOME * \\n'])
async def test_a_secret_may_have_any_character_but_a_comma(tmp_path: Path, secret: str) -> None:
    async with running(tmp_path, "first", secret) as relay:
        assert (relay.answer("first"), relay.answer(secret)) == (DONE, DONE)
        await relay.gives("first")
        assert (relay.answer("first"), relay.answer(secret)) == (DONE, NOBODY)


async def test_a_relay_that_begins_anew_has_the_secrets_of_now_alone(tmp_path: Path) -> None:
    """Its folder outlives a container that crashes."""
    async with running(tmp_path, "first"):
        pass
    async with running(tmp_path, "second") as relay:
        assert (relay.answer("first"), relay.answer("second")) == (NOBODY, DONE)


async def test_a_file_without_a_secret_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, "first") as relay:
        given, read = relay.folder / KEY, relay.folder / "wanted"
        given.write_text(" ")

        def is_read() -> bool:
            return read.exists() and read.stat().st_mtime_ns > given.stat().st_mtime_ns

        await until(is_read, START_SECONDS, relay.process.tail)
        assert relay.answer("first") == DONE
        await relay.gives("first", "second")
        assert "secrets taken over: 0" not in relay.process.tail()


def test_the_commands_of_the_relay_are_what_a_plain_shell_understands() -> None:
    words = rendered("production").container("Deployment", "coturn")["args"][0]
    said = subprocess.run(["shellcheck", "--shell=sh", "-"], input=words, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout
