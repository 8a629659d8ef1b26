"""What AWS's APIs answer where ministack answers otherwise: a module for each API, seam-free."""
