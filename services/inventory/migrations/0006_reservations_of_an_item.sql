-- The list of an item's reservations reads the rows that it shows.
CREATE INDEX reservations_of_an_item ON reservations (item_id, claim_id);
