package jobs

import (
	"context"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/numerai-app/payments"
)

// reporter tells people of jobs that failed: once more than needed is better
// than a job that is silently given up. Jobs name objects by id, so nothing of
// what they hold is secret, but their arguments stay out of the log anyway.
type reporter struct{ log *slog.Logger }

// HandleError is called when a job failed. Its last try ends it, whatever River
// would still grant.
func (r *reporter) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	switch {
	case !isLast(job):
		r.log.WarnContext(ctx, "a job failed and will be tried again", append(describe(job), "error", err)...)
	case isPeriodic(job):
		r.log.WarnContext(ctx, "a periodic job failed; the next one does its work", append(describe(job), "error", err)...)
	default:
		r.log.ErrorContext(ctx, "a job failed and is given up", append(describe(job), "error", err)...)
		return &river.ErrorHandlerResult{SetCancelled: true}
	}
	return nil
}

func isPeriodic(job *rivertype.JobRow) bool { return job.Queue == pollQueue || job.Queue == sweepQueue }

// HandlePanic is called when a job panicked, which River survives.
func (r *reporter) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	r.log.ErrorContext(ctx, "a job panicked", append(describe(job), "panic", value, "trace", trace)...)
	return nil
}

func describe(job *rivertype.JobRow) []any {
	return []any{"job", job.ID, "kind", job.Kind, "attempt", job.Attempt, "of", min(job.MaxAttempts, payments.MaxAttempts)}
}

// quietHandler passes on River's own words from warnings up: what it does
// otherwise is told by what our jobs do.
type quietHandler struct{ slog.Handler }

func (h quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(attrs)}
}

func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name)}
}
