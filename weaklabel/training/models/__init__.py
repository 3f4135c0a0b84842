"""Models that give a text one number: read from folders or the hub, made from scratch, with adapters."""
