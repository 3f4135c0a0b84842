"""Commands that lay out a project and keep house."""
