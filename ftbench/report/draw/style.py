"""The look: one restrained theme, light and dark, of colors that people with any color vision tell apart (Okabe and
Ito, 2008).
"""

from __future__ import annotations

LIGHT = {
    "ground": "#ffffff",
    "panel": "#f6f7f9",
    "line": "#dfe3e8",
    "grid": "#eceff2",
    "ink": "#1b232d",
    "soft": "#56616d",
    "faint": "#67717d",
    "accent": "#0067a8",
    "wash": "#e3f0f9",
    "amber": "#8f5200",
    "amber-wash": "#fdf1dc",
    "red": "#b03a00",
    "red-wash": "#fbe9e1",
    "green": "#00714f",
    "green-wash": "#e0f3ec",
    "gone": "#fbe0d3",
    "new": "#d3e9f8",
    "dim": "#aab3bd",
}
DARK = {
    "ground": "#12161b",
    "panel": "#1a2027",
    "line": "#2f3842",
    "grid": "#242c34",
    "ink": "#e8ecf0",
    "soft": "#a9b4bf",
    "faint": "#97a2ae",
    "accent": "#63b9f0",
    "wash": "#14324a",
    "amber": "#f1b04c",
    "amber-wash": "#38290f",
    "red": "#f58a5b",
    "red-wash": "#3d2015",
    "green": "#4cc9a0",
    "green-wash": "#10332a",
    "gone": "#55291a",
    "new": "#12405f",
    "dim": "#55606b",
}
HEAT_LIGHT = (
    "#f3f7fb",
    "#e2edf6",
    "#cfe2f1",
    "#b8d4ea",
    "#9cc3e1",
    "#7bafd6",
    "#5a99c9",
    "#3d82b9",
    "#246aa4",
    "#0f5289",
)
HEAT_DARK = (
    "#19232c",
    "#1a2c3a",
    "#1b3649",
    "#1c415a",
    "#1d4d6c",
    "#1f5b80",
    "#236b96",
    "#2c7eae",
    "#4096c8",
    "#64b3e2",
)
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif'
MONO = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace'

_RULES = """
.ft{color:var(--ft-ink);font-family:FONT;font-size:15px;line-height:1.5;overflow-wrap:anywhere}
.ft *{box-sizing:border-box}
.ft h1,.ft h2,.ft h3{font-family:inherit;line-height:1.25;font-weight:650;letter-spacing:-.01em;margin:0;padding:0;
color:var(--ft-ink)}
.ft h2{font-size:19px;margin:28px 0 10px}.ft h3{font-size:15.5px;margin:18px 0 8px}
.ft p{margin:0 0 8px}.ft a{color:var(--ft-accent);text-decoration:none}
.ft a:hover,.ft a:focus-visible{text-decoration:underline}
.ft small,.ft .ft-soft{color:var(--ft-soft)}.ft small{font-size:13px}
.ft-num{font-variant-numeric:tabular-nums;white-space:nowrap}
.ft-verdict{border:1px solid var(--ft-line);border-left:5px solid var(--ft-accent);border-radius:8px;padding:16px 20px;
background:var(--ft-panel);margin:0 0 18px}
.ft-verdict p{max-width:92ch}
.ft-verdict .ft-say{font-size:21px;line-height:1.35;font-weight:620;letter-spacing:-.01em;margin:6px 0 8px;
max-width:64ch}
.ft-verdict .ft-sure{color:var(--ft-soft);margin:0}
.ft-verdict ul{margin:10px 0 0;padding-left:18px;color:var(--ft-ink)}.ft-verdict li{margin:2px 0}
.ft-undecided{border-left-color:var(--ft-amber)}.ft-clear{border-left-color:var(--ft-green)}
.ft-nothing{border-left-color:var(--ft-dim)}
.ft-tag{display:inline-block;font-size:12px;line-height:18px;font-weight:600;border-radius:4px;padding:0 7px;
background:var(--ft-wash);color:var(--ft-accent);white-space:nowrap;margin-right:5px}
.ft-tag.ft-amber{background:var(--ft-amber-wash);color:var(--ft-amber)}
.ft-tag.ft-red{background:var(--ft-red-wash);color:var(--ft-red)}
.ft-tag.ft-green{background:var(--ft-green-wash);color:var(--ft-green)}
.ft-tag.ft-grey{background:var(--ft-grid);color:var(--ft-soft)}
.ft-note{border-left:3px solid var(--ft-line);padding:2px 0 2px 12px;margin:8px 0;color:var(--ft-soft);max-width:92ch}
.ft-note.ft-amber{border-color:var(--ft-amber);color:var(--ft-ink)}
.ft-note.ft-red{border-color:var(--ft-red);color:var(--ft-ink)}
.ft ul.ft-said{margin:0;padding-left:18px;max-width:100ch}.ft ul.ft-said li{margin:3px 0;color:var(--ft-soft)}
.ft-empty{border:1px dashed var(--ft-line);border-radius:8px;padding:22px;color:var(--ft-soft);
background:var(--ft-panel);margin:8px 0}
.ft-empty b{color:var(--ft-ink)}
.ft-rank{border-top:1px solid var(--ft-line)}
.ft-rank details,.ft-rank .ft-head{border-bottom:1px solid var(--ft-line)}
.ft-row{display:grid;grid-template-columns:3.9em minmax(170px,2.1fr) minmax(150px,2fr) 11.6em 6.2em 6.2em 5.4em;
grid-auto-flow:column;grid-auto-columns:6.2em;
gap:14px;align-items:center;padding:9px 6px}
.ft-head .ft-row{padding:6px}.ft-head .ft-row>*{font-size:12.5px;color:var(--ft-soft);font-weight:600}
.ft-rank summary{cursor:pointer;list-style:none;border-radius:4px}.ft-rank summary::-webkit-details-marker{display:none}
.ft-rank summary:hover{background:var(--ft-panel)}
.ft-rank summary:focus-visible{outline:2px solid var(--ft-accent);outline-offset:-2px}
.ft-rank .ft-name{font-weight:600}.ft-rank .ft-name::before{content:"\\25B8";display:inline-block;width:16px;
color:var(--ft-faint);font-weight:400}
.ft-rank details[open]>summary .ft-name::before{content:"\\25BE"}
.ft-rank .ft-place{font-weight:600;font-variant-numeric:tabular-nums}.ft-right{text-align:right}
.ft-rank .ft-out{opacity:.55}
.ft-more{padding:4px 6px 16px 78px}.ft-more .ft-facts{margin-bottom:8px}
.ft-facts{display:flex;flex-wrap:wrap;gap:6px 26px;margin:0;padding:0}.ft-facts+.ft-facts{margin-top:8px}
.ft-facts div{min-width:92px}.ft-facts dt{font-size:12.5px;color:var(--ft-soft)}
.ft-facts dd{margin:0;font-weight:600;font-variant-numeric:tabular-nums}
.ft-track{position:relative;height:16px;
background:linear-gradient(var(--ft-grid),var(--ft-grid)) 0 50%/100% 2px no-repeat;min-width:60px}
.ft-span{position:absolute;top:5px;height:6px;border-radius:3px;background:var(--ft-dim);min-width:3px}
.ft-dot{position:absolute;top:3px;width:10px;height:10px;margin-left:-5px;border-radius:50%;background:var(--ft-soft);
border:2px solid var(--ft-ground)}
.ft-lead .ft-span{background:var(--ft-accent);opacity:.45}.ft-lead .ft-dot{background:var(--ft-accent)}
.ft-bar{position:absolute;top:2px;height:12px;border-radius:2px;background:var(--ft-accent);min-width:2px}
.ft-scroll{overflow-x:auto;margin:0 0 10px}.ft-scroll td,.ft-scroll th{overflow-wrap:break-word}
.ft table{border-collapse:collapse;font-size:14px;width:auto;margin:0;color:inherit}
.ft th,.ft td{border:0;border-bottom:1px solid var(--ft-line);padding:6px 12px 6px 0;text-align:left;
vertical-align:top;color:inherit}
.ft th{font-size:12.5px;color:var(--ft-soft);font-weight:600;white-space:nowrap}
.ft td.ft-num,.ft th.ft-num{text-align:right}
.ft td.ft-wide{min-width:170px}.ft td.ft-label{min-width:150px;font-weight:600}
.ft table.ft-heat{border-collapse:separate;border-spacing:2px}.ft .ft-heat td,.ft .ft-heat th{border:0;padding:5px 9px}
.ft .ft-heat td.ft-num{text-align:center;border-radius:3px;min-width:62px}.ft .ft-heat th.ft-num{text-align:center}
.ft-text{white-space:pre-wrap;unicode-bidi:isolate;overflow-wrap:anywhere;font-size:14.5px;line-height:1.5;
text-align:start;max-width:100ch}
.ft-code{white-space:pre-wrap;overflow-wrap:anywhere;font-family:MONO;font-size:12.5px;line-height:1.55;
background:var(--ft-panel);border:1px solid var(--ft-line);border-radius:6px;padding:10px 12px;margin:0 0 10px;
color:var(--ft-ink)}
.ft-ex{border:1px solid var(--ft-line);border-radius:8px;margin:0 0 14px;background:var(--ft-ground)}
.ft-ex>header{padding:12px 16px;border-bottom:1px solid var(--ft-line);background:var(--ft-panel);
border-radius:8px 8px 0 0}
.ft-ex .ft-id{font-size:12.5px;color:var(--ft-soft);margin:0 0 4px}
.ft-ex section{padding:10px 16px;border-bottom:1px solid var(--ft-line)}.ft-ex section:last-child{border-bottom:0}
.ft-answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:0 22px}
.ft-answer{padding:8px 0;min-width:0}.ft-answer h4,.ft-ex h4{font-size:13px;margin:0 0 4px;padding:0;font-weight:650;
color:var(--ft-ink)}
.ft-ex section>p{font-size:14px;margin:0 0 4px}.ft-ex summary{cursor:pointer;color:var(--ft-soft);font-size:13px}
.ft-scores{font-size:12.5px;color:var(--ft-soft);margin:6px 0 0;font-variant-numeric:tabular-nums}
.ft-scores b{color:var(--ft-ink);font-weight:600}
.ft-passage{border-left:3px solid var(--ft-line);padding:2px 0 2px 10px;margin:8px 0}
.ft-passage.ft-gold{border-color:var(--ft-green)}
.ft del{background:var(--ft-gone);text-decoration:line-through;text-decoration-thickness:1px}
.ft ins{background:var(--ft-new);text-decoration:none;border-bottom:2px solid var(--ft-accent)}
.ft-masked span{border-radius:2px}.ft-masked .ft-on{background:var(--ft-new)}.ft-masked .ft-off{color:var(--ft-faint)}
.ft svg{display:block;max-width:100%;height:auto;font-family:FONT}.ft svg text{fill:var(--ft-soft);font-size:12.5px}
.ft svg .ft-strong{fill:var(--ft-ink);font-weight:600}.ft svg .ft-axis{stroke:var(--ft-line);stroke-width:1}
.ft svg .ft-gridline{stroke:var(--ft-grid);stroke-width:1}
.ft svg .ft-whisker{stroke:var(--ft-dim);stroke-width:1.5}
.ft svg .ft-point{fill:var(--ft-ground);stroke:var(--ft-faint);stroke-width:2}
.ft svg .ft-on .ft-point{stroke:var(--ft-accent)}
.ft svg .ft-lead .ft-point{fill:var(--ft-accent);stroke:var(--ft-accent)}
.ft svg .ft-open .ft-point{stroke:var(--ft-amber)}.ft svg .ft-lead .ft-whisker{stroke:var(--ft-accent)}
.ft svg .ft-frontier{fill:none;stroke:var(--ft-accent);stroke-width:1.5;stroke-dasharray:5 4;opacity:.8}
.ft svg .ft-bound{stroke:var(--ft-dim);stroke-width:1.5;stroke-dasharray:2 4}
.ft svg .ft-mark{stroke:var(--ft-amber);stroke-width:1.5;stroke-dasharray:3 3}
.ft svg a{cursor:pointer}.ft svg .ft-hit{fill:transparent}.ft svg a:hover .ft-point{stroke-width:4}
.ft svg a:hover text,.ft svg a:focus text{fill:var(--ft-accent)}
.ft svg .ft-thin{fill:none;stroke:var(--ft-dim);stroke-width:1.3}
.ft svg .ft-thick{fill:none;stroke:var(--ft-accent);stroke-width:2.2}
.ft svg .ft-other{fill:none;stroke:var(--ft-amber);stroke-width:1.8}
.ft svg .ft-spot{fill:var(--ft-accent)}.ft svg .ft-halo{paint-order:stroke;stroke:var(--ft-ground);stroke-width:4px;
stroke-linejoin:round}
.ft svg .ft-node{fill:var(--ft-panel);stroke:var(--ft-dim);stroke-width:1.2}
.ft svg .ft-done .ft-node{fill:var(--ft-wash);stroke:var(--ft-accent)}
.ft svg .ft-failed .ft-node{fill:var(--ft-red-wash);stroke:var(--ft-red)}
.ft svg .ft-edge{fill:none;stroke:var(--ft-dim);stroke-width:1.2;opacity:.75}
.ft-chart .ft-narrow{display:none}.ft-legend{font-size:13px;color:var(--ft-soft);margin:0 0 6px;display:flex;
flex-wrap:wrap;gap:2px 18px}
.ft-legend i{display:inline-block;width:11px;height:11px;border-radius:50%;border:2px solid var(--ft-faint);
margin-right:6px;vertical-align:-1px}
.ft-legend .ft-lead{background:var(--ft-accent);border-color:var(--ft-accent)}
.ft-legend .ft-on{border-color:var(--ft-accent)}.ft-legend .ft-open{border-color:var(--ft-amber)}
@media (max-width:900px){
.ft-row{grid-auto-flow:row;grid-template-columns:46px minmax(0,1fr) auto;gap:4px 12px}
.ft-row .ft-tag{white-space:normal}
.ft-row>*:nth-child(3){grid-column:2/4;grid-row:2}.ft-row>*:nth-child(4){grid-column:3;grid-row:1}
.ft-row>*:nth-child(n+5){grid-row:3;font-size:13px;text-align:left}.ft-row>*:nth-child(5){grid-column:2}
.ft-row>*:nth-child(6){grid-column:3;text-align:right}.ft-row>*:nth-child(n+7){display:none}
.ft-head{display:none}.ft-row>*[data-name]::before{content:attr(data-name) " ";color:var(--ft-soft);font-weight:400}
.ft-more{padding-left:16px}}
@media (max-width:640px){
.ft .ft-wide{display:none}.ft-scroll td:not(.ft-num):not(.ft-label):not(.ft-wide):not(:empty){min-width:92px}
.ft-chart .ft-wide-chart{display:none}.ft-chart .ft-narrow{display:block}.ft-verdict{padding:12px 14px}
.ft-verdict .ft-say{font-size:18px}.ft h2{font-size:17.5px}}
@media (min-width:2200px){.ft svg.ft-wide-chart{width:100%;max-width:1760px}.ft{font-size:18px}
.ft table,.ft-text{font-size:17px}.ft-verdict .ft-say{font-size:26px}}
@media print{.ft{font-size:11pt}.ft details>*{display:block}
.ft-ex,.ft-rank details,.ft-verdict,.ft svg{break-inside:avoid}.ft a{color:inherit}.ft-screen{display:none!important}}
"""


def variables(theme: str | None) -> str:
    """Returns the CSS that sets the colors: of ``light`` or ``dark``, or as the reader's system has it; paper is
    light.
    """
    light, dark = _scope(LIGHT, HEAT_LIGHT), _scope(DARK, HEAT_DARK)
    if theme == "light":
        return f":root{{{light}}}"
    if theme == "dark":
        return f":root{{{dark}}}@media print{{:root{{{light}}}}}"
    return f":root{{color-scheme:light dark;{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def rules() -> str:
    """Returns the CSS of every piece; places and widths are classes, since style attributes are not allowed."""
    places = "".join(f".ft-l{place}{{left:{place}%}}.ft-w{place}{{width:{place}%}}" for place in range(101))
    heats = "".join(
        f".ft td.ft-h{level}{{background:var(--ft-heat{level});color:var(--ft-heat-ink{level})}}" for level in range(10)
    )
    return _RULES.replace("FONT", FONT).replace("MONO", MONO) + places + heats


def _scope(colours: dict[str, str], heat: tuple[str, ...]) -> str:
    inks = "".join(
        f"--ft-heat-ink{level}:{'#ffffff' if _dark(shade) else '#10161c'};" for level, shade in enumerate(heat)
    )
    return (
        "".join(f"--ft-{name}:{value};" for name, value in colours.items())
        + "".join(f"--ft-heat{level}:{shade};" for level, shade in enumerate(heat))
        + inks
    )


def _dark(shade: str) -> bool:
    """Says whether white reads better than near-black on a shade, by WCAG's relative luminance."""
    parts = [int(shade[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] < 0.18
