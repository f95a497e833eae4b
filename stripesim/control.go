package stripesim

import (
	"encoding/json"
	"net/http"
	"strings"
)

// control answers the calls under /_sim/, which no client of Stripe can make.
func (s *Simulator) control(w http.ResponseWriter, r *http.Request, body []byte) {
	var err error
	var answer any = map[string]bool{"ok": true}
	call := r.Method + " " + strings.TrimPrefix(strings.TrimSuffix(r.URL.Path, "/"), "/_sim")
	switch {
	case call == "GET /clock":
		answer = map[string]any{"now": s.Now()}
	case call == "POST /advance":
		var request struct {
			Seconds int64 `json:"seconds"`
		}
		if err = decodeControl(body, &request); err == nil {
			err = s.advanceSeconds(r.Context(), request.Seconds)
		}
		answer = map[string]any{"now": s.Now()}
	case call == "POST /faults":
		var fault Fault
		if err = decodeControl(body, &fault); err == nil {
			err = s.AddFault(fault)
		}
	case call == "DELETE /faults":
		s.ClearFaults()
	case call == "POST /deliveries/faults":
		var fault DeliveryFault
		if err = decodeControl(body, &fault); err == nil {
			err = s.AddDeliveryFault(fault)
		}
	case call == "POST /deliveries/pause":
		s.PauseDeliveries(true)
	case call == "POST /deliveries/resume":
		s.PauseDeliveries(false)
	case call == "POST /reset":
		err = s.reset()
	case strings.HasPrefix(call, "POST /payment_intents/") && strings.HasSuffix(call, "/authenticate"):
		id := strings.TrimSuffix(strings.TrimPrefix(call, "POST /payment_intents/"), "/authenticate")
		request := struct {
			Succeeded bool `json:"succeeded"`
		}{Succeeded: true}
		if err = decodeControl(body, &request); err == nil {
			answer, err = s.Authenticate(id, request.Succeeded)
		}
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "There is no such control call: " + call + "."})
		return
	}
	if err != nil {
		s.write(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	s.write(w, http.StatusOK, answer)
}
