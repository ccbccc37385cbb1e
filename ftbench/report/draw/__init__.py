"""Pieces of the report as HTML and SVG text, the same for the app and for the file that is sent around.

Whatever comes from outside goes through ``ftbench.text.html.escaped``. No piece has a style attribute, a script or an
address elsewhere: the exported file's content policy forbids all three.
"""
