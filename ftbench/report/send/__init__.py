"""The report as something to send: one HTML file, Markdown for a pull request, CSV, or a bundle that another machine
opens.
"""
