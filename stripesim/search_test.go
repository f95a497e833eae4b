package stripesim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

func (w *world) search(kind, asked, more string) answer {
	w.t.Helper()
	return w.call(http.MethodGet, "/v1/"+kind+"/search?"+query("query", asked)+more, "")
}

func TestSearchOfCustomers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	names := map[string]string{}
	for name, body := range map[string]string{
		"ada":  "email=Ada@example.com&name=Ada Lovelace&metadata[user]=u1&metadata[plan]=Gold",
		"bob":  "email=bob@example.org&name=Bob \"B\" Ross&phone=%2B4912345&metadata[user]=u2&metadata[plan]=gold",
		"cleo": "name=Cleo",
		"gone": "email=ada@example.com&metadata[user]=u1",
	} {
		names[w.post("/v1/customers", body).text("id")] = name
	}
	for id, name := range names {
		if name == "gone" {
			w.succeed(http.MethodDelete, "/v1/customers/"+id, "")
		}
	}
	for asked, want := range map[string][]string{
		`email:"ada@example.com"`: {"ada"},
		`email:'ADA@example.com'`: {"ada"},
		`email:"ada"`:             nil,
		`email~"example"`:         {"ada", "bob"},
		`-email~"example"`:        {"cleo"},
		`email:null`:              {"cleo"},
		`metadata["user"]:"u1"`:   {"ada"},
		`metadata['plan']:'GOLD'`: {"ada", "bob"},
		`metadata["plan"]:"gold" AND metadata["user"]:"u2"`: {"bob"},
		`metadata["plan"]:"gold" metadata["user"]:"u2"`:     {"bob"},
		`metadata["user"]:"u1" OR metadata["user"]:"u2"`:    {"ada", "bob"},
		`metadata["user"]:"u1" or name:"Cleo"`:              {"ada", "cleo"},
		`metadata["plan"]:"gold" AND -email~"ada"`:          {"bob"},
		`-metadata["user"]:null`:                            {"ada", "bob"},
		`metadata["user"]:null`:                             {"cleo"},
		`name:"Bob \"B\" Ross"`:                             {"bob"},
		`phone:"+4912345"`:                                  {"bob"},
		`created>0 AND name~"ada"`:                          {"ada"},
		`created<1`:                                         nil,
	} {
		var got []string
		for _, row := range w.search("customers", asked, "").rows() {
			got = append(got, names[row.text("id")])
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", asked, diff)
		}
	}
}

func TestSearchOfEachKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	made := w.subscribe(customer, "&metadata[k]=v")
	product := w.get("/v1/prices/" + w.price).text("product")
	for _, test := range []struct {
		kind, query string
		want        int
	}{
		{"subscriptions", `status:"active" AND metadata["k"]:"v"`, 1},
		{"subscriptions", `status:"canceled"`, 0},
		{"subscriptions", `-canceled_at:null`, 0},
		{"invoices", `total>1999 AND total<=2000 AND currency:"usd"`, 1},
		{"invoices", `total>2000`, 0},
		{"invoices", fmt.Sprintf("subscription:%q", made.text("id")), 1},
		{"invoices", fmt.Sprintf("number:%q", made.text("latest_invoice.number")), 1},
		{"prices", `active:"true" AND type:"recurring"`, 1},
		{"prices", fmt.Sprintf("product:%q AND -lookup_key:null", product), 0},
		{"products", `name~"tea" AND active:"true"`, 1},
		{"products", `name~"coffee"`, 0},
		{"charges", `amount:2000 AND payment_method_details.card.last4:"4242" AND refunded:"false"`, 1},
		{"charges", `payment_method_details.card.brand:"mastercard"`, 0},
		{"payment_intents", fmt.Sprintf("amount>=2000 AND status:\"succeeded\" AND customer:%q", customer), 1},
	} {
		if got := w.search(test.kind, test.query, ""); len(got.rows()) != test.want {
			t.Errorf("%s %s: %d, want %d: %v", test.kind, test.query, len(got.rows()), test.want, got.at("error"))
		}
	}
	if got := w.search("subscriptions", `status:"active"`, "&expand[]=data.customer"); got.text("data.0.customer.id") != customer {
		t.Errorf("expanded: %v", got.object)
	}
	w.post("/v1/subscriptions/"+made.text("id"), "metadata[k]=")
	if got := w.search("subscriptions", `metadata["k"]:"v"`, ""); len(got.rows()) != 0 {
		t.Errorf("the old metadata is found: %v", got.object)
	}
}

func TestSearchInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	var want, got []string
	for i := range 5 {
		want = append(want, w.post("/v1/customers", fmt.Sprintf("name=n%d&metadata[a]=b", i)).text("id"))
	}
	slices.Reverse(want)
	for next, pages := "", 0; ; pages++ {
		page := w.search("customers", `metadata["a"]:"b"`, "&limit=2&expand[]=total_count"+next)
		if page.number("total_count") != 5 || pages > 2 {
			t.Fatalf("page %d: %v", pages, page.object)
		}
		for _, row := range page.rows() {
			got = append(got, row.text("id"))
		}
		if page.object["has_more"] != true {
			if page.object["next_page"] != nil {
				t.Errorf("the last page: %v", page.object)
			}
			break
		}
		next = "&page=" + page.text("next_page")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("newest first (-want +got):\n%s", diff)
	}
	if page := w.search("customers", `metadata["a"]:"b"`, ""); page.object["total_count"] != nil || page.text("url") != "/v1/customers/search" {
		t.Errorf("%v", page.object)
	}
}

func TestSearchRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	const unparsable = "We were unable to parse your search query."
	for _, test := range []struct{ query, more, param, says string }{
		{"asdf", "", "query", unparsable},
		{`email:"a`, "", "query", unparsable},
		{`email:ada`, "", "query", unparsable},
		{`metadata:"a"`, "", "query", unparsable},
		{`metadata["a]:"b"`, "", "query", unparsable},
		{`email:"a"AND name:"b"`, "", "query", unparsable},
		{`email:"a" AND`, "", "query", unparsable},
		{`email>null`, "", "query", unparsable},
		{`foo:"bar"`, "", "query", "Field `foo` is an unsupported search field for resource `customers`."},
		{`email:"a" AND name:"b" OR name:"c"`, "", "query", "You cannot combine AND and OR"},
		{`email>"a"`, "", "query", "The operator `>`"},
		{`created~"abc"`, "", "query", "The operator `~`"},
		{`metadata["a"]~"abc"`, "", "query", "The operator `~`"},
		{`name~"ab"`, "", "query", "A substring match"},
		{strings.TrimSuffix(strings.Repeat(`name:"a" AND `, 11), " AND "), "", "query", "You can have up to 10 clauses"},
		{`name:"a"`, "&page=!", "page", "Invalid page"},
		{`name:"a"`, "&limit=101", "limit", "This value must be less than or equal to 100."},
	} {
		got := w.search("customers", test.query, test.more)
		if got.status != http.StatusBadRequest || got.text("error.param") != test.param || !strings.HasPrefix(got.text("error.message"), test.says) {
			t.Errorf("%s: %d %v", test.query, got.status, got.object)
		}
	}
	if got := w.call(http.MethodGet, "/v1/customers/search", ""); got.text("error.message") != "Missing required param: query." {
		t.Errorf("without a query: %v", got.object)
	}
}
