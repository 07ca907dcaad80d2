"""What each service may say and hear on the bus, as nats-server enforces it: a user with the service's name
for each, who sees nothing else.

`grants()` is the one table; `python -m tools.docs` writes deploy/nats/authorization.conf from it, and the
embedded server of tests takes it directly. House tests compare it with the charters.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ringline.bus import WAKE, inbox
from ringline.log import EVENTS, STREAM

SAYS_WAKES = ("presence", "signaling", "conversations")
HEARS_WAKES = ("gateway",)
SAYS: Mapping[str, tuple[str, ...]] = {
    "signaling": (
        "call_placed",
        "call_unheard",
        "call_rang",
        "call_answered",
        "call_media_set",
        "call_hold_set",
        "call_ended",
    )
}
"""Who writes which facts into the event log; who writes one also keeps the log's settings up to date."""
HEARS: Mapping[str, str] = {"policy": "call_ended", "conversations": "call_ended"}
"""Who consumes which fact; the durable consumer has the service's name."""
REPLAYS: Mapping[str, str] = {"conversations": f"*.{EVENTS}.call_ended", "signaling": "*"}
"""Who reads the log again, by a consumer of a name that nobody knows, and what it may ask for: the name, and
the one fact, or any.
"""

_STREAM = "$JS.API.STREAM"
_CONSUMER = "$JS.API.CONSUMER"


@dataclass(frozen=True)
class Grant:
    """What a user may publish and subscribe to; what is denied is denied although it is allowed."""

    publish: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()


def grants() -> dict[str, Grant]:
    """By user. Who has no business on the bus has no user."""
    users = {*SAYS_WAKES, *HEARS_WAKES, *SAYS, *HEARS, *REPLAYS}
    return {user: _grant(user) for user in sorted(users)}


def authorization(passwords: Mapping[str, str]) -> list[dict[str, object]]:
    """The users of nats-server's `authorization`, for those who have a password."""
    return [
        {
            "user": user,
            "password": passwords[user],
            "permissions": {
                "publish": {"allow": list(grant.publish), "deny": list(grant.denied)},
                "subscribe": {"allow": list(grant.subscribe)},
            },
        }
        for user, grant in grants().items()
        if user in passwords
    ]


def configuration() -> str:
    """nats-server's `authorization` block, to be included. The passwords are variables, in a file beside it:
    `RINGLINE_NATS_PASSWORD_<SERVICE>: "…"` for each. (A file that is included sees no variables of others.)
    """
    lines = ["include ./passwords.conf", "authorization {", "  users: ["]
    for entry in authorization(dict.fromkeys(grants(), "")):
        user = str(entry["user"])
        lines.append(
            f"    {{ user: {user}, password: $RINGLINE_NATS_PASSWORD_{user.upper()}, permissions: {{"
        )
        for verb, lists in dict(entry["permissions"]).items():  # type: ignore[call-overload]
            lines.append(f"      {verb}: {{")
            for word, subjects in lists.items():
                rows = ",\n".join(f"          {json.dumps(subject)}" for subject in subjects)
                lines.append(f"        {word}: [" + (f"\n{rows}\n        ]" if rows else "]"))
            lines.append("      }")
        lines.append("    } }")
    return "\n".join([*lines, "  ]", "}"]) + "\n"


def _grant(user: str) -> Grant:
    publish: list[str] = []
    denied: list[str] = []
    if user in SAYS_WAKES:
        publish.append(f"{WAKE}.*")
    if user in SAYS:
        publish += [f"{EVENTS}.{fact}" for fact in SAYS[user]]
        publish.append(f"{_STREAM}.UPDATE.{STREAM}")
    if user in SAYS or user in HEARS or user in REPLAYS:
        publish += [f"{_STREAM}.{verb}.{STREAM}" for verb in ("INFO", "CREATE")]
    if user in HEARS:
        publish += [
            f"{_CONSUMER}.CREATE.{STREAM}.{user}.{EVENTS}.{HEARS[user]}",
            f"{_CONSUMER}.MSG.NEXT.{STREAM}.{user}",
            f"$JS.ACK.{STREAM}.{user}.>",
        ]
    if user in REPLAYS:
        publish += [
            f"{_CONSUMER}.CREATE.{STREAM}.{REPLAYS[user]}",
            f"{_CONSUMER}.INFO.{STREAM}.*",
            f"{_CONSUMER}.MSG.NEXT.{STREAM}.*",
        ]
        for other in sorted(set(HEARS) - {user}):
            denied += [f"{_CONSUMER}.CREATE.{STREAM}.{other}", f"{_CONSUMER}.CREATE.{STREAM}.{other}.>"]
            denied += [f"{_CONSUMER}.{verb}.{STREAM}.{other}" for verb in ("INFO", "MSG.NEXT")]
    subscribe = [f"{inbox(user)}.>"]
    if user in HEARS_WAKES:
        subscribe.append(f"{WAKE}.*")
    # To nats-server, nothing that is allowed means that everything is.
    return Grant(tuple(publish), tuple(denied) if publish else (">",), tuple(subscribe))
