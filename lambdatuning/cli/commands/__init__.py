"""The commands, one module a group of them; each is imported when it is asked for."""
