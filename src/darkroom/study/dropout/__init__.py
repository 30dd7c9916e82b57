"""What dropout computes, by both conventions, and what it does on real digits."""
