package stripe

import (
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	stripego "github.com/stripe/stripe-go/v85"
)

// signatureTolerance is how far the time of a signature may be from ours.
const signatureTolerance = 5 * time.Minute

// maxSignatureLength bounds the header; Stripe's has some hundred bytes.
const maxSignatureLength = 8 << 10

// verifySignature checks a Stripe-Signature header against the raw body: an
// HMAC-SHA256 of the time and the body by one of our secrets, of which there
// are several while one is being rolled. Every pair is compared, in constant
// time.
//
// Unlike stripe-go's check it also refuses what is signed more than five
// minutes ahead. Such a body could be replayed for longer than it should, and
// it tells that this machine's clock is wrong.
func (c *Client) verifySignature(payload []byte, header string) error {
	signed, signatures, err := parseSignature(header)
	if err != nil {
		return invalidEvent("The Stripe-Signature header is missing or malformed.", err)
	}
	fits := false
	for _, secret := range c.webhookSecrets {
		expected := stripego.ComputeSignature(signed, payload, secret)
		for _, signature := range signatures {
			fits = hmac.Equal(expected, signature) || fits
		}
	}
	if !fits {
		return invalidEvent("The body is not signed with a webhook secret of this service.", nil)
	}
	if age := c.now().Sub(signed); age > signatureTolerance || age < -signatureTolerance {
		return invalidEvent("The signature's time is more than five minutes from this machine's.",
			fmt.Errorf("signed at %s", signed.UTC().Format(time.RFC3339)))
	}
	return nil
}

// maxSignatures bounds the work that one header can ask for.
const maxSignatures = 16

// parseSignature reads t=…,v1=…[,v1=…]. Other schemes, such as the v0 of test
// events, are noise.
func parseSignature(header string) (signed time.Time, signatures [][]byte, err error) {
	if len(header) > maxSignatureLength {
		return time.Time{}, nil, errors.New("too long")
	}
	for part := range strings.SplitSeq(header, ",") {
		scheme, value, _ := strings.Cut(part, "=")
		switch scheme {
		case "t":
			if !signed.IsZero() {
				return time.Time{}, nil, errors.New("two times")
			}
			seconds, err := strconv.ParseInt(value, 10, 64)
			if err != nil || seconds < 0 || seconds > lastSecond {
				return time.Time{}, nil, errors.New("its time is no number of seconds")
			}
			signed = time.Unix(seconds, 0)
		case "v1":
			if signature, err := hex.DecodeString(value); err == nil {
				signatures = append(signatures, signature)
			}
		}
	}
	switch {
	case signed.IsZero():
		return time.Time{}, nil, errors.New("no time")
	case len(signatures) == 0:
		return time.Time{}, nil, errors.New("no v1 signature")
	case len(signatures) > maxSignatures:
		return time.Time{}, nil, errors.New("too many signatures")
	}
	return signed, signatures, nil
}
