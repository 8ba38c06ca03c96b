"""Where the shared arrays of a kernel lie: one behind the other in the order of the text, each where its alignment allows."""

import re
from collections.abc import Iterator, Mapping

__all__ = ["alignments", "room_for"]

STATEMENT = re.compile(r"[^;{}]*;")
SHARED = re.compile(r"\b__shared__\b")
ALIGNED = re.compile(r"\b(?:__align__|alignas)\s*\(\s*(\d+)\s*\)")
BRACKETS = re.compile(r"\[[^\[\]]*\]|\([^()]*\)")
QUALIFIERS = re.compile(r"\b(?:__shared__|static|volatile|const|signed|struct)\b")
BYTES = {
    **dict.fromkeys(("bool", "char", "unsigned char", "int8_t", "uint8_t"), 1),
    **dict.fromkeys(("short", "unsigned short", "half", "__half", "int16_t", "uint16_t"), 2),
    **dict.fromkeys(("int", "unsigned", "unsigned int", "float", "int32_t", "uint32_t", "half2", "__half2"), 4),
    **dict.fromkeys(("long", "long long", "unsigned long", "unsigned long long", "size_t", "double"), 8),
    **dict.fromkeys(("int64_t", "uint64_t", "int2", "uint2", "float2"), 8),
    **dict.fromkeys(("int4", "uint4", "float4", "double2", "longlong2"), 16),
}


def alignments(text: str, defines: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """The shared arrays of a text, in order, each with its alignment: 1 where its type isn't one of the language's own.

    >>> list(alignments("__shared__ __align__(16) real a[2][n - 1]; __shared__ float b, c[3];", {"real": "double"}))
    [('a', 16), ('b', 4), ('c', 4)]
    """
    for statement in STATEMENT.findall(text):
        if not SHARED.search(statement) or re.search(r"\bextern\b", statement):
            continue
        told = max(map(int, ALIGNED.findall(statement)), default=1)
        plain = QUALIFIERS.sub(" ", ALIGNED.sub(" ", statement.rstrip(";")))
        while BRACKETS.search(plain):
            plain = BRACKETS.sub("", plain)
        first, *others = (re.findall(r"\w+", part) for part in plain.split(","))
        kind = " ".join(defines.get(word, word) for word in first[:-1])
        yield from ((part[-1], max(told, BYTES.get(kind, 1))) for part in (first, *others) if part)


def room_for(sizes: Mapping[str, int], aligned: Mapping[str, int]) -> int:
    """How many bytes arrays take, the gaps between them too; those without a known alignment come last, without gaps.

    >>> room_for({"b": 24, "a": 24}, {"a": 16, "b": 16})
    56
    """
    end = 0
    for name in (*(n for n in aligned if n in sizes), *(n for n in sizes if n not in aligned)):
        step = aligned.get(name, 1)
        end = -(-end // step) * step + sizes[name]
    return end
