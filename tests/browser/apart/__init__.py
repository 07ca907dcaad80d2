"""Stories of two people whose browsers stand in networks of their own, judged by what passes on the wire."""
