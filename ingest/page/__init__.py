"""The status page: the first page that a person opens. Its questions to the store are bounded, and it shows no phone number."""
