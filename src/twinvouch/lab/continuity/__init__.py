"""A tank whose level lies and is distrusted: the plant, its site, and one run on the engine, for `bench continuity`."""
