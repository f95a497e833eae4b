package stripesim

// BreakJournal takes the file away under the journal, so that no write succeeds.
func (s *Simulator) BreakJournal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.file.Close()
}
