"""Responses from local models and servers, paired and labelled."""
