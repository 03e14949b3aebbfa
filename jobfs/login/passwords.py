"""Passwords as sshd checks them: crypt(3) hashes of the kind yescrypt."""

import ctypes
import hmac
import os
import secrets
import unicodedata
from functools import cache

from jobfs.login.refusals import BadPasswordError

#: What a password may have at most, in bytes of UTF-8: CRYPT_MAX_PASSPHRASE_SIZE in libxcrypt's
#: crypt.h is 512 and counts the closing NUL.
LONGEST = 511

#: Buffer sizes in bytes: CRYPT_GENSALT_OUTPUT_SIZE, and sizeof(struct crypt_data), in the same file.
_SALT_SIZE, _DATA_SIZE = 192, 32768
_YESCRYPT = b"$y$"

#: Without i, l, o, 0 and 1, which look alike in some typefaces, and without capitals.
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_SIZE = 4, 5  # 20 of 31 characters: 99 bits


def hash_password(text: str) -> str:
    """Return the yescrypt hash of a password, with a fresh salt; raises BadPasswordError."""
    password = _checked(text)
    salt = ctypes.create_string_buffer(_SALT_SIZE)
    # Cost 0 is libcrypt's own default; without random bytes it takes them from the kernel.
    if not _libcrypt().crypt_gensalt_rn(_YESCRYPT, 0, None, 0, salt, _SALT_SIZE):
        raise OSError(ctypes.get_errno(), f"crypt_gensalt: {os.strerror(ctypes.get_errno())}")
    return _crypt(password, salt.value)


def verify(text: str, password_hash: str) -> bool:
    """Tell whether *text* is the password that was hashed."""
    try:
        found = _crypt(_checked(text), password_hash.encode())
    except (BadPasswordError, OSError):  # it cannot be, or the hash is none
        return False
    return hmac.compare_digest(found.encode(), password_hash.encode())


def generate() -> str:
    """Return a new password of 99 random bits that can be read out over a telephone."""
    groups = (
        "".join(secrets.choice(_READABLE) for _ in range(_GROUP_SIZE)) for _ in range(_GROUPS)
    )
    return "-".join(groups)


def _checked(text: str) -> bytes:
    if not text:
        raise BadPasswordError("a password is not empty")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise BadPasswordError("a password has no control characters, which no client can send")
    password = text.encode()
    if len(password) > LONGEST:
        raise BadPasswordError(
            f"the password is {len(password)} bytes long, and sshd checks at most {LONGEST}"
        )
    return password


def _crypt(password: bytes, setting: bytes) -> str:
    data = ctypes.create_string_buffer(_DATA_SIZE)
    found: bytes | None = _libcrypt().crypt_rn(password, setting, data, _DATA_SIZE)
    if found is None:
        raise OSError(ctypes.get_errno(), f"crypt: {os.strerror(ctypes.get_errno())}")
    return found.decode("ascii")


@cache
def _libcrypt() -> ctypes.CDLL:
    """Return the library that sshd itself uses: Python has lost its crypt module."""
    library = ctypes.CDLL("libcrypt.so.1", use_errno=True)
    library.crypt_gensalt_rn.restype = ctypes.c_char_p
    library.crypt_gensalt_rn.argtypes = (
        ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_int,
        ctypes.c_char_p, ctypes.c_int,
    )  # fmt: skip
    library.crypt_rn.restype = ctypes.c_char_p
    library.crypt_rn.argtypes = (
        ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int,
    )  # fmt: skip
    return library
