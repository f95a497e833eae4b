package outbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/numerai-app/payments"
)

const (
	// defaultTimeout bounds an attempt, from the look-up of the host's name to
	// the end of its answer. A host should note the message and work later.
	defaultTimeout = 10 * time.Second
	// maxAnswer is how much of an answer is read, in bytes, and thrown away:
	// a connection whose answer was read serves again.
	maxAnswer = 16 << 10
	// maxHeaders bounds the headers of an answer, in bytes.
	maxHeaders = 32 << 10
)

// Messenger is a payments.Messenger. It is safe for concurrent use.
type Messenger struct {
	client *http.Client
	agent  string
	now    func() time.Time
}

var _ payments.Messenger = (*Messenger)(nil)

// Config is what a messenger may be told. The zero value is the default.
type Config struct {
	// Timeout bounds an attempt. Default: ten seconds.
	Timeout time.Duration
	// Version is that of this program, for the User-Agent. Default: none is said.
	Version string
	// Now is the machine's clock, by which hosts judge how old a message is.
	// Default: time.Now.
	Now func() time.Time
}

// New makes a messenger.
func New(c Config) *Messenger {
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ForceAttemptHTTP2:      true,
		IdleConnTimeout:        time.Minute,
		MaxIdleConns:           20,
		MaxResponseHeaderBytes: maxHeaders,
	}
	m := &Messenger{
		client: &http.Client{
			Transport: transport,
			Timeout:   c.Timeout,
			// Where a message goes is what the administrator said, not the host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		agent: strings.TrimSuffix("payments/"+c.Version, "/"),
		now:   c.Now,
	}
	if m.client.Timeout == 0 {
		m.client.Timeout = defaultTimeout
	}
	if m.now == nil {
		m.now = time.Now
	}
	return m
}

// Post sends a message once and returns the status of the answer.
func (m *Messenger) Post(ctx context.Context, message payments.Message) (int, error) {
	request, err := m.request(ctx, message)
	if err != nil {
		return 0, err
	}
	response, err := m.client.Do(request)
	if err != nil {
		return 0, inWords(err)
	}
	defer response.Body.Close()
	// What the host says beside its status is nobody's business; a body that
	// breaks off does not undo that it took the message.
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
	return response.StatusCode, nil
}

func (m *Messenger) request(ctx context.Context, message payments.Message) (*http.Request, error) {
	now := m.now()
	signatures := make([]string, len(message.Secrets))
	for i, secret := range message.Secrets {
		webhook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return nil, errors.New("the endpoint's secret is no whsec_ secret") // the cause may show it
		}
		if signatures[i], err = webhook.Sign(message.ID, now, message.Body); err != nil {
			return nil, fmt.Errorf("sign the message: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, message.URL, bytes.NewReader(message.Body))
	if err != nil {
		return nil, errors.New("the endpoint's URL is none")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", m.agent)
	request.Header.Set(standardwebhooks.HeaderWebhookID, message.ID)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return request, nil
}

// inWords is an error without the URL, which may hold a token of the host's.
func inWords(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("no answer in time")
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
