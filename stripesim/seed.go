package stripesim

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	random "math/rand/v2"
)

// reseed sets the sources of ids and of chance for the state as it is. A seed
// makes the same of the same state, and never makes an id twice: objects that
// were made move the sources on. The caller holds the lock.
func (s *Simulator) reseed() {
	s.ids, s.chance = s.config.Random, s.source("chance")
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

// draw is a number from 0 to 1, by chance; 1 never comes. The caller holds the
// lock.
func (s *Simulator) draw() float64 {
	const digits = 53 // of a float64
	return float64(s.chance.Uint64()>>(64-digits)) / (1 << digits)
}

// randomText is that many letters and digits. The caller holds the lock.
func (s *Simulator) randomText(length int) string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	const fair = 256 - 256%len(letters)
	chosen := make([]byte, 0, length)
	buffer := make([]byte, length+length/4)
	for len(chosen) < length {
		if _, err := io.ReadFull(s.ids, buffer); err != nil {
			panic("stripesim: no randomness: " + err.Error())
		}
		for _, b := range buffer {
			if int(b) < fair && len(chosen) < length {
				chosen = append(chosen, letters[int(b)%len(letters)])
			}
		}
	}
	return string(chosen)
}
