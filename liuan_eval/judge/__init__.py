"What may be said about a unit · 评判"
