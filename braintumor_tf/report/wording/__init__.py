"""Words and numbers that several figures, pages and cards share."""
