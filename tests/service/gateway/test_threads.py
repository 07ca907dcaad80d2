"""REST about threads: told through the front door, over both gateways."""

import pytest

from ringline import ids
from ringline.client.line import Line
from ringline.client.rest import Session
from ringline.refusal import Refusal
from ringline.v1.client_pb2 import ServerFrame
from ringline.v1.reasons_pb2 import Reason
from tests.servers import until
from tests.service.gateway.conftest import Alone
from tests.service.gateway.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATIENCE = 10.0


async def friends(town: Town, *names: str) -> list[Session]:
    """People who have each other in their address books, on gateways in turn."""
    people = [await town.person(name, number % len(town.urls)) for number, name in enumerate(names)]
    for one in people:
        for other in people:
            if other is not one:
                await one.add_contact(other.username)
    return people


async def listening(town: Town, session: Session, gateway: int = 0) -> tuple[Line, list[ServerFrame]]:
    """A line and what it hears of threads."""
    heard: list[ServerFrame] = []

    def hear(frame: ServerFrame) -> None:
        if frame.HasField("thread_changed"):
            heard.append(frame)

    return await town.line(session, gateway, hear=hear), heard


async def until_heard(heard: list[ServerFrame], count: int) -> None:
    """Waits until a line has heard of so many changes."""
    await until(lambda: len(heard) >= count, PATIENCE, lambda: f"only {len(heard)} came")


async def test_a_message_is_sent_read_and_removed(shared: Town) -> None:
    ada, bob = await friends(shared, "ada", "bob")
    sent = await ada.send(bob.username, "hello", "a-message-of-ada-1")
    assert sent["entry"]["message"] == {
        "message_id": sent["entry"]["message"]["message_id"],
        "outgoing": True,
        "text": "hello",
        "client_id": "a-message-of-ada-1",
    }
    assert sent["entry"]["call"] is None
    assert sent["thread"]["peer"]["username"] == bob.username
    assert await ada.send(bob.username, "hello", "a-message-of-ada-1") == sent
    listed = await bob.threads()
    assert listed["state"] == {"feed": 1, "unread": 1, "requests": 0} and listed["next"] == 0
    (thread,) = listed["threads"]
    assert (thread["peer"]["username"], thread["folder"], thread["unread"]) == (ada.username, "inbox", 1)
    page = await bob.entries(ada.username)
    assert page["thread"] == thread and page["entries"] == [thread["last"]] and page["next"] == 0
    assert (await bob.mark_read(ada.username, 1))["unread"] == 0
    changes = await bob.changes(1)
    assert [one["read"] for one in changes["threads"]] == [1] and not changes["more"]
    await bob.remove_thread(ada.username)
    assert (await bob.threads())["threads"] == []
    assert len((await ada.entries(bob.username))["entries"]) == 1


async def test_a_message_comes_to_the_lines_of_both_at_both_gateways(shared: Town) -> None:
    ada, bob = await friends(shared, "ada", "bob")
    lines = [
        await listening(shared, ada, 0),
        await listening(shared, bob, 0),
        await listening(shared, bob, 1),
    ]
    await ada.send(bob.username, "hello")
    for _, heard in lines:
        await until_heard(heard, 1)
    changes = [heard[0].thread_changed for _, heard in lines]
    assert [one.added.message.outgoing for one in changes] == [True, False, False]
    assert all(one.added.message.text == "hello" for one in changes)
    await bob.mark_read(ada.username, 1)
    for _, heard in lines[1:]:
        await until_heard(heard, 2)
        assert heard[1].thread_changed.thread.read == 1
    for line, _ in lines:
        line.close()
        await line.closed


async def test_a_stranger_is_a_request_until_he_is_accepted(shared: Town) -> None:
    ada, bob = await shared.person("ada"), await shared.person("bob", 1)
    await ada.send(bob.username, "do you remember me?")
    assert (await bob.threads())["threads"] == []
    (request,) = (await bob.threads("requests"))["threads"]
    assert (request["folder"], (await bob.threads())["state"]["requests"]) == ("requests", 1)
    accepted = await bob.accept(ada.username)
    assert (accepted["folder"], accepted["unread"]) == ("inbox", 1)
    assert (await bob.threads("requests"))["threads"] == []


async def test_a_blocked_persons_message_looks_sent_and_is_never_delivered(shared: Town) -> None:
    ada, bob = await friends(shared, "ada", "bob")
    await bob.block(ada.username)
    sent = await ada.send(bob.username, "hello")
    assert sent["entry"]["number"] == 1
    assert (await bob.threads())["state"]["feed"] == 0
    assert (await bob.entries(ada.username))["thread"]["feed"] == 0
    await bob.unblock(ada.username)
    await ada.send(bob.username, "hello again")
    assert [one["message"]["text"] for one in (await bob.entries(ada.username))["entries"]] == ["hello again"]


async def test_who_may_write_is_a_setting(shared: Town) -> None:
    ada, bob = await shared.person("ada"), await shared.person("bob", 1)
    assert await bob.ask("GET", "/v1/me/message-settings") == {"audiences": ["everyone"]}
    await bob.allow_messages_from("contacts")
    assert await bob.ask("GET", "/v1/me/message-settings") == {"audiences": ["contacts"]}
    await ada.send(bob.username, "hello")
    assert (await bob.threads())["state"]["feed"] == 0
    await bob.add_contact(ada.username)
    await ada.send(bob.username, "hello")
    assert (await bob.threads())["state"]["unread"] == 1


async def test_what_is_malformed_is_refused(shared: Town) -> None:
    ada, bob = await friends(shared, "ada", "bob")
    for text, client_id in (("", ""), (" ", ""), ("a" * 4_001, ""), ("a\x00", ""), ("a", "too short")):
        with pytest.raises(Refusal) as refused:
            await ada.send(bob.username, text, client_id)
        assert refused.value.reason == Reason.REASON_INVALID
    for path in ("/v1/threads?limit=0", "/v1/threads?folder=bin", "/v1/threads/changes?since=-1",
                 "/v1/calls?before=x", "/v1/presence", "/v1/presence?user_id=x"):  # fmt: skip
        with pytest.raises(Refusal) as refused:
            await ada.ask("GET", path)
        assert refused.value.reason == Reason.REASON_INVALID, path
    with pytest.raises(Refusal) as refused:
        await ada.send(ada.username, "to myself")
    assert refused.value.reason == Reason.REASON_SELF
    with pytest.raises(Refusal) as refused:
        await ada.entries("nobody.has.this.name")
    assert refused.value.reason == Reason.REASON_USER_NOT_FOUND


async def test_who_is_there_is_shown_to_those_who_may_see_it(shared: Town) -> None:
    ada, bob = await friends(shared, "ada", "bob")
    cy = await shared.person("cy")
    line = await shared.line(bob, 1)
    everybody = (ada.user_id, bob.user_id, cy.user_id, ids.mint_user())
    assert await ada.online(*everybody) == [bob.user_id]
    assert await cy.online(*everybody) == []
    line.close()
    await line.closed
    await bob.block(ada.username)
    again = await shared.line(bob, 1)
    assert await ada.online(*everybody) == []
    again.close()
    await again.closed


async def test_people_one_knows_cost_no_lookup_and_all_others_do(alone: Alone) -> None:
    async with alone(lookup_burst=4, lookup_every_s=3600.0) as town:
        ada, bob, cy = [await town.person(name) for name in ("ada", "bob", "cy")]
        await ada.send(bob.username, "one lookup: the thread begins")
        for _ in range(10):
            page = await ada.entries(bob.username)
            await ada.mark_read(bob.username, 1)
            await ada.send(bob.username, "no lookup")
        assert page["thread"]["feed"]
        for name in (cy.username, "nobody.has.this.name", cy.username):
            try:
                await ada.entries(name)
            except Refusal as refusal:
                assert refusal.reason == Reason.REASON_USER_NOT_FOUND
        told = []
        for name in (cy.username, "nobody.has.this.name", ada.username):
            with pytest.raises(Refusal) as refused:
                await ada.entries(name)
            told.append((refused.value.reason, refused.value.sentence))
            assert refused.value.retry_after
        assert told == [(Reason.REASON_LIMITED, "Too many tries.")] * 3, "no name is told from another"
        assert len((await ada.entries(bob.username, limit=100))["entries"]) == 11
        await ada.send(bob.username, "still here")
        await ada.remove_thread(bob.username)


async def test_who_has_no_lookup_left_may_turn_to_people_he_knows_so_often_and_no_more(alone: Alone) -> None:
    async with alone(lookup_burst=1, lookup_every_s=3600.0, recall_burst=8, recall_every_s=600.0) as town:
        ada, bob = [await town.person(name) for name in ("ada", "bob")]
        await ada.send(bob.username, "hello")
        for _ in range(3):
            await ada.entries(bob.username)
        for name in ("nobody.has.this.name", "neither.this.one"):
            with pytest.raises(Refusal) as refused:
                await ada.entries(name)
            assert refused.value.reason == Reason.REASON_LIMITED and (refused.value.retry_after or 0) > 3000
        for _ in range(3):
            await ada.entries(bob.user_id)
        for name in (bob.username, bob.user_id, "nobody.has.this.name"):
            with pytest.raises(Refusal) as refused:
                await ada.entries(name)
            assert (
                refused.value.reason == Reason.REASON_LIMITED and 0 < (refused.value.retry_after or 0) <= 600
            )
        await bob.entries(ada.username)


async def test_who_is_there_may_be_asked_so_often_and_no_more(alone: Alone) -> None:
    async with alone(presence_burst=3, presence_every_s=600.0) as town:
        ada, bob = [await town.person(name) for name in ("ada", "bob")]
        for _ in range(3):
            await ada.online(bob.user_id)
        with pytest.raises(Refusal) as refused:
            await ada.online(bob.user_id)
        assert refused.value.reason == Reason.REASON_LIMITED and 0 < (refused.value.retry_after or 0) <= 600
        await bob.online(ada.user_id)


async def test_a_thread_is_found_by_the_id_of_the_other_whatever_his_name_is(shared: Town) -> None:
    ada, bob = await friends(shared, "ada", "bob")
    await ada.send(bob.user_id, "hello")
    new_name = shared.name("robert")
    await bob.ask("PUT", "/v1/me/username", {"username": new_name})
    await ada.send(bob.user_id, "whatever they call you")
    page = await ada.entries(bob.user_id)
    assert page["thread"]["peer"]["username"] == new_name and len(page["entries"]) == 2
    await bob.send(ada.user_id, "yes?")
    assert (await ada.mark_read(bob.user_id, 3))["unread"] == 0
    assert (await ada.accept(bob.user_id))["folder"] == "inbox"
    await ada.remove_thread(bob.user_id)
    assert (await ada.entries(bob.user_id))["entries"] == []
    for nobody in (ids.mint_user(), ids.mint_device()):
        with pytest.raises(Refusal) as refused:
            await ada.entries(nobody)
        assert refused.value.reason == Reason.REASON_USER_NOT_FOUND
    with pytest.raises(Refusal) as refused:
        await ada.send(ada.user_id, "to myself")
    assert refused.value.reason == Reason.REASON_SELF


async def test_a_message_is_not_sent_to_somebody_else_who_has_the_name_now(shared: Town) -> None:
    ada, bob = await friends(shared, "ada", "bob")
    cy = await shared.person("cy")
    path = f"/v1/threads/{bob.username}/messages"
    wish = {"client_id": "a-message-of-ada-1", "text": "hello"}
    with pytest.raises(Refusal) as refused:
        await ada.ask("POST", path, wish | {"user_id": cy.user_id})
    assert refused.value.reason == Reason.REASON_USER_NOT_FOUND
    with pytest.raises(Refusal) as refused:
        await ada.ask("POST", path, wish | {"user_id": bob.username})
    assert refused.value.reason == Reason.REASON_INVALID
    assert (await bob.threads())["state"]["feed"] == (await cy.threads())["state"]["feed"] == 0
    sent = await ada.ask("POST", path, wish | {"user_id": bob.user_id})
    assert sent["thread"]["peer"]["user_id"] == bob.user_id
    assert (await bob.threads())["state"]["unread"] == 1
