"""What the artist can do, and the bpy side it needs; never draws, never waits, knows the engine by its client only."""

CLASSES: tuple[type, ...] = ()
"""What the add-on registers from here, in order: a class comes after those it refers to."""
