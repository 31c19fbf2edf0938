"""The whole system in virtual time, tortured: every process dies anywhere, and the books must still balance."""
