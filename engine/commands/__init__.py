"""The command line's commands, one file each; `models` keeps its own beside the catalog."""
