"""The root of every refusal: a sentence a person can act on, with the errno a client sees."""

import errno


class JobfsError(Exception):
    """Something was refused, for a reason that belongs to jobfs and not to Python.

    The class says when, the message gives the facts, `errno` is what a file-system call answers.
    OpenSSH shows ENOENT as "No such file", EPERM and EACCES as "Permission denied", EINVAL and
    ENAMETOOLONG as "Bad message", ENOSYS as "Operation unsupported", all others as "Failure".
    Source: errno_to_portable() in OpenSSH's sftp-server.c.

    docs/messages.md is made of every class: the first paragraph of its docstring says what it means,
    `advice` what helps, and `reaches_clients` whether an SFTP client hears of it, by the errno alone.
    """

    errno: int = errno.EIO
    advice: str = ""
    reaches_clients: bool = False
