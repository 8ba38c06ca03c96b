"""A page on which one chooses a grid and constraints, and sees what the engine derives of them."""
