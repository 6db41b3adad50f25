"""Meanings of codes in words."""

from ingest.lookup.meaning import meaning_of
from normalizers import PROVIDERS


def _report(provider: str, status: str, reason: str, *codes: str, source: str = "document") -> dict[str, str]:
    provider_status, provider_code = codes
    return {
        "provider": provider,
        "status": status,
        "reason": reason,
        "provider_status": provider_status,
        "provider_code": provider_code,
        "code_source": source,
    }


def test_a_code_means_what_its_document_says_and_what_it_counts_as() -> None:
    """Both of CM's tables say something of a failure: its status and its error."""
    meaning = meaning_of(_report("cm", "undeliverable", "invalid_number", "3", "23"))
    assert meaning.provider == "失败; number wrong or invalid or barred"
    assert meaning.english == "Failed"
    assert (meaning.ours, meaning.persistence) == ("the message could not be delivered", "permanent")
    assert meaning.source == "the provider's document"


def test_an_error_code_is_not_read_as_a_status() -> None:
    """CM's error 0 means that there is no error, and not what its status 0 means."""
    assert "0" in PROVIDERS["cm"].codes.exact
    delivered = meaning_of(_report("cm", "delivered", "", "2", "0"))
    assert PROVIDERS["cm"].codes.exact["0"].meaning not in delivered.provider


def test_a_document_in_another_language_is_told_in_english_too() -> None:
    """Juhe's document is in Chinese: its words come with their translation."""
    meaning = meaning_of(_report("juhe", "rejected", "blocklisted", "MA:0001", ""))
    assert meaning.provider == "全局黑名单号码"
    assert meaning.english == "The number is on the global blocklist"


def test_a_word_of_smpps_is_told_as_one() -> None:
    """A word that the provider's document does not list, and SMPP does, has SMPP's meaning and names it."""
    meaning = meaning_of(_report("juhe", "undeliverable", "unknown", "UNDELIV", "", source="smpp"))
    assert meaning.provider == "Message is undeliverable"
    assert meaning.source.startswith("SMPP 3.4")


def test_a_code_in_no_table_has_our_words_only() -> None:
    """A code in no table, and a provider that is not configured any more, have no words of the provider."""
    for provider in ("cm", "gone"):
        meaning = meaning_of(_report(provider, "unknown", "", "99", "ZZ", source=""))
        assert (meaning.provider, meaning.ours) == ("", "the state of the message is not known")
        assert meaning.source == ""


def test_santos_codes_are_found_with_their_state() -> None:
    """Santo's codes are found with the state that they come with, and a poll's word by itself."""
    assert "forbidden word" in meaning_of(_report("santo", "rejected", "", "400", "402")).english
    assert meaning_of(_report("santo", "delivered", "", "success", "")).provider.startswith("get-rptstatus")
