"""One night of a small province on one machine: real sound, real SFTP, the player that ships."""
