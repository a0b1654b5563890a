"""What stands in a commune and how it is reached. Knows no database and no audio."""
