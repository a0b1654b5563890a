"""Tables and papers that are made from rows."""
