"""One module a question: its numbers, its words and its figure."""
