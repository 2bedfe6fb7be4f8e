"""What is known of a stat beside its points, and what is read of many: for whoever shows stats."""
