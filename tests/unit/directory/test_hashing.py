"""Hashing passwords: right ones match, nobody's never, and the queue is short."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from services.directory.hashing import Hasher


@pytest.fixture
async def hasher() -> AsyncIterator[Hasher]:
    async with Hasher(threads=1, queue=1, memory_kib=8, passes=1) as hasher:
        yield hasher


async def test_the_same_password_matches_and_another_does_not(hasher: Hasher) -> None:
    stored = await hasher.hashed("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert await hasher.matches(stored, "correct horse battery")
    assert not await hasher.matches(stored, "correct horse batterY")


async def test_nobody_has_no_password_not_even_an_empty_one(hasher: Hasher) -> None:
    assert not await hasher.matches("", "")
    assert not await hasher.matches("", "correct horse battery")


async def test_a_hash_of_weaker_settings_is_outdated(hasher: Hasher) -> None:
    stored = await hasher.hashed("correct horse battery")
    assert not hasher.is_outdated(stored)
    async with Hasher(threads=1, queue=1, memory_kib=16, passes=1) as stronger:
        assert stronger.is_outdated(stored)
        assert await stronger.matches(stored, "correct horse battery")


async def test_who_finds_the_queue_full_is_told_when_to_come_back(hasher: Hasher) -> None:
    hashed = await asyncio.gather(*(hasher.hashed("x") for _ in range(5)), return_exceptions=True)
    refused = [one for one in hashed if isinstance(one, Refusal)]
    assert len(refused) == 3
    assert {(one.reason, one.retry_after) for one in refused} == {(Reason.REASON_OVERLOADED, 1.0)}
    assert await hasher.hashed("x")
