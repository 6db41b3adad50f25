"""
`dlrhub simulate`: the providers, played against a running receiver.

    traffic     the callbacks and submissions of a run, planned ahead from a seed (`plan` has the classes)
    dialects    one file a provider: how it writes a callback, and how it answers if it is polled
    submit      posting the submissions
    send        posting the callbacks, and again if they are not acknowledged
    ledger      the record of all that was posted, and whether it was acknowledged
    audit       the comparison of the store with the ledger
    pull        the server of the providers that are polled

The meaning of each code is written here a second time, from the providers' documents and not from the normalizers, so
that a mistake in either place shows as a difference.
"""
