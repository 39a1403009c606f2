"""Lists as values: any number of elements of one Type, which for arrays may differ in their lengths.

Ops on them run in Python and share the memory of the elements. Where speed matters, one padded array is better.
"""

import tcore.tensor  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore.typed_list.basic import (
    Append,
    Count,
    Extend,
    GetItem,
    Insert,
    Length,
    MakeList,
    Remove,
    Reverse,
    append,
    count,
    extend,
    getitem,
    insert,
    length,
    make_list,
    remove,
    reverse,
)
from tcore.typed_list.type import TypedListType
from tcore.typed_list.variable import TypedListConstant, TypedListVariable

__all__ = [
    "Append",
    "Count",
    "Extend",
    "GetItem",
    "Insert",
    "Length",
    "MakeList",
    "Remove",
    "Reverse",
    "TypedListConstant",
    "TypedListType",
    "TypedListVariable",
    "append",
    "count",
    "extend",
    "getitem",
    "insert",
    "length",
    "make_list",
    "remove",
    "reverse",
]
