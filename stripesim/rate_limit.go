package stripesim

// rateLimit counts the requests of each key in the present second.
type rateLimit struct {
	second int64
	counts map[string]int
}

// limited is the trouble of a request beyond the rate of its key. Nil: it is
// within it, or there is none.
func (s *Simulator) limited(account string) *Fault {
	if s.config.RateLimit <= 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.config.Now().Unix(); s.rate.second != now || s.rate.counts == nil {
		s.rate = rateLimit{now, map[string]int{}}
	}
	s.rate.counts[account]++
	if s.rate.counts[account] <= s.config.RateLimit {
		return nil
	}
	return &Fault{Kind: "rate_limit"}
}
