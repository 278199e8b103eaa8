"""The order service: orders and transfers, and the journal of the sagas at work on them."""
