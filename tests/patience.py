"""How long a test waits for what must happen: it ends a test that hangs, and says nothing of speed.

A machine that is busy with other things takes many times as long as a quiet one; a test that fails there is at fault.
"""

PATIENCE = 900.0
"""Seconds."""
