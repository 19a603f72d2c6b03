"""Who takes part: creators, labs, societies and the operator; what their keys may do, and who acts for whom."""
