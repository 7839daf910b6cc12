"""From a model and images to the table of predictions, by one model or by several as one."""
