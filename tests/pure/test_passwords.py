"""Hashes as libcrypt makes and checks them."""

import pytest

from jobfs.login import passwords
from jobfs.login.refusals import BadPasswordError


def test_a_password_fits_its_own_hash_only() -> None:
    hashed = passwords.hash_password("Grüße, 写真")

    assert hashed.startswith("$y$")
    assert passwords.verify("Grüße, 写真", hashed)
    assert not passwords.verify("Gruesse", hashed)


def test_the_same_password_is_hashed_differently_each_time() -> None:
    assert passwords.hash_password("same") != passwords.hash_password("same")


@pytest.mark.parametrize("hashed", ["", "*", "!", "$y$", "plain", "$y$j9T$short"])
def test_what_is_no_hash_fits_no_password(hashed: str) -> None:
    assert not passwords.verify("anything", hashed)


def test_the_longest_password_counts_to_its_last_byte() -> None:
    longest = "p" * passwords.LONGEST
    hashed = passwords.hash_password(longest)

    assert passwords.verify(longest, hashed)
    assert not passwords.verify(longest[:-1], hashed)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "not empty"),
        ("p" * 512, "512 bytes long"),
        ("ü" * 256, "512 bytes long"),
        ("with\0nul", "control characters"),
        ("line\n", "control characters"),
    ],
)
def test_a_password_that_sshd_could_not_check_is_refused(password: str, reason: str) -> None:
    with pytest.raises(BadPasswordError, match=reason):
        passwords.hash_password(password)


def test_a_generated_password_is_long_and_has_no_look_alikes() -> None:
    generated = {passwords.generate() for _ in range(100)}

    assert len(generated) == 100
    assert all(len(one.replace("-", "")) == 20 for one in generated)
    assert not set("".join(generated)) & set("0O1lIi")
