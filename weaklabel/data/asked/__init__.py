"""What a policy is asked, and what it is to answer: prompts alone, and prompts with one response."""
