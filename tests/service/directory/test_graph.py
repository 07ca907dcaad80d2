"""The graph: contacts, follows, search, and what policy asks for every call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest

from ringline.asker import Asker
from ringline.config import NodeSettings
from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, directory_pb2_grpc
from ringline.v1.directory_pb2 import Edges, PairAnswer, PairQuestion, Relation
from tests.service.directory.conftest import Clock, People, open_people, reason
from tests.service.pods import owner

CONTACT, FOLLOW = Relation.RELATION_CONTACT, Relation.RELATION_FOLLOW
Pairs = Asker[PairQuestion, PairAnswer]


async def relate(
    people: People, user_id: str, username: str, relation: Relation.ValueType = CONTACT, present: bool = True
) -> str:
    """Adds or removes an edge; the other's username."""
    request = directory_pb2.SetRelationRequest(
        user_id=user_id, username=username, relation=relation, present=present
    )
    return (await people.stub.SetRelation(request)).profile.username


async def listed(
    people: People, user_id: str, relation: Relation.ValueType = CONTACT, after: str = "", limit: int = 200
) -> tuple[list[str], str]:
    """A page of usernames, and where the next one begins."""
    request = directory_pb2.ListRelationsRequest(user_id=user_id, relation=relation, after=after, limit=limit)
    answer = await people.stub.ListRelations(request)
    return [person.username for person in answer.people], answer.next


@pytest.fixture
async def pairs(both: tuple[People, People]) -> AsyncIterator[Pairs]:
    """What policy asks, of both pods."""
    asker: Pairs = Asker(
        "directory",
        lambda channel: directory_pb2_grpc.DirectoryStub(channel).Relate,
        lambda: [f"127.0.0.1:{people.node.port}" for people in both],
        lambda questions: directory_pb2.RelateRequest(questions=questions),
        lambda response: response.answers,
        caller="policy",
    )
    async with asker:
        yield asker


async def test_contacts_and_follows_are_edges_apart(people: People) -> None:
    ada = await people.new("ada")
    for name in ("bob", "cid", "dan"):
        await people.new(name)
    assert await relate(people, ada, "@Bob") == "bob"
    await relate(people, ada, "bob")
    await relate(people, ada, "dan", FOLLOW)
    await relate(people, ada, "cid")
    assert await listed(people, ada) == (["bob", "cid"], "")
    assert await listed(people, ada, FOLLOW) == (["dan"], "")
    await relate(people, ada, "bob", present=False)
    await relate(people, ada, "bob", present=False)
    assert await listed(people, ada) == (["cid"], "")


async def test_an_edge_that_is_taken_away_leaves_nothing_behind(
    people: People, settings: NodeSettings
) -> None:
    ada = await people.new("ada")
    await people.new("bob")
    await relate(people, ada, "bob")
    await relate(people, ada, "bob", FOLLOW)
    await relate(people, ada, "bob", present=False)
    assert await listed(people, ada, FOLLOW) == (["bob"], "")
    await relate(people, ada, "bob", FOLLOW, present=False)
    async with owner(settings) as database:
        assert await database.fetchval("SELECT count(*) FROM directory.edge") == 0


async def test_edges_are_listed_a_page_at_a_time(people: People) -> None:
    ada = await people.new("ada")
    names = [f"friend_{letter}" for letter in "abcde"]
    for name in reversed(names):
        await people.new(name)
        await relate(people, ada, name)
    seen, after = [], ""
    for _ in range(3):
        page, after = await listed(people, ada, after=after, limit=2)
        seen.append(page)
    assert seen == [names[:2], names[2:4], names[4:]]
    assert after == ""


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"username": "ada"}, "SELF"),
        ({"username": "nobody"}, "USER_NOT_FOUND"),
        ({"username": "a b"}, "USER_NOT_FOUND"),
        ({"relation": Relation.RELATION_UNSPECIFIED}, "INVALID"),
        ({"relation": 99}, "INVALID"),
        ({"user_id": "u_" + "0" * 26}, "USER_NOT_FOUND"),
        ({"user_id": "\0"}, "USER_NOT_FOUND"),
    ],
)
async def test_an_edge_to_nobody_or_oneself_is_refused(
    people: People, more: dict[str, str], why: str
) -> None:
    ada = await people.new("ada")
    await people.new("bob")
    request = directory_pb2.SetRelationRequest(user_id=ada, username="bob", relation=CONTACT, present=True)
    for field, value in more.items():
        setattr(request, field, value)
    with pytest.raises(Refusal) as refused:
        await people.stub.SetRelation(request)
    assert reason(refused) == why


@pytest.mark.parametrize("limit", [0, 201])
async def test_a_page_has_a_limit(people: People, limit: int) -> None:
    with pytest.raises(Refusal) as refused:
        await listed(people, await people.new("ada"), limit=limit)
    assert reason(refused) == "INVALID"


async def search(people: People, query: str, user_id: str, limit: int = 20) -> list[str]:
    """Whom a search finds."""
    request = directory_pb2.SearchPeopleRequest(query=query, user_id=user_id, limit=limit)
    return [person.username for person in (await people.stub.SearchPeople(request)).people]


async def searchable(people: People, username: str, display_name: str = "", opted_in: bool = True) -> str:
    """Somebody who may be found."""
    user_id = await people.new(username, display_name=display_name)
    await people.stub.UpdateProfile(directory_pb2.UpdateProfileRequest(user_id=user_id, searchable=opted_in))
    return user_id


async def test_search_finds_those_who_opted_in_by_the_beginning_of_a_word(people: People) -> None:
    me = await searchable(people, "lovely")
    await searchable(people, "ada", "Ada Lovelace")
    await searchable(people, "lov", "Somebody")
    await searchable(people, "lovejoy", "Ann Ada Joy")
    await searchable(people, "lovehide", "Ada Love", opted_in=False)
    assert await search(people, "LOVE", me) == ["lovejoy", "ada"]
    assert await search(people, "@lov", me) == ["lov", "lovejoy", "ada"]
    assert await search(people, "ada love", me) == ["ada", "lovejoy"]
    assert await search(people, "lovelace ada", me) == ["ada"]
    assert await search(people, "lov", me, limit=1) == ["lov"]
    assert await search(people, "elace", me) == []
    assert await search(people, "...!", me) == []


async def test_no_pattern_gets_into_a_search(people: People) -> None:
    me = await people.new("ada")
    await searchable(people, "bob_x", "50% Bob\\by")
    for query in ("%%", "__", "b%b", "bo_", "\\\\", "b*", "\0\0"):
        assert await search(people, query, me) == []
    assert await search(people, "bob_", me) == ["bob_x"]


async def test_who_opts_out_changes_name_or_display_name_is_found_accordingly(people: People) -> None:
    me = await people.new("ada")
    bob = await searchable(people, "bob", "Robert")
    await people.stub.Rename(directory_pb2.RenameRequest(user_id=bob, username="cid"))
    assert await search(people, "bob", me) == []
    assert await search(people, "cid", me) == await search(people, "robert", me) == ["cid"]
    update = directory_pb2.UpdateProfileRequest
    await people.stub.UpdateProfile(update(user_id=bob, display_name="Charles"))
    assert await search(people, "robert", me) == []
    assert await search(people, "charles", me) == ["cid"]
    await people.stub.UpdateProfile(update(user_id=bob, searchable=False))
    assert await search(people, "cid", me) == []


@pytest.mark.parametrize(("query", "limit"), [("a", 20), ("@a", 20), ("x" * 41, 20), ("ada", 0), ("ada", 21)])
async def test_a_query_has_a_form(people: People, query: str, limit: int) -> None:
    with pytest.raises(Refusal) as refused:
        await search(people, query, await people.new("ada"), limit)
    assert reason(refused) == "INVALID"


async def test_policy_learns_who_two_people_are_and_both_directions(people: People, pairs: Pairs) -> None:
    ada, bob = await people.new("ada", display_name="Ada"), await people.new("bob")
    await relate(people, ada, "bob", FOLLOW)
    await relate(people, bob, "ada")
    for question in (
        PairQuestion(user_id=ada, other_username="@BOB"),
        PairQuestion(user_id=ada, other_user_id=bob),
    ):
        answer = await pairs.ask(question)
        assert (answer.user.profile.username, answer.user.profile.display_name) == ("ada", "Ada")
        assert (answer.other.profile.user_id, answer.other.tier) == (bob, "free")
        assert answer.user_to_other == Edges(follows=True)
        assert answer.other_to_user == Edges(contact=True)


async def rename(people: People, user_id: str, username: str) -> None:
    """Gives somebody another name."""
    await people.stub.Rename(directory_pb2.RenameRequest(user_id=user_id, username=username))


async def noted(people: People, user_id: str, other_id: str) -> None:
    """Notes that one wrote to another, as conversations does."""
    async with open_people(people.node, people.clock, "conversations") as conversations:
        request = directory_pb2.NoteMessagedRequest(user_id=user_id, other_user_id=other_id)
        await conversations.stub.NoteMessaged(request)


async def test_who_wrote_to_whom_is_known_for_good_and_in_one_direction(
    people: People, pairs: Pairs, settings: NodeSettings
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await noted(people, ada, bob)
    await noted(people, ada, bob)
    for one, other, edges in [(ada, bob, Edges(messaged=True)), (bob, ada, Edges())]:
        answer = await pairs.ask(PairQuestion(user_id=one, other_user_id=other))
        assert answer.user_to_other == edges
    await relate(people, ada, "bob")
    await relate(people, ada, "bob", present=False)
    answer = await pairs.ask(PairQuestion(user_id=bob, other_user_id=ada))
    assert answer.other_to_user == Edges(messaged=True)
    async with owner(settings) as database:
        assert await database.fetchval("SELECT count(*) FROM directory.edge") == 1


async def test_to_have_written_takes_no_contact_away(people: People, pairs: Pairs) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await relate(people, ada, "bob")
    await relate(people, ada, "bob", FOLLOW)
    await noted(people, ada, bob)
    answer = await pairs.ask(PairQuestion(user_id=ada, other_user_id=bob))
    assert answer.user_to_other == Edges(contact=True, follows=True, messaged=True)


@pytest.mark.parametrize(
    ("other_id", "why"),
    [("", "USER_NOT_FOUND"), ("u_" + "0" * 26, "USER_NOT_FOUND"), ("\0", "USER_NOT_FOUND"), ("self", "SELF")],
)
async def test_nobody_wrote_to_himself_or_to_nobody(
    people: People, settings: NodeSettings, other_id: str, why: str
) -> None:
    ada = await people.new("ada")
    for user_id, other in [(ada, other_id), (other_id, ada)]:
        with pytest.raises(Refusal) as refused:
            await noted(people, user_id.replace("self", ada), other.replace("self", ada))
        assert reason(refused) == why
    async with owner(settings) as database:
        assert await database.fetchval("SELECT count(*) FROM directory.edge") == 0


async def test_all_who_write_change_contacts_and_take_other_names_at_once_get_through(
    both: tuple[People, People], pairs: Pairs
) -> None:
    one, other = both
    users = {name: await one.new(name) for name in ("ada", "bob", "cid")}
    couples = [(a, b) for a in users for b in users if a != b]
    work: list[Awaitable[object]] = []
    for at in range(10):
        for number, (a, b) in enumerate(couples):
            pod = (one, other)[(at + number) % 2]
            work.append(noted(pod, users[a], users[b]))
            if b != "cid":
                work.append(relate(pod, users[a], b, present=at % 2 == 0))
    for name in ("cyd", "kid"):
        work.insert(30, rename(one, users["cid"], name))
    await asyncio.gather(*work)
    for a, b in couples:
        answer = await pairs.ask(PairQuestion(user_id=users[a], other_user_id=users[b]))
        assert answer.user_to_other.messaged and answer.other_to_user.messaged


async def test_what_was_just_changed_at_one_pod_is_known_at_both(
    both: tuple[People, People], operator: People, pairs: Pairs
) -> None:
    one, _ = both
    ada, bob = await one.new("ada"), await one.new("bob")
    for at in range(10):
        is_contact = at % 2 == 0
        await relate(both[at % 2], bob, "ada", present=is_contact)
        await operator.stub.SetStanding(directory_pb2.SetStandingRequest(user_id=ada, tier=f"tier{at}"))
        answers = await asyncio.gather(
            *(pairs.ask(PairQuestion(user_id=ada, other_user_id=bob)) for _ in range(4))
        )
        assert {answer.other_to_user.contact for answer in answers} == {is_contact}
        assert {answer.user.tier for answer in answers} == {f"tier{at}"}


async def test_a_name_leads_to_its_new_bearer_at_once(people: People, pairs: Pairs) -> None:
    ada, bob, cid = await people.new("ada"), await people.new("bob"), await people.new("cid")
    question = PairQuestion(user_id=ada, other_username="bob")
    assert (await pairs.ask(question)).other.profile.user_id == bob
    await people.stub.Rename(directory_pb2.RenameRequest(user_id=bob, username="robert"))
    with pytest.raises(Refusal):
        await pairs.ask(question)
    people.clock.ahead_ms += 31 * 24 * 3_600_000
    await people.stub.Rename(directory_pb2.RenameRequest(user_id=cid, username="bob"))
    assert (await pairs.ask(question)).other.profile.user_id == cid


async def test_many_questions_at_once_get_each_its_own_answer(people: People, pairs: Pairs) -> None:
    users = {name: await people.new(name) for name in (f"person_{letter}" for letter in "abcdef")}
    for name in list(users)[1:]:
        await relate(people, users["person_a"], name)
    questions = [
        (one, other) for one in users.values() for other in [*users, "nobody", "a b", ""] * 4
    ]  # 216 of them: below the window of one stream

    async def ask(user_id: str, username: str) -> str:
        try:
            answer = await pairs.ask(PairQuestion(user_id=user_id, other_username=username))
        except Refusal as refused:
            return refused.name
        knows = user_id == users["person_a"] and username not in ("person_a", "")
        assert answer.user_to_other.contact == knows
        return answer.other.profile.username

    answers = await asyncio.gather(*(ask(*question) for question in questions))
    for (_, username), answer in zip(questions, answers, strict=True):
        assert answer == (username if username in users else "user_not_found")


@pytest.mark.parametrize(
    "question",
    [
        PairQuestion(),
        PairQuestion(user_id="u_" + "0" * 26, other_username="ada"),
        PairQuestion(user_id="\0", other_username="ada"),
    ],
)
async def test_a_pair_with_nobody_in_it_is_refused(
    people: People, pairs: Pairs, question: PairQuestion
) -> None:
    ada = await people.new("ada")
    with pytest.raises(Refusal) as refused:
        await pairs.ask(question)
    assert reason(refused) == "USER_NOT_FOUND"
    for other_id in ("u_" + "0" * 26, "u_\0", "ada"):
        with pytest.raises(Refusal) as refused:
            await pairs.ask(PairQuestion(user_id=ada, other_user_id=other_id))
        assert reason(refused) == "USER_NOT_FOUND"


async def test_nobody_but_policy_asks_how_people_are_related(people: People, clock: Clock) -> None:
    async with open_people(people.node, clock, "signaling") as signaling:
        with pytest.raises(Refusal) as refused:
            await signaling.stub.Resolve(directory_pb2.ResolveRequest(username="ada"))
    assert reason(refused) == "FORBIDDEN"
