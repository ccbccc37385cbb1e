"""Strings that tried to get out of other reports: HTML, Markdown, scripts, terminals, spreadsheets, directions of
reading, sizes.
"""

from __future__ import annotations

HOSTILE = (
    "<script>window.pwned=1;alert(1)</script>",
    "</script><script>window.pwned=1</script>",
    '</style><img src=x onerror="window.pwned=1">',
    "<img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1><a xlink:href=javascript:window.pwned=1>x</a></svg>",
    "\"><iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "' onmouseover='window.pwned=1' x='",
    '<a href="javascript:window.pwned=1">click</a>',
    "<form action=http://evil.example/><button>go</button></form>",
    (
        "<base href=//evil.example/><link rel=stylesheet href=//evil.example/x.css><meta http-equiv=refresh"
        " content=0;url=//evil.example>"
    ),
    "<style>*{display:none!important}</style>",
    '<!--<img src="--><img src=x onerror=window.pwned=1>">',
    "<math><mtext><table><mglyph><style><img src=x onerror=window.pwned=1>",
    "{{constructor.constructor('window.pwned=1')()}} ${window.pwned=1} #{7*7} <%= 7*7 %>",
    "[click](javascript:window.pwned=1) ![x](http://evil.example/x.png) <http://evil.example>",
    "| a | b |\n| --- | --- |\n\n# heading\n```\ncode\n~~~",
    ":material/delete: :red[red] $\\href{javascript:alert(1)}{x}$ :smile: @everyone #1",
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07 \x9b2J",
    "\u202etxt.exe\u202c \u2066isolated \u200fmark \u061c",
    '=HYPERLINK("http://evil.example","x")',
    "+cmd|' /C calc'!A0",
    "@SUM(1+9)*cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "\t=1+1",
    "\uff1d1+1",
    "nul\x00byte \x08back \x7f",
    "lone \ud800 surrogate \udfff",
    "a" * 40_000,
    "&lt;script&gt;&#x3C;b&#x3E;&amp;",
    "\u2028line\u2029paragraph\ufeff\ufffe",
    "Z\u0351\u0343\u0346a\u0310\u0311l\u034cg\u0350o" * 40,
)
