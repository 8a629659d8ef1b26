"""The services around Lambda: the front door, ministack behind one seam, its records."""
