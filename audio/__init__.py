"""What a sound file is and becomes. Knows no database and no station."""
