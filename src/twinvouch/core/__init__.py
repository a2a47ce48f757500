"""The vocabulary: frozen, columnar types and the rules of trust. Imports the stdlib and numpy only."""
