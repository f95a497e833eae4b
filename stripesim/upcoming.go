package stripesim

import "math"

// This file is how the invoice of the next period is announced.

// upcoming is an invoice to come, as its announcement shows it: it has no id.
type upcoming struct {
	preview
	ID string `json:"id,omitempty"`
}

// announcedAt is when the next invoice of a subscription is announced. Zero: it
// is not, or was already.
func (s *subscription) announcedAt() int64 {
	span := s.period()
	at := span.End - s.private.Notice
	switch {
	case s.private.Notice <= 0 || s.private.Announced >= span.End || at <= span.Start:
		return 0
	case s.CollectionMethod == "send_invoice" || s.Status == "paused" || s.Status == "unpaid":
		return 0
	case s.CancelAt > 0 && int64(s.CancelAt) <= span.End:
		return 0
	}
	return at
}

// announce tells of the next invoice, as a preview shows it.
func (t *transaction) announce(s *subscription) {
	s.private.Announced = s.period().End
	scratch := t.sim.begin(t.begun)
	scratch.clock, scratch.now = t.clock, t.now
	made := scratch.nextInvoice(s.ID, "", 0)
	if made == nil {
		return
	}
	shown := scratch.preview(made)
	shown.Lines.URL = "/v1/invoices/upcoming/lines?customer=" + s.Customer + "&subscription=" + s.ID
	t.emit("invoice.upcoming", upcoming{preview: shown})
}

// neverAnnounce keeps what is only tried out from being announced.
func (s *subscription) neverAnnounce() { s.private.Announced = math.MaxInt64 }
