"""The artist's side of the wire: start or find an engine, talk to it, follow its jobs. No bpy, no torch."""
