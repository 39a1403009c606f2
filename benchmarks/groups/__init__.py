"""The rows of the table, one file for each group."""

from groups import calls, compiling, elementwise, first_results, reductions, roofline, scan, training, vocabulary

__all__ = ["GROUPS", "ROWS"]

GROUPS = {
    "elementwise": elementwise.ROWS,
    "reductions": reductions.ROWS,
    "vocabulary": vocabulary.ROWS,
    "calls": calls.ROWS,
    "training": training.ROWS,
    "scan": scan.ROWS,
    "first results": first_results.ROWS,
    "compiling": compiling.ROWS,
    "roofline": roofline.ROWS,
}
ROWS = tuple(row for rows in GROUPS.values() for row in rows)
