"""The rules of acquisition, one file each."""
