package payments

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"io"
	"strings"
	"time"
)

// The prefixes of the ids that we make. They differ from Stripe's, so that an
// id tells by itself whose it is.
const (
	prefixSubscription = "psub_"
	prefixPayment      = "ppay_"
	prefixBillingEntry = "pbil_"
	prefixOperation    = "pop_"
	prefixOutbound     = "pevt_"
	prefixEndpoint     = "pep_"
	prefixKey          = "pkey_"
)

// crockford is base32 in an alphabet whose order is that of the bytes, so ids sort by time.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewIDs returns the default maker of ids: the prefix and a UUIDv7 (RFC 9562)
// in base32, 26 characters that sort by the time they were made.
func NewIDs(now func() time.Time, random io.Reader) func(prefix string) string {
	if random == nil {
		random = rand.Reader
	}
	return func(prefix string) string {
		var id [16]byte
		if _, err := io.ReadFull(random, id[6:]); err != nil {
			panic("payments: no randomness: " + err.Error()) // crypto/rand never fails on a supported system
		}
		var millis [8]byte
		binary.BigEndian.PutUint64(millis[:], uint64(now().UnixMilli()))
		copy(id[:6], millis[2:])
		id[6] = id[6]&0x0f | 0x70
		id[8] = id[8]&0x3f | 0x80
		return prefix + strings.ToLower(crockford.EncodeToString(id[:]))
	}
}
