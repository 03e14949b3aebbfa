"""What a photographer is told."""

from defusedxml import ElementTree

from jobfs.login import card
from jobfs.login.card import Card
from jobfs.login.hostkeys import HostKey

BOB = Card(
    studio="Smith & Söhne", contact="Ann, +49 30 1234", host="photos.example.org", port=2222,
    account="bob", password=True, keys=(),
    host_keys=(HostKey(kind="ED25519", fingerprint="SHA256:abc"),),
)  # fmt: skip


def test_a_card_says_everything_there_is_to_type() -> None:
    lines = card.text(BOB).splitlines()

    assert "Host        photos.example.org" in lines
    assert "Port        2222" in lines
    assert "User name   bob" in lines
    assert "  ED25519 SHA256:abc" in lines
    assert any(line.startswith("Protocol    SFTP") for line in lines)
    assert "Questions: Ann, +49 30 1234" in lines


def test_a_card_names_the_keys_that_log_in() -> None:
    with_key = Card(
        studio="S", contact="", host="h", port=22, account="eve", password=False,
        keys=(("SHA256:xyz", "laptop"),), host_keys=(),
    )  # fmt: skip

    text = card.text(with_key)

    assert "private half of SHA256:xyz laptop" in text
    assert "Password" not in text


def test_the_filezilla_site_has_no_password_and_asks_for_it() -> None:
    server = ElementTree.fromstring(card.filezilla(BOB)).find("Servers/Server")

    assert server is not None
    values = {value.tag: value.text for value in server}
    assert (values["Host"], values["Port"], values["User"]) == ("photos.example.org", "2222", "bob")
    assert values["Name"] == "Smith & Söhne (bob)"
    assert (values["Protocol"], values["Logontype"]) == ("1", "2")
    assert "Pass" not in values
