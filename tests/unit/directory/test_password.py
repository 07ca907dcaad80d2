"""Passwords: length counts, and what everybody tries first is refused."""

import pytest

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from services.directory import password


@pytest.mark.parametrize(
    "typed",
    ["correct horse battery", "kR9#mmq2!x", "пароль из слов", "1815-12-10 a", "x" * 5 + "yzabc" * 50 + "q"],
)
def test_a_long_password_is_good(typed: str) -> None:
    assert password.chosen(typed, "ada") == password.normal(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "short",
        "ninechars",
        "q7" * 128 + "x",
        "x" * 100_000,
        "aaaaaaaaaaaa",
        "abababababab",
        "1234567890",
        "0987654321",
        "qwertyuiop",
        "qwertzuiop",
        "1qaz2wsx3edc",
        "Password123",
        "password12345!",
        "passwordpassword",
        "Letmein2026!!",
        "ada.lovelace",
        "Ada.Lovelace1!",
        "with\nnewline",
        "with\x00nothing",
    ],
)
def test_a_weak_password_is_refused(typed: str) -> None:
    with pytest.raises(Refusal) as refused:
        password.chosen(typed, "ada.lovelace")
    assert refused.value.reason == Reason.REASON_PASSWORD_WEAK


def test_the_same_password_from_another_keyboard_is_the_same() -> None:
    assert password.normal("cafe\u0301 au lait") == password.normal("café au\u00a0lait")


def test_a_refusal_does_not_quote_the_password() -> None:
    with pytest.raises(Refusal) as refused:
        password.chosen("hunter2\x07hunter2", "ada")
    assert "hunter" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
