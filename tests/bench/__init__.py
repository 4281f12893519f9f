"""Benchmarks: speed and memory beside diffusers' own pipeline, in one run on one machine; never part of the tests."""
