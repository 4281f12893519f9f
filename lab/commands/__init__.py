"""The lab's commands, a file each: `add_parser` adds it to the command line."""
