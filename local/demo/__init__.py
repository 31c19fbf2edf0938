"""`make demo`: the real template on this machine, a day's requests through it, and a bill that must add up."""
