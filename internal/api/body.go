package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/numerai-app/payments"
)

const (
	// maxBody is the largest body of a request, in bytes; events may be larger.
	maxBody = 64 << 10
	// bodyTime is how long a caller may take to send a body.
	bodyTime = 15 * time.Second
)

// readBody reads a whole body, bounded in size and in time. The time is that of
// the body alone: a deadline that stayed on the connection would later cut off
// the work that the request asks for.
func readBody(w http.ResponseWriter, r *http.Request, size int64, tooLong string) ([]byte, *problem) {
	if r.ContentLength > size {
		return nil, tooLarge(tooLong)
	}
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(bodyTime)) // not every writer has a connection
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, size))
	_ = connection.SetReadDeadline(time.Time{})
	var exceeded *http.MaxBytesError
	switch {
	case errors.As(err, &exceeded):
		return nil, tooLarge(tooLong)
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, payments.CodeInvalidRequest, "The body could not be read.")
	}
	return body, nil
}

// takeBody reads and checks a request's body before any handler sees it. From
// here on a request is JSON in and JSON out, whatever its headers ask for.
func takeBody(w http.ResponseWriter, r *http.Request) *problem {
	if (r.Method == http.MethodPost || r.Method == http.MethodPatch) && !isJSON(r.Header.Get("Content-Type")) {
		return newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", "Send the body as application/json.")
	}
	body, p := readBody(w, r, maxBody, "A request has 64 KiB at most.")
	if p != nil {
		return p
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Del("Accept")
	return nil
}

func isJSON(contentType string) bool {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/json" {
		return false
	}
	charset, given := parameters["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// strictJSON is JSON with nothing in it that two readers could take for two
// things: no broken UTF-8, no name given twice, nothing after the value.
var strictJSON = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalStrict}

// unmarshalStrict words its errors like huma's own findings; fieldError reads
// both.
func unmarshalStrict(data []byte, v any) error {
	if !utf8.Valid(data) || !json.Valid(data) {
		return errors.New("the body is not JSON in UTF-8")
	}
	if err := checkNames(json.NewDecoder(bytes.NewReader(data))); err != nil {
		return err
	}
	err := json.Unmarshal(data, v)
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mismatch) && mismatch.Field != "":
		return fmt.Errorf("expected property %s to be %s", mismatch.Field, kindInWords(mismatch))
	case err != nil:
		return errors.New("the body has a number that is too large")
	}
	return nil
}

func kindInWords(mismatch *json.UnmarshalTypeError) string {
	if strings.HasPrefix(mismatch.Type.Kind().String(), "int") {
		return "a whole number, written as digits"
	}
	return "a " + mismatch.Type.Kind().String()
}

// checkNames reads one value and refuses an object that has a name twice.
func checkNames(decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return errors.New("the body has a number that is too large")
	}
	opening, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[json.Token]bool{}
	for decoder.More() {
		if opening == '{' {
			name, err := decoder.Token()
			if err != nil {
				return errors.New("the body is not JSON")
			}
			if seen[name] {
				return fmt.Errorf("expected property %s to be there once", name)
			}
			seen[name] = true
		}
		if err := checkNames(decoder); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
}
