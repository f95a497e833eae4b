package stripe

import (
	"time"

	"github.com/numerai-app/payments"
)

func subscription(o object) *payments.StripeSubscription {
	pause := o.child("pause_collection")
	s := &payments.StripeSubscription{
		ID:                o.id(),
		Customer:          o.requiredReference("customer"),
		UserID:            o.child("metadata").text(metadataUser),
		TestClock:         o.reference("test_clock"),
		Status:            payments.SubscriptionStatus(o.requiredText("status")),
		CancelAtPeriodEnd: o.flag("cancel_at_period_end"),
		CancelAt:          o.moment("cancel_at"),
		CanceledAt:        o.moment("canceled_at"),
		EndedAt:           o.moment("ended_at"),
		TrialStart:        o.moment("trial_start"),
		TrialEnd:          o.moment("trial_end"),
		PauseBehavior:     pause.text("behavior"),
		PauseResumesAt:    pause.moment("resumes_at"),
		LatestInvoice:     o.reference("latest_invoice"),
		Created:           o.requiredMoment("created"),
	}
	items := o.list("items")
	for _, item := range items {
		s.Items = append(s.Items, subscriptionItem(item))
	}
	if len(items) == 0 {
		o.fail("items", "is empty")
	}
	s.CurrentPeriodStart, s.CurrentPeriodEnd = subscriptionPeriod(o, items)
	if !s.Status.Ended() && (s.CurrentPeriodStart == nil || s.CurrentPeriodEnd == nil) {
		o.fail("current_period_start, current_period_end", "are missing")
	}
	return s
}

func subscriptionItem(o object) payments.SubscriptionItem {
	item := payments.SubscriptionItem{Price: o.reference("price"), Quantity: 1}
	if item.Price == "" { // before 2020-08-27 there were plans only
		item.Price = o.reference("plan")
	}
	if item.Price == "" {
		o.fail("price", "is missing")
	}
	if quantity, ok := o.number("quantity"); ok { // metered prices have none
		item.Quantity = quantity
	}
	return item
}

// subscriptionPeriod is the period that all items share: since 2025-03-31 each
// has its own, before that the subscription had one.
func subscriptionPeriod(o object, items []object) (start, end *time.Time) {
	for _, item := range items {
		start = latest(start, item.moment("current_period_start"))
		end = earliest(end, item.moment("current_period_end"))
	}
	if start == nil {
		start = o.moment("current_period_start")
	}
	if end == nil {
		end = o.moment("current_period_end")
	}
	return start, end
}

func invoice(o object) *payments.StripeInvoice {
	lines := o.list("lines")
	i := &payments.StripeInvoice{
		ID:           o.id(),
		Customer:     o.requiredReference("customer"),
		TestClock:    o.reference("test_clock"),
		Status:       payments.InvoiceStatus(o.requiredText("status")),
		Currency:     o.currency(),
		Total:        o.amount("total"),
		AmountDue:    o.amount("amount_due"),
		AmountPaid:   o.amount("amount_paid"),
		Attempted:    o.flag("attempted"),
		AttemptCount: o.count("attempt_count"),
		Number:       o.text("number"),
		Description:  o.text("description"),
		HostedURL:    o.text("hosted_invoice_url"),
		PDF:          o.text("invoice_pdf"),
		DueDate:      o.moment("due_date"),
		FinalizedAt:  o.child("status_transitions").moment("finalized_at"),
		Created:      o.requiredMoment("created"),
	}
	i.Subscription, i.UserID = subscriptionOf(o)
	i.PeriodStart, i.PeriodEnd = servicePeriod(lines)
	if i.Description == "" && len(lines) > 0 {
		i.Description = lines[0].text("description")
	}
	return i
}

// subscriptionOf is the subscription that an invoice bills, and the user that
// its metadata named when the invoice was finalized.
func subscriptionOf(o object) (id, userID string) {
	details := o.child("parent").child("subscription_details")
	id = details.reference("subscription")
	if id == "" {
		id = o.reference("subscription")
	}
	if details.members == nil {
		details = o.child("subscription_details")
	}
	return id, details.child("metadata").text(metadataUser)
}

// servicePeriod is what the lines of an invoice bill, from the earliest to the
// latest. The invoice's own period looks back instead. Lines of a subscription
// count before others, whose period is often a mere instant.
func servicePeriod(lines []object) (start, end *time.Time) {
	for _, wanted := range [][]object{subscriptionLines(lines), lines} {
		for _, line := range wanted {
			period := line.child("period")
			start = earliest(start, period.moment("start"))
			end = latest(end, period.moment("end"))
		}
		if start != nil && end != nil {
			return start, end
		}
	}
	return start, end
}

// subscriptionLines are those that bill a period of a subscription. A proration
// bills a part of one, as an item of its own; older versions call such a line an
// invoice item, newer ones name that item.
func subscriptionLines(lines []object) []object {
	var list []object
	for _, line := range lines {
		parent := line.child("parent")
		isItem := parent.child("subscription_item_details").reference("invoice_item") != ""
		if line.text("type") == "subscription" || parent.text("type") == "subscription_item_details" && !isItem {
			list = append(list, line)
		}
	}
	return list
}

// earliest is the earlier of two times; nil is none.
func earliest(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}

// latest is the later of two times; nil is none.
func latest(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.After(*a) {
		return b
	}
	return a
}
