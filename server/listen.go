package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/numerai-app/payments/internal/api"
)

const (
	// drainTime is how long requests and jobs under way may take to finish
	// when the service stops.
	drainTime = 30 * time.Second
	// answerTime bounds a request, the longest of which subscribes a user: it
	// may wait 10 seconds for another one and then works for 50.
	answerTime     = 75 * time.Second
	readTime       = 15 * time.Second
	headerTime     = 5 * time.Second
	idleTime       = 2 * time.Minute
	maxHeaderBytes = 32 << 10
)

// ListenAndServe serves the API on Addr and the operator's pages on OpsAddr,
// and runs the jobs, until ctx is done; then it finishes what is under way. It
// calls ready with the API's base URL once requests are accepted.
func (s *Server) ListenAndServe(ctx context.Context, ready func(baseURL string)) error {
	listener, err := listen(ctx, s.config.Addr)
	if err != nil {
		return err
	}
	return s.Serve(ctx, listener, ready)
}

// Serve is ListenAndServe with a listener in place of Addr. It closes the
// listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener, ready func(baseURL string)) (err error) {
	servers := map[net.Listener]http.Handler{listener: s.handler}
	if s.config.OpsAddr != "" {
		ops, err := listen(ctx, s.config.OpsAddr)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		servers[ops] = s.opsHandler()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	faults := make(chan error, len(servers)+1)
	start := func(run func() error) {
		group.Go(func() {
			if err := run(); err != nil {
				faults <- err
				stop() // one part without the others is no service
			}
		})
	}
	for listener, handler := range servers {
		start(func() error { return serve(ctx, listener, handler) })
	}
	start(func() error { return s.Run(ctx) })
	ready("http://" + listener.Addr().String())
	group.Wait()
	close(faults)
	for fault := range faults {
		err = errors.Join(err, fault)
	}
	return err
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return listener, nil
}

// ServeHandler answers requests until ctx is done, then finishes those under
// way and closes the listener. It has the same bounds as the service's own
// server, and serves what is no part of it, such as the simulator.
func ServeHandler(ctx context.Context, listener net.Listener, handler http.Handler) error {
	return serve(ctx, listener, handler)
}

// serve answers requests until ctx is done, then finishes those under way.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: answerTime,
		IdleTimeout: idleTime, MaxHeaderBytes: maxHeaderBytes,
	}
	drained := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		drained <- server.Shutdown(draining)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	return <-drained
}

// opsHandler is what operators see: metrics, health and profiles.
func (s *Server) opsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", s.metrics.Handler())
	mux.Handle("/healthz", api.HealthHandler(s.service))
	mux.Handle("/readyz", api.HealthHandler(s.service))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
