"""The middle floor, where records are kept: streams, the store, and the drain between them."""
