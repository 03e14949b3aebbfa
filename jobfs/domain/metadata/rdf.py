"""The properties in a packet of XMP, which is RDF in XML, from files of strangers.

Document types, so entities, are refused; size, depth and the number of parts are limited. Prefixes are
resolved here and not by the parser, which would write a namespace's whole name before each attribute: a
packet of a megabyte could then ask for gigabytes. Source: ISO 16684-1 (XMP), annex C; W3C, RDF/XML Syntax.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat  # and not xml.sax, which loads all that fetches a document: 7 MB

from jobfs.domain.metadata.values import Json
from jobfs.domain.refusals import UnreadableMetadataError

LARGEST = 4 * 1024 * 1024  # bytes; those of raw converters with painted masks are about a megabyte
_DEEPEST = 40  # elements in one another; properties of properties are ten deep
_MOST_PARTS = 50_000  # elements and attributes
_MOST_PREFIXES = 200  # at one place; each element that declares one copies the others
_LONGEST_NAME = 300  # characters of a namespace

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML = "http://www.w3.org/XML/1998/namespace"
_ARRAYS = ("Bag", "Seq", "Alt")
_DEFAULT = "x-default"

#: What programs call the namespaces. Names are the standards' own, whatever prefix a packet has.
_PREFIXES = {
    _RDF: "rdf",
    _XML: "xml",
    "adobe:ns:meta/": "x",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/bj/": "xmpBJ",
    "http://ns.adobe.com/xap/1.0/g/img/": "xmpGImg",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#": "stEvt",
    "http://ns.adobe.com/xap/1.0/sType/ResourceRef#": "stRef",
    "http://ns.adobe.com/xmp/sType/Area#": "stArea",
    "http://ns.adobe.com/xap/1.0/sType/Dimensions#": "stDim",
    "http://ns.adobe.com/xmp/note/": "xmpNote",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://ns.camerabits.com/photomechanic/1.0/": "photomechanic",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.useplus.org/ldf/xmp/1.0/": "plus",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://www.metadataworkinggroup.com/schemas/keywords/": "mwg-kw",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://darktable.sf.net/": "darktable",
    "http://ns.google.com/photos/1.0/camera/": "GCamera",
    "http://ns.google.com/photos/1.0/panorama/": "GPano",
    "http://ns.apple.com/faceinfo/1.0/": "apple-fi",
    "http://creativecommons.org/ns#": "cc",
}


@dataclass(slots=True)
class _Node:
    """An element; names are "prefix:name"."""

    name: str
    attributes: dict[str, str]
    children: list["_Node"] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces).strip()


class _TooMuchError(Exception):
    """The packet is deeper or has more parts than an honest one."""


def properties(packet: bytes) -> dict[str, Json]:
    """Return the properties by their names, "dc:title" for instance.

    Values are texts, lists, or mappings: of a structure's fields by their names, or, for alternatives,
    of texts by their language. Raises UnreadableMetadataError if the packet is no XMP, or hostile.
    """
    found: dict[str, Json] = {}
    for description in _descriptions(_tree(_text(packet))):
        for name, value in _fields(description):
            found.setdefault(name, value)
    return found


def default_text(value: Json) -> str | None:
    """Return a text, a list's first, or of alternatives that for everybody, else the first."""
    if isinstance(value, dict):
        value = value.get(_DEFAULT, next(iter(value.values()), None))
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, str) else None


def all_texts(value: Json) -> list[str]:
    """Return a list's texts; a text alone is a list of one."""
    values = value if isinstance(value, list) else [default_text(value)]
    return [text for text in values if isinstance(text, str)]


# --- XML ---


def _text(packet: bytes) -> str:
    """Decode a packet; programs write UTF-8, and a few UTF-16."""
    if len(packet) > LARGEST:
        raise UnreadableMetadataError(
            f"the XMP has {len(packet):,} bytes, more than the {LARGEST:,} that jobfs reads"
        )
    head = packet[:2]
    code = "utf-8-sig"
    if head in {b"\xff\xfe", b"\xfe\xff"}:
        code = "utf-16"
    elif head in {b"<\0", b"\0<"}:
        code = "utf-16-le" if head == b"<\0" else "utf-16-be"
    try:
        return packet.decode(code).strip("\0 \t\r\n")
    except UnicodeDecodeError as error:
        name = code.removesuffix("-sig").upper()
        raise UnreadableMetadataError(f"the XMP is not in {name}: {error.reason}") from error


def _tree(text: str) -> _Node:
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.add
    parser.StartDoctypeDeclHandler = _refuse_type
    parser.EntityDeclHandler = parser.UnparsedEntityDeclHandler = _refuse_type
    parser.ExternalEntityRefHandler = _refuse_type
    try:
        parser.Parse(text, True)  # noqa: FBT003 (that is all of it)
    except _TooMuchError as error:
        raise UnreadableMetadataError(f"the XMP {error}") from None
    except expat.ExpatError as error:
        fault = f"{expat.ErrorString(error.code)} in line {error.lineno}"
        raise UnreadableMetadataError(f"the XMP is no XML: {fault}") from None
    except (ValueError, LookupError) as error:
        raise UnreadableMetadataError(f"the XMP is no XML: {str(error)[:200]}") from None
    return builder.root


def _refuse_type(*_: object) -> NoReturn:
    raise UnreadableMetadataError("the XMP has a document type, which no photo program writes")


class _Builder:
    """Builds the tree, within the limits."""

    def __init__(self) -> None:
        self.root = _Node("", {})
        self._open = [self.root]
        self._scopes: list[dict[str, str]] = [{"xml": _XML}]
        self._parts = 0

    def start(self, name: str, attrs: dict[str, str]) -> None:
        """Add an element to the innermost that is open."""
        self._parts += 1 + len(attrs)
        if self._parts > _MOST_PARTS:
            raise _TooMuchError(f"has more than {_MOST_PARTS:,} parts")
        if len(self._open) > _DEEPEST:
            raise _TooMuchError(f"is more than {_DEEPEST} elements deep")
        scope = self._scope(attrs)
        attributes = {
            _qualified(key, scope): text
            for key, text in attrs.items()
            if ":" in key and not key.startswith("xmlns:")
        }
        node = _Node(_qualified(name, scope), attributes)
        self._open[-1].children.append(node)
        self._open.append(node)
        self._scopes.append(scope)

    def end(self, _name: str) -> None:
        """Close the innermost element."""
        self._open.pop()
        self._scopes.pop()

    def add(self, content: str) -> None:
        """Add to the text of the innermost element."""
        self._open[-1].pieces.append(content)

    def _scope(self, attrs: dict[str, str]) -> dict[str, str]:
        """Return the namespaces by their prefixes within an element of *attrs*."""
        declared = {
            key.partition(":")[2]: name[:_LONGEST_NAME]
            for key, name in attrs.items()
            if key == "xmlns" or key.startswith("xmlns:")
        }
        scope = self._scopes[-1] | declared if declared else self._scopes[-1]
        if len(scope) > _MOST_PREFIXES:
            raise _TooMuchError(f"declares more than {_MOST_PREFIXES} prefixes")
        return scope


def _qualified(name: str, scope: Mapping[str, str]) -> str:
    prefix, colon, local = name.rpartition(":")
    namespace = scope.get(prefix, "")
    known = _PREFIXES.get(namespace)
    return f"{known}:{local}" if known else f"{namespace}{colon}{local}"


# --- RDF ---


def _descriptions(root: _Node) -> Iterator[_Node]:
    """Yield the descriptions in the packet's RDF, wherever that stands."""
    waiting = [root]
    is_there = False
    while waiting:
        node = waiting.pop()
        if node.name == "rdf:RDF":
            is_there = True
            yield from (child for child in node.children if child.name == "rdf:Description")
        else:
            waiting.extend(reversed(node.children))
    if not is_there:
        raise UnreadableMetadataError("the XMP holds no RDF")


def _fields(node: _Node) -> Iterator[tuple[str, Json]]:
    """Yield the properties of a description or a structure: its attributes and its elements."""
    yield from ((name, text) for name, text in node.attributes.items() if _is_property(name))
    for child in node.children:
        if _is_property(child.name):
            yield child.name, _value(child)


def _is_property(name: str) -> bool:
    return not name.startswith(("rdf:", "xml:")) and ":" in name


def _value(node: _Node) -> Json:
    """Return the value that a property's element, or an array's item, holds."""
    if node.attributes.get("rdf:parseType") == "Resource":
        return _structure(node)
    inner = next(iter(node.children), None)
    if inner is not None and inner.name.startswith("rdf:"):
        local = inner.name.removeprefix("rdf:")
        return _array(inner) if local in _ARRAYS else _structure(inner)
    if any(map(_is_property, node.attributes)):
        return _structure(node)
    return node.attributes.get("rdf:resource", node.text)


def _structure(node: _Node) -> Json:
    """Return a structure's fields; or its value, if it is one with remarks (qualifiers)."""
    if "rdf:value" in node.attributes:
        return node.attributes["rdf:value"]
    for child in node.children:
        if child.name == "rdf:value":
            return _value(child)
    return dict(_fields(node))


def _array(node: _Node) -> Json:
    items = [child for child in node.children if child.name == "rdf:li"]
    languages = [item.attributes.get("xml:lang") for item in items]
    if node.name == "rdf:Alt" and items and all(languages):
        pairs = zip(languages, items, strict=True)
        return {(language or _DEFAULT).lower(): _value(item) for language, item in pairs}
    return [_value(item) for item in items]
