"""The rows of the table, one file for each group."""

from groups import calls, compiling, elementwise, first_results, indexing, linear_algebra, reductions, roofline, scan, training, vocabulary

__all__ = ["GROUPS", "ROWS"]

GROUPS = {
    "elementwise": elementwise.ROWS,
    "reductions": reductions.ROWS,
    "vocabulary": (*indexing.ROWS, *vocabulary.ROWS, *linear_algebra.ROWS),
    "calls": calls.ROWS,
    "training": training.ROWS,
    "scan": scan.ROWS,
    "first results": first_results.ROWS,
    "compiling": compiling.ROWS,
    "roofline": roofline.ROWS,
}
ROWS = tuple(row for rows in GROUPS.values() for row in rows)
