package stripesim

import "testing"

// TestCardTable checks the table of test cards: real numbers, no key twice.
func TestCardTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range testCards {
		if !isLuhn(c.number) {
			t.Errorf("%s: the number %s cannot be", c.key(), c.number)
		}
		if c.key() == "" || seen[c.key()] {
			t.Errorf("the key %q of %s is not its own", c.key(), c.number)
		}
		seen[c.key()] = true
	}
}
