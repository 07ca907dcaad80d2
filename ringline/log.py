"""The event log on JetStream: what has happened, for those who project it.

Delivery is at least once and ordered per call as far as the publisher kept order; consumers are idempotent by
(call, version). JetStream may pause for seconds when its leader dies: nothing here is on the path of a ring.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError
from prometheus_client import Counter

from ringline.bus import Bus, token
from ringline.refusal import Refusal
from ringline.telemetry import log, report_bug
from ringline.v1.events_pb2 import Event
from ringline.v1.reasons_pb2 import Reason

STREAM = "EVENTS"
EVENTS: Final = "ringline.events"
"""Followed by a fact."""
PUBLISH_SECONDS = 5.0
"""Longer than an election of the stream's leader usually takes."""
BATCH = 8
"""Events in the hands of one process at a time."""
EVENT_SECONDS = 3.5
"""What one event may take; a batch of the slowest is done before the log takes them for lost."""
ACK_SECONDS = 30.0
RETRY_SECONDS = 1.0
"""The pause after the first failure; it doubles with each, up to a minute."""
LONGEST_RETRY_SECONDS = 60.0
BUG_TRIES = 6
"""After so many faults of its handler in one process an event is given up: half a minute."""
FAULTS_KEPT = 4_096
"""Events whose faults a process remembers."""
TRIES = 1_000
"""After so many any event is: most of a day, for outages."""
MOST_PENDING = 1_024
"""Events that may wait for their next try; where there are more, later ones wait too."""
KEEP_SECONDS = 7 * 24 * 3600.0
DEDUP_SECONDS = 120.0
PAGE = 256
"""Events that a replay takes at a time: with 64 it took twice as long, and a day of calls is millions."""
PASSING = frozenset({Reason.REASON_UNAVAILABLE, Reason.REASON_OVERLOADED})

LATE = Counter("ringline_events_late_total", "Events whose handler was not done in time.", ["durable"])
GIVEN_UP = Counter("ringline_events_given_up_total", "Events whose handler failed too often.", ["durable"])
MADE = Counter(
    "ringline_event_log_made_total",
    "How often the event log was not there, and was made: what it had is lost.",
)

OnEvent = Callable[[Event], Awaitable[None]]


def subject(event: Event) -> str:
    """The subject of an event: `ringline.events.<fact>`, such as ringline.events.call_ended."""
    fact = event.WhichOneof("fact")
    if fact is None:
        raise ValueError("an event says a fact")
    return f"{EVENTS}.{token(fact)}"


class Log:
    """The stream EVENTS."""

    def __init__(
        self,
        bus: Bus,
        replicas: int = 1,
        retry_seconds: float = RETRY_SECONDS,
        event_seconds: float = EVENT_SECONDS,
    ) -> None:
        self._bus = bus
        self._retry_seconds = retry_seconds
        self._event_seconds = event_seconds
        self._faults: dict[tuple[str, str], int] = {}
        """How often a handler had a fault, by durable and event: deliveries count outages, too."""
        self._replicas = replicas
        self._is_there = False
        self._client: Client | None = None
        self._js: JetStreamContext | None = None

    async def ensure_stream(self, *, update: bool = True) -> None:
        """Creates the stream where it is not there; else brings its settings up to date, which only who
        writes it may do.

        Raises NatsError or TimeoutError while it is away.
        """
        config = StreamConfig(
            name=STREAM,
            subjects=[f"{EVENTS}.>"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_age=KEEP_SECONDS,
            duplicate_window=DEDUP_SECONDS,
            num_replicas=self._replicas,
        )
        try:
            await self._context().stream_info(STREAM)
            if update:
                await self._context().update_stream(config)
        except NotFoundError:
            await self._context().add_stream(config)
            MADE.inc()
            # True of a first start, too. Later, what was lost with it comes by `ringline rebuild-history`.
            log(__name__).info("event log was not there and is made", stream=STREAM)
        self._is_there = True

    async def publish(self, events: Sequence[Event]) -> int:
        """Publishes in order and answers how many of the first were acknowledged; fewer than all while it is
        away.

        The same event (by id) published twice within two minutes is stored once.
        """
        if not self._bus.is_up:
            return 0
        futures = []
        try:
            if not self._is_there:
                await self.ensure_stream()
            for event in events:
                futures.append(
                    await self._context().publish_async(
                        subject(event),
                        event.SerializeToString(),
                        wait_stall=PUBLISH_SECONDS,
                        headers={"Nats-Msg-Id": event.event_id},
                    )
                )
        except (NatsError, OSError, TimeoutError) as trouble:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError from trouble  # nats-py turns a cancel into an error of its own
            log(__name__).warning("event log cannot be written", problem=type(trouble).__name__)
        if futures:
            await asyncio.wait(futures, timeout=PUBLISH_SECONDS)
        acknowledged = 0
        for future in futures:
            if not future.done() or future.exception() is not None:
                self._is_there = False  # perhaps it was deleted: look again next time
                break
            acknowledged += 1
        for future in futures:
            future.cancel()
        return acknowledged

    async def consume(self, durable: str, facts: Sequence[str], on_event: OnEvent) -> None:
        """Calls `on_event` for each event of these facts (such as "call_ended"; empty: all), for ever.

        `durable` names the consumer: processes with the same name share the work, and each has some events in
        its hands at once. One whose handler raised, or was not done in time, comes again after a second, and
        then with growing pauses, while later ones go on. It is given up in the end: counted and logged by its
        id. The log still has it, for `replay`.
        """
        while True:
            try:
                await self._bus.until_up()
                await self._consume(token(durable), [token(fact) for fact in facts], on_event)
            except (NatsError, OSError, TimeoutError) as trouble:
                log(__name__).warning(
                    "event log cannot be read", durable=durable, problem=type(trouble).__name__
                )
                await asyncio.sleep(1.0)

    async def replay(self, facts: Sequence[str], on_event: OnEvent, since: datetime | None = None) -> int:
        """Calls `on_event` for each event of these facts that is there now, oldest first, and was stored at
        `since` or later; answers how many.

        Raises Refusal(UNAVAILABLE) while the log is away, and what the handler refused. An event at which it
        has a fault is logged by its id and passed over.
        """
        try:
            return await self._replay([f"{EVENTS}.{token(fact)}" for fact in facts], on_event, since)
        except (NatsError, OSError, TimeoutError) as trouble:
            raise Refusal(Reason.REASON_UNAVAILABLE, "The event log cannot be read.") from trouble

    async def is_empty(self) -> bool:
        """Whether nothing was ever written to it, as after its data was lost.

        Raises Refusal(UNAVAILABLE) while it is away.
        """
        try:
            if not self._bus.is_up:
                raise TimeoutError
            await self.ensure_stream(update=False)
            return (await self._context().stream_info(STREAM)).state.last_seq == 0
        except (NatsError, OSError, TimeoutError) as trouble:
            raise Refusal(Reason.REASON_UNAVAILABLE, "The event log cannot be read.") from trouble

    async def _replay(self, subjects: list[str], on_event: OnEvent, since: datetime | None) -> int:
        await self.ensure_stream(update=False)
        config = ConsumerConfig(
            name=uuid4().hex,
            deliver_policy=DeliverPolicy.ALL if since is None else DeliverPolicy.BY_START_TIME,
            opt_start_time=since,
            **_filter(subjects),
            ack_policy=AckPolicy.NONE,
            inactive_threshold=ACK_SECONDS,
        )
        newest = (await self._context().stream_info(STREAM)).state.last_seq
        await self._context().add_consumer(STREAM, config)
        subscription = await self._context().pull_subscribe_bind(config.name, STREAM)
        count = 0
        try:
            while left := await _left(subscription, count):
                try:
                    page = await subscription.fetch(min(PAGE, left), timeout=PUBLISH_SECONDS)
                except TimeoutError:
                    if await _left(subscription, count) >= left:
                        raise
                    page = []  # they have grown too old meanwhile
                for message in page:
                    if message.metadata.sequence.stream > newest:
                        return count
                    await self._replay_one(message, on_event)
                    count += 1
            return count
        finally:
            with suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def _replay_one(self, message: Msg, on_event: OnEvent) -> None:
        try:
            event = Event.FromString(message.data)
        except DecodeError:
            log(__name__).error("event is not readable", durable="replay")
            return
        await pass_over_fault(event, on_event)

    async def _consume(self, durable: str, facts: list[str], on_event: OnEvent) -> None:
        await self.ensure_stream(update=False)
        config = ConsumerConfig(
            name=durable,
            durable_name=durable,
            **_filter([f"{EVENTS}.{fact}" for fact in facts] or [f"{EVENTS}.>"]),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_SECONDS,
            max_deliver=TRIES,
            max_ack_pending=MOST_PENDING,
        )
        # Makes it, or brings the settings of one that is there up to date.
        await self._context().add_consumer(STREAM, config)
        subscription = await self._context().pull_subscribe_bind(durable, STREAM)
        try:
            while True:
                with suppress(TimeoutError):
                    batch = await subscription.fetch(BATCH, timeout=5.0)
                    lanes: defaultdict[str, list[Msg]] = defaultdict(list)
                    for message in batch:
                        lanes[_call_of(message)].append(message)
                    try:
                        # Calls beside one another: few that are slow would hold up all others.
                        work = (self._take_lane(one, durable, on_event) for one in lanes.values())
                        await asyncio.gather(*work)
                    except asyncio.CancelledError:
                        await _hand_back(batch)
                        raise
        finally:
            with suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def _take_lane(self, lane: Sequence[Msg], durable: str, on_event: OnEvent) -> None:
        for message in lane:
            await self._hand_over(message, durable, on_event)

    async def _hand_over(self, message: Msg, durable: str, on_event: OnEvent) -> None:
        try:
            event = Event.FromString(message.data)
        except DecodeError:
            log(__name__).error("event is not readable", durable=durable)
            await message.term()
            return
        (error,) = await asyncio.gather(_within(self._event_seconds, on_event(event)), return_exceptions=True)
        if error is None:
            self._faults.pop((durable, event.event_id), None)
            await message.ack()
            return
        tries = message.metadata.num_delivered or 1
        if tries >= TRIES or self._note(durable, event.event_id, error) >= BUG_TRIES:
            self._faults.pop((durable, event.event_id), None)
            GIVEN_UP.labels(durable).inc()
            log(__name__).error("event is given up", durable=durable, event_id=event.event_id)
            await message.term()
            return
        pause = self._retry_seconds * 2.0 ** min(tries - 1, 10)
        await message.nak(delay=min(LONGEST_RETRY_SECONDS, pause))

    def _note(self, durable: str, event_id: str, error: BaseException) -> int:
        """Notes why a handler failed; answers how many faults it had with this event in this process."""
        faults = self._faults.pop((durable, event_id), 0)
        if isinstance(error, TimeoutError):
            LATE.labels(durable).inc()
            log(__name__).warning("event takes too long", durable=durable, event_id=event_id)
        elif not (isinstance(error, Refusal) and error.reason in PASSING):
            report_bug(f"log.{durable}", error)
            faults += 1
        if faults:
            self._faults[durable, event_id] = faults
            while len(self._faults) > FAULTS_KEPT:
                del self._faults[next(iter(self._faults))]
        return faults

    def _context(self) -> JetStreamContext:
        if self._js is None or self._client is not self._bus.client:
            self._client = self._bus.client
            self._js = self._client.jetstream(timeout=PUBLISH_SECONDS)
        return self._js


async def pass_over_fault(event: Event, on_event: OnEvent) -> None:
    """Calls `on_event`. Raises what it refused; a fault is logged with the event's id, and no more."""
    (error,) = await asyncio.gather(on_event(event), return_exceptions=True)
    if isinstance(error, Refusal):
        raise error
    if error is not None:
        bug = report_bug("log.replay", error)
        log(__name__).error("event is passed over", event_id=event.event_id, bug=bug)


def _filter(subjects: list[str]) -> dict[str, Any]:
    """What a consumer is given. One subject alone is named in the subject of the request as well, so that the
    bus can refuse it.
    """
    return {"filter_subject": subjects[0]} if len(subjects) == 1 else {"filter_subjects": subjects}


async def _hand_back(batch: Sequence[Msg]) -> None:
    """This process stops: what it has in hand comes to another one at once, and not after half a minute."""
    with suppress(NatsError, OSError):
        for message in batch:
            if not message.is_acked:
                await message.nak()


def _call_of(message: Msg) -> str:
    """Which call an event is of; "" where it cannot be read."""
    try:
        return Event.FromString(message.data).call_id
    except DecodeError:
        return ""


async def _left(subscription: JetStreamContext.PullSubscription, count: int) -> int:
    """How many events are left to a consumer that was given so many, those on their way included."""
    info = await subscription.consumer_info()
    delivered = info.delivered.consumer_seq if info.delivered else 0
    return (info.num_pending or 0) + delivered - count


async def _within(seconds: float, work: Awaitable[None]) -> None:
    async with asyncio.timeout(seconds):
        await work
