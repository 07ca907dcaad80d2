"""The form of a text, and what a message is to each of the two."""

import pytest

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from ringline.v1.threads_pb2 import FOLDER_INBOX, FOLDER_REQUESTS
from services.conversations.message import LONGEST, additions, check_client_id, normal


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a" * LONGEST,
        "two\nlines\tand a tab",
        "👩‍👩‍👧‍👦",
        " spaces around ",
        "مرحبا",
        "e\u0301" * LONGEST,
    ],
)
def test_a_text_that_says_something_is_kept_as_it_was_written(text: str) -> None:
    assert normal(text) == text.replace("e\u0301", "é")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n\t\n",
        "\u2003\u00a0",
        "\u200b\u200d",
        "\u2800\u2800",
        "\u2065\ufff0\U000e0000\U000e0fff",
        "\u3164 \uffa0",
        "\u115f\u1160",
        "\ufe0f",
        "\u034f\U000e0101\U0001d159",
        "a" * (LONGEST + 1),
        "a\x00b",
        "a\rb",
        "\x1b[31mred",
        "a\x7f",
        "a\u0085b",
        "\u0958" * (LONGEST - 1),  # each becomes two characters in the normal form
    ],
)
def test_a_text_of_the_wrong_form_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        normal(text)
    assert refused.value.reason == Reason.REASON_INVALID
    assert not text.strip() or text[:20] not in refused.value.sentence


@pytest.mark.parametrize("client_id", ["", "a" * 15, "a" * 41, "a" * 15 + ".", "a" * 15 + "\n", "é" * 16])
def test_a_senders_id_of_the_wrong_form_is_refused(client_id: str) -> None:
    check_client_id("A-z_0" * 4)
    with pytest.raises(Refusal):
        check_client_id(client_id)


def test_a_heard_message_is_in_both_boxes_and_the_senders_id_in_his_only() -> None:
    mine, theirs = additions("m_1", "u_ada", "u_bob", "c" * 16, "hello", 7, heard=True, stranger=False)
    assert (mine.owner_id, mine.other_id, theirs.owner_id, theirs.other_id) == (
        "u_ada",
        "u_bob",
        "u_bob",
        "u_ada",
    )
    assert mine.entry.message.outgoing and not theirs.entry.message.outgoing
    assert mine.entry.message.text == theirs.entry.message.text == "hello"
    assert (mine.entry.message.client_id, theirs.entry.message.client_id) == ("c" * 16, "")
    assert (mine.client_id, theirs.client_id) == ("c" * 16, None)
    assert (mine.counts, theirs.counts) == (False, True)
    assert mine.entry.at_ms == theirs.entry.at_ms == 7
    assert mine.messaged and not theirs.messaged


def test_an_unheard_message_is_the_same_to_its_sender_and_nothing_to_the_other() -> None:
    heard = additions("m_1", "u_ada", "u_bob", "c" * 16, "hello", 7, heard=True, stranger=True)
    (unheard,) = additions("m_1", "u_ada", "u_bob", "c" * 16, "hello", 7, heard=False, stranger=True)
    assert unheard.entry == heard[0].entry
    assert (unheard.folder, unheard.settles, unheard.counts) == (
        heard[0].folder,
        heard[0].settles,
        heard[0].counts,
    )
    assert not unheard.messaged, "what was never delivered is not noted as written"


def test_the_word_of_a_stranger_is_a_request_and_moves_nothing() -> None:
    for stranger, folder in ((True, FOLDER_REQUESTS), (False, FOLDER_INBOX)):
        mine, theirs = additions("m_1", "u_ada", "u_bob", "c" * 16, "hello", 7, heard=True, stranger=stranger)
        assert (theirs.folder, theirs.settles) == (folder, not stranger)
        assert (mine.folder, mine.settles) == (FOLDER_INBOX, True)
