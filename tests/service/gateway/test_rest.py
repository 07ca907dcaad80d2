"""REST: every endpoint, told as a story through the front door."""

import asyncio

import httpx
import pytest

from ringline.client.keys import DeviceKey
from ringline.client.rest import Session, normal
from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from tests.conftest import Databases
from tests.service.gateway.town import BUILDS, PASSWORD, Town, town

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def asked(shared: Town, method: str, path: str, **more: object) -> httpx.Response:
    """A raw request to the first gateway."""
    return await shared.http.request(method, shared.urls[0] + path, **more)  # type: ignore[arg-type]


async def refusal_of(
    session: Session, method: str, path: str, body: dict[str, object] | None = None
) -> Refusal:
    """What a session is told instead of an answer."""
    with pytest.raises(Refusal) as refused:
        await session.ask(method, path, body)
    return refused.value


async def until_shut_out(session: Session) -> None:
    """Waits until a revoked device is refused; two seconds at most."""
    async with asyncio.timeout(2.0):
        with pytest.raises(Refusal) as refused:
            while True:
                await session.me()
    assert refused.value.reason == Reason.REASON_DEVICE_REVOKED


async def test_an_account_needs_a_username_and_a_password_and_gets_recovery_codes(shared: Town) -> None:
    name = shared.name("ada")
    made = await shared.api().sign_up(f"@{name.upper()}", PASSWORD, display_name="Ada")
    assert made["account"]["username"] == name
    assert made["account"]["display_name"] == "Ada"
    assert len(set(made["recovery_codes"])) == 10
    with pytest.raises(Refusal) as refused:
        await shared.api(1).sign_up(name, PASSWORD)
    assert refused.value.reason == Reason.REASON_USERNAME_TAKEN


async def test_a_problem_says_what_is_so_in_the_form_of_rfc_9457(shared: Town) -> None:
    body = {"username": "x", "password": PASSWORD}
    response = await asked(shared, "POST", "/v1/accounts", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["reason"] == "username_invalid"
    assert problem["type"] == "urn:ringline:problem:username_invalid"
    assert problem["status"] == 422
    assert problem["instance"] == "/v1/accounts"
    assert problem["title"] and problem["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/accounts", b"no json", 400),
        ("POST", "/v1/accounts", b'{"username":"ada"}', 400),
        ("POST", "/v1/accounts", b"[]", 400),
        ("POST", "/v1/accounts", b'{"username":7,"password":"x"}', 400),
        ("POST", "/v1/accounts", b"\xff\xfe", 400),
        ("POST", "/v1/accounts", b'{"username":"' + b"x" * 70_000 + b'"}', 413),
        ("POST", "/v1/sessions/renew", b'{"user_id":"u_1","device_id":"*.>","device":{}}', 400),
        ("GET", "/v1/nothing", None, 404),
        ("DELETE", "/v1/accounts", None, 405),
    ],
)
async def test_what_is_malformed_is_refused_and_never_repeated(
    shared: Town, method: str, path: str, body: bytes | None, status: int
) -> None:
    headers = {"content-type": "application/json"}
    response = await asked(shared, method, path, content=body, headers=headers)
    assert response.status_code == status
    assert response.json()["reason"] == "invalid"
    assert "xxx" not in response.text


async def test_a_body_without_a_length_is_bounded_too(shared: Town) -> None:
    async def endless() -> object:
        for _ in range(40):
            yield b"[" * 4096

    headers = {"content-type": "application/json"}
    response = await asked(shared, "POST", "/v1/accounts", content=endless(), headers=headers)
    assert response.status_code == 400


async def test_a_device_signs_in_renews_its_token_and_asks_with_it_anywhere(shared: Town) -> None:
    ada = await shared.person("ada")
    await ada.renew()
    elsewhere = ada.through([shared.urls[1]])
    assert (await elsewhere.me())["username"] == ada.username
    assert [one["device_id"] for one in (await ada.devices())["devices"]] == [ada.device_id]
    assert not (await ada.devices())["devices"][0]["revoked"]


async def test_a_wrong_password_and_a_wrong_proof_open_nothing(shared: Town) -> None:
    ada = await shared.person("ada")
    with pytest.raises(Refusal) as refused:
        await shared.api().sign_in(ada.username, "not the password", DeviceKey())
    assert refused.value.reason == Reason.REASON_CREDENTIALS_WRONG
    proof = ada.key.prove("renew", normal(ada.username))
    body = {"username": ada.username, "password": PASSWORD, "device": proof}
    with pytest.raises(Refusal) as refused:
        await shared.api().ask("POST", "/v1/sessions", body)
    assert refused.value.reason == Reason.REASON_PROOF_INVALID


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer e30.e30.", "Bearer ..é"])
async def test_without_a_token_that_is_trusted_nothing_opens(shared: Town, header: str) -> None:
    headers = {"authorization": header.encode()} if header else {}
    for path in ("/v1/me", "/v1/me/contacts", "/v1/users/ada", "/v1/me/entitlement", "/v1/me/blocks"):
        response = await asked(shared, "GET", path, headers=headers)
        assert response.status_code == 401
        assert response.json()["reason"] == "token_invalid"
        assert response.headers["www-authenticate"] == "Bearer"


async def test_a_recovery_code_sets_a_password_once_and_shuts_out_every_device(shared: Town) -> None:
    name = shared.name("ada")
    codes = (await shared.api().sign_up(name, PASSWORD))["recovery_codes"]
    ada = await shared.api().sign_in(name, PASSWORD, DeviceKey())
    line = await shared.line(ada, 1)
    assert await shared.api(1).recover(name, codes[0], "another fine password") == 9
    await line.closed
    await until_shut_out(ada)
    with pytest.raises(Refusal) as refused:
        await shared.api().recover(name, codes[0], PASSWORD)
    assert refused.value.reason == Reason.REASON_CREDENTIALS_WRONG
    await shared.api().sign_in(name, "another fine password", DeviceKey())


async def test_a_revoked_device_is_out_everywhere_within_two_seconds(shared: Town) -> None:
    ada = await shared.person("ada")
    tablet = await shared.api(1).sign_in(ada.username, PASSWORD, DeviceKey(), "Tablet")
    await tablet.me()
    line = await shared.line(tablet, 1)
    await ada.revoke(tablet.device_id)
    await line.closed
    assert line.refused is not None and line.refused.reason == Reason.REASON_DEVICE_REVOKED
    await until_shut_out(tablet)
    revoked = {one["device_id"]: one["revoked"] for one in (await ada.devices())["devices"]}
    assert revoked == {ada.device_id: False, tablet.device_id: True}
    with pytest.raises(Refusal) as refused:
        await tablet.renew()
    assert refused.value.reason == Reason.REASON_DEVICE_REVOKED


async def test_a_revoked_device_loses_its_line_though_the_bus_is_away(databases: Databases) -> None:
    name = await databases.create(tuple(BUILDS))
    async with town(databases.settings(name), count=2) as without_bus:
        ada = await without_bus.person("ada")
        tablet = await without_bus.api().sign_in(ada.username, PASSWORD, DeviceKey(), "Tablet")
        line = await without_bus.line(tablet, 1)
        kept = await without_bus.line(ada, 1)
        await ada.revoke(tablet.device_id)
        async with asyncio.timeout(10):
            await line.closed
        assert line.refused is not None and line.refused.reason == Reason.REASON_DEVICE_REVOKED
        assert not kept.closed.done()
    await databases.drop(name)


async def test_one_device_cannot_get_a_ticket_for_another(shared: Town) -> None:
    ada, bob = await shared.person("ada"), await shared.person("bob")
    refused = await refusal_of(ada, "POST", "/v1/tickets", {"device_id": bob.device_id})
    assert refused.reason == Reason.REASON_FORBIDDEN
    refused = await refusal_of(ada, "DELETE", f"/v1/me/devices/{bob.device_id}")
    assert refused.reason == Reason.REASON_DEVICE_NOT_FOUND


async def test_a_profile_changes_and_search_finds_who_wants_to_be_found(shared: Town) -> None:
    ada, bob = await shared.person("ada"), await shared.person("bob")
    word = shared.name("zoe")
    path = f"/v1/users?query={word}"
    assert (await ada.ask("PATCH", "/v1/me", {"display_name": word}))["display_name"] == word
    assert (await bob.ask("GET", path))["people"] == []
    assert (await ada.ask("PATCH", "/v1/me", {"searchable": True}))["searchable"]
    found = (await bob.ask("GET", path))["people"]
    assert [one["username"] for one in found] == [ada.username]
    assert set(found[0]) == {"user_id", "username", "display_name", "verified"}
    assert (await bob.ask("GET", f"{path}&limit=1"))["people"] == found
    assert (await refusal_of(bob, "GET", "/v1/users?query=x")).reason == Reason.REASON_INVALID


async def test_a_username_changes_and_the_old_one_is_held(shared: Town) -> None:
    ada, bob = await shared.person("ada"), await shared.person("bob")
    wanted = shared.name("eve")
    assert (await ada.ask("PUT", "/v1/me/username", {"username": wanted}))["username"] == wanted
    assert (await bob.profile(wanted))["user_id"] == ada.user_id
    refused = await refusal_of(bob, "PUT", "/v1/me/username", {"username": ada.username})
    assert refused.reason == Reason.REASON_USERNAME_TAKEN


async def test_the_address_book_and_follows_are_lists_by_page(shared: Town) -> None:
    ada = await shared.person("ada")
    others = sorted([(await shared.person("bob")).username for _ in range(3)])
    for kind in ("contacts", "follows"):
        for name in others:
            assert (await ada.ask("PUT", f"/v1/me/{kind}/{name}"))["username"] == name
        first = await ada.ask("GET", f"/v1/me/{kind}?limit=2")
        assert [one["username"] for one in first["people"]] == others[:2]
        rest = await ada.ask("GET", f"/v1/me/{kind}?limit=2&after={first['next']}")
        assert [one["username"] for one in rest["people"]] == others[2:]
        assert rest["next"] == ""
        await ada.ask("DELETE", f"/v1/me/{kind}/{others[0]}")
        assert len((await ada.ask("GET", f"/v1/me/{kind}"))["people"]) == 2
    assert (await refusal_of(ada, "PUT", f"/v1/me/contacts/{ada.username}")).reason == Reason.REASON_SELF


async def test_who_may_call_is_chosen_freely(shared: Town) -> None:
    ada = await shared.person("ada")
    assert (await ada.ask("GET", "/v1/me/call-settings"))["audiences"] == ["contacts", "following"]
    for audiences in ([], ["everyone"], ["contacts", "verified"]):
        assert (await ada.ask("PUT", "/v1/me/call-settings", {"audiences": audiences}))[
            "audiences"
        ] == audiences
        assert (await ada.ask("GET", "/v1/me/call-settings"))["audiences"] == audiences
    refused = await refusal_of(ada, "PUT", "/v1/me/call-settings", {"audiences": ["strangers"]})
    assert refused.reason == Reason.REASON_INVALID


async def test_blocks_are_listed_newest_first_and_lifted(shared: Town) -> None:
    ada, bob, eve = [await shared.person(stem) for stem in ("ada", "bob", "eve")]
    for other in (bob, eve):
        await ada.block(other.username)
    listed = (await ada.ask("GET", "/v1/me/blocks"))["people"]
    assert [one["username"] for one in listed] == [eve.username, bob.username]
    await ada.unblock(eve.username)
    listed = (await ada.ask("GET", "/v1/me/blocks"))["people"]
    assert [one["username"] for one in listed] == [bob.username]
    assert (await refusal_of(ada, "PUT", f"/v1/me/blocks/{ada.username}")).reason == Reason.REASON_SELF
    assert (
        await refusal_of(ada, "PUT", "/v1/me/blocks/nobody_at_all")
    ).reason == Reason.REASON_USER_NOT_FOUND


async def test_everybody_is_entitled_where_the_operator_set_nothing(shared: Town) -> None:
    ada = await shared.person("ada")
    assert await ada.entitlement() == {"place_audio": True, "place_video": True}


async def test_nobody_walks_the_directory(shared: Town) -> None:
    """60 lookups at once, whichever way, then one every 10 s."""
    ada = await shared.person("ada")
    for number in range(60):
        path = ("/v1/users/nobody_at_all", "/v1/me/contacts/nobody_at_all")[number % 2]
        method = ("GET", "PUT")[number % 2]
        assert (await refusal_of(ada, method, path)).reason == Reason.REASON_USER_NOT_FOUND
    for method, path in (("GET", "/v1/users/x"), ("PUT", "/v1/me/follows/x"), ("PUT", "/v1/me/blocks/x")):
        refused = await refusal_of(ada, method, path)
        assert refused.reason == Reason.REASON_LIMITED
        assert refused.retry_after is not None and 0 < refused.retry_after <= 10


async def test_clients_learn_how_this_installation_works_before_they_sign_in(shared: Town) -> None:
    config = (await asked(shared, "GET", "/v1/config")).json()
    assert config["environment"] == "test"
    assert config["sign_up"] == "open"
    assert config["issuer"] == "local"
    assert config["version"]
    assert (await asked(shared, "GET", "/openapi.json")).json()["openapi"].startswith("3.1")
    assert (await asked(shared, "GET", "/healthz")).text == "ok"
    assert (await asked(shared, "GET", "/readyz")).status_code == 200


async def test_every_answer_is_guarded_and_none_is_kept_by_caches(shared: Town) -> None:
    for path in ("/v1/config", "/v1/me", "/v1/nothing", "/healthz"):
        headers = (await asked(shared, "GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
