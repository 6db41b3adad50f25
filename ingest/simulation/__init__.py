"""
`dlrhub simulate`: plays the providers against a running receiver, and checks the store.

    traffic     plans the callbacks and submissions of a run from a seed (`plan` has the classes)
    dialects    one file for each provider: how it writes callbacks, and how it answers if it is polled
    submit      posts the submissions
    send        posts the callbacks, and again if they are not acknowledged
    ledger      records all that was posted, and whether it was acknowledged
    audit       compares the store with the ledger
    pull        serves the providers that are polled

The meanings of the codes are written here a second time, from the providers' documents and not from the normalizers, so
that a mistake in either place shows as a difference.
"""
