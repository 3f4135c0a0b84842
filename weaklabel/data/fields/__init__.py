"""The columns of a file: names that reach into objects, lists held as text, which column is what, which is gold."""
