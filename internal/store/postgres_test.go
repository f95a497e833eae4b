package store

import (
	"testing"

	"github.com/numerai-app/payments/internal/postgrestest"
)

// What the URL says of plans is not overruled, and what it leaves out is ours.
func TestPlansOfTheURL(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), postgrestest.Database(t)+"&jit=on", Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for setting, want := range map[string]string{"jit": "on", "enable_seqscan": "off", "plan_cache_mode": "force_generic_plan"} {
		var got string
		row := s.engine.(*postgresEngine).pool.QueryRow(t.Context(), "SELECT current_setting($1)", setting)
		if err := row.Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %s, want %s", setting, got, want)
		}
	}
}
