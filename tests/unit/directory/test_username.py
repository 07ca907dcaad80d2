"""Usernames: one normal form, rules of form, reserved words, and look-alikes with one skeleton."""

import unicodedata

import pytest
from confusable_homoglyphs import confusables
from hypothesis import given
from hypothesis import strategies as st

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from services.directory import username
from services.directory.reserved import RESERVED


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("Ada", "ada"),
        ("@ada", "ada"),
        (" ada ", "ada"),
        ("ＡＤＡ", "ada"),
        ("＠ada", "ada"),
        ("Ada_Lovelace.1815", "ada_lovelace.1815"),
        ("ÀÉÎ", "àéî"),
        ("a\u0300e\u0301i\u0302", "àéî"),
        ("ДМИТРИЙ", "дмитрий"),
        ("ΣΊΣΥΦΟΣ", unicodedata.normalize("NFC", "ΣΊΣΥΦΟΣ").lower()),
        ("山田太郎", "山田太郎"),
        ("שלום", "שלום"),
    ],
)
def test_case_width_and_composition_are_one_name(typed: str, normal: str) -> None:
    assert username.wanted(typed) == normal


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "@",
        "ab",
        "a" * 31,
        "a" * 100_000,
        "u_0ck6p9v2l8a1b2c3d4e5f6g7h8",
        "ada lovelace",
        "ada\nlovelace",
        "ada\r\nPUB x",
        "ada>",
        "ada*",
        "ada/bob",
        "ada@bob",
        "ada\u200blove",
        "ada\u202elove",
        "ada\u0000",
        "\ud800ada",
        "ada😀",
        ".ada",
        "ada.",
        "-ada",
        "a..da",
        "a.-da",
        "12345",
        "___",
        "\u0301ada",
        "ﬁona",
        "Ⅷada",
    ],
)
def test_what_breaks_a_rule_of_form_is_refused(typed: str) -> None:
    with pytest.raises(Refusal) as refused:
        username.wanted(typed)
    assert refused.value.reason == Reason.REASON_USERNAME_INVALID


@pytest.mark.parametrize("typed", ["аda", "adaα", "pаypal", "ada山и", "abcא", "1२३a", "३३abc1"])
def test_two_scripts_or_number_systems_in_one_name_are_refused(typed: str) -> None:
    with pytest.raises(Refusal) as refused:
        username.wanted(typed)
    assert refused.value.reason == Reason.REASON_USERNAME_INVALID


@pytest.mark.parametrize("typed", ["山田taro", "たろう山田", "김철수kim", "山田タロウ"])
def test_the_scripts_of_one_writing_go_together(typed: str) -> None:
    assert username.wanted(typed) == typed


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_a_reserved_word_is_refused(word: str) -> None:
    with pytest.raises(Refusal) as refused:
        username.wanted(word)
    assert refused.value.reason in (Reason.REASON_USERNAME_RESERVED, Reason.REASON_USERNAME_INVALID)


@pytest.mark.parametrize("word", ["Admin", "supp0rt", "rnod", "secᴜrity", "Acme", "acrne"])
def test_a_reserved_word_is_refused_in_disguise(word: str) -> None:
    with pytest.raises(Refusal) as refused:
        username.wanted(word, more_reserved=["acme"])
    assert refused.value.reason == Reason.REASON_USERNAME_RESERVED


LOOKALIKES = {
    "a digit for a letter, round": ("bob00", "boboo"),
    "a digit for a letter, straight": ("ada1", "adal"),
    "two letters for one": ("modern", "rnodern"),
    "a whole word in Cyrillic": ("соре", "cope"),
    "a whole word in Greek": ("ορο", "opo"),
    "a whole word in Armenian": ("սոս", "unu"),
    "an i without its dot": ("lında", "linda"),
    "a letter of phonetics": ("ɑda", "ada"),
    "an i with two dots": ("i\u0307da", "ida"),
    "a ligature of letters": ("cæsar", "caesar"),
    "a sharp s": ("straße", "strasse"),
    "a final sigma": ("νέος", "νέοσ"),
    "a slashed o": ("søren", "so\u0338ren"),
    "a digit that is a letter elsewhere": ("б00", "6oo"),
}


@pytest.mark.parametrize(("one", "other"), LOOKALIKES.values(), ids=LOOKALIKES.keys())
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert username.skeleton(one) == username.skeleton(other)
    assert one != other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada", "adam"),
        ("bob", "rob"),
        ("jose", "josé"),
        ("ada.b", "ada_b"),
        ("anna", "ana"),
        ("mia", "nia"),
        ("lin", "iin"),
        ("0.o", "o_0"),
    ],
)
def test_names_that_do_not_look_alike_have_two(one: str, other: str) -> None:
    assert username.skeleton(one) != username.skeleton(other)


def test_every_character_of_the_table_has_a_stable_skeleton() -> None:
    for one in confusables.confusables_data:
        bones = username.skeleton(one)
        assert username.skeleton(bones) == bones


@given(st.text(min_size=1, max_size=40))
def test_a_normal_form_is_its_own_normal_form_and_a_skeleton_its_own_skeleton(typed: str) -> None:
    try:
        name = username.normal(typed)
    except Refusal:
        return
    bones = username.skeleton(name)
    assert username.skeleton(bones) == bones
    if not name.startswith("@"):
        assert username.normal(name) == name


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_a_refusal(typed: str) -> None:
    try:
        name = username.wanted(typed)
    except Refusal:
        return
    assert username.SHORTEST <= len(name) <= username.LONGEST
    assert username.wanted("@" + name) == name
    assert not set(name) & set("/ @*>\r\n")
