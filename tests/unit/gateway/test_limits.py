"""Limits: buckets, strikes, and what is remembered."""

from services.gateway.limits import Bucket, Buckets, Strikes
from services.gateway.recent import Recent


def test_a_bucket_gives_its_burst_at_once_and_then_one_at_a_time() -> None:
    lookups = Buckets(burst=60, every=10.0)
    assert all(lookups.take("u_1", 100.0) == 0.0 for _ in range(60))
    assert lookups.take("u_1", 100.0) == 10.0
    assert lookups.take("u_1", 109.0) == 1.0
    assert lookups.take("u_1", 110.0) == 0.0
    assert lookups.take("u_1", 110.0) == 10.0


def test_who_waits_takes_nothing() -> None:
    bucket = Bucket()
    for _ in range(3):
        bucket.take(0.0, burst=3, every=1.0)
    waits = [bucket.take(0.0, burst=3, every=1.0) for _ in range(100)]
    assert waits == [1.0] * 100


def test_a_bucket_is_full_again_after_a_rest_and_never_fuller() -> None:
    lookups = Buckets(burst=5, every=1.0)
    for _ in range(5):
        lookups.take("u_1", 0.0)
    granted = [lookups.take("u_1", 1000.0) for _ in range(6)]
    assert granted == [0.0] * 5 + [1.0]


def test_buckets_of_different_users_do_not_touch() -> None:
    lookups = Buckets(burst=1, every=10.0)
    assert lookups.take("u_1", 0.0) == 0.0
    assert lookups.take("u_2", 0.0) == 0.0
    assert lookups.wait("u_1", 0.0) == 10.0
    assert lookups.wait("u_3", 0.0) == 0.0


def test_a_network_waits_after_its_last_allowed_failure_until_the_first_is_old() -> None:
    hellos = Strikes(limit=10, window=1800.0)
    for number in range(10):
        assert hellos.wait("192.0.2.1", float(number)) == 0.0
        hellos.strike("192.0.2.1", float(number))
    assert hellos.wait("192.0.2.1", 10.0) == 1790.0
    assert hellos.wait("192.0.2.2", 10.0) == 0.0
    assert hellos.wait("192.0.2.1", 1800.0) == 0.0


def test_what_was_put_long_ago_or_too_much_is_forgotten() -> None:
    recent: Recent[int] = Recent(seconds=1.0, keys=2)
    recent.put("a", 1, 0.0)
    assert recent.get("a", 0.9) == 1
    assert recent.get("a", 1.0) is None
    recent.put("b", 2, 0.0)
    recent.put("c", 3, 0.0)
    assert recent.get("a", 0.0) is None
    assert len(recent) == 2
    recent.drop("b")
    assert recent.get("b", 0.0) is None


def test_what_is_given_back_can_be_taken_again_and_no_more() -> None:
    lookups = Buckets(burst=2, every=10.0)
    lookups.give_back("u_1", 0.0)
    assert [lookups.take("u_1", 0.0) for _ in range(3)] == [0.0, 0.0, 10.0]
    lookups.give_back("u_1", 0.0)
    assert [lookups.take("u_1", 0.0) for _ in range(2)] == [0.0, 10.0]
    lookups.give_back("u_1", 1000.0)
    assert [lookups.take("u_1", 1000.0) for _ in range(3)] == [0.0, 0.0, 10.0]
