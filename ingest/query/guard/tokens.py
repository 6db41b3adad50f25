"""
Splits SQL into tokens by the rules of ClickHouse's lexer (src/Parsers/Lexer.cpp), and joins them to unambiguous text.

Text that lexers may read differently is refused: heredocs, hexadecimal strings, nested comments, `//`, letters beyond
ASCII outside quotes, escapes in quoted identifiers.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

Kind = Literal["word", "identifier", "string", "number", "sign"]

_KINDS: Final[tuple[Kind, ...]] = ("word", "identifier", "string", "number", "sign")

_TOKEN: Final = re.compile(
    r"""
    (?P<nothing> [ \t\n\r\f\v]+ | --[^\n]* | \#[ !][^\n]* | /\*(?:[^*/]|\*(?!/)|/(?!\*))*+\*/ )
  | (?P<word> (?![xXbB]')[A-Za-z_]\w*+ )
  | (?P<identifier> `[^`\\]++`(?!`) | "[^"\\]++"(?!") )
  | (?P<string> '(?:[^'\\]++|''|\\.)*+' )
  | (?P<number> (?<=\.)\d+(?!\w)
              | (?: 0[xX][0-9a-fA-F]+ | 0[bB][01]+
                  | (?: \d[\d_]*+ (?:\.\d*+)? | (?<![\w)\]`"])\.\d+ ) (?:[eE][+-]?\d+)?
                ) (?!\w) )
  | (?P<sign> \|\| | <=> | [<>!=]= | <> | -> | :: | \.: | \.\^ | -(?!-) | /(?![/*]) | [+*%(),.=<>\[\]{}:?;] )
  | (?P<unknown> . )
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)


class RefusedQueryError(Exception):
    """A query that is not run; the text has ClickHouse's form, with its error code and name (`system.errors`)."""

    def __init__(self, code: int, name: str, why: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {why}. ({name})")
        self.code = code


def syntax_error(why: str) -> RefusedQueryError:
    """Return the error for a query that can't be parsed."""
    return RefusedQueryError(62, "SYNTAX_ERROR", why)


def access_denied(why: str) -> RefusedQueryError:
    """Return the error for a query that is not allowed."""
    return RefusedQueryError(497, "ACCESS_DENIED", why)


class Token(NamedTuple):
    """One token; the text of an `identifier` or a `string` includes the quotes."""

    kind: Kind
    text: str

    @property
    def name(self) -> str:
        """The name of a word or identifier, in lower case without quotes; empty for any other token."""
        if self.kind == "word":
            return self.text.lower()
        return self.text[1:-1].lower() if self.kind == "identifier" else ""

    def says(self, *keywords: str) -> bool:
        """Tell whether this is one of the keywords."""
        return self.kind == "word" and self.text.upper() in keywords


def tokenize(sql: str) -> list[Token]:
    """Split SQL into tokens, without comments and spaces; raises `RefusedQueryError` if it can't be read."""
    tokens = []
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup
        if kind in _KINDS:
            tokens.append(Token(kind, match[0]))
        elif kind == "unknown":
            line, column = sql.count("\n", 0, match.start()) + 1, match.start() - sql.rfind("\n", 0, match.start())
            raise syntax_error(f"the query can't be read from line {line}, column {column}")
    return tokens


def join(tokens: Sequence[Token]) -> str:
    """Join tokens with spaces, so that splitting the text again gives the same tokens."""
    return " ".join(token.text for token in tokens)
