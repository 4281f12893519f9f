"""XMP packets (ISO 16684-1): how a picture or movie says what made it, in a form that other programs read.

Anybody may have written a packet that is read here: no document type is taken, so that no entity can stand for
anything, and size and depth are bounded. No libraries: Blender's Python reads packets, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.parsers import expat
from xml.sax.saxutils import escape

LARGEST = 4 << 20
"""Bytes of a packet that is read."""
_DEEPEST = 32
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NAMESPACES = {
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "shotpack": "urn:shotpack:1.0/",
}
SOURCE_TYPE = "Iptc4xmpExt:DigitalSourceType"
TOOL = "xmp:CreatorTool"
DESCRIPTION = "dc:description"
SHOT = "shotpack:shot"
PROPERTIES = (SOURCE_TYPE, TOOL, DESCRIPTION, SHOT)
"""What is written, and read."""
_NAMED = {(_NAMESPACES[prefix], name): f"{prefix}:{name}" for prefix, name in (each.split(":") for each in PROPERTIES)}
NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to say."""
_ESCAPES = {"\r": "&#13;"}
"""What a parser would change."""


def write_packet(properties: Mapping[str, str]) -> bytes:
    """The packet that says `properties` (some of those above), in their sequence; what is no text becomes U+FFFD."""
    lines = [_line(name, text) for name, text in properties.items()]
    prefixes = dict.fromkeys(name.partition(":")[0] for name in properties)
    spaces = "".join(f'\n    xmlns:{prefix}="{_NAMESPACES[prefix]}"' for prefix in prefixes)
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        f' <rdf:RDF xmlns:rdf="{_RDF}">\n  <rdf:Description rdf:about=""{spaces}>\n'
        f'{"".join(lines)}  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="r"?>'
    )
    return packet.encode()


def _line(name: str, text: str) -> str:
    said = escape(NO_TEXT.sub("\ufffd", text), _ESCAPES)
    if name == DESCRIPTION:
        said = f'<rdf:Alt><rdf:li xml:lang="x-default">{said}</rdf:li></rdf:Alt>'
    return f"   <{name}>{said}</{name}>\n"


def read_packet(packet: bytes) -> dict[str, str]:
    """The properties above that a packet says, however it was laid out; the first of each.

    Raises ValueError for what is no XML, has a document type, or is larger or deeper than a packet needs to be.
    """
    if len(packet) > LARGEST:
        raise ValueError("it is too large")
    reading = _Reading()
    try:
        reading.parser.Parse(packet, True)
    except (expat.ExpatError, LookupError, UnicodeError) as fault:
        raise ValueError(f"it is no XML ({fault})") from fault
    return reading.found


class _Reading:
    """What a parser has found so far."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._names: list[tuple[str, str]] = []
        """The open elements, by namespace and name."""
        self._text: list[str] = []
        self._alternatives = 0
        """How many texts in the open property have ended: of several languages the first counts."""
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._document_type
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text.append

    def _document_type(self, *_: object) -> None:
        raise ValueError("it has a document type, as no packet has")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._names) >= _DEEPEST:
            raise ValueError("it is too deep")
        if self._property() is None:
            self._alternatives = 0
        self._names.append(_split(name))
        self._text.clear()
        for attribute, value in attributes.items():
            # Properties may be written as attributes, and an address as a resource.
            if _split(attribute) == (_RDF, "resource") and (own := self._property()):
                self.found.setdefault(own, value)
            elif self._names[-1] == (_RDF, "Description") and (said := _NAMED.get(_split(attribute))):
                self.found.setdefault(said, value)

    def _end(self, _name: str) -> None:
        ended = self._names.pop()
        own = _NAMED.get(ended)
        if ended == (_RDF, "li") and self._property() is not None:
            if not self._alternatives:
                self.found.setdefault(str(self._property()), "".join(self._text))
            self._alternatives += 1
            self._text.clear()
        elif own is not None and not self._alternatives:
            self.found.setdefault(own, "".join(self._text))

    def _property(self) -> str | None:
        """The property whose element is open."""
        return next((_NAMED[name] for name in reversed(self._names) if name in _NAMED), None)


def _split(name: str) -> tuple[str, str]:
    space, _, local = name.rpartition(" ")
    return space, local
