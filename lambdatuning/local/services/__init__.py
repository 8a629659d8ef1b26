"""The services around Lambda: the gateway, ministack behind one seam, its records."""
