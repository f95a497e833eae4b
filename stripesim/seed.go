package stripesim

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"io"
	random "math/rand/v2"
)

// reseed sets the sources of ids and of chance for the state as it is. A seed
// makes the same of the same state, and never makes an id twice: objects that
// were made move the sources on. The caller holds the lock.
func (s *Simulator) reseed() {
	s.ids, s.chance, s.ordinals = s.config.Random, s.source("chance").Uint64(), map[string]uint64{}
	if s.config.Random == nil {
		s.ids = s.source("ids")
	}
}

// source is a stream of random bytes for one purpose.
func (s *Simulator) source(purpose string) *random.ChaCha8 {
	var seed [32]byte
	if s.config.Seed != 0 {
		seed = sha256.Sum256(fmt.Appendf(nil, "%s %d %d", purpose, s.config.Seed, s.state.serial))
	} else if _, err := io.ReadFull(rand.Reader, seed[:]); err != nil {
		panic("stripesim: no randomness: " + err.Error())
	}
	return random.NewChaCha8(seed)
}

// maxOrdinals bounds what chance remembers of calls that were made before.
const maxOrdinals = 100_000

// chanceFor decides by chance what happens to one of several things of a name.
// What it decides depends on the name and on how many of it there were before,
// and on nothing else that happens meanwhile. The caller holds the lock.
func (s *Simulator) chanceFor(name string) *random.Rand {
	if len(s.ordinals) >= maxOrdinals {
		clear(s.ordinals)
	}
	s.ordinals[name]++
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%s %d", name, s.ordinals[name])
	return random.New(random.NewPCG(s.chance, hash.Sum64()))
}

// idLetters are the letters of ids.
const idLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomText is that many letters and digits. The caller holds the lock.
func (s *Simulator) randomText(length int) string {
	const fair = 256 - 256%len(idLetters)
	chosen := make([]byte, 0, length)
	buffer := make([]byte, length+length/4)
	for len(chosen) < length {
		if _, err := io.ReadFull(s.ids, buffer); err != nil {
			panic("stripesim: no randomness: " + err.Error())
		}
		for _, b := range buffer {
			if int(b) < fair && len(chosen) < length {
				chosen = append(chosen, idLetters[int(b)%len(idLetters)])
			}
		}
	}
	return string(chosen)
}
