"""The HTML pages: a run, an audit, a comparison, an explanation."""
