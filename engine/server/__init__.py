"""The engine's server: jobs in a queue, workers that make them, and every event kept until somebody has read it."""
