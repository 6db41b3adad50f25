"""
`dlrhub simulate`: the providers, played against a running receiver.

    traffic     what the providers are going to say, planned ahead from a seed (`plan` has its values)
    dialects    how each of them says it over HTTP
    send        saying it, and trying again as a provider does
    ledger      what was acknowledged
    audit       what the store holds, compared with the ledger
    pull        the providers that are asked, as a server

What a report means is told here a second time, from the documents and not by the normalizers, so that a mistake in
either of them is a difference.
"""
