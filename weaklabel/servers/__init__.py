"""Client of OpenAI-compatible servers: requests with retries and limits, and what their replies hold."""
