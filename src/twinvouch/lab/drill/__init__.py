"""The drills: the real processes under steady load, killed or left running, and judged by what others wrote down."""
