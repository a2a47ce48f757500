"""The scenario range of the commands gate: true plants, operators, attacks and the judge. What is here is simulated."""
