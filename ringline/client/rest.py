"""The REST side of the public API: accounts, devices, tickets, address book, settings, threads.

Answers are the API's own JSON (see /openapi.json). A problem (RFC 9457) is raised as Refusal.
"""

import secrets
import time
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from ringline.client.keys import DeviceKey
from ringline.refusal import REASONS, Refusal
from ringline.v1.reasons_pb2 import Reason

Json = dict[str, Any]

EARLY_SECONDS = 30.0
"""A token is renewed this long before it expires."""


def normal(username: str) -> str:
    """The username as a device signs it: without "@", NFC, lower case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", username.strip().lstrip("@")).lower())


def _segment(username: str) -> str:
    return quote(username.strip().lstrip("@"), safe="")


class Api:
    """One or several gateways as seen by somebody who has not signed in."""

    def __init__(self, urls: Sequence[str], http: httpx.AsyncClient) -> None:
        """`urls` are origins such as "http://localhost:8080"; where one is away, the next is asked."""
        self.urls = list(urls)
        self.http = http

    async def ask(
        self, method: str, path: str, body: Json | None = None, token: str = "", within: float | None = None
    ) -> Json:
        """One request; `within` so many seconds, those of the HTTP client where it is None.

        Raises Refusal for a problem, ConnectionError where no gateway can be reached.
        """
        timeout = httpx.USE_CLIENT_DEFAULT if within is None else within
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        for url in list(self.urls):
            try:
                response = await self.http.request(
                    method, url + path, json=body, headers=headers, timeout=timeout
                )
            except httpx.ConnectError:
                self.urls.append(self.urls.pop(0))
                continue
            except httpx.TransportError as problem:
                raise ConnectionError(f"{method} {path}: {type(problem).__name__}") from problem
            return _answer(response)
        raise ConnectionError(f"{method} {path}: no gateway can be reached")

    async def config(self) -> Json:
        """{environment, sign_up, issuer, version}."""
        return await self.ask("GET", "/v1/config")

    async def sign_up(self, username: str, password: str, display_name: str = "", invite: str = "") -> Json:
        """{account, recovery_codes}. Raises Refusal(USERNAME_…, PASSWORD_WEAK, SIGN_UP_CLOSED, LIMITED)."""
        body = {"username": username, "password": password, "display_name": display_name, "invite": invite}
        return await self.ask("POST", "/v1/accounts", {key: value for key, value in body.items() if value})

    async def sign_in(
        self, username: str, password: str, key: DeviceKey, device: str = "script"
    ) -> "Session":
        """Registers or recognises the device. Raises Refusal(CREDENTIALS_WRONG, PROOF_INVALID, LIMITED)."""
        proof = key.prove("sign-in", normal(username), device)
        body = {"username": username, "password": password, "device": proof}
        return Session(self, key, await self.ask("POST", "/v1/sessions", body))

    async def recover(self, username: str, recovery_code: str, new_password: str) -> int:
        """Sets a new password and answers how many recovery codes are left."""
        body = {"username": username, "recovery_code": recovery_code, "new_password": new_password}
        return int((await self.ask("POST", "/v1/recoveries", body))["codes_left"])


class Session:
    """A signed-in device."""

    def __init__(self, api: Api, key: DeviceKey, answer: Json) -> None:
        """`answer` is {account, device, access_token, expires_in}, as POST /v1/sessions gives it."""
        self.api = api
        self.key = key
        self.account: Json = answer["account"]
        self.user_id = str(answer["account"]["user_id"])
        self.username = str(answer["account"]["username"])
        self.device_id = str(answer["device"]["device_id"])
        self._keep(answer)

    def through(self, urls: Sequence[str]) -> "Session":
        """The same session, asking other gateways."""
        answer: Json = {"account": self.account, "device": {"device_id": self.device_id}}
        answer |= {"access_token": self._token, "expires_in": self._expires - time.monotonic()}
        return Session(Api(urls, self.api.http), self.key, answer)

    def turn_elsewhere(self) -> None:
        """The gateway that is asked first did not answer in time: another one is, from now on."""
        self.api.urls.append(self.api.urls.pop(0))

    async def ask(
        self, method: str, path: str, body: Json | None = None, within: float | None = None
    ) -> Json:
        """One request with the access token, which is renewed when it is about to expire."""
        if time.monotonic() > self._expires - EARLY_SECONDS:
            await self.renew()
        return await self.api.ask(method, path, body, self._token, within)

    async def renew(self) -> None:
        """A fresh access token, by the device's key."""
        proof = self.key.prove("renew", self.user_id)
        body = {"user_id": self.user_id, "device_id": self.device_id, "device": proof}
        self._keep(await self.api.ask("POST", "/v1/sessions/renew", body))

    async def ticket(self, within: float | None = None) -> str:
        """A ticket that opens one line, good for 30 s."""
        answer = await self.ask("POST", "/v1/tickets", {"device_id": self.device_id}, within)
        return str(answer["ticket"])

    async def me(self) -> Json:
        """The account: {user_id, username, display_name, verified, tier, searchable, created_at_ms}."""
        return await self.ask("GET", "/v1/me")

    async def devices(self) -> Json:
        """The devices of this account."""
        return await self.ask("GET", "/v1/me/devices")

    async def revoke(self, device_id: str) -> None:
        """Revokes a device of this account for good."""
        await self.ask("DELETE", f"/v1/me/devices/{_segment(device_id)}")

    async def profile(self, username: str) -> Json:
        """Who has this name: {user_id, username, display_name, verified}. Raises Refusal(USER_NOT_FOUND)."""
        return await self.ask("GET", f"/v1/users/{_segment(username)}")

    async def add_contact(self, username: str) -> None:
        """Puts somebody into the address book."""
        await self.ask("PUT", f"/v1/me/contacts/{_segment(username)}")

    async def remove_contact(self, username: str) -> None:
        """Takes somebody out of the address book."""
        await self.ask("DELETE", f"/v1/me/contacts/{_segment(username)}")

    async def follow(self, username: str) -> None:
        """Follows somebody."""
        await self.ask("PUT", f"/v1/me/follows/{_segment(username)}")

    async def allow_calls_from(self, *audiences: str) -> None:
        """Who may call: any of "contacts", "following", "verified", "everyone"; none means nobody."""
        await self.ask("PUT", "/v1/me/call-settings", {"audiences": list(audiences)})

    async def call_settings(self) -> Json:
        """{audiences, audio_only, must_have_messaged, always_relay, quiet_hours}."""
        return await self.ask("GET", "/v1/me/call-settings")

    async def set_call_settings(self, audiences: Sequence[str], **more: Any) -> Json:
        """Sets who may call, when and how, from the next attempt on; what is not given stays."""
        return await self.ask("PUT", "/v1/me/call-settings", {"audiences": list(audiences), **more})

    async def preview_calls(
        self, *people: Mapping[str, str], settings: Json | None = None, at_ms: int = 0
    ) -> list[Json]:
        """Could they ring me, and why? Each is {"username": …} or {"kind": "contact", "following", "verified"
        or "stranger"}; `settings` are a draft. Each answer is {rings, audio_only, relay, reason, trace}.
        """
        body = {"people": people, "at_ms": at_ms, "settings": settings}
        return list((await self.ask("POST", "/v1/me/call-settings/preview", body))["previews"])

    async def people_settings(self) -> list[Json]:
        """About whom one says something, newest first: {person, allowed, audio_only, favourite}."""
        return list((await self.ask("GET", "/v1/me/people-settings"))["people"])

    async def set_person_settings(
        self, username: str, allowed: bool = False, audio_only: bool = False, favourite: bool = False
    ) -> Json:
        """Says something about one other, from his next attempt on."""
        words = {"allowed": allowed, "audio_only": audio_only, "favourite": favourite}
        return await self.ask("PUT", f"/v1/me/people-settings/{_segment(username)}", words)

    async def reset_person_settings(self, username: str) -> None:
        """Takes back what was said about one other."""
        await self.ask("DELETE", f"/v1/me/people-settings/{_segment(username)}")

    async def block(self, username: str) -> None:
        """Blocks a person; answered when the block is in force everywhere."""
        await self.ask("PUT", f"/v1/me/blocks/{_segment(username)}")

    async def unblock(self, username: str) -> None:
        """Lifts a block."""
        await self.ask("DELETE", f"/v1/me/blocks/{_segment(username)}")

    async def refused_attempts(self, before: int = 0, limit: int = 50) -> Json:
        """The calls of which this user did not hear: {attempts, next}, newest first."""
        return await self.ask("GET", f"/v1/me/refused-attempts?before={before}&limit={limit}")

    async def report(self, username: str, category: str, **more: object) -> str:
        """Reports a person, with `text`, `call_ids`, `message_ids`, `block`; answers the report's id."""
        made = await self.ask("POST", "/v1/me/reports", {"username": username, "category": category, **more})
        return str(made["report_id"])

    async def report_quality(self, relayed: bool, **more: object) -> None:
        """Says how a call was, with what is known of it: see `CallQuality` in the API."""
        await self.ask("POST", "/v1/me/call-quality", {"relayed": relayed, **more})

    async def send(self, username: str, text: str, client_id: str = "") -> Json:
        """Sends a message: {entry, thread}. The same `client_id` again has the same answer."""
        body = {"client_id": client_id or secrets.token_urlsafe(18), "text": text}
        return await self.ask("POST", f"/v1/threads/{_segment(username)}/messages", body)

    async def threads(self, folder: str = "inbox", before: int = 0, limit: int = 50) -> Json:
        """The threads in "inbox" or "requests", the newest entry first: {threads, next, state}."""
        return await self.ask("GET", f"/v1/threads?folder={folder}&before={before}&limit={limit}")

    async def changes(self, since: int = 0, limit: int = 50) -> Json:
        """The threads that changed after a feed number: {threads, more, state}."""
        return await self.ask("GET", f"/v1/threads/changes?since={since}&limit={limit}")

    async def entries(self, username: str, before: int = 0, limit: int = 50) -> Json:
        """The entries of a thread, newest first: {thread, entries, next}."""
        query = f"before={before}&limit={limit}"
        return await self.ask("GET", f"/v1/threads/{_segment(username)}/entries?{query}")

    async def mark_read(self, username: str, number: int) -> Json:
        """Marks a thread as read up to an entry; the thread."""
        return await self.ask("PUT", f"/v1/threads/{_segment(username)}/read", {"number": number})

    async def accept(self, username: str) -> Json:
        """Takes a stranger's thread among the conversations; the thread."""
        return await self.ask("PUT", f"/v1/threads/{_segment(username)}/accepted")

    async def remove_thread(self, username: str) -> None:
        """Removes a thread from this account's view."""
        await self.ask("DELETE", f"/v1/threads/{_segment(username)}")

    async def past_calls(self, missed: bool = False, before: str = "", limit: int = 50) -> Json:
        """Calls with everybody, newest first: {calls, next}."""
        query = f"missed={str(missed).lower()}&before={before}&limit={limit}"
        return await self.ask("GET", f"/v1/calls?{query}")

    async def allow_messages_from(self, *audiences: str) -> None:
        """Who may write: any of "contacts", "following", "verified", "everyone"; none means nobody."""
        await self.ask("PUT", "/v1/me/message-settings", {"audiences": list(audiences)})

    async def online(self, *user_ids: str) -> list[str]:
        """Who of these is there, as far as one may see it."""
        query = "&".join(f"user_id={one}" for one in user_ids)
        return list((await self.ask("GET", f"/v1/presence?{query}"))["online"])

    async def entitlement(self) -> Json:
        """{place_audio, place_video}."""
        return await self.ask("GET", "/v1/me/entitlement")

    def _keep(self, answer: Json) -> None:
        self._token = str(answer["access_token"])
        self._expires = time.monotonic() + float(answer["expires_in"])


def _answer(response: httpx.Response) -> Json:
    if response.is_success:
        found: Json = response.json() if response.content else {}
        return found
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    name = "REASON_" + str(problem.get("reason", "")).upper()
    reason = Reason.Value(name) if name in Reason.keys() else Reason.REASON_UNAVAILABLE
    if reason not in REASONS or "reason" not in problem:
        raise ConnectionError(f"HTTP {response.status_code} from {response.request.url.path}")
    wait = response.headers.get("Retry-After")
    raise Refusal(reason, str(problem.get("detail", "")), float(wait) if wait else None)
