"""How well users are recommended to, beyond accuracy: spread, tails, parity of lists, taste, popularity, envy."""
