"""Sketch, the small model that ships with Shotpack: its pictures, training, measurements and weights."""
