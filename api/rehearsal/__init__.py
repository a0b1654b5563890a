"""Many nights of a whole province on a virtual clock, and whether its books balance afterwards."""
