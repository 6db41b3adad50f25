"""Peculiarities of single providers that are not covered by the example requests."""

import pytest

from normalizers import PROVIDERS
from normalizers.errors import Fault, MalformedError
from normalizers.model import Account, Callback
from normalizers.testing.examples import RECEIVED_AT

CM = "CREATED_S DATETIME_S GSM REFERENCE STATUS STATUSDESCRIPTION OPERATOR"
SANTO = "command=RT_REQUEST msgid da dc sm rsm"


@pytest.mark.parametrize(
    ("name", "parameter"),
    [("cm", parameter) for parameter in CM.split()] + [("santo", parameter) for parameter in SANTO.split()],
)
def test_a_query_with_one_known_parameter_is_incomplete_not_empty(name: str, parameter: str) -> None:
    """The error of a query with one known parameter names the missing ones, instead of calling the query empty."""
    callback = Callback(account=Account(), method="GET", query=parameter.encode(), received_at=RECEIVED_AT)
    with pytest.raises(MalformedError) as raised:
        PROVIDERS[name].parse(callback)
    assert raised.value.why in {Fault.MISSING_FIELD, Fault.BAD_VALUE}


def test_a_provider_calls_back_with_the_methods_of_its_document() -> None:
    """CM and Santo call by GET or POST, Juhe and CloudSMS by POST, cmessages not at all."""
    methods = {name: set(provider.methods) for name, provider in PROVIDERS.items()}
    both = {"GET", "POST"}
    known = {"cm": both, "santo": both, "juhe": {"POST"}, "cloudsms": {"POST"}, "cmessages": set()}
    assert {name: methods[name] for name in known} == known


@pytest.mark.parametrize("text", ["STANDARDERRORTEXT", "STANDARDERRORTXT", "STANDARDERRORTTEXT"])
def test_cm_spells_its_error_text_in_three_ways(text: str) -> None:
    """An error text is read however CM's documents spell it, and by whatever way it comes."""
    query = f"GSM=447400123456&STATUS=3&{text}=Absent".encode()
    body = b'{"messages":{"msg":{"to":"447400123456","status":{"code":"3","%b":"Absent"}}}}' % text.encode()
    for method in ("GET", "POST"):
        callback = Callback(account=Account(), method=method, query=query, body=body, received_at=RECEIVED_AT)
        [report] = PROVIDERS["cm"].parse(callback)
        assert getattr(report, "provider_text", None) == "Absent"
