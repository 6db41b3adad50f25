"""The line in which each key of a settings file stands."""

from ingest.settings.lines import key_lines

TEXT = """# a comment with [brackets] = 1
data_dir = "x"

[receiver]  # a header
trusted_proxies = [
    "10.0.0.0/8",
    "10.1.0.0/16",
]
listen = "127.0.0.1:1"

[[accounts]]
provider = "cm"
custom = '''
[not.a.header]
provider = "no key either"
'''
name = "a"
[[accounts]]
provider = "juhe"
poll = { account = "1", password = "2" }
[[accounts]]
[accounts.poll]
url = "x"
"""


def test_every_key_has_the_line_in_which_it_stands() -> None:
    """Comments, lists and texts over several lines, inline tables and lists of tables do not shift a line."""
    lines = key_lines(TEXT)
    assert {path: lines[path] for path in lines if not any(isinstance(key, int) for key in path)} == {
        ("data_dir",): 2,
        ("receiver",): 4,
        ("receiver", "trusted_proxies"): 5,
        ("receiver", "listen"): 9,
    }
    assert [lines["accounts", index] for index in range(3)] == [11, 18, 21]
    assert lines["accounts", 0, "name"] == 17
    assert lines["accounts", 1, "poll", "password"] == 20
    assert lines["accounts", 2, "poll", "url"] == 23


def test_a_list_that_is_one_line_of_tables_is_found() -> None:
    """Tables within a list in square brackets have the line of the list."""
    assert key_lines('\naccounts = [{ provider = "cm" }]')["accounts", 0, "provider"] == 2
