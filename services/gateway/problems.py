"""Problems (RFC 9457): what a refusal looks like over HTTP. The reasons are in ringline/refusal.py."""

import math
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from ringline.refusal import REASONS, Refusal
from ringline.telemetry import report_bug
from ringline.v1.reasons_pb2 import Reason

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """Why a request was refused, or failed (RFC 9457)."""

    type: str = Field(description="A URI for the reason.", examples=["urn:ringline:problem:username_taken"])
    title: str = Field(description="What the reason means, in English.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="One English sentence for a developer; clients translate by reason.")
    reason: str = Field(description="The reason, from the one list of reasons.", examples=["username_taken"])
    instance: str = Field(
        description="Where it happened: the path, or the id under which a fault was logged."
    )


def problem(refusal: Refusal, instance: str, status: int = 0) -> JSONResponse:
    """A refusal as a response; `status` only where HTTP has a more exact one than the reason's."""
    body = Problem(
        type=f"urn:ringline:problem:{refusal.name}",
        title=REASONS[refusal.reason].sentence,
        status=status or refusal.status,
        detail=refusal.sentence,
        reason=refusal.name,
        instance=instance,
    )
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after)))
    if body.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body.model_dump(), body.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Turns whatever an endpoint raises into a problem."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    return problem(error, request.url.path)


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    """Says which field, and never repeats what was in it."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if isinstance(part, str) and part != "body")
    sentence = f"{where or 'The body'}: {first['msg']}"
    if first["type"] == "json_invalid":
        sentence = "The body is no JSON."
    return problem(Refusal(Reason.REASON_INVALID, sentence), request.url.path)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    response = problem(Refusal(Reason.REASON_INVALID, str(error.detail)), request.url.path, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _fault(request: Request, error: Exception) -> JSONResponse:
    """A bug: logged with an id, which is all that the client gets."""
    bug = report_bug(f"{request.method} {_route(request)}", error)
    refusal = Refusal(Reason.REASON_UNAVAILABLE, f"A fault, logged as {bug}.")
    return problem(refusal, f"urn:ringline:bug:{bug}", HTTPStatus.INTERNAL_SERVER_ERROR)


def _route(request: Request) -> str:
    """The route's template: the path itself may hold a name."""
    return getattr(request.scope.get("route"), "path", "-")
