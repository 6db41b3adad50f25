"""The status page: what a person opens first. Its questions to the store are bounded, and it shows no phone number."""
