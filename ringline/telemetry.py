"""Logs and figures.

Logs are one JSON object a line on stderr. They may hold ids, numbers and the fixed words of the program; what
a person typed never gets in: protobuf messages are printed with their (personal) and (secret) fields as "…",
and any other text that is neither an id nor under one of the known keys is printed as "…" too.

Metrics are prometheus-client's own; `ringline_` is the prefix of their names, and ids are never labels.
"""

import enum
import logging
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, cast

import orjson
import structlog
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from prometheus_client import Counter, Gauge, Histogram

from ringline import ids
from ringline.v1 import annotations_pb2

HIDDEN = "…"

KNOWN_KEYS = frozenset(
    "event level timestamp logger service services method peer address subject stream durable reason rule "
    "verb state ending task code caller bug problem where version sql_state check environment signal".split()
)
"""Keys whose text is the program's own words. Nothing that a person typed may be logged under them."""

_WORD = re.compile(r"[0-9.:-]*")

log = structlog.stdlib.get_logger

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets for durations, in seconds."""

RPC_SECONDS = Histogram("ringline_rpc_seconds", "Time to serve a unary call.", ["method"], buckets=SECONDS)
ASK_SECONDS = Histogram(
    "ringline_ask_seconds", "Time from an ask on a stream to its answer.", ["stream"], buckets=SECONDS
)
REFUSALS = Counter("ringline_refusals_total", "Refusals said by this process.", ["method", "reason"])
REFUSED_IN_CALL = Counter(
    "ringline_refused_in_call_total",
    "Commands that do not belong to the state of their call.",
    ["phase", "role", "verb"],
)
UNANSWERED = Counter(
    "ringline_unanswered_total",
    "Questions on streams that found no room or got no answer in time.",
    ["stream"],
)
QUESTION_SECONDS = Histogram(
    "ringline_question_seconds", "Time to serve a question of a batched stream.", ["stream"], buckets=SECONDS
)
ASKED = Counter("ringline_asked_total", "Items of batched streams that this process was asked.", ["stream"])
BUGS = Counter("ringline_bugs_total", "Faults that were logged with an id.", ["where"])
RESENT = Counter("ringline_resent_total", "Items sent again on another stream.", ["stream"])
STREAMS = Gauge("ringline_streams", "Open streams to other processes.", ["stream"])
WAKES = Counter("ringline_wakes_total", "Wake-ups by what became of them.", ["fate"])
OUTBOX_PUBLISHED = Counter(
    "ringline_outbox_published_total", "Rows of the outbox that were published.", ["service"]
)
OUTBOX_AGE = Gauge(
    "ringline_outbox_age_seconds", "For how long the oldest event waits to be published.", ["service"]
)
DATABASE_AT_RISK = Gauge(
    "ringline_database_at_risk",
    "Whether the database does not promise what it must: standby, fsync, synchronous_commit.",
    ["service"],
)
LEAVING = Gauge("ringline_leaving_seconds", "For how long this process is on its way out; 0: it is not.")
READY = Gauge(
    "ringline_ready",
    "1: this process can do its own work; 0: it waits for what it needs, or is on its way out.",
)
LOOP_LAG = Gauge("ringline_loop_lag_seconds", "How late the loop's last beat was.")


def configure(level: str = "info") -> None:
    """Sends every log of the process, also that of libraries, as redacted JSON to stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            use_get_message=False,  # a library's sentence without what it would fill in
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, _render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("nats", "asyncio", "alembic", "uvicorn.access"):
        logging.getLogger(noisy).setLevel("WARNING")


def report_bug(where: str, error: BaseException) -> ids.BugId:
    """Logs a fault with a new id, which may be shown to anybody."""
    bug = ids.BugId(ids.mint("bug_"))
    BUGS.labels(where).inc()
    log(__name__).error("bug", bug=bug, where=where, exc_info=error)
    return bug


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A structlog processor: nothing personal gets past it."""
    failure = event.pop("exc_info", None)
    clean = {key: redacted(value, key in KNOWN_KEYS) for key, value in event.items()}
    if failure:
        error = (
            sys.exc_info()[1] if failure is True else failure[1] if isinstance(failure, tuple) else failure
        )
        if isinstance(error, BaseException):
            clean["fault"] = describe(error)
    return clean


def redacted(value: Any, known: bool = False) -> Any:
    """`value` as it may be printed; `known` says that its text is the program's own."""
    if value is None or isinstance(value, bool | int | float):
        return value.name if isinstance(value, enum.Enum) else value
    if isinstance(value, str):
        return value if known or _is_harmless(value) else HIDDEN
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Message):
        return redacted_message(value)
    if isinstance(value, BaseException):
        return type(value).__qualname__
    if isinstance(value, Mapping):
        return {
            str(key) if known or _is_harmless(str(key)) else HIDDEN: redacted(one, known)
            for key, one in value.items()
        }
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return [redacted(one, known) for one in value]
    return HIDDEN


def redacted_message(message: Message) -> dict[str, Any]:
    """A protobuf message with its marked fields hidden, and bytes by their length alone."""
    return {field.name: _field(field, value) for field, value in message.ListFields()}


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as type and places. Its message is left out: it may quote what a person typed."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    told: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "at": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        told["cause"] = describe(cause)
    return told


def _field(field: FieldDescriptor, value: Any) -> Any:
    options = field.GetOptions()
    if options.Extensions[annotations_pb2.personal] or options.Extensions[annotations_pb2.secret]:
        return HIDDEN
    many = list(cast(Iterable[Any], value)) if field.is_repeated else [value]
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        shown: list[Any] = [redacted(one) for one in many]
    elif field.type == FieldDescriptor.TYPE_BYTES:
        shown = [f"{len(one)} bytes" for one in many]
    elif field.type == FieldDescriptor.TYPE_ENUM and field.enum_type is not None:
        names = field.enum_type.values_by_number
        shown = [names[one].name if one in names else one for one in many]
    else:
        shown = many
    return shown if field.is_repeated else shown[0]


def _is_harmless(text: str) -> bool:
    device, _, rest = text.partition(".")
    return _WORD.fullmatch(text) is not None or (ids.is_id(device) and (not rest or ids.is_instance(rest)))


def _short(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[-3:])


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(event, default=lambda _: HIDDEN).decode()
