"""Stories of two people in real browsers, judged by what the other person receives."""
