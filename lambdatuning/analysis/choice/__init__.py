"""Which size: winners by strategy, what cannot be told apart from them, fronts, maps and bills."""
