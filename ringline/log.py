"""The event log on JetStream: what has happened, for those who project it.

Delivery is at least once and ordered per call as far as the publisher kept order; consumers are idempotent by
(call, version). JetStream may pause for seconds when its leader dies: nothing here is on the path of a ring.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

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

from ringline.bus import Bus, token
from ringline.refusal import Refusal
from ringline.telemetry import log, report_bug
from ringline.v1.events_pb2 import Event
from ringline.v1.reasons_pb2 import Reason

STREAM = "EVENTS"
PUBLISH_SECONDS = 5.0
"""Longer than an election of the stream's leader usually takes."""
ACK_SECONDS = 30.0
KEEP_SECONDS = 7 * 24 * 3600.0
DEDUP_SECONDS = 120.0
BATCH = 64

OnEvent = Callable[[Event], Awaitable[None]]


def subject(event: Event) -> str:
    """The subject of an event: `ringline.events.<fact>`, such as ringline.events.call_ended."""
    fact = event.WhichOneof("fact")
    if fact is None:
        raise ValueError("an event says a fact")
    return f"ringline.events.{token(fact)}"


class Log:
    """The stream EVENTS."""

    def __init__(self, bus: Bus, replicas: int = 1) -> None:
        self._bus = bus
        self._replicas = replicas
        self._is_there = False
        self._client: Client | None = None
        self._js: JetStreamContext | None = None

    async def ensure_stream(self) -> None:
        """Creates the stream, or brings its settings up to date.

        Raises NatsError or TimeoutError while it is away.
        """
        config = StreamConfig(
            name=STREAM,
            subjects=["ringline.events.>"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_age=KEEP_SECONDS,
            duplicate_window=DEDUP_SECONDS,
            num_replicas=self._replicas,
        )
        try:
            await self._context().stream_info(STREAM)
            await self._context().update_stream(config)
        except NotFoundError:
            await self._context().add_stream(config)
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

        `durable` names the consumer: processes with the same name share the work. An event whose handler
        raised comes again after a second, and then with growing pauses.
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

    async def replay(self, facts: Sequence[str], on_event: OnEvent) -> int:
        """Calls `on_event` for each event of these facts that is there now, oldest first; answers how many.

        Raises Refusal(UNAVAILABLE) while the log is away, and what the handler raised.
        """
        try:
            return await self._replay([f"ringline.events.{token(fact)}" for fact in facts], on_event)
        except (NatsError, OSError, TimeoutError) as trouble:
            raise Refusal(Reason.REASON_UNAVAILABLE, "The event log cannot be read.") from trouble

    async def _replay(self, subjects: list[str], on_event: OnEvent) -> int:
        await self.ensure_stream()
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.ALL,
            filter_subjects=subjects,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=ACK_SECONDS,
        )
        subscription = await self._context().pull_subscribe("", stream=STREAM, config=config)
        try:
            left = (await subscription.consumer_info()).num_pending or 0
            count = 0
            while count < left:
                for message in await subscription.fetch(min(BATCH, left - count), timeout=PUBLISH_SECONDS):
                    count += 1
                    try:
                        event = Event.FromString(message.data)
                    except DecodeError:
                        log(__name__).error("event is not readable", durable="replay")
                        continue
                    await on_event(event)
            return count
        finally:
            with suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def _consume(self, durable: str, facts: list[str], on_event: OnEvent) -> None:
        await self.ensure_stream()
        subjects = [f"ringline.events.{fact}" for fact in facts] or ["ringline.events.>"]
        subscription = await self._context().pull_subscribe(
            "",
            durable=durable,
            stream=STREAM,
            config=ConsumerConfig(
                durable_name=durable,
                filter_subjects=subjects,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ACK_SECONDS,
                max_ack_pending=BATCH,
            ),
        )
        try:
            while True:
                with suppress(TimeoutError):
                    for message in await subscription.fetch(BATCH, timeout=5.0):
                        await self._hand_over(message, durable, on_event)
        finally:
            with suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def _hand_over(self, message: Msg, durable: str, on_event: OnEvent) -> None:
        try:
            event = Event.FromString(message.data)
        except DecodeError:
            log(__name__).error("event is not readable", durable=durable)
            await message.term()
            return
        (error,) = await asyncio.gather(on_event(event), return_exceptions=True)
        if error is None:
            await message.ack()
            return
        if not isinstance(error, Refusal):
            report_bug(f"log.{durable}", error)
        tries = message.metadata.num_delivered or 1
        await message.nak(delay=min(60.0, 2.0 ** (tries - 1)))

    def _context(self) -> JetStreamContext:
        if self._js is None or self._client is not self._bus.client:
            self._client = self._bus.client
            self._js = self._client.jetstream(timeout=PUBLISH_SECONDS)
        return self._js
