//go:build !unix

package main

import (
	"fmt"
	"os"
)

// lockDir makes the folder. Where there is no flock, nothing keeps a second
// process from the same folder.
func lockDir(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder %s, or choose another --dir: %w", dir, err)
	}
	return func() error { return nil }, nil
}
