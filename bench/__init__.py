"""What the platform costs: its speed, its CPU time, and the limits beside them. See README.md."""
