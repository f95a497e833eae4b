package stripesim

import (
	_ "embed"
	"regexp"
	"strings"
)

//go:generate go test . -run TestDescription -update

// unsupportedList has, for each operation, what Stripe takes and the simulator
// does not: names of parameters, name=word for a word, name= for being cleared.
//
//go:embed unsupported.txt
var unsupportedList string

// parseUnsupported reads the list: what is not supported, by operation.
func parseUnsupported(list string) map[string]map[string]bool {
	byOperation := map[string]map[string]bool{}
	for line := range strings.Lines(list) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] == "#" {
			continue
		}
		refused := map[string]bool{}
		for _, word := range words[2:] {
			refused[word] = true
		}
		byOperation[words[0]+" "+words[1]] = refused
	}
	return byOperation
}

// index is the place of an element in a list of parameters, or its name in a map.
var index = regexp.MustCompile(`\[\d+\]|(currency_options)\[\w+\]`)

// judge says of a refusal of parameters whether Stripe would have taken them:
// then it is the simulator that lacks something.
func (o *operation) judge(fault *apiError) *apiError {
	name := index.ReplaceAllString(fault.param, "$1")
	switch {
	case fault.code == "parameter_unknown" && o.unsupported[name]:
		return unsupported(fault.param, "the parameter "+fault.param)
	case fault.code == "parameter_invalid_empty" && o.unsupported[name+"="]:
		return unsupported(fault.param, "an empty "+fault.param)
	case fault.word != "" && o.unsupported[name+"="+fault.word]:
		return unsupported(fault.param, "the value "+fault.word+" of "+fault.param)
	}
	return fault
}
