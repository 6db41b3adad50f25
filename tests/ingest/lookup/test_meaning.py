"""What codes mean in words."""

from ingest.lookup.meaning import meaning_of


def test_a_code_means_what_its_document_says_and_what_it_counts_as() -> None:
    """Both of CM's tables say something of a failure: its status and its error."""
    meaning = meaning_of("cm", "undeliverable", "invalid_number", "3", "23")
    assert meaning.provider == "失败; number wrong or invalid or barred"
    assert (meaning.ours, meaning.persistence) == ("the message could not be delivered", "permanent")


def test_a_code_in_no_table_has_our_words_only() -> None:
    """A code in no table, and a provider that is not configured any more, have no words of the provider."""
    for provider in ("cm", "gone"):
        meaning = meaning_of(provider, "unknown", "", "99", "ZZ")
        assert (meaning.provider, meaning.ours) == ("", "it is not known what became of the message")
