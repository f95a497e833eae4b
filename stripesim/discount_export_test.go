package stripesim

// Split divides an amount by weights, in steps.
func Split(amount int64, weights []int64, step int64) []int64 { return split(amount, weights, step) }
