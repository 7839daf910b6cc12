"""Numbers as text, and the sentences that several pages share."""
