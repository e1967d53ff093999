-- Lists of orders read the orders they show. Most orders are fulfilled, and those are found by going back in time.
CREATE INDEX orders_not_fulfilled_by_status ON orders (status, order_id) WHERE status <> 'fulfilled';
CREATE INDEX orders_by_acceptance ON orders (accepted_at, order_id);
CREATE INDEX orders_of_a_source ON orders (source, order_id);
ALTER TABLE orders DROP CONSTRAINT an_upstream_order_exists_once;
ALTER TABLE orders ADD CONSTRAINT an_upstream_order_exists_once UNIQUE (external_id, source);
