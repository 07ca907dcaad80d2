"""Profiles: names that people read, and the words by which search finds them."""

import pytest

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from services.directory import profile


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("", ""),
        ("  Ada \t Lovelace ", "Ada Lovelace"),
        ("Jose\u0301", "José"),
        ("Ada 👩‍💻", "Ada 👩‍💻"),
        ("山田 太郎", "山田 太郎"),
        ("x" * 50, "x" * 50),
    ],
)
def test_a_display_name_is_one_line(typed: str, shown: str) -> None:
    assert profile.display_name(typed) == shown


@pytest.mark.parametrize(
    "typed", ["x" * 51, "Ada\u202eecalevoL", "Ada\x07", "Ada ✅", "Ada ✔", "Ada\ue000", "\u2067Ada"]
)
def test_what_could_deceive_the_reader_is_refused(typed: str) -> None:
    with pytest.raises(Refusal) as refused:
        profile.display_name(typed)
    assert refused.value.reason == Reason.REASON_INVALID


def test_a_device_without_a_name_gets_one() -> None:
    assert profile.device_name(" ") == "Device"
    assert profile.device_name("Firefox on a Mac") == "Firefox on a Mac"


@pytest.mark.parametrize("text", ["free", "plus", "tier_2-b", "x" * 32])
def test_a_tier_is_a_short_word(text: str) -> None:
    assert profile.tier(text) == text


@pytest.mark.parametrize("text", ["", "Plus", "x" * 33, "a b", "plus\n"])
def test_a_tier_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        profile.tier(text)


def test_words_are_compared_without_case_and_width() -> None:
    assert profile.words("Ada  LOVELACE ada") == ["ada", "lovelace"]
    assert profile.words("Ａｄａ!") == ["ada"]
    assert profile.words("😀 … !") == []
    assert profile.words("%_\\ 50%") == ["50"]
    assert len(profile.words(" ".join(f"w{n}" for n in range(40)))) == profile.WORDS
    assert profile.words("y" * 99) == ["y" * profile.WORD_LONGEST]
