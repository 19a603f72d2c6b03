"""From reported use to what each party is owed: prices, settlements, the ledger, statements."""
