-- The stream of orders reads what was added since a step.
CREATE UNIQUE INDEX order_history_by_step ON order_history (step);
