package stripesim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// deliveryKey is one event for one endpoint.
type deliveryKey struct {
	Event    string `json:"event"`
	Endpoint string `json:"endpoint"`
}

// matchesType says whether an event type is meant by a pattern such as
// customer.* or *.
func matchesType(pattern, kind string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(kind, prefix)
	}
	return pattern == kind
}

// address finds the endpoints that want the events of a transaction.
func (s *Simulator) address(t *transaction) []deliveryKey {
	var keys []deliveryKey
	for _, event := range t.events {
		for _, id := range s.state.lists["webhook_endpoint"] {
			endpoint := s.state.objects[id]
			if endpoint.boolean("_gone") || endpoint.text("status") != "enabled" {
				continue
			}
			wanted := slices.ContainsFunc(endpoint["enabled_events"].([]any), func(pattern any) bool {
				text, _ := pattern.(string)
				return matchesType(text, event.text("type"))
			})
			if wanted {
				event["pending_webhooks"] = event.integer("pending_webhooks") + 1
				keys = append(keys, deliveryKey{event.text("id"), id})
			}
		}
	}
	return keys
}

// deliveries sends events to webhook endpoints, and again until they are taken.
type deliveries struct {
	sim  *Simulator
	wake chan struct{}

	mu     sync.Mutex
	queue  []delivery
	paused bool
	faults []DeliveryFault
}

type delivery struct {
	key     deliveryKey
	attempt int
	at      time.Time // real time
	dropped bool      // by a fault
}

// deliverers is how many deliveries are under way at once.
const deliverers = 4

func newDeliveries(s *Simulator) *deliveries {
	return &deliveries{sim: s, wake: make(chan struct{}, 1)}
}

func (d *deliveries) add(key deliveryKey) { d.push(delivery{key: key, at: d.sim.config.Now()}) }

func (d *deliveries) push(next delivery) {
	d.mu.Lock()
	d.trouble(&next)
	d.queue = append(d.queue, next)
	d.mu.Unlock()
	d.nudge()
}

func (d *deliveries) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *deliveries) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue, d.faults, d.paused = nil, nil, false
}

// run sends what is due until ctx is done.
func (d *deliveries) run(ctx context.Context) {
	slots := make(chan struct{}, deliverers)
	var underWay sync.WaitGroup
	defer underWay.Wait()
	for {
		next, wait := d.next()
		if next == nil {
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-d.wake:
				timer.Stop()
			case <-timer.C:
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		underWay.Go(func() {
			defer func() { <-slots }()
			d.deliver(ctx, *next)
		})
	}
}

// next takes the first delivery that is due, or says how long there is none.
func (d *deliveries) next() (*delivery, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.paused {
		return nil, time.Minute
	}
	now, wait := d.sim.config.Now(), time.Minute
	for i, candidate := range d.queue {
		until := candidate.at.Sub(now)
		if until <= 0 {
			d.queue = slices.Delete(d.queue, i, i+1)
			return &candidate, 0
		}
		wait = min(wait, until)
	}
	return nil, wait
}

// deliver sends one event to one endpoint, and plans the next try.
func (d *deliveries) deliver(ctx context.Context, one delivery) {
	if one.dropped {
		d.note(one.key, false)
		return
	}
	sent, err := d.send(ctx, one.key)
	if err == nil {
		d.note(one.key, sent)
		return
	}
	if ctx.Err() != nil {
		return
	}
	schedule := d.sim.config.RetrySchedule
	if one.attempt >= len(schedule) {
		d.sim.log.WarnContext(ctx, "an event could not be delivered; giving up", "event", one.key.Event, "error", err)
		d.note(one.key, false)
		return
	}
	d.sim.log.InfoContext(ctx, "an event could not be delivered; trying again", "event", one.key.Event, "in", schedule[one.attempt], "error", err)
	one.at = d.sim.config.Now().Add(schedule[one.attempt])
	one.attempt++
	d.push(one)
}

// note keeps that an endpoint has taken an event, or that it is not to get it
// any more.
func (d *deliveries) note(key deliveryKey, taken bool) {
	d.sim.mu.Lock()
	defer d.sim.mu.Unlock()
	line := record{GivenUp: []deliveryKey{key}}
	if taken {
		line = record{Delivered: []deliveryKey{key}}
	}
	if d.sim.state.undelivered[key] == 0 {
		return // a duplicate, or forgotten meanwhile
	}
	if err := d.sim.journal.append(line); err != nil {
		d.sim.log.Error("a delivery could not be noted", "error", err)
	}
	d.sim.state.replay(line)
}

// send posts an event to an endpoint, signed with real time. Anything but 2xx
// is an error, a redirect too. Nothing is sent where the endpoint is disabled
// or gone.
func (d *deliveries) send(ctx context.Context, key deliveryKey) (sent bool, err error) {
	d.sim.mu.Lock()
	endpoint, event := d.sim.state.objects[key.Endpoint], d.sim.state.objects[key.Event]
	d.sim.mu.Unlock()
	if endpoint == nil || event == nil || endpoint.boolean("_gone") || endpoint.text("status") != "enabled" {
		return false, nil
	}
	body, err := json.MarshalIndent(render(event, endpoint.text("api_version")), "", "  ")
	if err != nil {
		return false, fmt.Errorf("render %s: %w", key.Event, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.text("url"), bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	request.Header.Set("Stripe-Signature", signature(body, d.sim.config.Now(), endpoint.text("_secret")))
	client := *d.sim.config.HTTPClient
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)); err != nil {
		return false, err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return false, fmt.Errorf("the endpoint answered %d", response.StatusCode)
	}
	return true, nil
}

// signature is the Stripe-Signature header: the time, the MAC under the secret,
// and a v0 that receivers have to pass over.
func signature(body []byte, at time.Time, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.", at.Unix())
	mac.Write(body)
	sum := hex.EncodeToString(mac.Sum(nil))
	return fmt.Sprintf("t=%d,v1=%s,v0=%s", at.Unix(), sum, strings.Repeat("0", 64))
}

func createWebhookEndpoint(t *transaction, _ []string, p params) (any, *apiError) {
	if fault := p.required("url", "enabled_events"); fault != nil {
		return nil, fault
	}
	version := p.text("api_version")
	switch {
	case version == "":
		version = APIVersion
	case !knownVersion(version):
		return nil, invalidParam("api_version", "", "The simulator shows events as "+APIVersion+" does, or as versions before 2025-03-31 do: not as "+version+".")
	}
	secret := newID("whsec_")
	endpoint := object{
		"id": newID("we_1"), "object": "webhook_endpoint", "api_version": version, "application": nil,
		"created": t.time, "description": nil, "enabled_events": []any{},
		"livemode": false, "metadata": object{}, "status": "enabled", "url": nil, "_secret": secret,
	}
	if fault := setEndpoint(endpoint, p); fault != nil {
		return nil, fault
	}
	t.put(endpoint)
	shown := cloneObject(endpoint)
	shown["secret"] = secret // here and never again
	return shown, nil
}

func updateWebhookEndpoint(t *transaction, args []string, p params) (any, *apiError) {
	if _, fault := t.find("webhook_endpoint", args[0], "webhook_endpoint"); fault != nil {
		return nil, fault
	}
	endpoint := t.edit(args[0])
	if fault := setEndpoint(endpoint, p); fault != nil {
		return nil, fault
	}
	if p.has("disabled") {
		endpoint["status"] = "enabled"
		if p.boolean("disabled", false) {
			endpoint["status"] = "disabled"
		}
	}
	return endpoint, nil
}

func setEndpoint(endpoint object, p params) *apiError {
	if p.has("url") {
		address, err := url.Parse(p.text("url"))
		if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
			return invalidParam("url", "url_invalid", "Invalid URL: An explicit scheme (such as https) must be provided.")
		}
		endpoint["url"] = p.text("url")
	}
	if p.has("enabled_events") {
		events := p.list("enabled_events")
		if len(events) == 0 {
			return missingParam("enabled_events")
		}
		for i, event := range events {
			if name := event.(string); name != "*" && !eventName.MatchString(name) {
				return invalidParam(fmt.Sprintf("enabled_events[%d]", i), "", "Invalid enabled_events: "+name+" is neither * nor the type of an event.")
			}
		}
		endpoint["enabled_events"] = events
	}
	if p.has("description") {
		endpoint["description"] = orNull(p.text("description"))
	}
	return setMetadata(endpoint, p)
}

var eventName = regexp.MustCompile(`^[a-z_0-9]+(\.[a-z_0-9]+)+$`)

func deleteWebhookEndpoint(t *transaction, args []string, _ params) (any, *apiError) {
	if _, fault := t.find("webhook_endpoint", args[0], "webhook_endpoint"); fault != nil {
		return nil, fault
	}
	t.edit(args[0])["_gone"] = true
	return object{"id": args[0], "object": "webhook_endpoint", "deleted": true}, nil
}
