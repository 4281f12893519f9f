"""Benchmarks: speed and memory beside diffusers' own pipeline, in one run on the same machine. Never part of the tests."""
