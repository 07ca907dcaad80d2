"""Ids are opaque, prefixed and ordered by the time they were made."""

import pytest

from ringline import ids


def test_an_id_is_its_prefix_and_26_characters() -> None:
    made = ids.mint_user()
    assert len(made) == 28
    assert ids.is_id(made, "u_")
    assert not ids.is_id(made, "d_")


def test_ids_are_all_different_and_grow_with_time() -> None:
    made = [ids.mint("c_") for _ in range(1000)]
    assert len(set(made)) == 1000
    stamps = [one[:11] for one in made]  # prefix and the first 45 bits, which are time alone
    assert stamps == sorted(stamps)


@pytest.mark.parametrize(
    "text", ["", "u_", "ada", "u_" + "z" * 26, "u_" + "A" * 26, "u_>*", "u_" + "0" * 25 + "\n"]
)
def test_what_a_person_types_is_no_id(text: str) -> None:
    assert not ids.is_id(text)


def test_a_line_is_a_device_and_an_instance() -> None:
    device = ids.mint_device()
    line = ids.line_id(device, "tab-00000001")
    assert ids.split_line(line) == (device, "tab-00000001")


@pytest.mark.parametrize("instance", ["short", "x" * 33, "with.a.dot", "with spaces", "ümlaut-ümlaut"])
def test_a_malformed_instance_makes_no_line(instance: str) -> None:
    with pytest.raises(ValueError, match="instance"):
        ids.line_id(ids.mint_device(), instance)
    with pytest.raises(ValueError, match="line"):
        ids.split_line(ids.LineId(f"{ids.mint_device()}.{instance}"))
