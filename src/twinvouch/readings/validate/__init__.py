"""Does it make sense? One rule a file: the file name is the rule name, config key, finding and docs heading."""
