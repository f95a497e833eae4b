package stripesim

// shape declares the parameters of an operation. What is not declared is
// refused as Stripe refuses what it does not know.
type shape map[string]field

// field declares one parameter.
type field struct {
	kind     fieldKind
	words    []string // the values that a word may have; the keywords of a time
	min, max int64
	fields   shape  // of a hash
	element  *field // of a list or a map
	required bool
	// clears says that it may be sent empty, to take a value away.
	clears bool
}

type fieldKind int

const (
	textField fieldKind = iota
	wordField
	integerField
	booleanField
	timeField
	hashField
	listField
	metadataField
	rangeField
	mapField // a hash of any names, whose values are all alike
)

const (
	maxText = 5000
	maxList = 500
)

func aText() field                   { return field{kind: textField, max: maxText} }
func aWord(words ...string) field    { return field{kind: wordField, words: words} }
func anInteger(min, max int64) field { return field{kind: integerField, min: min, max: max} }
func aBoolean() field                { return field{kind: booleanField} }
func aTime(keywords ...string) field { return field{kind: timeField, words: keywords} }
func aHash(fields shape) field       { return field{kind: hashField, fields: fields} }
func aList(element field) field      { return field{kind: listField, element: &element} }
func aMapOf(element field) field     { return field{kind: mapField, element: &element} }
func aMetadata() field               { return field{kind: metadataField, clears: true} }
func aRange() field                  { return field{kind: rangeField} }

func (f field) must() field             { f.required = true; return f }
func (f field) orEmpty() field          { f.clears = true; return f }
func (f field) upTo(length int64) field { f.max = length; return f }

// isFixed says that a parameter can have one value only, so that to check it is
// to honour it.
func (f field) isFixed() bool {
	if f.kind == listField {
		return f.element.isFixed()
	}
	return f.kind == wordField && len(f.words) == 1
}

// with is a shape and the fields of others.
func (s shape) with(others ...shape) shape {
	joined := shape{}
	for _, one := range append([]shape{s}, others...) {
		for name, field := range one {
			joined[name] = field
		}
	}
	return joined
}
