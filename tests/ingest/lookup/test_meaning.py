"""What codes mean in words."""

from ingest.lookup.meaning import meaning_of


def test_a_code_means_what_its_document_says_and_what_it_counts_as() -> None:
    """Both of CM's tables say something of a failure: its status and its error."""
    meaning = meaning_of("cm", "undeliverable", "invalid_number", "3", "23")
    assert meaning.provider == "失败 (Failed); number wrong or invalid or barred"
    assert (meaning.ours, meaning.persistence) == ("the message could not be delivered", "permanent")


def test_a_code_in_no_table_has_our_words_only() -> None:
    """A code in no table, and a provider that is not configured any more, have no words of the provider."""
    for provider in ("cm", "gone"):
        meaning = meaning_of(provider, "unknown", "", "99", "ZZ")
        assert (meaning.provider, meaning.ours) == ("", "it is not known what became of the message")


def test_a_code_that_has_its_state_and_a_word_of_smpp_are_explained() -> None:
    """Santo's codes are found with their state, and a word that only SMPP explains in SMPP's words."""
    assert "The content has a forbidden word" in meaning_of("santo", "rejected", "", "400", "402").provider
    assert meaning_of("santo", "delivered", "", "success", "").provider.startswith("get-rptstatus")
    assert meaning_of("juhe", "undeliverable", "", "UNDELIV", "").provider == "Message is undeliverable"
