package stripesim

import "slices"

const productKind = "product"

// product is what is sold; its prices say for how much.
type product struct {
	header
	Livemode            no        `json:"livemode"`
	Active              bool      `json:"active"`
	Created             int64     `json:"created"`
	DefaultPrice        text      `json:"default_price"`
	Description         text      `json:"description"`
	Images              []string  `json:"images"`
	MarketingFeatures   emptyList `json:"marketing_features"`
	Metadata            metadata  `json:"metadata"`
	Name                string    `json:"name"`
	PackageDimensions   null      `json:"package_dimensions"`
	Shippable           null      `json:"shippable"`
	StatementDescriptor text      `json:"statement_descriptor"`
	TaxCode             text      `json:"tax_code"`
	Type                string    `json:"type"`
	UnitLabel           text      `json:"unit_label"`
	Updated             int64     `json:"updated"`
	URL                 text      `json:"url"`
}

func (*product) kind() string    { return productKind }
func (p *product) clone() object { c := *p; return &c }

func (p *product) indexes() []indexed { return p.Metadata.indexes() }

func productOperations() []operation {
	changeable := shape{
		"active": aBoolean(), "description": aText().orEmpty(), "images": aList(aText()).orEmpty(), "metadata": aMetadata(),
		"name": aText(), "statement_descriptor": aText().upTo(22), "tax_code": aText().orEmpty(), "unit_label": aText().orEmpty(), "url": aText().orEmpty(),
	}
	return []operation{
		{method: "POST", path: "/v1/products", do: createProduct, fields: changeable.with(shape{"id": aText(), "name": aText().must()})},
		{method: "GET", path: "/v1/products", do: listProducts, fields: pageFields(shape{
			"active": aBoolean(), "created": aRange(), "ids": aList(aText()), "url": aText(),
		})},
		{method: "GET", path: "/v1/products/{}", do: retrieve[*product]},
		{method: "POST", path: "/v1/products/{}", do: updateProduct, fields: changeable.with(shape{"default_price": aText()})},
		{method: "DELETE", path: "/v1/products/{}", do: deleteProduct},
	}
}

func createProduct(t *transaction, c call) (any, *apiError) {
	id := c.text("id")
	if id == "" {
		id = t.newID("prod_", 14)
	} else if get[*product](t, id) != nil {
		return nil, &apiError{
			status: 400, kind: invalidRequestError, code: "resource_already_exists", param: "id",
			message: "Product already exists.", executed: true,
		}
	}
	return t.makeProduct(id, c.form)
}

func (t *transaction) makeProduct(id string, f form) (*product, *apiError) {
	made := &product{
		header: header{ID: id, Object: productKind}, Active: true, Created: t.now, Updated: t.now, Type: "service", Images: []string{},
	}
	if fault := made.set(f); fault != nil {
		return nil, fault
	}
	t.create(made)
	t.emit("product.created", made)
	return made, nil
}

// set takes over what a request may say at creation and later.
func (p *product) set(f form) *apiError {
	p.Name = f.word("name", p.Name)
	f.setBoolean("active", &p.Active)
	f.setText("description", &p.Description)
	f.setText("statement_descriptor", &p.StatementDescriptor)
	f.setText("tax_code", &p.TaxCode)
	f.setText("unit_label", &p.UnitLabel)
	f.setText("url", &p.URL)
	if f.has("images") {
		p.Images = f.texts("images")
	}
	merged, fault := p.Metadata.merge(f)
	p.Metadata = merged
	return fault
}

func updateProduct(t *transaction, c call) (any, *apiError) {
	before, fault := one[*product](t, c)
	if fault != nil {
		return nil, fault
	}
	changed := edit[*product](t, c.id())
	if id := c.text("default_price"); id != "" {
		owned, fault := named[*price](t, id, "default_price")
		if fault != nil {
			return nil, fault
		}
		if owned.Product != changed.ID {
			return nil, invalid("default_price", "", "The price specified does not belong to this product.")
		}
		changed.DefaultPrice = text(id)
	}
	if fault := changed.set(c.form); fault != nil {
		return nil, fault
	}
	changed.Updated = t.now
	t.changed("product.updated", before, changed)
	return changed, nil
}

func listProducts(t *transaction, c call) (any, *apiError) {
	ids := c.texts("ids")
	return page(t, "/v1/products", c, all[*product](t), func(p *product) bool {
		return c.boolean("active", p.Active) == p.Active && c.within("created", p.Created) &&
			(len(ids) == 0 || slices.Contains(ids, p.ID)) && (c.text("url") == "" || c.text("url") == string(p.URL))
	})
}

func deleteProduct(t *transaction, c call) (any, *apiError) {
	gone, fault := one[*product](t, c)
	if fault != nil {
		return nil, fault
	}
	if len(related[*price](t, "product", gone.ID)) > 0 {
		return nil, refused("", "This product cannot be deleted because it has one or more user-created prices.")
	}
	t.emit("product.deleted", gone)
	t.remove(gone)
	return deletedObject{gone.ID, productKind, true}, nil
}
