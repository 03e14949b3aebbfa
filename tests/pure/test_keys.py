"""Public keys as photographers send them; the references are ssh-keygen's own."""

import base64
import subprocess
from pathlib import Path

import pytest

from jobfs.login import keys
from jobfs.login.refusals import BadKeyError

#: Made with a security key (ssh-keygen -t ed25519-sk and ecdsa-sk); only their form matters here.
SK_ED25519 = "sk-ssh-ed25519@openssh.com"
SK_ECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"

PPK = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: bob\nPublic-Lines: 2\n"


def make(folder: Path, *arguments: str) -> Path:
    """Return the public file of a new key."""
    file = folder / "key"
    command = ["ssh-keygen", "-q", "-N", "", "-C", "bob's laptop", "-f", str(file), *arguments]
    subprocess.run(command, check=True)
    return folder / "key.pub"


def ssh_keygen(*arguments: str | Path) -> str:
    command = ["ssh-keygen", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def packed(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def line(key_type: str, *fields: bytes) -> str:
    return f"{key_type} {base64.b64encode(packed(key_type.encode(), *fields)).decode()}"


@pytest.mark.parametrize(
    "kind",
    [
        ("-t", "ed25519"),
        ("-t", "rsa", "-b", "2048"),
        ("-t", "rsa", "-b", "3072"),
        ("-t", "ecdsa", "-b", "256"),
        ("-t", "ecdsa", "-b", "384"),
        ("-t", "ecdsa", "-b", "521"),
    ],
    ids=" ".join,
)
def test_a_key_is_known_by_the_same_fingerprint_in_either_format(
    kind: tuple[str, ...], tmp_path: Path
) -> None:
    public = make(tmp_path, *kind)
    fingerprint = ssh_keygen("-l", "-f", public).split()[1]

    openssh = keys.parse(public.read_text())
    ssh2 = keys.parse(ssh_keygen("-e", "-f", public))

    assert openssh.fingerprint == ssh2.fingerprint == fingerprint
    assert openssh.line == ssh2.line == " ".join(public.read_text().split()[:2])
    assert openssh.comment == "bob's laptop"


def test_a_file_of_puttygen_is_taken(tmp_path: Path) -> None:
    """PuTTYgen writes the comment in quotes, and Windows line ends."""
    public = make(tmp_path, "-t", "rsa", "-b", "2048").read_text().split()
    body = "\r\n".join(public[1][i : i + 64] for i in range(0, len(public[1]), 64))
    text = (
        '---- BEGIN SSH2 PUBLIC KEY ----\r\nComment: "rsa-key-20260504"\r\n'
        f"{body}\r\n---- END SSH2 PUBLIC KEY ----\r\n"
    )

    found = keys.parse(text)

    assert (found.line, found.comment) == (" ".join(public[:2]), "rsa-key-20260504")


def test_an_ssh2_header_may_go_on_in_the_next_line(tmp_path: Path) -> None:
    text = ssh_keygen("-e", "-f", make(tmp_path, "-t", "ed25519"))
    header = text.splitlines()[1]

    found = keys.parse(text.replace(header, "x-note: a\\\nb: c\nComment: two \\\nlines"))

    assert found.comment == "two lines"


@pytest.mark.parametrize(
    "text",
    [
        line(SK_ED25519, b"p" * 32, b"ssh:"),
        line(SK_ECDSA, b"nistp256", b"\4" + b"p" * 64, b"ssh:"),
    ],
    ids=[SK_ED25519, SK_ECDSA],
)
def test_a_security_key_is_taken(text: str) -> None:
    assert keys.parse(f"{text} yubikey").comment == "yubikey"


def test_comments_and_empty_lines_around_a_key_do_not_matter(tmp_path: Path) -> None:
    text = make(tmp_path, "-t", "ed25519").read_text()

    assert keys.parse(f"\ufeff# from bob\r\n\r\n{text}\r\n") == keys.parse(text)


def test_a_comment_cannot_break_a_line_or_a_terminal() -> None:
    text = line("ssh-ed25519", b"p" * 32)

    assert keys.parse(f"{text} bob\x1b[31m\tx").comment == "bob[31mx"


@pytest.mark.parametrize("wrapping", ["{}", "here is my key:\n{}"])
def test_a_private_key_is_refused_without_being_repeated(wrapping: str, tmp_path: Path) -> None:
    private = make(tmp_path, "-t", "ed25519").with_suffix("").read_text()

    with pytest.raises(BadKeyError, match="private key") as refusal:
        keys.parse(wrapping.format(private))

    assert not any(part in str(refusal.value) for part in private.split() if len(part) > 12)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no public key"),
        ("hello", "does not begin with a type"),
        (PPK + "Private-Lines: 1\nAAAA\n", "private key"),
        ("-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----", "no public key"),
        (f'from="1.2.3.4" {line("ssh-ed25519", b"p" * 32)}', "options"),
        (f"{line('ssh-ed25519', b'p' * 32)}\n" * 2, "2 keys"),
        (line("ssh-ed25519", b"p" * 31), "does not fit its type"),
        (line("ssh-ed25519", b"p" * 32, b"more"), "does not fit its type"),
        (line("ssh-ed25519", b"p" * 32)[:-8], "cut off"),
        (line("ssh-ed25519", b"p" * 32) + "ü", "damaged"),
        (line("ssh-ed25519", b"p" * 32).replace("ssh-ed25519", "ssh-rsa"), "another type"),
        (line("ecdsa-sha2-nistp256", b"nistp384", b"\4" + b"p" * 96), "does not fit its type"),
        (line("ecdsa-sha2-nistp256", b"nistp256", b"\2" + b"p" * 64), "does not fit its type"),
        (line("ssh-rsa", b"\1", b"\x00" + b"\xff" * 256), "does not fit its type"),
        (line("ssh-dss", b"p", b"q", b"g", b"y"), "not taken by sshd"),
        (line("ssh-ed25519-cert-v01@openssh.com", b"n", b"p" * 32), "not taken by sshd"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA", "exactly one whole"),
    ],
)
def test_what_is_no_public_key_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(BadKeyError, match=reason):
        keys.parse(text)


def test_an_rsa_key_of_unsafe_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadKeyError, match="1024 bits: it needs 2048"):
        keys.parse(make(tmp_path, "-t", "rsa", "-b", "1024").read_text())
