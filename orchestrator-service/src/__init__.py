"""The orchestrator: the public API's sagas, over the services that keep the data."""
