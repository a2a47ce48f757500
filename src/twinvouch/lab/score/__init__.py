"""How good alarms are, by measures that others publish: one a file, all from 0/1 rows."""
