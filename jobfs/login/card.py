"""What an account's owner is told: everything to type into a client, and nothing secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from jobfs.login.hostkeys import HostKey

#: FileZilla's numbers. Source: ServerProtocol in server.h, LogonType in serverinfo (libfilezilla's
#: engine): SFTP; ask for the password; ask for whatever the server wants, after trying the agent's keys.
_SFTP, _ASK, _INTERACTIVE = "1", "2", "3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The facts on a card.

    contact   whom to ask; "" if nobody is named
    host      as the account's owner reaches this machine
    password  whether the account has one
    keys      fingerprints and comments of its public keys
    """

    studio: str
    contact: str
    host: str
    port: int
    account: str
    password: bool
    keys: Sequence[tuple[str, str]]
    host_keys: Sequence[HostKey]


def text(card: Card) -> str:
    """Return the card as lines to print, or to send in a mail."""
    lines = [
        f"{card.studio}: sending photos as {card.account}",
        "",
        "Protocol    SFTP (SSH File Transfer Protocol; not FTP, not FTPS)",
        f"Host        {card.host}",
        f"Port        {card.port}",
        f"User name   {card.account}",
        *_proofs(card),
        "",
        "At the first connection your program shows the server's fingerprint. Go on only if it is",
        "one of these:",
        *(f"  {key.kind:<8}{key.fingerprint}" for key in card.host_keys),
        "",
        f"On a command line:  sftp -P {card.port} {card.account}@{card.host}",
    ]
    if card.contact:
        lines += ["", f"Questions: {card.contact}"]
    return "\n".join([*lines, ""])


def filezilla(card: Card) -> str:
    """Return a site for FileZilla's File > Import; it asks for the password."""
    root = ET.Element("FileZilla3")
    server = ET.SubElement(ET.SubElement(root, "Servers"), "Server")
    values = {
        "Host": card.host.strip("[]"),
        "Port": str(card.port),
        "Protocol": _SFTP,
        "Type": "0",
        "User": card.account,
        "Logontype": _ASK if card.password else _INTERACTIVE,
        "EncodingType": "UTF-8",
        "BypassProxy": "0",
        "Name": f"{card.studio} ({card.account})",
        "Comments": card.contact,
    }
    for name, value in values.items():
        ET.SubElement(server, name).text = value
    ET.indent(root, "\t")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _proofs(card: Card) -> list[str]:
    """Return how the account's owner proves who he is."""
    lines = ["Password    the one that the studio gave you"] if card.password else []
    for fingerprint, comment in card.keys:
        lines.append(f"Key         the private half of {fingerprint} {comment}".rstrip())
    return lines or ["Password    none yet: ask the studio for one, or send it your public key"]
