"""Erasing a person: the number is taken out of everything that this installation keeps."""
