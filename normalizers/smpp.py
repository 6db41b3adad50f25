"""
SMPP's words for the state of a message, which gateways pass on from the operators' networks.

Source: "Short Message Peer to Peer Protocol Specification v3.4", appendix B (`stat` of a delivery receipt: seven words
of up to seven letters) and section 5.2.28 (message_state: the same states by their full names, and ENROUTE).

Providers whose documents use these words for some codes (`DELIVRD`, `EXPIRED`) also pass on the others. The table is
used for those providers only, and only if their own table has no such code; such reports have `code_source` `smpp`.
"""

from typing import Final

from normalizers.model import Code, CodeTable, Reason, Status

MESSAGE_STATES: Final = CodeTable(
    {
        "DELIVRD": Code(Status.DELIVERED, None, "Message is delivered to destination"),
        "EXPIRED": Code(Status.EXPIRED, Reason.EXPIRED, "Message validity period has expired"),
        "DELETED": Code(Status.DELETED, Reason.DELETED, "Message has been deleted"),
        "UNDELIV": Code(Status.UNDELIVERABLE, Reason.UNKNOWN, "Message is undeliverable"),
        "ACCEPTD": Code(
            Status.ACCEPTED, None, "Message is in accepted state (read by customer service for the subscriber)"
        ),
        "UNKNOWN": Code(Status.UNKNOWN, None, "Message is in unknown state"),
        "REJECTD": Code(Status.REJECTED, Reason.UNKNOWN, "Message is in a rejected state"),
        "ENROUTE": Code(Status.ENROUTE, None, "The message is in enroute state"),
        "DELIVERED": Code(Status.DELIVERED, None, "Message is delivered to destination"),
        "UNDELIVERABLE": Code(Status.UNDELIVERABLE, Reason.UNKNOWN, "Message is undeliverable"),
        "ACCEPTED": Code(Status.ACCEPTED, None, "Message is in accepted state"),
        "REJECTED": Code(Status.REJECTED, Reason.UNKNOWN, "Message is in a rejected state"),
    },
    document="SMPP 3.4, appendix B and section 5.2.28",
)
