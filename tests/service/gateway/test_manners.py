"""What a gateway does with those who have no manners, and how it says goodbye itself."""

import asyncio
import json
import secrets
import time
from contextlib import suppress
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from prometheus_client import REGISTRY
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ringline import ids
from ringline.client.keys import DeviceKey
from ringline.client.line import Line
from ringline.client.rest import Api
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, signaling_pb2
from ringline.v1.client_pb2 import ClientFrame, Hello, ServerFrame
from ringline.v1.reasons_pb2 import Reason
from ringline.v1.types_pb2 import Kinds
from services.gateway.turns import AT_ONCE
from tests.servers import until
from tests.service.gateway.conftest import Alone
from tests.service.gateway.town import Town, frame_for

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATIENCE = 5.0


async def knock(shared: Town, path: str = "/v1/connect", **more: object) -> int:
    """The HTTP status with which a connection is refused, or 101."""
    url = shared.urls[0].replace("http", "ws") + path
    given: dict[str, object] = {"subprotocols": ["ringline.v1"], "proxy": None} | more
    try:
        async with connect(url, **given):  # type: ignore[arg-type]
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def stranger(town: Town) -> ClientConnection:
    """A connection that has not said hello."""
    url = town.urls[0].replace("http", "ws") + "/v1/connect"
    return await connect(url, subprotocols=["ringline.v1"], proxy=None)  # type: ignore[list-item]


async def farewell(socket: ClientConnection) -> tuple[Reason.ValueType, int]:
    """The reason of the goodbye and the code of the close."""
    reason = Reason.REASON_UNSPECIFIED
    with suppress(ConnectionClosed):
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = ServerFrame.FromString(await socket.recv(decode=False))
                reason = frame.goodbye.refused.reason
    return reason, socket.close_code or 0


# ------------------------------------------------------------ at the door


async def test_a_socket_opens_at_one_address_for_our_pages_and_our_protocol(shared: Town) -> None:
    own = shared.urls[0]
    assert await knock(shared) == 101
    assert await knock(shared, origin=own) == 101
    assert await knock(shared, origin="https://evil.example") == 403
    assert await knock(shared, origin="null") == 403
    assert await knock(shared, path="/v1/other") == 404
    assert await knock(shared, path="/") == 404
    assert await knock(shared, subprotocols=["ringline.v9"]) == 400
    assert await knock(shared, subprotocols=None) == 400


async def test_deflate_is_never_agreed_on(shared: Town) -> None:
    socket = await stranger(shared)
    assert not socket.protocol.extensions
    assert socket.subprotocol == "ringline.v1"
    await socket.close()


async def test_who_says_nothing_is_sent_away(alone: Alone) -> None:
    async with alone(hello_s=0.1) as town:
        assert await farewell(await stranger(town)) == (Reason.REASON_UNAVAILABLE, 1013)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\xff\xff", 1003),
        (b"", 1008),
        (ClientFrame(ping=client_pb2.Ping()).SerializeToString(), 1008),
        (ClientFrame(hello=Hello(ticket="x")).SerializeToString(), 1008),
    ],
)
async def test_the_first_frame_is_hello_or_the_last(shared: Town, message: bytes, code: int) -> None:
    socket = await stranger(shared)
    await socket.send(message)
    assert await farewell(socket) == (Reason.REASON_INVALID, code)


async def test_text_is_not_spoken_here(shared: Town) -> None:
    socket = await stranger(shared)
    await socket.send("hello")
    assert (await farewell(socket))[1] == 1003


async def test_a_message_in_too_many_pieces_is_not_waited_for(shared: Town) -> None:
    socket = await stranger(shared)
    with suppress(ConnectionClosed):
        await socket.send(b"x" for _ in range(1000))
    assert (await farewell(socket))[1] == 1008


async def test_who_connects_and_asks_for_nothing_is_not_waited_for(alone: Alone) -> None:
    async with alone(request_s=0.3) as town:
        port = int(town.urls[0].rpartition(":")[2])
        head = b"POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        for said, answered in (
            (b"", b""),
            (b"GET /v1/con", b""),
            (head + b"Content-Length: 9\r\n\r\n{", b"HTTP/1.1 408"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            async with asyncio.timeout(PATIENCE):
                got = await reader.read(len(answered) or 1)
            assert got.startswith(answered) and bool(got) == bool(answered), said
            writer.close()


async def test_a_network_whose_hellos_fail_waits(alone: Alone) -> None:
    """Counted by the address that the trusted proxy names, and by no other."""
    async with alone(hello_failures=2, trusted_proxies="127.0.0.0/8") as town:
        bad = {"X-Forwarded-For": "192.0.2.7"}
        for _ in range(2):
            url = town.urls[0].replace("http", "ws") + "/v1/connect"
            socket = await connect(url, subprotocols=["ringline.v1"], proxy=None, additional_headers=bad)  # type: ignore[list-item]
            await socket.send(b"\xff")
            await farewell(socket)
        assert await knock(town, additional_headers=bad) == 429
        assert await knock(town, additional_headers={"X-Forwarded-For": "192.0.2.8"}) == 101
        assert await knock(town) == 101


async def test_a_hello_that_does_not_come_is_no_strike(alone: Alone) -> None:
    """It may have come, and an overloaded gateway had no time to read it: an office would be shut out."""
    async with alone(hello_failures=1, hello_s=0.2) as town:
        url = town.urls[0].replace("http", "ws") + "/v1/connect"
        for _ in range(3):
            socket = await connect(url, subprotocols=["ringline.v1"], proxy=None)  # type: ignore[list-item]
            await farewell(socket)


async def test_more_tickets_than_can_be_made_at_once_are_all_made(alone: Alone) -> None:
    """Who comes in a crowd waits for a turn, and has one."""
    async with alone() as town:
        ada = await town.person("ada")
        made = await asyncio.gather(*(ada.ticket() for _ in range(4 * AT_ONCE)))
        assert len(set(made)) == 4 * AT_ONCE


async def test_pages_of_the_list_may_use_the_api_and_others_may_not(alone: Alone) -> None:
    async with alone(allowed_origins="https://social.example") as town:
        for origin, granted in (
            ("https://social.example", "https://social.example"),
            ("https://evil.example", None),
        ):
            response = await town.http.get(town.urls[0] + "/v1/config", headers={"origin": origin})
            assert response.headers.get("access-control-allow-origin") == granted
            assert await knock(town, origin=origin) == (101 if granted else 403)


# ------------------------------------------------------------ on the line


async def test_a_line_that_says_too_much_is_slowed_down_and_in_the_end_closed(alone: Alone) -> None:
    async with alone(command_burst=5, command_every_s=10.0) as town:
        line = await town.line(await town.person("ada"))
        for _ in range(5):
            await line.ping()
        with pytest.raises(Refusal) as refused:
            await line.ping()
        assert refused.value.reason == Reason.REASON_LIMITED
        assert refused.value.retry_after is not None and refused.value.retry_after > 5
        for _ in range(200):
            line.tell(ClientFrame(ping=client_pb2.Ping()))
        async with asyncio.timeout(PATIENCE):
            assert await line.closed == 1008
        assert line.refused is not None and line.refused.reason == Reason.REASON_LIMITED


async def test_a_line_that_does_not_read_is_cut_and_others_do_not_notice(alone: Alone) -> None:
    async with alone(slow_s=0.3, command_burst=1000) as town:
        slow, quick = await town.line(await town.person("ada")), await town.line(await town.person("bob"))
        assert slow._socket is not None and slow._socket._transport is not None
        slow._socket._transport.pause_reading()
        big = ServerFrame(call=client_pb2.Call(peer_binding=bytes(60_000)))
        for _ in range(200):
            await town.wake(slow, signaling_pb2.Wake(sender="s_x", frames=[frame_for(slow, big)]))
            await quick.ping()
        # Only then may it read on: a reader that catches up in time is not slow.
        await until(lambda: REGISTRY.get_sample_value("ringline_lines") == 1, PATIENCE, lambda: "not cut")
        slow._socket._transport.resume_reading()
        async with asyncio.timeout(PATIENCE):
            assert await slow.closed == 1006
        await quick.ping()
        quick.close()


async def test_a_stopping_gateway_sends_its_lines_elsewhere_and_closes_who_stays(alone: Alone) -> None:
    async with alone(drain_s=0.5) as town:
        heard: list[ServerFrame] = []
        line = await town.line(await town.person("ada"), hear=heard.append)
    reconnects = [frame.reconnect for frame in heard if frame.HasField("reconnect")]
    assert len(reconnects) == 1
    assert 500 / 3 - 1 < reconnects[0].after_ms <= 500, "not before a load balancer can know"
    assert await line.closed == 1012
    assert line.refused is not None and line.refused.reason == Reason.REASON_UNAVAILABLE


async def test_a_stopping_gateway_closes_no_line_before_the_answer_to_what_it_asked_last(
    alone: Alone,
) -> None:
    """Policy is away, so a Place has its answer after two seconds; the gateway stops after one."""
    async with alone(drain_s=0.1, without=["policy"]) as town:
        heard: list[ServerFrame] = []
        line = await town.line(await town.person("ada"), hear=heard.append)
        place = client_pb2.Place(username="bob", kinds=Kinds(audio=True))
        command_id = secrets.token_urlsafe(18)
        asking = asyncio.create_task(line.ask(ClientFrame(command_id=command_id, place=place)))
        await asyncio.sleep(0)
    with pytest.raises(Refusal) as refused:
        await asking
    assert refused.value.reason == Reason.REASON_UNAVAILABLE
    told = [frame.WhichOneof("body") for frame in heard if not frame.HasField("beat")]
    assert told == ["welcome", "reconnect", "refused", "goodbye"]


async def test_without_signaling_a_hello_fails_cleanly_and_is_no_strike(alone: Alone) -> None:
    async with alone(without=["signaling"], hello_failures=1) as town:
        with pytest.raises(Refusal) as refused:
            await town.line(await town.person("ada"))
        assert refused.value.reason == Reason.REASON_UNAVAILABLE
        assert await knock(town) == 101


@pytest.mark.shows("L1")
async def test_beats_to_a_live_call_stop_when_signaling_is_gone(alone: Alone) -> None:
    """The lease of a ring: who hears no beat stops ringing."""
    async with alone(apart=["signaling"], beat_s=0.1, sync_s=0.1, idle_beat_s=60.0) as town:
        heard: list[ServerFrame] = []
        line = await town.line(await town.person("ada"), hear=heard.append)
        bob = await town.person("bob")
        place = client_pb2.Place(username=bob.username, kinds=Kinds(audio=True))
        await line.ask(ClientFrame(command_id=secrets.token_urlsafe(18), place=place))
        heard.clear()

        def beats() -> list[client_pb2.Beat]:
            return [frame.beat for frame in heard if frame.HasField("beat")]

        await until(lambda: len(beats()) >= 3, PATIENCE, lambda: str(heard))
        assert all(len(beat.calls) == 1 for beat in beats())
        await town.stop("signaling")
        quiet_since, count = time.monotonic(), len(beats())

        def is_quiet() -> bool:
            nonlocal quiet_since, count
            if len(beats()) > count:
                quiet_since, count = time.monotonic(), len(beats())
            return time.monotonic() - quiet_since > 1.5

        await until(is_quiet, PATIENCE, lambda: f"{count} beats")
        assert line.is_open
        line.close()


# ------------------------------------------------------------ the platform's own identity provider


async def test_a_user_of_the_platform_registers_a_device_and_opens_a_line(
    alone: Alone, tmp_path: Path
) -> None:
    key = RSAKey.generate_key(2048, {"kid": "one"})
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    issuer = "https://id.example"

    def token(**claims: object) -> str:
        given = {"iss": issuer, "aud": "calls", "sub": "user-7", "exp": time.time() + 60}
        given |= {"preferred_username": name, "plan": "plus", "verified": True, "name": "Ada"}
        told = {key: value for key, value in (given | claims).items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": "one"}, told, key, algorithms=["RS256"])

    settings = {
        "oidc_issuer": issuer,
        "oidc_audience": "calls",
        "oidc_jwks_file": str(keys),
        "claim_tier": "plan",
    }
    async with alone(**settings) as town:
        name, api = town.name("ada"), Api(town.urls, town.http)
        account = await api.ask("GET", "/v1/me", token=token())
        assert (account["username"], account["tier"], account["verified"]) == (name, "plus", True)
        for bad in (token(aud="other"), token(iss="other"), token(exp=time.time() - 60), token(exp=None)):
            with pytest.raises(Refusal) as refused:
                await api.ask("GET", "/v1/me", token=bad)
            assert refused.value.reason == Reason.REASON_TOKEN_INVALID
        with pytest.raises(Refusal) as refused:
            await api.sign_up(town.name("eve"), "correct horse battery")
        assert refused.value.reason == Reason.REASON_FORBIDDEN
        device_key = DeviceKey()
        device = await api.ask("POST", "/v1/me/devices", device_key.prove("register", name, "Phone"), token())
        ticket = (await api.ask("POST", "/v1/tickets", {"device_id": device["device_id"]}, token()))["ticket"]
        hello = Hello(ticket=ticket, signature=device_key.sign_ticket(ticket), instance="instance-1")
        line = await Line.open(town.urls[0], hello, lambda frame: None)
        assert line.welcome.line.user_id == account["user_id"]
        assert (await api.ask("GET", "/v1/config"))["issuer"] == "oidc"
        line.close()
        for body in ({}, {"device_id": ids.mint_device()}):
            with pytest.raises(Refusal) as refused:
                await api.ask("POST", "/v1/tickets", body, token())
            assert refused.value.reason in (Reason.REASON_INVALID, Reason.REASON_DEVICE_NOT_FOUND)


# ------------------------------------------------------------ the web client


async def test_the_web_client_is_served_for_every_address_of_its_own(alone: Alone, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>Ringline</title>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index-4f9aB2c1.js").write_text("export {};")
    (tmp_path.parent / "secret.txt").write_text("not for the world")
    async with alone(web_root=str(tmp_path)) as town:

        async def get(path: str) -> tuple[int, str, str]:
            response = await town.http.get(town.urls[0] + path)
            assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
            return response.status_code, response.headers["content-type"].split(";")[0], response.text

        for path in ("/", "/@bob", "/@bob.builder", "/settings", "/index.html"):
            status, kind, text = await get(path)
            assert (status, kind) == (200, "text/html"), path
            assert "Ringline" in text
        script = await town.http.get(town.urls[0] + "/assets/index-4f9aB2c1.js")
        assert script.headers["content-type"].startswith("text/javascript")
        assert "immutable" in script.headers["cache-control"]
        page = await town.http.get(town.urls[0] + "/@bob")
        assert page.headers["cache-control"] == "no-cache"
        policy = page.headers["content-security-policy"]
        assert f"connect-src 'self' {town.urls[0].replace('http', 'ws')} " in policy
        assert "script-src 'self';" in policy
        for path in ("/assets/none.js", "/../secret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt"):
            assert (await get(path))[0] == 404, path
        missing = await town.http.get(town.urls[0] + "/assets/index-0f0f0f0f.js")
        assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")
        assert (await town.http.post(town.urls[0] + "/")).status_code == 405
        assert (await get("/v1/config"))[1] == "application/json"
        assert (await get("/v1/nothing"))[0] == 404
