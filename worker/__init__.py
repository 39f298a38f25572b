"""One job: its description, its data, and the coordinator, workers and parameter server that train it."""
