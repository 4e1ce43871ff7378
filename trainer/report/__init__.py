"""A model on one page: figures, pictures and tables in one self-contained file, and the pictures as PNG."""
