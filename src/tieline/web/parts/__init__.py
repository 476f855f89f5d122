"""What the template parts compute: a chart's geometry, a page of a long list, words for times and numbers."""
