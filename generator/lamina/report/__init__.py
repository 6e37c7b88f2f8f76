"""The result of a comparison as a page, as Markdown and as a picture."""
