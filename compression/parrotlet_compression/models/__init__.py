"""The student graphs (what ships) and the parts they share."""
