"""A sheet as CSV, the plain form: UTF-8 with a byte order mark, without which spreadsheets mangle every accent."""

from __future__ import annotations

import csv
import io

from ftbench.review.sheet import Sheet, how_to

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_bytes(sheet: Sheet) -> bytes:
    """Returns the file. Text that a spreadsheet would run as a formula gets a leading apostrophe, as OWASP advises."""
    stream = io.StringIO()
    # every cell in quotes, so that no row looks different for what its texts hold
    writer = csv.writer(stream, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(sheet.columns())
    for entry in sheet.entries:
        texts = [f"'{text}" if text.startswith(FORMULA_STARTS) else text for text in sheet.texts(entry)]
        writer.writerow([entry.item, sheet.rater, *texts, *([""] * len(sheet.rubric.dimensions))])
    return stream.getvalue().encode("utf-8-sig")


def instructions_text(sheet: Sheet) -> str:
    """Returns what goes beside the CSV files, which have no room for instructions."""
    asked = "".join(f"  {name}: {text}\n" for name, text in how_to(sheet))
    return (
        f"{sheet.rubric.title}\n\n{sheet.rubric.instructions}\n\nFill in the last columns of your file:\n{asked}\nLeave"
        " the column item as it is.\n"
    )
