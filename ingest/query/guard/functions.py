"""
Decides which of the engine's functions a query may call.

ClickHouse's `readonly` restricts table functions, but not scalar ones: `SELECT file('/etc/passwd')` reads the file. So
every function in the engine's list (`system.functions`) is judged: by its category, by its name if the category is
mixed, and by the version that introduced it. A function newer than `REVIEWED` is refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

#: The newest version of the engine whose functions were all reviewed.
REVIEWED: Final = (26, 9)

FUNCTIONS_SQL: Final = (
    "SELECT lower(name), lower(alias_to), categories, introduced_in, is_aggregate FROM system.functions"
)
TYPES_SQL: Final = "SELECT lower(name) FROM system.data_type_families"
TABLE_FUNCTIONS_SQL: Final = "SELECT lower(name) FROM system.table_functions"
COMBINATORS_SQL: Final = "SELECT lower(name) FROM system.aggregate_function_combinators"

#: The categories that are allowed. The others are AI, Dictionary, Embedded Dictionary, Internal, Introspection, Machine
#: Learning, and Other.
_CATEGORIES: Final = frozenset(
    {
        "Aggregate Functions", "Arithmetic", "Arrays", "Bit", "Bitmap", "Comparison", "Conditional", "Dates and Times",
        "Distance", "Encoding", "Encryption", "Financial", "Geo", "Geo Polygon", "Hash", "IP Address", "JSON",
        "Logical", "Map", "Mathematical", "Null", "NumericIndexedVector", "QBit", "Random Number", "Rounding", "String",
        "String Replacement", "String Search", "String Splitting", "Time Series", "Time Window", "Tuple",
        "Type Conversion", "URL", "UUID",
    }
)  # fmt: skip

#: Harmless functions of the category "Other"; the rest of it reads files, sleeps, or reveals details of the machine.
_OTHER: Final = frozenset(
    """
    bar blocknumber blocksize bytesize coloroklabtosrgb coloroklchtosrgb colorsrgbtooklab colorsrgbtooklch
    connectionid countdigits currentdatabase currentqueryid currentroles currentschemas currentuser
    defaultvalueofargumenttype defaultvalueoftypename digits displayname errorcodetoname finalizeaggregation
    flipcoordinates formatquery formatquerysingleline formatreadabledecimalsize formatreadablequantity
    formatreadablesize formatreadabletimedelta getsizeofenumtype getsubcolumn identity ignore indexhint
    initialqueryid initialquerystarttime initializeaggregation isconstant isdecimaloverflow lowcardinalityindices
    lowcardinalitykeys macnumtostring macstringtonum macstringtooui materialize minsamplesizecontinuous
    minsamplesizeconversion neighbor normalizedqueryhash normalizequery parseiso8601duration parsereadablesize
    parsereadablesizeornull parsereadablesizeorzero parsetimedelta queryid revision rownumberinallblocks
    rownumberinblock runningaccumulate runningconcurrency runningdifference runningdifferencestartingwithfirstvalue
    throwif tocolumntypename totypename transform uptime variantelement varianttype version visiblewidth
    """.split()
)

#: Functions that are refused whatever their category and version are.
_REFUSED: Final = frozenset({"aggthrow", "file", "flamegraph", "groupformat"})

#: Functions that the parser or the analyzer handles, so that they are in no list.
_UNLISTED: Final = frozenset(
    """
    date_add date_sub dateadd datesub grouping timestamp_add timestamp_sub timestampadd timestampsub untuple
    """.split()
)


@dataclass(frozen=True, slots=True)
class Functions:
    """
    The engine's functions, in lower case: those that may be called, and those that are refused.

    `types` are the names of data types, which may stand before a parenthesis, too; `combinators` are endings of
    aggregate functions; `table_functions` can be read like a table, and are not allowed.
    """

    allowed: frozenset[str]
    refused: frozenset[str]
    aggregates: frozenset[str]
    types: frozenset[str]
    combinators: Sequence[str]
    table_functions: frozenset[str] = frozenset()

    def allows(self, name: str) -> bool:
        """Tell whether a name, in lower case, may stand before a parenthesis."""
        return name in self.types or name in self.allowed or self._is_combined(name)

    def _is_combined(self, name: str) -> bool:
        """Tell whether this is an aggregate function with combinators (`sumStateIf`)."""
        while name and name not in self.aggregates:
            name = next((name.removesuffix(ending) for ending in self.combinators if name.endswith(ending)), "")
        return bool(name)


def judge(
    functions: Iterable[Sequence[str]],
    types: Iterable[str],
    combinators: Iterable[str],
    table_functions: Iterable[str] = (),
) -> Functions:
    """Judge the engine's answers to `FUNCTIONS_SQL`, `TYPES_SQL`, `COMBINATORS_SQL` and `TABLE_FUNCTIONS_SQL`."""
    rows = list(functions)
    harmless = {name for name, alias_to, *facts in rows if not alias_to and _is_harmless(name, *facts)}
    harmless |= {name for name, alias_to, *_ in rows if alias_to in harmless}
    allowed = (harmless | _UNLISTED) - _REFUSED
    known_types = frozenset(types) - _REFUSED
    return Functions(
        allowed=frozenset(allowed),
        refused=frozenset(name for name, *_ in rows) - allowed - known_types,
        aggregates=frozenset(name for name, *_, is_aggregate in rows if is_aggregate == "1") & allowed,
        types=known_types,
        combinators=sorted(combinators, key=len, reverse=True),
        table_functions=frozenset(table_functions) - allowed,
    )


def _is_harmless(name: str, category: str, introduced_in: str, is_aggregate: str) -> bool:
    if not introduced_in:
        return is_aggregate == "1"  # only window functions and the engine's internal functions have no version
    version = tuple(int(part) for part in introduced_in.split(".")[:2])
    return version <= REVIEWED and (category in _CATEGORIES or name in _OTHER)
