package api

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

const (
	// keysTimeout bounds a read of an identity provider's keys.
	keysTimeout = 5 * time.Second
	// maxKeys bounds what is read, in bytes.
	maxKeys = 1 << 20
	// keysFreshness is the age at which the keys are read again, so that one
	// that was withdrawn does not serve for ever.
	keysFreshness = time.Hour
	// keysLifetime is the age at which they serve no more, while the provider
	// does not answer: one of them may have been withdrawn since.
	keysLifetime = 24 * time.Hour
	// keysPause is how long after a read the next one may follow. Anybody can
	// send a token that no key fits, and must not thereby load the provider.
	keysPause = 10 * time.Second
)

// keys are those of an identity provider. They are read when they are needed,
// so a provider that is away when the service starts harms nobody for longer
// than it is away.
type keys struct {
	url    string
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	reading sync.Mutex // held by the one who reads
	mu      sync.Mutex // guards what follows
	set     jwk.Set    // nil before the first answer
	readAt  time.Time  // of set
	triedAt time.Time
}

// current returns the keys, nil if the provider never gave any. Who comes while
// another reads goes on with the keys that are there.
func (k *keys) current(ctx context.Context) jwk.Set {
	set, age := k.known()
	if set == nil || age >= keysFreshness {
		return k.refresh(ctx)
	}
	return set
}

func (k *keys) known() (jwk.Set, time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	age := k.now().Sub(k.readAt)
	if age >= keysLifetime {
		k.set = nil
	}
	return k.set, age
}

// refresh reads the keys again, unless that was just tried, and returns the
// newest that are known.
func (k *keys) refresh(ctx context.Context) jwk.Set {
	if set, _ := k.known(); set == nil {
		k.reading.Lock()
	} else if !k.reading.TryLock() {
		return set
	}
	defer k.reading.Unlock()
	k.mu.Lock()
	set, wait := k.set, !k.triedAt.IsZero() && k.now().Sub(k.triedAt) < keysPause
	k.mu.Unlock()
	if wait {
		return set
	}
	// Others wait for this read too: it does not end with its caller.
	read, err := k.read(context.WithoutCancel(ctx))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.triedAt = k.now()
	if err != nil {
		k.log.WarnContext(ctx, "the identity provider's keys could not be read; the last known ones serve", "error", err)
		return k.set
	}
	k.set, k.readAt = read, k.triedAt
	return k.set
}

func (k *keys) read(ctx context.Context) (jwk.Set, error) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the keys: %w", err)
	}
	response, err := k.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the keys: the provider answered %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxKeys))
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	set, err := jwk.Parse(body, jwk.WithIgnoreParseError(true)) // a key of a kind that we do not know is none of ours
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	return set, nil
}

// keyTypes has the algorithms that an identity provider may use, each with the
// one type of key that goes with it. No secret is among them: whatever a
// provider publishes, a public key never serves as one.
var keyTypes = map[jwa.SignatureAlgorithm]jwa.KeyType{
	jwa.RS256(): jwa.RSA(),
	jwa.ES256(): jwa.EC(),
	jwa.EdDSA(): jwa.OKP(),
}

// fitting returns the keys that may have signed with an algorithm: those of the
// token's kid, or all where it, or the key, has none.
func fitting(set jwk.Set, algorithm jwa.SignatureAlgorithm, kid string) []jwk.Key {
	if set == nil {
		return nil
	}
	var list []jwk.Key
	for i := range set.Len() {
		key, ok := set.Key(i)
		if !ok || key.KeyType() != keyTypes[algorithm] {
			continue
		}
		if own, named := key.KeyID(); named && kid != "" && own != kid {
			continue
		}
		if use, said := key.KeyUsage(); said && use != "" && use != jwk.ForSignature.String() {
			continue
		}
		if own, said := key.Algorithm(); said && own.String() != algorithm.String() {
			continue
		}
		list = append(list, key)
	}
	return list
}
