"""Call settings, words about people and previews over REST, as clients of today and of before use them."""

from typing import Any

import pytest

from ringline.client.rest import Session
from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from tests.service.gateway.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="session")

NIGHTS: dict[str, Any] = {
    "spans": [{"weekdays": [1, 2, 3, 4, 5], "from": "22:00", "to": "07:00"}],
    "time_zone": "Europe/Berlin",
    "favourites": True,
    "repeated": False,
}
DEFAULT: dict[str, Any] = {
    "audiences": ["contacts", "following"],
    "audio_only": [],
    "must_have_messaged": False,
    "always_relay": False,
    "quiet_hours": {"spans": [], "time_zone": "", "favourites": False, "repeated": False},
}


async def refused(session: Session, method: str, path: str, body: object = None) -> Reason.ValueType:
    """Why something is refused."""
    with pytest.raises(Refusal) as refusal:
        await session.ask(method, path, body)  # type: ignore[arg-type]
    return refusal.value.reason


async def test_settings_are_told_whole_and_a_client_of_before_changes_audiences_alone(shared: Town) -> None:
    ada = await shared.person("ada")
    assert await ada.call_settings() == DEFAULT
    whole = {
        "audiences": ["contacts", "everyone"], "audio_only": ["everyone"], "must_have_messaged": True,
        "always_relay": True, "quiet_hours": NIGHTS,
    }  # fmt: skip
    assert await ada.ask("PUT", "/v1/me/call-settings", whole) == whole
    await ada.allow_calls_from("verified")
    assert await ada.call_settings() == whole | {"audiences": ["verified"]}
    assert (await ada.set_call_settings([], always_relay=False))["quiet_hours"] == NIGHTS


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"audiences": ["strangers"]},
        {"audiences": [], "audio_only": ["strangers"]},
        {"audiences": [], "quiet_hours": NIGHTS | {"time_zone": "Europe/Bielefeld"}},
        {"audiences": [], "quiet_hours": NIGHTS | {"spans": NIGHTS["spans"] * 29}},
        {"audiences": [], "quiet_hours": {"spans": [{"weekdays": [9], "from": "22:00", "to": "07:00"}]}},
    ],
)
async def test_settings_that_make_no_sense_are_refused(shared: Town, wrong: dict[str, Any]) -> None:
    ada = await shared.person("ada")
    assert await refused(ada, "PUT", "/v1/me/call-settings", wrong) == Reason.REASON_INVALID
    assert await ada.call_settings() == DEFAULT


async def test_words_about_people_are_kept_listed_and_taken_back(shared: Town) -> None:
    ada, bob, eve = [await shared.person(stem) for stem in ("ada", "bob", "eve")]
    assert await ada.people_settings() == []
    said = await ada.set_person_settings(bob.username, allowed=True, favourite=True)
    assert said["person"]["username"] == bob.username
    await ada.set_person_settings(eve.username, audio_only=True)
    assert [(one["person"]["username"], one["allowed"]) for one in await ada.people_settings()] == [
        (eve.username, False),
        (bob.username, True),
    ]
    await ada.reset_person_settings(eve.username)
    assert [one["favourite"] for one in await ada.people_settings()] == [True]
    for name, reason in [
        (ada.username, Reason.REASON_SELF),
        ("nobody_at_all", Reason.REASON_USER_NOT_FOUND),
    ]:
        assert await refused(ada, "PUT", f"/v1/me/people-settings/{name}", {}) == reason


async def test_a_preview_answers_people_and_samples_by_a_draft_or_by_what_holds(shared: Town) -> None:
    ada, bob = await shared.person("ada"), await shared.person("bob")
    await ada.add_contact(bob.username)
    asked = [{"username": f"@{bob.username}"}, {"kind": "stranger"}, {"username": "nobody_at_all"}]
    shown = await ada.preview_calls(*asked)
    assert [(one["username"], one["kind"], one["rings"], one["relay"], one["reason"]) for one in shown] == [
        (f"@{bob.username}", None, True, False, "audience.contacts"),
        (None, "stranger", False, False, "audience.none"),
        ("nobody_at_all", None, False, False, "user_not_found"),
    ]
    draft = {"audiences": ["everyone"], "audio_only": ["everyone"], "quiet_hours": NIGHTS}
    monday_night = 1_774_903_500_000  # 30 March 2026, 22:45 in Berlin
    drafted = await ada.preview_calls(*asked, settings=draft, at_ms=monday_night)
    assert [one["reason"] for one in drafted] == ["quiet_hours", "quiet_hours", "user_not_found"]
    (stranger,) = await ada.preview_calls(asked[1], settings=draft, at_ms=monday_night - 3_600_000)
    assert stranger["rings"] and stranger["audio_only"] and stranger["relay"]
    assert {"rule": "audience.audio_only", "held": True} in stranger["trace"]
    assert await ada.call_settings() == DEFAULT
    wrongs: list[list[dict[str, str]]] = [[], [{}], [asked[1]] * 21, [{"kind": "friend"}]]
    for wrong in wrongs:
        body = {"people": wrong}
        assert await refused(ada, "POST", "/v1/me/call-settings/preview", body) == Reason.REASON_INVALID


async def test_previews_walk_no_directory_and_cost_nothing_where_somebody_is_found(shared: Town) -> None:
    ada, bob = await shared.person("ada"), await shared.person("bob")
    for _ in range(5):
        await ada.preview_calls(*[{"username": bob.username}] * 20)
    for _ in range(3):
        await ada.preview_calls(*[{"username": "nobody_at_all"}] * 20)
    limited = await refused(
        ada, "POST", "/v1/me/call-settings/preview", {"people": [{"username": "nobody_at_all"}]}
    )
    assert limited == Reason.REASON_LIMITED
    assert len(await ada.preview_calls({"kind": "contact"})) == 1
