"""The twin's belief: the frame of last admitted values with their labels."""
