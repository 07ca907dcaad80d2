"""Recovery codes: ten, unlike each other, typed as people type."""

from services.directory import recovery


def test_ten_codes_of_a_hundred_bits_in_groups_that_can_be_read_aloud() -> None:
    codes = recovery.mint()
    assert len(set(codes)) == recovery.CODES == 10
    for code in codes:
        assert [len(group) for group in code.split("-")] == [5, 5, 5, 5]
        assert not set(code) & set("ILOU")


def test_case_hyphens_spaces_and_misread_letters_do_not_matter() -> None:
    code = "70K1M-9QX3A-BCDEF-GHJKM"
    for typed in (
        code.lower(),
        code.replace("-", ""),
        f"  {code} ",
        code.replace("-", " "),
        code.replace("0", "O"),
        "7oKlM9QX3ABCDEFGHJKM",
    ):
        assert recovery.hashed("u_1", typed) == recovery.hashed("u_1", code)


def test_the_same_code_of_two_users_has_two_hashes() -> None:
    assert recovery.hashed("u_1", "AAAAA") != recovery.hashed("u_2", "AAAAA")
    assert recovery.hashed("u_1", "AAAAA") != recovery.hashed("u_1", "AAAAB")
