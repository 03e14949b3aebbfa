"""Public keys as photographers send them: OpenSSH lines and the SSH2 files of PuTTY.

Formats: sshd(8), AUTHORIZED_KEYS FILE FORMAT; RFC 4716 (SSH2 files); RFC 4253 6.6, RFC 5656 3.1,
RFC 8709 and PROTOCOL.u2f in OpenSSH's source (what the base64 holds).
"""

import base64
import binascii
import hashlib
import re

from jobfs.catalog.accounts import PublicKey
from jobfs.login.refusals import BadKeyError

#: In bits. sshd takes RSA keys from 1024 on, but below 2048 they are no longer safe; the upper limit
#: is OpenSSH's own (SSHBUF_MAX_BIGNUM in sshbuf.h).
SHORTEST_RSA, LONGEST_RSA = 2048, 16384

_TYPES = {
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
}  # fmt: skip
_CURVES = {b"nistp256": 65, b"nistp384": 97, b"nistp521": 133}  # bytes of an uncompressed point
_ED25519_SIZE = 32  # bytes
_SMALLEST_EXPONENT = 3  # with 1, RSA would encrypt nothing
_TYPE = re.compile(r"(?:ssh|sk-ssh|ecdsa|sk-ecdsa)-[a-z0-9@.-]+")
_PRIVATE = re.compile(
    r"PRIVATE KEY-----|SSH2 ENCRYPTED PRIVATE KEY|PuTTY-User-Key-File|Private-Lines"
)
_SSH2_BEGIN, _SSH2_END = "---- BEGIN SSH2 PUBLIC KEY ----", "---- END SSH2 PUBLIC KEY ----"


def parse(text: str) -> PublicKey:
    """Return the one public key in a file or line; raises BadKeyError, which never repeats *text*."""
    text = text.removeprefix("\ufeff").strip()
    if _PRIVATE.search(text):
        raise BadKeyError(
            "this is a private key, which nobody else should ever have: send the public one"
            ' (the file ending in .pub, or PuTTYgen\'s "Save public key")'
        )
    if text.startswith(_SSH2_BEGIN):
        encoded, comment = _in_ssh2_file(text)
    else:
        encoded, comment = _in_line(text)
    blob = _decoded(encoded)
    key_type = _checked_type(blob)
    return PublicKey(
        line=f"{key_type} {base64.b64encode(blob).decode()}",
        fingerprint=fingerprint(blob),
        comment="".join(filter(str.isprintable, comment)).strip(),
    )


def fingerprint(blob: bytes) -> str:
    """Return the fingerprint of a key's bytes, as ssh-keygen -l prints it."""
    digest = hashlib.sha256(blob).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _in_line(text: str) -> tuple[str, str]:
    """Return the base64 and the comment of an OpenSSH line."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) > 1 and all(_TYPE.match(line) for line in lines):
        raise BadKeyError(f"there are {len(lines)} keys in this text: give them one by one")
    if len(lines) != 1:
        raise BadKeyError(
            "this is no public key: it is one line that begins with its type, as in"
            f' "ssh-ed25519 AAAA...", or a file that begins with "{_SSH2_BEGIN}"'
        )
    key_type, _, rest = lines[0].strip().partition(" ")
    if not _TYPE.fullmatch(key_type):
        raise BadKeyError(
            "this line does not begin with a type of key, like ssh-ed25519 or ssh-rsa; options"
            " in front of it (command=, from=, ...) are not supported"
        )
    encoded, _, comment = rest.strip().partition(" ")
    if _decoded(encoded)[4 : 4 + len(key_type)] != key_type.encode():
        raise BadKeyError(f"this key says {key_type}, but its content is of another type")
    return encoded, comment


def _in_ssh2_file(text: str) -> tuple[str, str]:
    """Return the base64 and the comment of an RFC 4716 file."""
    if text.count(_SSH2_BEGIN) != 1 or not text.endswith(_SSH2_END):
        raise BadKeyError("this SSH2 file does not hold exactly one whole public key")
    # A header line goes on in the next one if it ends with a backslash.
    body = re.sub(r"\\\r?\n", "", text[len(_SSH2_BEGIN) : -len(_SSH2_END)])
    lines = [line.strip() for line in body.splitlines()]
    headers = dict(line.split(":", 1) for line in lines if ":" in line)
    comments = [value.strip() for name, value in headers.items() if name.lower() == "comment"]
    encoded = "".join(line for line in lines if ":" not in line)
    return encoded, comments[0].strip('"') if comments else ""


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadKeyError("this key is damaged: perhaps a part was cut off when copying") from error


def _checked_type(blob: bytes) -> str:
    """Return the type of the key in *blob*, if sshd takes such keys and it is whole."""
    name, *fields = _fields(blob)
    key_type = name.decode("ascii", errors="replace")
    match key_type, fields:
        case ("ssh-ed25519", [point]) | ("sk-ssh-ed25519@openssh.com", [point, _]):
            good = len(point) == _ED25519_SIZE
        case "ssh-rsa", [exponent, modulus]:
            good = _is_good_rsa(exponent, modulus)
        case ("sk-ecdsa-sha2-nistp256@openssh.com", [curve, point, _]) | (
            "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521",
            [curve, point],
        ):
            good = curve in name and _is_point(curve, point)
        case _:
            good = False
    if not good:
        raise _refusal(key_type)
    return key_type


def _refusal(key_type: str) -> BadKeyError:
    if key_type in _TYPES:
        return BadKeyError("this key is damaged: its content does not fit its type")
    return BadKeyError(
        "this type of key is not taken by sshd: make one of the type ed25519, or RSA with at least"
        f" {SHORTEST_RSA} bits"
    )


def _is_good_rsa(exponent: bytes, modulus: bytes) -> bool:
    """Tell whether these are RSA numbers; raises BadKeyError for a modulus of unsafe size."""
    e, n = (int.from_bytes(number, "big", signed=True) for number in (exponent, modulus))
    if e < _SMALLEST_EXPONENT or n <= 0:
        return False
    if not SHORTEST_RSA <= n.bit_length() <= LONGEST_RSA:
        raise BadKeyError(
            f"this RSA key has {n.bit_length()} bits: it needs {SHORTEST_RSA} to {LONGEST_RSA}"
        )
    return True


def _is_point(curve: bytes, point: bytes) -> bool:
    """Tell whether this is an uncompressed point of the size that the curve asks for."""
    return len(point) == _CURVES.get(curve) and point.startswith(b"\x04")


def _fields(blob: bytes) -> list[bytes]:
    """Cut *blob* into its strings, each behind its length in four bytes; raises BadKeyError."""
    fields = []
    rest = blob
    while rest:
        size = int.from_bytes(rest[:4], "big")
        field, rest = rest[4 : 4 + size], rest[4 + size :]
        if len(field) != size:
            raise BadKeyError("this key is damaged: perhaps a part was cut off when copying")
        fields.append(field)
    return fields or [b""]
