"""REST: requests that schemathesis makes up from the document that is served, good ones and bad ones, by
somebody signed in, by nobody, and with the wrong content type. No answer is a fault, each is what the
document says, and each refusal is a problem (RFC 9457).
"""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import httpx
import schemathesis
import schemathesis.specs.openapi.schemas  # else it is imported deep in a task, which pytest cannot rewrite
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from ringline.client import Session
from ringline.refusal import Refusal
from tests.hostile.attacks import Outcome
from tests.hostile.siege import Siege, network

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
PROBLEM = {"type", "title", "status", "detail", "reason", "instance"}
AT_ONCE = 16
WRONG_TYPES = (
    "text/plain",
    "application/xml",
    "application/json; charset=utf-16",
    "multipart/form-data",
    "/",
)
LASTING = ("recover", "rename", "revoke_device", "sign_up", "sign_in")
"""Operations that cost a hash of a password, or the session: made less often."""


class Rest:
    """The API under attack: what the document says, and who asks."""

    def __init__(self, siege: Siege, document: dict[str, Any]) -> None:
        self.siege = siege
        self.operations: list[Any] = [
            found.ok()  # type: ignore[union-attr]
            for found in schemathesis.openapi.from_dict(document).get_all_operations()
        ]
        self.problem = Draft202012Validator(document["components"]["schemas"]["Problem"])
        self.session: Session | None = None

    async def token(self, dice: Random) -> str:
        """The access token of somebody who is signed in: a newcomer, where the last one shut himself out."""
        if self.session is not None:
            try:
                await self.session.me()
            except Refusal:
                self.session = None
        if self.session is None:
            self.session = await self.siege.person("mallory", dice)
        return self.session._token

    async def play(self, cases: list[tuple[str, Case[Any]]], dice: Random) -> Outcome:
        """Sends these requests, some at a time."""
        done = Outcome()
        bearer = {"Authorization": f"Bearer {await self.token(dice)}"}
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(mode: str, case: Case[Any]) -> None:
            who = dice.choice(("somebody", "somebody", "somebody", "nobody"))
            async with gate:
                done.add(await self._ask(mode, case, bearer if who == "somebody" else {}, dice))

        await asyncio.gather(*(one(*case) for case in cases))
        return done

    async def _ask(self, mode: str, case: Case[Any], bearer: dict[str, str], dice: Random) -> Outcome:
        request = case.as_transport_kwargs(base_url=self.siege.url(self.siege.unlimited))
        request.pop("cookies", None)
        headers = {key: value for key, value in request["headers"].items() if str(value).isascii()}
        headers |= {"X-Forwarded-For": network(dice), **bearer}
        if mode == "bad" and dice.random() < 0.2:
            headers["Content-Type"] = dice.choice(WRONG_TYPES)
        request["headers"] = headers
        if "data" in request:
            request["content"] = request.pop("data")
        try:
            response = await self.siege.http.request(**request)
        except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeError, ValueError):
            return Outcome(repeated=Counter({"requests not sent": 1}))  # by our own client: no case
        except httpx.TransportError as error:
            return Outcome(Counter(), [f"{case.operation.label}: {type(error).__name__}: {case.body!r}"])
        label, kind = case.operation.label, f"{response.status_code // 100}xx"
        found = [f"{label}: {what}: {str(case.body)[:500]!r}" for what in self._judged(case, response)]
        return Outcome(Counter({f"rest_{mode}_{kind}": 1}), found)

    def _judged(self, case: Case[Any], response: httpx.Response) -> list[str]:
        status = response.status_code
        if status >= 500:
            return [f"HTTP {status}: {response.text[:300]}"]
        if status >= 400:
            return problems(self.problem, response)
        try:
            case.validate_response(response, checks=[content_type_conformance, response_schema_conformance])
        except (Failure, FailureGroup) as failure:
            return [f"HTTP {status} is not what the document says: {failure}"]
        return []


def problems(validator: Draft202012Validator, response: httpx.Response) -> list[str]:
    """What is wrong with a refusal as a problem (RFC 9457)."""
    if response.headers.get("content-type") != "application/problem+json":
        return [f"a refusal {response.status_code} of type {response.headers.get('content-type')}"]
    told = response.json()
    wrong = [error.message for error in validator.iter_errors(told)]
    if set(told) != PROBLEM or told["status"] != response.status_code:
        wrong.append(f"a problem with {sorted(told)} and status {told.get('status')}")
    return wrong


def made(rest: Rest, number: int, most: int) -> list[tuple[str, Case[Any]]]:
    """About so many requests over all operations, from a seed."""
    found: list[tuple[str, Case[Any]]] = []
    each = max(1, most // (2 * len(rest.operations)))
    for operation in rest.operations:
        count = max(1, each // 8) if operation.definition.raw.get("operationId") in LASTING else each
        for mode, word in ((GenerationMode.POSITIVE, "good"), (GenerationMode.NEGATIVE, "bad")):
            found += [
                (word, case) for case in _cases(operation.as_strategy(generation_mode=mode), number, count)
            ]
    return found


def _cases(strategy: Any, number: int, count: int) -> list[Case[Any]]:
    found: list[Case[Any]] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(case: Case[Any]) -> None:
        found.append(case)

    with suppress(Unsatisfiable):  # an operation without any input cannot be given a wrong one
        collect()
    return found


async def opened(siege: Siege) -> Rest:
    """The API by the document that is served. Raises AssertionError where it is not the one of docs/."""
    served = (await siege.http.get(siege.url(siege.unlimited) + "/openapi.json")).json()
    assert served == json.loads(DOCUMENT.read_text()), "docs/openapi.json is not what is served"
    return Rest(siege, served)
