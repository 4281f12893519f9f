"""Model families: what they are (spec), where they are (catalog, folder), and how they are loaded and run."""
