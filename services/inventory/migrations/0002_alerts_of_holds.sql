-- An alert is about an item or about a hold; a confirmed hold past its date is never swept, so somebody must look.

ALTER TABLE alerts
    ALTER COLUMN item_id DROP NOT NULL,
    ADD COLUMN claim_id uuid REFERENCES claims (id),
    DROP CONSTRAINT alert_kind_is_known,
    ADD CONSTRAINT alert_kind_is_known
        CHECK (kind IN ('low_stock', 'critical', 'stockout', 'discrepancy', 'hold_overdue')),
    ADD CONSTRAINT alert_is_of_an_item_or_of_a_hold
        CHECK (CASE WHEN kind = 'hold_overdue' THEN claim_id IS NOT NULL AND item_id IS NULL
                    ELSE item_id IS NOT NULL AND claim_id IS NULL END),
    ADD CONSTRAINT an_acknowledged_alert_tells_by_whom
        CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL));
CREATE UNIQUE INDEX one_open_alert_per_hold ON alerts (claim_id) WHERE status <> 'resolved' AND claim_id IS NOT NULL;

CREATE INDEX confirmed_claims_by_date ON claims (expires_at, id) WHERE status = 'confirmed';
