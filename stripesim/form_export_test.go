package stripesim

import "strconv"

// WatchUnread has a function told of each call that succeeded although nothing
// had read some of its parameters. The filters of a list are read row by row,
// so an empty list says nothing of them.
func (s *Simulator) WatchUnread(tell func(operation string, names []string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served = func(r *request, result any) {
		if page, isList := result.(list); isList && len(page.Data) == 0 {
			return
		}
		if names := r.call.unread(""); len(names) > 0 {
			tell(r.route.method+" "+r.route.path, names)
		}
	}
}

// unread names what was sent and was not read, in the order of the alphabet.
func (f form) unread(prefix string) []string {
	var names []string
	for _, name := range sortedNames(f) {
		if given, ok := f[name].(*sent); ok {
			names = append(names, given.unread(paramName(prefix, name))...)
		}
	}
	return names
}

func (s *sent) unread(name string) []string {
	if !s.read {
		return []string{name}
	}
	switch value := s.value.(type) {
	case form:
		return value.unread(name)
	case []any:
		var names []string
		for i, element := range value {
			if inner, ok := element.(form); ok {
				names = append(names, inner.unread(paramName(name, strconv.Itoa(i)))...)
			}
		}
		return names
	}
	return nil
}
