package stripesim

// Split divides an amount by weights.
func Split(amount int64, weights []int64) []int64 { return split(amount, weights) }
