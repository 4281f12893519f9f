"""How Shotpack looks: draws the state that `operators` holds; never touches disk, network or the scene's data."""

CLASSES: tuple[type, ...] = ()
"""What the add-on registers from here, in order: a parent panel comes before its children."""
