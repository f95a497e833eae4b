//go:build linux

package bench_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tick is the unit in which Linux counts processor time for all to read.
const tick = 10 * time.Millisecond

// processorTime is what a process, and with children those that it started and
// that still run, took of the processors so far.
func processorTime(b *testing.B, pid int, children bool) time.Duration {
	b.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	var ticks int
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// After the name, which is in parentheses and may hold anything.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		own := strings.HasPrefix(path, "/proc/"+strconv.Itoa(pid)+"/")
		if parent := number(fields[1]); own || children && parent == pid {
			ticks += number(fields[11]) + number(fields[12])
		}
	}
	return time.Duration(ticks) * tick
}

// residentMemory is what a process has in memory, in bytes.
func residentMemory(b *testing.B, pid int) int {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			return number(strings.Fields(value)[0]) << 10
		}
	}
	b.Fatal("the kernel does not say how much memory the process has")
	return 0
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
