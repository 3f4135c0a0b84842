"""Label models over votes in any number of classes."""
