"""Pictures and movies on disk: boards in, PNG sequences and H.264 out, every file written whole."""
