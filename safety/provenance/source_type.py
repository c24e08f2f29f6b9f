"""What a file says of itself in XMP: IPTC's digital source type, unsigned, for readers without content credentials."""

import re

TRAINED = "trainedAlgorithmicMedia"
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="{VOCABULARY}{TRAINED}"/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>""".encode()
"""What every picture of ours carries: the same bytes in all of them, nothing of a prompt or a person."""

_TERM = re.compile(rb"https?://cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{1,64})")


def source_type(xmp: bytes) -> str | None:
    """The term of IPTC's vocabulary that a picture's XMP names, "trainedAlgorithmicMedia" say; None when it names none.

    The XMP is searched and never parsed: it may come from anybody.
    """
    found = _TERM.search(xmp)
    return found[1].decode() if found else None
